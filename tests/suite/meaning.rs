//! The interpreter against the tree, so that plan and step scalars mean what the language says.

use nosc_tests::{FEW_VALUES, cases, check_reference, generated, rule};

#[test]
fn standard_rules_mean_what_their_trees_say() {
    for (seed, rule) in nosc_runtime::library::rules().iter().enumerate() {
        assert!(check_reference(rule, 131, 4, seed as u64), "{}", rule.name);
    }
}

#[test]
fn functions_of_few_values_mean_what_their_trees_say() {
    for (seed, text) in FEW_VALUES.into_iter().enumerate() {
        assert!(check_reference(&rule(text), 301, 6, seed as u64), "{text}");
    }
}

#[test]
fn generated_rules_mean_what_their_trees_say() {
    let count = cases(300);
    let taken =
        (0..count).filter(|seed| check_reference(&generated(*seed).1, 67, 3, *seed)).count();
    println!("{taken} of {count} generated rules took a step");
    assert!(taken as u64 * 10 > count * 9, "{taken} of {count}");
}
