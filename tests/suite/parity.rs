//! Machine code against the interpreter, bit for bit, NaN being equal to NaN.

use nosc_tests::{
    Agreement, FEW_VALUES, Lengths, cases, check_parity, check_threads, generated, library, rule,
};

fn report(what: &str, agreement: Agreement) {
    let Agreement { rules, refused, arrays, elements, numbers } = agreement;
    println!(
        "{what}: {rules} rules ({refused} take no step), {arrays} arrays, {elements} elements agree, \
         {numbers} of them numbers"
    );
    assert!(numbers * 4 > elements, "{agreement:?}");
}

#[test]
fn standard_rules_agree_on_every_length() {
    let mut agreement = Agreement::default();
    for (seed, rule) in nosc_runtime::library::rules().iter().enumerate() {
        agreement.add(check_parity(rule, Lengths::Every, seed as u64));
    }
    report("standard rules", agreement);
    assert_eq!(agreement.refused, 0);
}

#[test]
fn functions_of_few_values_agree_on_every_length() {
    for (seed, text) in FEW_VALUES.into_iter().enumerate() {
        check_parity(&rule(text), Lengths::Every, 2_000 + seed as u64);
    }
}

#[test]
fn generated_rules_agree_on_every_length() {
    let mut agreement = Agreement::default();
    for seed in 0..cases(250) {
        let (_, rule) = generated(seed);
        agreement.add(check_parity(&rule, Lengths::Every, seed));
    }
    report("generated rules", agreement);
    assert!(agreement.refused * 10 < agreement.rules, "{agreement:?}");
}

#[test]
fn rules_of_many_draws_agree_anywhere_in_a_tensor() {
    let texts =
        ["drop(g, 0.3) + drop(m, 0.1) + eps", "{ update = eps_t * g; schedule = ld + eps }"];
    for (seed, text) in texts.into_iter().enumerate() {
        check_parity(&rule(text), Lengths::Every, 1_000 + seed as u64);
    }
}

/// What an access past the end would be of is not the arrays' own, which Valgrind sees, in machine code too: see
/// `tests/hardening/run`. Few rules, since it is some fifty times as slow there.
#[test]
fn arrays_of_their_exact_length_are_not_left() {
    for (seed, name) in ["adam", "powersign_cd", "t6_01"].into_iter().enumerate() {
        let agreement = check_parity(&library(name), Lengths::Every, seed as u64);
        assert!(agreement.arrays > 0 && agreement.refused == 0, "{name}");
    }
}

/// More elements than one thread is given, and lengths that no chunk divides.
const LARGE: [usize; 4] = [70_001, 0, 65_539, 3];

#[test]
fn standard_rules_agree_on_one_thread_and_two() {
    for rule in nosc_runtime::library::rules() {
        check_threads(&rule, &LARGE, 1, false);
    }
}

#[test]
fn back_ends_agree_on_one_thread_and_two() {
    for name in ["powersign_cd", "adam", "lion", "t6_01", "t6_19", "sgd_noisy_linear_cosine"] {
        check_threads(&library(name), &LARGE, 2, true);
    }
}

#[test]
fn generated_rules_agree_on_one_thread_and_two() {
    let mut seeds = (0..).map(generated).filter(|(_, rule)| !rule.states.is_empty());
    for _ in 0..cases(250) / 50 {
        let (_, rule) = seeds.next().unwrap();
        if check_parity(&rule, Lengths::Few, 0).refused == 0 {
            check_threads(&rule, &LARGE, 1, true);
        }
    }
}
