//! A rule as a program that needs no nosc: an optimizer of PyTorch, a transformation of optax, functions in C.
//!
//! ```text
//! canonical rule ─► [body] statements ─┬─► [torch] Python, lists of tensors
//!                       [names]        ├─► [jax] Python, arrays
//!                       [piece]        └─► [c] step scalars ──┐
//! plan ─► nosc_kernels::c ────────────────────────────────────┴─► C99
//! ```
//!
//! The exports in Python are written from the canonical tree, for people to read and to change: they compute what the
//! rule says, with the functions and the random numbers of their library, so results agree to a few units in the last
//! place and not in every bit. The one in C is the plan, and has its bits.

mod names;
mod piece;
mod helpers;
mod body;
mod python;
mod torch;
mod jax;
mod c;

pub use c::c;
pub use jax::jax;
pub use torch::torch;

use crate::compiled::CompiledRule;
use names::Names;

/// What an export says of a rule, and the names that it has there.
struct Subject<'a> {
    compiled: &'a CompiledRule,
    /// Parameters as written, with their names in the export and defaults.
    declared: Vec<(String, f64)>,
    /// By parameter of the canonical rule: its name in the export.
    parameters: Vec<String>,
    /// By state: the name of its slot.
    slots: Vec<String>,
    /// By state: whether it is one number a rule.
    uniform: Vec<bool>,
}

impl<'a> Subject<'a> {
    fn new(compiled: &'a CompiledRule, names: &mut Names) -> Subject<'a> {
        let rule = &compiled.canonical().rule;
        let mut declared: Vec<(String, f64)> = Vec::new();
        let mut own: Vec<(&str, String)> = Vec::new();
        for parameter in compiled.parameters().iter().chain(&rule.parameters) {
            if own.iter().all(|(known, _)| *known != parameter.name) {
                let name = names.of(&parameter.name);
                own.push((&parameter.name, name.clone()));
                declared.push((name, parameter.default));
            }
        }
        let name = |wanted: &str| own.iter().find(|(known, _)| *known == wanted);
        let parameters = rule.parameters.iter();
        let parameters =
            parameters.map(|p| name(&p.name).map_or_else(String::new, |(_, name)| name.clone()));
        let parameters = parameters.collect();
        let slots = rule.state_ids().map(|state| compiled.slot_name(state)).collect();
        Subject { compiled, declared, parameters, slots, uniform: rule.uniform(true).states }
    }

    fn name(&self) -> &str {
        &self.compiled.canonical().rule.name
    }

    /// States that are one number a rule, or that are not: place and name.
    fn states(&self, uniform: bool) -> impl Iterator<Item = (usize, &str)> {
        let slots = self.slots.iter().enumerate();
        let wanted = slots.filter(move |(index, _)| self.uniform[*index] == uniform);
        wanted.map(|(index, name)| (index, name.as_str()))
    }

    fn needs_total_steps(&self) -> bool {
        self.compiled.lowered().scalars.needs_total_steps()
    }

    /// Whether anything is drawn.
    fn is_random(&self) -> bool {
        let canonical = self.compiled.canonical();
        !canonical.draws.is_empty() || !canonical.schedule_draws.is_empty()
    }

    /// Parameters whose names were taken, and what they are called instead.
    fn renamed(&self) -> Vec<(String, String)> {
        let written = self.compiled.parameters().iter();
        let pairs =
            written.zip(&self.declared).map(|(p, (name, _))| (p.name.clone(), name.clone()));
        pairs.filter(|(written, name)| written != name).collect()
    }

    /// What a user has to know of the arguments of an export in Python.
    fn arguments(&self) -> String {
        let mut out = String::new();
        for (written, name) in self.renamed() {
            out += &format!("The hyper-parameter `{written}` of the rule is `{name}` here.\n");
        }
        if self.needs_total_steps() {
            out += "`total_steps` is T, after which decays stay where they are.\n";
        }
        out
    }

    /// What the names of averages in the formula mean, if it has any.
    fn averages(&self) -> &'static str {
        let named = |slot: &String| ["m", "v", "gamma"].contains(&slot.as_str());
        if self.slots.iter().any(named) {
            "\n`m`, `v` and `gamma` in it are bias-corrected averages of `g`, `g^2` and `g^3`.\n"
        } else {
            "\n"
        }
    }

    /// The canonical form, unless that is longer than anyone reads.
    fn formula(&self) -> String {
        let text = self.compiled.canonical().text();
        if text.len() <= LONGEST_FORMULA {
            return text;
        }
        format!("(a formula of {} characters, which `nosc canon` shows)", text.len())
    }

    /// The formula, the key and the version that wrote the export.
    fn about(&self) -> String {
        let canonical = self.compiled.canonical();
        format!(
            "{}\n\nKey {}, written by nosc {}.\n",
            self.formula(),
            canonical.key,
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// Longer formulas stand in no comment, in bytes.
const LONGEST_FORMULA: usize = 2_000;

/// The note on rights at the head of an export.
const FREE: &str =
    "This file needs no nosc. Use, change and share it as you like; no licence applies to it.";
