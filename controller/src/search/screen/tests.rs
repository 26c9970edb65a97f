//! The standard rules pass, and what cannot train a child does not.

use std::time::Instant;

use nosc_compiler::Rule;
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::space::{Constraints, Sampler, SearchSpace};
use nosc_runtime::library;

use super::{Reason, Screen, Verdict};

fn rule(text: &str) -> Rule {
    Rule::parse(text).expect(text)
}

fn reason(text: &str) -> Reason {
    match Screen::default().judge(&rule(text)) {
        Verdict::Rejected(reason) => reason,
        verdict => panic!("{text}: {verdict:?}"),
    }
}

#[test]
fn standard_rules_pass_with_room_to_spare() {
    let turned_down = |screen: &Screen| -> Vec<String> {
        let rules = library::rules().into_iter();
        let rejected = rules.filter(|rule| matches!(screen.judge(rule), Verdict::Rejected(_)));
        rejected.map(|rule| rule.name).collect()
    };
    // t6_27 is exp(g) - exp(m), about g - m: it is 0 where gradients stay the same.
    assert_eq!(turned_down(&Screen::default()), ["t6_27"]);
    let strict = Screen { least_cosine: 0.2, most_left: 0.3, ..Screen::default() };
    assert_eq!(turned_down(&strict), ["t6_27"]);
}

#[test]
fn rules_that_do_not_read_the_gradient_are_turned_down() {
    for text in ["w", "1", "exp(w)", "eps", "ld * w", "ema(w, 0.9)"] {
        assert_eq!(reason(text), Reason::NoGradient, "{text}");
    }
    // The gradient stands there, but changes nothing.
    for text in ["sign(v)", "sign(g) * sign(g) * w", "drop(sign(g^2), 0.5)", "[g g sign sign div]"]
    {
        assert_eq!(reason(text), Reason::NoGradient, "{text}");
    }
}

#[test]
fn rules_that_climb_or_do_neither_are_turned_down() {
    for text in
        ["-g", "-adam", "v", "g^2", "exp(v)", "w + g^2", "-sign(m) * sqrt(v)", "v * w", "g * w"]
    {
        assert!(matches!(reason(text), Reason::NoDescent { .. }), "{text}: {}", reason(text));
    }
}

#[test]
fn updates_that_are_not_finite_are_turned_down() {
    for text in ["log(g)", "exp(exp(1 / g))", "g^m", "g / (sign(g) - sign(m))", "exp(100) * exp(g)"]
    {
        assert!(matches!(reason(text), Reason::NotFinite { .. }), "{text}: {}", reason(text));
    }
    let screen = Screen { finite: false, ..Screen::default() };
    let verdict = screen.judge(&rule("g + 0 * exp(exp(1 / g))"));
    assert!(matches!(verdict, Verdict::Rejected(Reason::NoDescent { .. })), "{verdict:?}");
}

#[test]
fn tests_that_are_off_turn_nothing_down() {
    let screen = Screen { gradient: false, finite: false, descent: false, ..Screen::default() };
    for text in ["w", "log(g)", "-g"] {
        assert!(matches!(screen.judge(&rule(text)), Verdict::Passed), "{text}");
    }
}

#[test]
fn a_rule_that_climbs_is_turned_round_if_that_is_asked_for() {
    let screen = Screen { flip: true, ..Screen::default() };
    for (text, opposite) in
        [("-g", "g"), ("-1 * adam", "adam"), ("0.01 * w - m", "-1 * (0.01 * w - m)")]
    {
        let Verdict::Flipped(flipped) = screen.judge(&rule(text)) else { panic!("{text}") };
        let key = |rule: &Rule| CanonicalRule::new(rule).key;
        assert_eq!(key(&flipped), key(&rule(opposite)), "{text}: {}", flipped.to_text());
        assert_eq!(key(&flipped), key(&rule(&flipped.to_text())), "{text}");
    }
    assert!(matches!(screen.judge(&rule("g^2")), Verdict::Rejected(Reason::NoDescent { .. })));
    assert!(matches!(screen.judge(&rule("g")), Verdict::Passed));
}

#[test]
fn rules_of_all_sizes_of_updates_pass() {
    for text in
        ["clip(g, 1e-5)", "clip(sign(m), 1e-5) * ld", "g^3", "1e4 * g", "drop(g, 0.5)", "g + eps"]
    {
        let verdict = Screen::default().judge(&rule(text));
        assert!(matches!(verdict, Verdict::Passed), "{text}: {verdict:?}");
    }
}

#[test]
fn settings_are_read_with_defaults_and_checked() {
    let text = serde_json::to_string(&Screen::default()).unwrap();
    assert_eq!(serde_json::from_str::<Screen>(&text).unwrap(), Screen::default());
    let read: Screen = serde_json::from_str(r#"{"flip": true}"#).unwrap();
    assert_eq!(read, Screen { flip: true, ..Screen::default() });
    assert!(serde_json::from_str::<Screen>(r#"{"flips": true}"#).is_err());
    assert!(Screen::default().check().is_ok());
    let error = Screen { most_left: 1.0, ..Screen::default() }.check().unwrap_err();
    assert_eq!(error.setting, "most_left");
    assert!(Screen { least_exponent: 2, ..Screen::default() }.check().is_err());
    // Out of range, but no panic.
    let least =
        Screen { descent_steps: 0, probe_steps: 0, least_exponent: i32::MIN, ..Screen::default() };
    assert!(matches!(least.judge(&rule("-g")), Verdict::Rejected(_)));
    let reason = Reason::NotFinite { step: 1, gradient: 0.5, weight: -1.0 };
    let text = serde_json::to_string(&reason).unwrap();
    assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason);
}

/// With `--nocapture` in release this prints how long it takes and why rules are turned down.
#[test]
fn most_random_strings_are_turned_down_always_for_the_same_reason() {
    let space = SearchSpace::paper();
    let strings: Vec<String> =
        Sampler::new(&space, 2..=2, Constraints::PAPER, 1).unwrap().take(1_000).collect();
    let rules: Vec<Rule> = strings.iter().map(|text| space.rule(text).unwrap()).collect();
    let screen = Screen::default();
    let start = Instant::now();
    let verdicts: Vec<Verdict> = rules.iter().map(|rule| screen.judge(rule)).collect();
    let mean = start.elapsed() / 1_000;
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| is(verdict)).count();
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let of = [
        count(|verdict| matches!(verdict, Verdict::Rejected(Reason::NoGradient))),
        count(|verdict| matches!(verdict, Verdict::Rejected(Reason::NotFinite { .. }))),
        count(|verdict| matches!(verdict, Verdict::Rejected(Reason::NoDescent { .. }))),
    ];
    println!("{mean:?} a rule; {passed} passed; no gradient, not finite, no descent: {of:?}");
    assert_eq!(passed + of.iter().sum::<usize>(), 1_000);
    assert!((100..500).contains(&passed), "{passed}");
    assert!(of.iter().all(|count| *count > 20), "{of:?}");
    for (rule, verdict) in rules.iter().zip(&verdicts).step_by(50) {
        assert_eq!(format!("{:?}", screen.judge(rule)), format!("{verdict:?}"));
    }
}
