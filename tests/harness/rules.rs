//! Rules by text, by name and by seed, at the stages that tests start from.

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::{Rule, arbitrary};
use nosc_kernels::LoweredRule;
use nosc_runtime::{Backend, CompiledRule};

/// The rule of a text.
pub fn rule(text: &str) -> Rule {
    Rule::parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

/// A standard rule by name.
pub fn library(name: &str) -> Rule {
    nosc_runtime::library::rule(name).unwrap_or_else(|| panic!("no standard rule `{name}`"))
}

/// The canonical rule, split in step scalars and plan.
pub fn lowered(rule: &Rule) -> LoweredRule {
    let lowered = LoweredRule::new(CanonicalRule::new(rule));
    lowered.unwrap_or_else(|error| panic!("{}\n{error}", rule.to_text()))
}

/// The rule ready to run.
pub fn compiled(rule: &Rule, backend: Backend) -> CompiledRule {
    let compiled = CompiledRule::new(rule, backend);
    compiled.unwrap_or_else(|error| panic!("{}\n{error}", rule.to_text()))
}

/// Rules with functions of few values, which become selects: of constants and of step scalars.
pub const FEW_VALUES: [&str; 8] = [
    "exp(sign(g)*sign(m)) * g",
    "exp(ld*sign(g)*sign(m)) * g",
    "tanh(ld*sign(g)*sign(m)) + sigmoid(sign(g) - sign(w))",
    "{ param base = 3\n update = base^(sign(g)*sign(m)) * g }",
    "{ param p = -3\n update = sign(g)^p + (sign(w) - 0.5)^-7 }",
    "exp(where(g < w, cd, -1)) - log(abs(sign(m)) + ld)",
    "exp(exp(ld*clip(sign(g), 0.5))) * w",
    "{ state s = max(sign(g), sign(m))\n update = tanh(0.1*s) }",
];

/// A generated rule: of every third seed a token string, else anything that the language has.
pub fn generated(seed: u64) -> (String, Rule) {
    let text = if seed % 3 == 2 {
        format!("[{}]", arbitrary::token_text_from_seed(seed, 1 + (seed / 3 % 6) as usize))
    } else {
        arbitrary::rule_text_from_seed(seed, 40 + (seed % 5 * 60) as usize)
    };
    let rule = rule(&text);
    (text, rule)
}
