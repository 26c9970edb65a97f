//! A schedule over any rule is the rule whose block ends with that schedule.

use nosc_compiler::Rule;
use nosc_compiler::arbitrary::rule_text_from_seed;
use nosc_compiler::canonical::CanonicalRule;

use crate::support::seeds;

const FORMULAS: [&str; 5] =
    ["ld*cd", "rd(20) + 0.1", "(ld + eps_t)*cd + 0.001", "drop(1, 0.5) - ema(ld, 0.9)", "lr^t"];

const OPERANDS: [&str; 6] = ["ld", "cd", "eps", "eps_t", "lr", "t"];

/// The printed rule with the schedule written into it.
fn written(rule: &Rule, formula: &str) -> String {
    let body = rule.body_text();
    let Some(inner) = body.strip_suffix('}').filter(|_| body.starts_with('{')) else {
        return format!("{{ update = {body}\n schedule = {formula} }}");
    };
    match inner.split_once("    schedule = ") {
        Some((before, own)) => {
            format!("{before}    schedule = ({}) * ({formula})\n}}", own.trim_end())
        }
        None => format!("{inner}    schedule = {formula}\n}}"),
    }
}

/// Whether a `let` or state has the name of an operand in a formula: in the block it would be read as that.
fn shadows_an_operand(block: &str) -> bool {
    let declares = |line: &str| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("let" | "state"))
            && words.next().is_some_and(|name| OPERANDS.contains(&name))
    };
    block.lines().any(declares)
}

#[test]
fn a_schedule_over_a_rule_is_the_rule_written_with_it() {
    let (mut own, mut taken) = (0, 0);
    for (seed, formula) in seeds().zip(FORMULAS.iter().cycle()) {
        let text = rule_text_from_seed(seed, 10 + (seed as usize * 37) % 700);
        let rule = Rule::parse(&text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        let over =
            rule.with_schedule(formula).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        let again = Rule::parse(&over.to_text()).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(again.same_as(&over), "seed {seed}: {}", over.to_text());
        assert_eq!(again.name, rule.name);
        let text = written(&rule, formula);
        // A parameter that the rule does not need is not printed.
        let parameters = rule.parameters.iter();
        if shadows_an_operand(&text) || parameters.map(|p| &*p.name).any(|p| OPERANDS.contains(&p))
        {
            continue;
        }
        let written = Rule::parse(&text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        assert!(over.same_as(&written), "seed {seed}: {}\n{text}", over.to_text());
        let key = CanonicalRule::new(&over).key;
        assert_eq!(key, CanonicalRule::new(&written).key, "seed {seed}: {text}");
        own += u32::from(rule.schedule.is_some());
        taken += 1;
    }
    assert!(own > 10 && taken - own > 10, "{own} of {taken} rules have a schedule of their own");
}
