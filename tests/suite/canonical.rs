//! Spellings of one rule meet in one key, and what runs is the same before and after.

use nosc_compiler::Rule;
use nosc_compiler::canonical::CanonicalRule;
use nosc_runtime::{Backend, Settings};
use nosc_tests::{Run, cases, generated, library, lowered, rule as rule_of};

fn key(rule: &Rule) -> String {
    CanonicalRule::new(rule).key.to_string()
}

fn check_same(texts: &[&str]) {
    let keys: Vec<String> = texts.iter().map(|text| key(&rule_of(text))).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{texts:?}\n{keys:?}");
}

fn check_distinct(a: &str, b: &str) {
    assert_ne!(key(&rule_of(a)), key(&rule_of(b)), "{a}\n{b}");
}

/// Figure 2 of the paper: Adam in one group of tokens and in two.
#[test]
fn the_spellings_of_adam_have_one_key() {
    let texts = [
        "[m v id sqrt div]",
        "[v 1 sqrt id left, m %0 id id div]",
        "m/(sqrt(v) + delta)",
        "m_hat / (delta + sqrt(v_hat))",
        "debias(ema(g, beta1)) / (sqrt(debias(ema(g*g, beta2))) + delta)",
        "{ let root = sqrt(v); param delta = 1e-8; update = m/(root + delta) }",
        "adam",
    ];
    check_same(&texts);
    let paper =
        ["adam_rule", "adam_1step", "adam_2step", "adam_written"].map(|name| key(&library(name)));
    assert!(paper.iter().all(|other| *other == key(&rule_of("adam"))), "{paper:?}");
}

#[test]
fn other_rules_have_other_keys() {
    check_distinct("adam", "rmsprop");
    check_distinct("m", "ema(g, beta1)");
    check_distinct("(g + m) + v", "g + (m + v)");
    check_distinct("g - g", "0*g");
    check_distinct("g + 0", "g");
    check_distinct("g", "{ update = g; schedule = ld }");
    check_distinct("{ param beta1 = 0.8; update = m }", "m");
    check_distinct("drop(g, 0.1) + drop(g, 0.1)", "2*drop(g, 0.1)");
}

/// A change of a key must be noticed: it orphans checkpoints and ledgers, and so comes with a new form
/// version. Accept with `cargo insta review`.
#[test]
fn keys_of_the_paper_are_what_they_were() {
    let (_, text) =
        nosc_runtime::library::files().iter().find(|(name, _)| *name == "paper").unwrap();
    let rules = nosc_compiler::RuleFile::parse("paper", text).rules;
    let lines: Vec<String> = rules
        .iter()
        .map(|rule| {
            let canonical = CanonicalRule::new(rule);
            format!("{} {:24} {}", canonical.key, rule.name, canonical.text().replace('\n', " "))
        })
        .collect();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("keys_of_the_paper", lines.join("\n"));
    });
}

/// The rule as written and its canonical text, parsed again: one key, and the same bits.
fn check_text_runs_alike(rule: &Rule, what: &str) {
    let canonical = CanonicalRule::new(rule);
    let text = canonical.text();
    let again = rule_of(&text);
    assert_eq!(key(&again), canonical.key.to_string(), "{what}\n{text}");
    // A cache hands the kernel of one to the other.
    let (one, other) = (lowered(rule), lowered(&again));
    assert!(one.plan == other.plan, "{what}\n{text}");
    assert_eq!(one.scalars.outputs(), other.scalars.outputs(), "{what}\n{text}");
    let run = |rule: &Rule| {
        let settings = Settings { total_steps: Some(4), seed: Some(77), ..Settings::default() };
        let mut run = Run::of(rule, Backend::Interpreter, &[67, 5], settings);
        while run.optimizer.steps() < 3 && run.step(0.05).is_ok() {}
        run
    };
    run(&again).assert_same_as(&run(rule), &format!("{what}\n{text}"));
}

#[test]
fn standard_rules_run_as_their_canonical_texts_do() {
    for rule in nosc_runtime::library::rules() {
        check_text_runs_alike(&rule, &rule.name);
    }
}

#[test]
fn generated_rules_run_as_their_canonical_texts_do() {
    for seed in 0..cases(300) {
        let (text, rule) = generated(seed);
        check_text_runs_alike(&rule, &text);
    }
}

#[test]
fn one_rule_under_two_names_has_one_key() {
    check_same(&["rule a = g*m", "rule b = m*g", "g*m # product", "{ update = m*g; }"]);
}
