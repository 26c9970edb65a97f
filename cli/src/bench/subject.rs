//! What is timed: rules, their kernels, and how long these took to compile.

use std::hint::black_box;
use std::time::{Duration, Instant};

use nosc_compiler::canonical::{CanonicalRule, Key};
use nosc_compiler::{Rule, RuleFile};
use nosc_kernels::{LoweredRule, compile};
use nosc_runtime::{Backend, CompiledRule, library};

use super::rounds::median;
use crate::arguments::{Colour, RuleSource};
use crate::error::CliError;
use crate::source::{select, select_named, warn};

/// A compilation is repeated this often,
const COMPILATIONS: usize = 15;
/// but no longer than this.
const COMPILE_BUDGET: Duration = Duration::from_millis(100);

/// A rule with its kernels.
pub(super) struct Subject {
    /// Place among the rules that were asked for.
    pub(super) number: usize,
    pub(super) rule: Rule,
    /// One for each back end.
    pub(super) kernels: Vec<TimedKernel>,
}

/// A compiled rule and how long that took.
pub(super) struct TimedKernel {
    pub(super) compiled: CompiledRule,
    /// Microseconds from plan to callable.
    pub(super) compile_us: f64,
    /// Microseconds from text to callable.
    pub(super) compile_from_text_us: f64,
}

impl Subject {
    /// State arrays of a step.
    pub(super) fn states(&self) -> usize {
        self.kernels.first().map_or(0, |kernel| kernel.compiled.lowered().slots.len())
    }

    /// Bytes that a step moves for a parameter: it reads parameter, gradient and states, and writes all but
    /// the gradient.
    pub(super) fn bytes(&self) -> usize {
        4 * (3 + 2 * self.states())
    }
}

impl TimedKernel {
    /// What runs it.
    pub(super) fn backend(&self) -> Backend {
        self.compiled.compiled().backend
    }
}

/// The rules that are asked for, compiled by every back end that is.
pub(super) fn subjects(
    source: &RuleSource,
    names: &[String],
    backends: &[Backend],
    colour: Colour,
) -> Result<Vec<Subject>, CliError> {
    let rules = rules(source, names, colour)?.into_iter().enumerate();
    rules.map(|(number, rule)| subject(number, rule, backends)).collect()
}

/// The rules that are asked for, of equal ones the first.
pub(super) fn rules(
    source: &RuleSource,
    names: &[String],
    colour: Colour,
) -> Result<Vec<Rule>, CliError> {
    let has_source =
        source.rule.is_some() || source.expression.is_some() || source.tokens.is_some();
    let mut rules = Vec::new();
    if has_source {
        rules.extend(select(source, &[], colour)?.rules);
    }
    for name in names {
        rules.extend(select_named(name, &[], colour)?.rules);
    }
    if rules.is_empty() {
        rules = defaults();
    }
    let mut seen: Vec<(String, Key)> = Vec::new();
    rules.retain(|rule| {
        let named = (rule.name.clone(), CanonicalRule::new(rule).key);
        let is_new = !seen.contains(&named);
        seen.push(named);
        is_new
    });
    Ok(rules)
}

/// The rules of the paper that draw nothing; of equal ones the first.
fn defaults() -> Vec<Rule> {
    let plain = ["sgd", "momentum"].into_iter().filter_map(library::rule);
    let paper = library::files().iter().find(|(name, _)| *name == "paper");
    let paper = paper.map(|(name, text)| RuleFile::parse(name, text).rules);
    let mut keys = Vec::new();
    let mut rules: Vec<Rule> = plain.chain(paper.into_iter().flatten()).collect();
    rules.retain(|rule| {
        let canonical = CanonicalRule::new(rule);
        let is_new = !keys.contains(&canonical.key);
        keys.push(canonical.key);
        is_new && canonical.draws.is_empty() && canonical.schedule_draws.is_empty()
    });
    rules
}

fn subject(number: usize, rule: Rule, backends: &[Backend]) -> Result<Subject, CliError> {
    let mut kernels: Vec<TimedKernel> = Vec::new();
    for backend in backends {
        let compiled = CompiledRule::new(&rule, *backend)?;
        if let Some(reason) = &compiled.compiled().fallback {
            warn(&format!("the interpreter runs `{}`: {reason}", rule.name));
        }
        // `auto` is one of the others.
        let found = compiled.compiled().backend;
        if kernels.iter().any(|kernel| kernel.backend() == found) {
            continue;
        }
        let (compile_us, compile_from_text_us) = compile_times(&rule, &compiled, found);
        kernels.push(TimedKernel { compiled, compile_us, compile_from_text_us });
    }
    Ok(Subject { number, rule, kernels })
}

/// Microseconds from plan to callable, and from text.
fn compile_times(rule: &Rule, compiled: &CompiledRule, backend: Backend) -> (f64, f64) {
    let text = rule.to_text();
    let from_text = || {
        let rule = RuleFile::parse("rule", &text).rules.into_iter().next()?;
        let lowered = LoweredRule::new(CanonicalRule::new(&rule)).ok()?;
        compile(&lowered, backend).ok()
    };
    let from_plan = microseconds(|| drop(black_box(compile(compiled.lowered(), backend))));
    (from_plan, microseconds(|| drop(black_box(from_text()))))
}

fn microseconds(mut work: impl FnMut()) -> f64 {
    work();
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.is_empty() || times.len() < COMPILATIONS && begin.elapsed() < COMPILE_BUDGET {
        let start = Instant::now();
        work();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    median(&mut times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rules_draw_nothing_and_differ() {
        let names: Vec<String> = defaults().into_iter().map(|rule| rule.name).collect();
        for name in ["sgd", "momentum", "adam_rule", "powersign", "addsign", "t6_14"] {
            assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
        }
        for name in ["adam_written", "t6_16", "t6_01", "t6_24", "sgd_noisy_linear_cosine"] {
            assert!(!names.iter().any(|known| known == name), "{name} is among {names:?}");
        }
    }
}
