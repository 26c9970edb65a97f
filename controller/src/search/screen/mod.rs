//! Screening: cheap tests of a rule before any child is trained with it.
//!
//! ```text
//! rule ─► reads g? ─► compile ─► probe: finite? moves with g? ─► descent on a small quadratic ─► passed
//!            └───────────┴──────────────┴───────────────────────────┴─► rejected, with a reason
//! ```
//!
//! A test turns down what cannot train a child at any learning rate of a sweep, and is lenient beyond that:
//! a child that trains in vain costs minutes, a useful rule that is lost costs the search.
//!
//! Rules run on the interpreter, so no code is generated for those that are turned down. Nothing is random but
//! by fixed seeds: the same rule always gets the same verdict.

mod reason;
mod points;
mod probe;
mod descent;
#[cfg(test)]
mod tests;

use nosc_compiler::Rule;
use nosc_compiler::primitive::{Operand, Unary};
use nosc_compiler::tree::{MAX_NODES, Node};
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings};
use serde::{Deserialize, Serialize};

pub use reason::{Reason, ScreenError};

/// Seed of the draws of rules in all tests.
const SEED: u64 = 0x5c2e_e4ed;

/// Which tests are made, and how strict they are.
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_controller::search::screen::{Reason, Screen, Verdict};
///
/// let screen = Screen::default();
/// assert!(matches!(screen.judge(&Rule::parse("exp(sign(g) * sign(m)) * g")?), Verdict::Passed));
/// let verdict = screen.judge(&Rule::parse("exp(w)")?);
/// assert!(matches!(verdict, Verdict::Rejected(Reason::NoGradient)));
/// # Ok::<(), nosc_compiler::CompileErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a test of its own")]
pub struct Screen {
    /// Turn down rules whose update does not depend on the gradient.
    pub gradient: bool,
    /// Turn down rules whose update is not finite for gradients and parameters of usual sizes, none of them 0.
    pub finite: bool,
    /// Turn down rules that do not descend.
    pub descent: bool,
    /// Where a rule does not descend, try it with the opposite sign.
    pub flip: bool,
    /// Steps of the probe, 1 to [`Screen::MAX_STEPS`].
    pub probe_steps: u64,
    /// The mean cosine of update and gradient in the probe that a rule must pass to be tried on the quadratic: from
    /// 0 to below 1. Noise of either sign has a mean of 0 with a deviation of 0.04 in 8 steps, and would else
    /// descend now and then by luck.
    pub least_cosine: f64,
    /// Steps on the quadratic, 1 to [`Screen::MAX_STEPS`].
    pub descent_steps: u64,
    /// The share of the loss that may be left at some step, at the best learning rate: above 0, below 1. Rules that
    /// move parameters one way only leave a half.
    pub most_left: f64,
    /// The lowest learning rate is 10 to this power.
    pub least_exponent: i32,
    /// The highest learning rate is 10 to this power.
    pub most_exponent: i32,
}

impl Default for Screen {
    fn default() -> Screen {
        Screen {
            gradient: true,
            finite: true,
            descent: true,
            flip: false,
            probe_steps: 8,
            least_cosine: 0.05,
            descent_steps: 16,
            most_left: 0.45,
            least_exponent: -5,
            most_exponent: 1,
        }
    }
}

/// What the screening says of a rule.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Worth a child.
    Passed,
    /// The rule climbs; this one, with the opposite sign, is worth a child.
    Flipped(Rule),
    /// Not worth a child.
    Rejected(Reason),
}

impl Screen {
    /// Most steps of a test.
    pub const MAX_STEPS: u64 = 1_000;
    /// Learning rates are at most 10 to this power, and at least the inverse of that.
    pub const MAX_EXPONENT: i32 = 30;

    /// Whether the settings are in range. [`Screen::judge`] takes those that are not as their nearest bound.
    ///
    /// # Errors
    ///
    /// [`ScreenError`] with the first setting that is not.
    pub fn check(&self) -> Result<(), ScreenError> {
        let within = |setting, value: f64, least: f64, most: f64| {
            let is_within = (least..=most).contains(&value);
            if is_within { Ok(()) } else { Err(ScreenError { setting, value, least, most }) }
        };
        let below_1 = 1.0 - f64::EPSILON;
        let (steps, exponent) = (Screen::MAX_STEPS as f64, f64::from(Screen::MAX_EXPONENT));
        within("probe_steps", self.probe_steps as f64, 1.0, steps)?;
        within("descent_steps", self.descent_steps as f64, 1.0, steps)?;
        within("least_cosine", self.least_cosine, 0.0, below_1)?;
        within("most_left", self.most_left, f64::MIN_POSITIVE, below_1)?;
        within("most_exponent", f64::from(self.most_exponent), -exponent, exponent)?;
        let most = f64::from(self.most_exponent);
        within("least_exponent", f64::from(self.least_exponent), -exponent, most)
    }

    /// Makes the tests, from the cheapest on, until one turns the rule down.
    pub fn judge(&self, rule: &Rule) -> Verdict {
        match self.tests(rule) {
            Ok(()) => Verdict::Passed,
            Err(reason @ Reason::NoDescent { .. }) if self.flip => match opposite(rule) {
                Some(flipped) if self.tests(&flipped).is_ok() => Verdict::Flipped(flipped),
                _ => Verdict::Rejected(reason),
            },
            Err(reason) => Verdict::Rejected(reason),
        }
    }

    fn tests(&self, rule: &Rule) -> Result<(), Reason> {
        if self.gradient && !reads_gradient(rule) {
            return Err(Reason::NoGradient);
        }
        let compiled = CompiledRule::new(rule, Backend::Interpreter).map_err(Reason::unusable)?;
        let cosine = probe::probe(self, &compiled)?;
        if !self.descent {
            return Ok(());
        }
        if cosine <= self.least_cosine {
            return Err(Reason::NoDescent { cosine, left: 1.0 });
        }
        let left = descent::least_left(self, &compiled)?;
        if left <= self.most_left { Ok(()) } else { Err(Reason::NoDescent { cosine, left }) }
    }
}

/// Whether the gradient stands anywhere in what the update needs, its states included.
fn reads_gradient(rule: &Rule) -> bool {
    let live = rule.reach(vec![rule.update]);
    let gradient = rule.tree.find(Node::Operand(Operand::Gradient));
    gradient.is_some_and(|id| live.nodes[id.index()])
}

/// The rule with the opposite sign; none if it would be too large.
fn opposite(rule: &Rule) -> Option<Rule> {
    let mut flipped = rule.clone();
    flipped.update = match rule.tree.node(rule.update) {
        Node::Unary(Unary::Neg, inner) => inner,
        _ => flipped.tree.unary(Unary::Neg, rule.update),
    };
    (flipped.tree.len() <= MAX_NODES).then_some(flipped)
}

/// A fresh optimizer for the points of the tests; `total_steps` is what decays see.
fn optimizer(compiled: &CompiledRule, total_steps: u64) -> Result<Optimizer, Reason> {
    let settings = Settings {
        total_steps: Some(total_steps),
        seed: Some(SEED),
        threads: Some(1),
        ..Settings::default()
    };
    Optimizer::new(compiled.clone(), &[points::COUNT], settings).map_err(Reason::unusable)
}
