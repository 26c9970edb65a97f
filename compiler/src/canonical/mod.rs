//! The one form that all spellings of a rule share, and its key.
//!
//! `g + m` and `m + g` are one update. This module maps each checked rule to a [`CanonicalRule`], so that
//! every later stage compiles, caches and counts an update once.
//!
//! # What holds for every result
//!
//! 1. **Same bits.** The kernel of the canonical rule returns the same bits as that of the rule as
//!    written, for every input, state and draw; any NaN stands for any other.
//! 2. **Stable.** The canonical form of the canonical form, or of its text, is itself.
//! 3. **Sorted.** Operands of `+` and `*` stand in one order, whatever the spelling.
//! 4. **Live.** Nodes, states and parameters that the update does not need are gone; equal states are one.
//! 5. **Numbered.** Draws are numbered from 0 by first visit in pre-order, those of the schedule apart.
//!
//! # What it leaves alone
//!
//! Sums and products are not regrouped and nothing is distributed, because that changes rounding; `x - x`
//! and `0 * x` stay, because they are NaN for infinite x; `x + 0` stays, because it turns -0 into +0. No
//! law moves a function between step scalars (f64) and elements (f32). The laws that are used are in
//! [`laws`], one function each.

mod decimal;
mod facts;
mod order;
mod rewriter;
pub mod laws;
mod states;
mod draws;
mod number;
mod key;
mod level;
mod real;
mod canonicalizer;
mod sites;

use crate::tree::Rule;

pub use canonicalizer::{Canonical, Canonicalizer, canonicalize, equivalent};
pub use key::{FORM_VERSION, Key};
pub use level::{Level, UnknownLevel};
pub use sites::Draws;

/// A rule in canonical form, at the level `exact`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CanonicalRule {
    /// The canonical tree, with the name of the rule it was made from.
    pub rule: Rule,
    /// Draws of the update and the states.
    pub draws: Draws,
    /// Draws of the schedule, numbered apart.
    pub schedule_draws: Draws,
    /// Equal keys mean equal bits.
    pub key: Key,
}

impl CanonicalRule {
    /// The canonical form of a rule.
    ///
    /// ```
    /// use nosc_compiler::{Rule, canonical::CanonicalRule};
    ///
    /// let a = CanonicalRule::new(&Rule::parse("[m v id sqrt div]")?);
    /// let b = CanonicalRule::new(&Rule::parse("adam")?);
    /// assert_eq!(a.key, b.key);
    /// assert_eq!(b.text(), "m / (delta + sqrt(v))");
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn new(rule: &Rule) -> CanonicalRule {
        draws::canonical(rule)
    }

    /// The canonical form as text: a formula, or a block in braces. It parses as a file of its own.
    pub fn text(&self) -> String {
        self.rule.body_text()
    }
}
