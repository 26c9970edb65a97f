//! The paper's rules, token strings and PyTorch's optimizers against values computed elsewhere, on both
//! back ends.

use nosc_tests::{check_golden, check_golden_torch};

/// Printed with `--nocapture`.
fn report(file: &str, cases: usize, (count, worst): (usize, f64)) {
    println!("{file}: {count} cases on two back ends, worst error {worst:.4} of its tolerance");
    assert_eq!(count, cases);
}

#[test]
fn the_rules_of_the_paper_have_their_values() {
    report("paper.json", 55, check_golden(include_str!("../golden/paper.json")));
}

#[test]
fn token_strings_have_their_values() {
    report("tokens.json", 60, check_golden(include_str!("../golden/tokens.json")));
}

#[test]
fn standard_rules_have_the_values_of_pytorch() {
    report("torch.json", 14, check_golden_torch(include_str!("../golden/torch.json")));
}

/// Written by `torch_settings.py` beside it.
#[test]
fn standard_rules_have_the_values_of_pytorch_at_other_settings() {
    let text = include_str!("../golden/torch_settings.json");
    report("torch_settings.json", 22, check_golden_torch(text));
}
