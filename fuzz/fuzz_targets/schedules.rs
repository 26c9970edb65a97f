//! Any text is a schedule over a rule, a stepwise decay, or mistakes with places. A schedule over a rule is the
//! rule written with it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_controller::learning_rate::LearningRate;

const RULES: [&str; 3] = [
    "exp(sign(g) * sign(m)) * g",
    "{ param a = 0.5; state s = a * s + g; update = s + eps; schedule = ld }",
    "{ param ld = 2; update = ld * g }",
];

fuzz_target!(|text: &str| {
    if let Ok(decay) = text.parse::<LearningRate>() {
        assert!(LearningRate::is_stepwise(text), "{text}");
        assert_eq!(decay.to_string().parse(), Ok(decay.clone()), "{text}");
        assert_eq!(decay.at(0, 100), 1.0, "{text}");
        let factors: Vec<f64> = (0..=100).map(|step| decay.at(step, 100)).collect();
        assert!(factors.iter().all(|factor| factor.is_finite() && *factor > 0.0), "{text}");
    }
    for rule in RULES {
        let rule = Rule::parse(rule).expect("a rule");
        match rule.with_schedule(text) {
            Ok(scheduled) => {
                let printed = scheduled.to_text();
                let again = Rule::parse(&printed).expect("what was printed parses");
                assert!(again.same_as(&scheduled), "{text}\n{printed}");
            }
            Err(errors) => {
                assert!(!errors.problems.is_empty(), "{text}");
                for problem in &errors.problems {
                    assert!(errors.text.get(problem.span().range()).is_some(), "{text}\n{problem:?}");
                }
            }
        }
    }
});
