//! Pairs that differ, and where; pairs that do not.

use super::{Counterexample, Outcome, What, find, find_scaled};
use crate::Rule;
use crate::canonical::{Level, equivalent};

fn rules(a: &str, b: &str) -> [Rule; 2] {
    [a, b].map(|text| Rule::parse(text).unwrap())
}

fn found(a: &str, b: &str) -> Counterexample {
    let [x, y] = rules(a, b);
    find(&x, &y, 1).unwrap_or_else(|| panic!("{a} and {b}: nothing found"))
}

/// Pairs that differ, each by something else.
const DIFFERENT: [(&str, &str); 29] = [
    ("g", "m"),
    ("sign(g)^2", "1"),
    ("g/g", "1"),
    ("0/(g + delta)", "0"),
    ("g^0.5", "sqrt(abs(g))"),
    ("log(g) - log(g)", "0"),
    ("(g + m)^2", "g^2 + m^2"),
    ("exp(log(abs(g)))", "g"),
    ("m", "ema(g, beta1)"),
    ("m", "{ param beta1 = 0.8; update = m }"),
    ("clip(g, 1)", "g"),
    ("min(g, m)", "max(g, m)"),
    ("where(g < m, g, m)", "where(g <= m, m, g)"),
    ("ld*g", "g"),
    ("cd*g", "ld*g"),
    ("rd(1)*g", "cd(1/2)*g"),
    ("lr*g", "g"),
    ("eps*g", "eps_t*g"),
    ("tanh(g)", "sigmoid(g)"),
    ("drop(g, 0.1)", "drop(g, 0.3)"),
    ("drop(g, 0.5) - drop(g, 0.5)", "0*g"),
    ("drop(g, 0.5)*drop(g, 0.5)", "drop(g*g, 0.5)"),
    ("drop(g, 0.5) + m*drop(g, 0.5)", "{ let d = drop(g, 0.5); update = d + m*d }"),
    ("{ state s = s + g; update = s }", "{ state s = s + 2*g; update = s }"),
    ("{ state s = s + g; update = s }", "{ state s init 1 = s + g; update = s }"),
    ("{ state s = s + g; update = s }", "{ state s = s + g; update = prev(s) }"),
    ("ema(g*m, 0.5)", "ema(g, 0.5)"),
    ("{ update = g; schedule = ld }", "g"),
    ("[g g id id div]", "[1 1 id id left]"),
];

#[test]
fn rules_that_differ_are_told_apart() {
    for (a, b) in DIFFERENT {
        let found = found(a, b);
        let [one, other] = found.places[0].values;
        assert_ne!(one, other, "{a} and {b}: {found:?}");
    }
}

#[test]
fn rules_that_differ_have_two_keys() {
    for (a, b) in DIFFERENT {
        let [x, y] = rules(a, b);
        assert!(!equivalent(&x, &y, Level::Real), "{a} and {b}");
    }
}

#[test]
fn nothing_is_found_where_rules_are_equal() {
    for (a, b) in [
        ("g*(m + v)", "v*g + g*m"),
        ("(g + 0.1) - 0.1", "g"),
        ("0.1*g + 0.2*g", "0.3*g"),
        ("exp(g)*exp(m)", "exp(m + g)"),
        ("sqrt(g*g)", "abs(g)"),
        ("drop(g, 0.5) + drop(m, 0.5)", "drop(m, 0.5) + drop(g, 0.5)"),
        ("drop(g, 0.5)*1", "drop(g, 0.5)"),
        ("sign(g)*g", "abs(g)"),
        ("ema(g*(m + v), 0.9)", "ema(g*m + v*g, 0.9)"),
        ("{ state s = 0.9*s + g; update = s }", "{ state s = g + s*0.9; update = s }"),
        ("adam", "m/(sqrt(v) + delta)"),
        ("cd", "0.5*(1 + cd*2 - 1)"),
    ] {
        let [x, y] = rules(a, b);
        assert_eq!(find(&x, &y, 1), None, "{a} and {b}");
        assert_eq!(find_scaled(&x, &y, 1), None, "{a} and {b}");
    }
}

#[test]
fn a_factor_is_no_difference_at_scale() {
    let [g, twice] = rules("g*m", "2*m*g");
    assert!(find(&g, &twice, 1).is_some());
    assert_eq!(find_scaled(&g, &twice, 1), None);
    let [g, minus] = rules("g", "-g");
    assert_eq!(find_scaled(&g, &minus, 1).unwrap().places.len(), 1);
    let [g, cube] = rules("g", "g^3");
    assert_eq!(find_scaled(&g, &cube, 1).unwrap().places.len(), 2);
}

#[test]
fn a_place_names_what_the_rules_read() {
    let place = &found("g*m", "g*v").places[0];
    let names: Vec<&str> = place.inputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["g", "m", "v"]);

    let place = &found("log(abs(drop(g, 0.5)))", "drop(log(abs(g)), 0.5)").places[0];
    assert_eq!(place.kept, [[false], [false]]);
    assert_eq!(place.values, [Outcome::Infinite(false), Outcome::Finite(0.0)]);

    let found = found("{ update = g; schedule = ld }", "{ update = g; schedule = cd }");
    assert_eq!(found.what, What::Schedule);

    let [a, b] = rules("{ state s = s + g; update = s }", "g");
    let place = &find(&a, &b, 1).unwrap().places[0];
    assert!(place.steps.len() > 1, "the first step is the same: {place:?}");
}

/// What a level merges cannot be told apart: the two are written independently.
#[test]
fn equal_keys_have_no_counterexample() {
    let texts: Vec<String> =
        (0..400).map(|seed| crate::arbitrary::rule_text_from_seed(seed, 60)).collect();
    for text in &texts {
        let rule = Rule::parse(text).unwrap();
        let exact = crate::canonical::CanonicalRule::new(&rule).rule;
        if equivalent(&rule, &exact, Level::Real) {
            assert_eq!(find(&rule, &exact, 3), None, "{text}\n{}", exact.body_text());
        }
    }
}
