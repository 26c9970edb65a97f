//! Any text is a space file whose strings are rules, or mistakes with places. Two kinds of text are tried: as
//! it comes, and as the formula of a token in a file that is right otherwise.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::problem::Problem;
use nosc_compiler::space::{Constraints, SampleError, Sampler, SearchSpace, SpaceProblem};

/// Strings that are drawn of each length.
const STRINGS: usize = 8;
/// Longer strings are not drawn: they cost time and show no more.
const MOST_GROUPS: usize = 4;

fuzz_target!(|text: &str| {
    whole(text);
    // No quotes inside, and no control characters: nothing of the file around it is changed.
    if text.chars().all(|c| c != '\'' && !c.is_control()) {
        for kind in ["operands", "unary", "binary"] {
            whole(&format!(
                "base = 'small'\nbinary = ['mul', 'left']\n[define.{kind}]\nown = '{text}'"
            ));
        }
    }
});

fn whole(text: &str) {
    let space = match SearchSpace::parse("mine", text) {
        Ok(space) => space,
        Err(errors) => {
            assert!(!errors.problems.is_empty(), "{text}");
            assert!(errors.problems.is_sorted_by_key(|p| p.span().start), "{text}\n{errors:?}");
            for problem in &errors.problems {
                let is_inside = errors.text.get(problem.span().range()).is_some();
                assert!(is_inside, "{text}\n{problem:?}");
                assert!(!problem.to_string().is_empty() && !problem.label().is_empty(), "{text}");
                // Of a formula as of a rule: where there is a way out.
                let is_formula = matches!(problem, SpaceProblem::Formula { .. });
                assert!(is_formula || problem.help().is_some(), "{text}\n{problem:?}");
            }
            return;
        }
    };
    let constraints = space.constraints().unwrap_or(Constraints::PAPER);
    let groups = space.groups().unwrap_or(1..=2);
    for groups in groups.take_while(|groups| *groups <= MOST_GROUPS) {
        drawn(&space, groups, constraints, text);
    }
}

/// Strings of a length are rules, and there are some if the size says so.
fn drawn(space: &SearchSpace, groups: usize, constraints: Constraints, text: &str) {
    let is_empty = space.size(groups, constraints).is_zero();
    let sampler = match Sampler::new(space, groups..=groups, constraints, 7) {
        Ok(sampler) => sampler,
        Err(SampleError::Empty { .. }) if is_empty => return,
        Err(error) => panic!("{text}\n{error}"),
    };
    assert!(!is_empty, "{text}");
    for string in sampler.take(STRINGS) {
        assert_eq!(string.split(' ').count(), 5 * groups, "{text}\n{string}");
        let Err(errors) = space.rule(&string) else { continue };
        // Large formulas in one another may pass the limits of a rule; nothing else may be wrong.
        let is_size = |problem: &Problem| matches!(problem, Problem::RuleTooLarge { .. });
        assert!(errors.problems.iter().any(is_size), "{text}\n{string}\n{errors}");
    }
}
