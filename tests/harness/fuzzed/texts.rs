//! Texts that people and other programs write: rules, token strings, schedules, search spaces.

use nosc_compiler::canonical::{Canonicalizer, Level};
use nosc_compiler::outline::Outline;
use nosc_compiler::plain::plain;
use nosc_compiler::problem::Problem;
use nosc_compiler::space::{Constraints, SampleError, Sampler, SearchSpace, SpaceProblem};
use nosc_compiler::{Rule, RuleFile};
use nosc_controller::learning_rate::LearningRate;

use super::made_of;

/// Strings that are drawn of each length.
const STRINGS: usize = 8;
/// Longer strings are not drawn: they cost time and show no more.
const MOST_GROUPS: usize = 4;

/// Any bytes give rules or problems, and every problem has a place inside the text, also as a terminal shows it. An outline
/// of the text is in order, and what mends a problem lies inside the text.
pub fn parse_never_panics(bytes: &[u8]) -> bool {
    let file = RuleFile::from_bytes("fuzz", bytes);
    assert!(!file.rules.is_empty() || file.has_errors());
    assert_eq!(plain(&file.text).len(), file.text.len());
    let outline = Outline::new(&file.text);
    assert!(outline.lexemes.is_sorted_by(|a, b| a.at.end <= b.at.start));
    assert!(outline.lexemes.iter().all(|lexeme| file.text.get(lexeme.at.range()).is_some()));
    for problem in &file.problems {
        assert!(file.text.get(problem.span().range()).is_some(), "{problem:?}");
        drop((problem.to_string(), problem.help(), problem.label()));
        outline.related(problem);
        for edit in outline.fix(&file.text, problem).into_iter().flat_map(|fix| fix.edits) {
            assert!(file.text.get(edit.at.range()).is_some(), "{problem:?} {edit:?}");
        }
    }
    for rule in &file.rules {
        drop((rule.to_text(), rule.to_tokens()));
    }
    true
}

/// The text of a rule, and its token string if it has one, parse back to the same tree. The input is a
/// rule file; what does not check is passed over.
pub fn print_then_parse_is_identity(bytes: &[u8]) -> bool {
    let Some(text) = made_of::<&str>(bytes) else { return false };
    for rule in RuleFile::parse("fuzz", text).rules {
        for printed in [rule.to_text(), rule.body_text()] {
            let again = Rule::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert!(again.same_as(&rule), "{printed}");
        }
        if let Some(tokens) = rule.to_tokens() {
            let again = Rule::from_tokens(&tokens).unwrap_or_else(|e| panic!("{e}\n{tokens}"));
            assert!(again.same_as(&rule), "{tokens}");
        }
    }
    true
}

/// Any line is a token string with one key, by the quick way and by way of its tree, or an error with a place.
pub fn token_strings(bytes: &[u8]) -> bool {
    let Some(line) = made_of::<&str>(bytes) else { return false };
    let rule = Rule::from_tokens(line);
    for level in Level::ALL {
        let mut canonicalizer = Canonicalizer::new(level);
        match (&rule, canonicalizer.key_of_tokens(line)) {
            (Ok(rule), Ok(key)) => assert_eq!(key, canonicalizer.key(rule), "{level}: {line}"),
            (Err(_), Err(errors)) => {
                for problem in &errors.problems {
                    assert!(errors.text.get(problem.span().range()).is_some(), "{problem:?}");
                }
            }
            (Ok(_), Err(errors)) => panic!("{level}: {line}: {errors}"),
            (Err(errors), Ok(key)) => panic!("{level}: {line}: {key}, but {errors}"),
        }
    }
    true
}

const RULES: [&str; 3] = [
    "exp(sign(g) * sign(m)) * g",
    "{ param a = 0.5; state s = a * s + g; update = s + eps; schedule = ld }",
    "{ param ld = 2; update = ld * g }",
];

/// Any text is a schedule over a rule, a stepwise decay, or mistakes with places. A schedule over a rule is the
/// rule written with it.
pub fn schedules(bytes: &[u8]) -> bool {
    let Some(text) = made_of::<&str>(bytes) else { return false };
    if let Ok(decay) = text.parse::<LearningRate>() {
        assert!(LearningRate::is_stepwise(text), "{text}");
        assert_eq!(decay.to_string().parse(), Ok(decay.clone()), "{text}");
        assert_eq!(decay.at(0, 100), 1.0, "{text}");
        let factors: Vec<f64> = (0..=100).map(|step| decay.at(step, 100)).collect();
        assert!(factors.iter().all(|factor| factor.is_finite() && *factor > 0.0), "{text}");
    }
    for rule in RULES {
        let rule = Rule::parse(rule).unwrap();
        match rule.with_schedule(text) {
            Ok(scheduled) => {
                let printed = scheduled.to_text();
                let again = Rule::parse(&printed).unwrap();
                assert!(again.same_as(&scheduled), "{text}\n{printed}");
            }
            Err(errors) => {
                assert!(!errors.problems.is_empty(), "{text}");
                for problem in &errors.problems {
                    let is_inside = errors.text.get(problem.span().range()).is_some();
                    assert!(is_inside, "{text}\n{problem:?}");
                }
            }
        }
    }
    true
}

/// Any text is a space file whose strings are rules, or mistakes with places. Two kinds of text are tried: as
/// it comes, and as the formula of a token in a file that is right otherwise.
pub fn search_space(bytes: &[u8]) -> bool {
    let Some(text) = made_of::<&str>(bytes) else { return false };
    whole(text);
    // No quotes inside, and no control characters: nothing of the file around it is changed.
    if text.chars().all(|c| c != '\'' && !c.is_control()) {
        for kind in ["operands", "unary", "binary"] {
            whole(&format!(
                "base = 'small'\nbinary = ['mul', 'left']\n[define.{kind}]\nown = '{text}'"
            ));
        }
    }
    true
}

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
