//! Keys against values: rules with one key are equal, and equal rules have one key.
//!
//! The oracle is judged first, by pairs whose answer is known. Samples are new every day; a failure prints the
//! seed, and `NOSC_ORACLE_SEED` repeats it.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use nosc_compiler::canonical::Level;
use nosc_tests::oracle::{
    Keyed, Oracle, Program, Relation, Report, Space, Verdict, compare, judge, key_all, relation,
    signs_of,
};
use nosc_tests::{cases, splitmix};

/// Points that a rule is evaluated at.
const POINTS: usize = 400;

/// By how much a key may be weaker than the values: keys a class, of the rules of one group. What is missed is
/// mostly a power in two spellings, such as `v^g` and `exp(g)^log(v)`.
const KEYS_A_CLASS: f64 = 1.01;

/// Days since 1970, unless one is asked for.
fn seed() -> u64 {
    let set = std::env::var("NOSC_ORACLE_SEED").ok().and_then(|text| text.parse().ok());
    let day = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    set.unwrap_or_else(day)
}

fn verdict(a: &str, b: &str, relation: Relation) -> Verdict {
    let oracle = Oracle::new(1, POINTS);
    let function = |text: &str| oracle.function(&Program::parse(text).unwrap()).unwrap();
    compare(&function(a), &function(b), relation)
}

fn check_equal(pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert_eq!(verdict(a, b, Relation::Same), Verdict::Equal, "{a}\n{b}");
        assert_eq!(verdict(a, b, Relation::Scaled), Verdict::Equal, "{a}\n{b}");
    }
}

fn check_different(pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert_eq!(verdict(a, b, Relation::Same), Verdict::Different, "{a}\n{b}");
    }
}

#[test]
fn rules_that_are_equal_over_the_reals_are_found_equal() {
    check_equal(&[
        ("g m id id add", "m g id id add"),
        ("g g id id mul", "g2 1 id id left"),
        ("m v id sqrt div", "adam 1 id id left"),
        // Sums and products.
        ("g m id id add, %0 v id id add", "m v id id add, %0 g id id add"),
        ("g m id id mul, %0 v id id mul", "m v id id mul, %0 g id id mul"),
        ("g g id id sub", "1 1 id id sub"),
        ("g m id id sub, %0 1 neg id left", "m g id id sub"),
        ("m v id id sub, g %0 id id mul", "g m id id mul, g v id id mul, %0 %1 id id sub"),
        ("g m id id mul, %0 1 log id left", "g m log log add"),
        ("g v id id div, %0 m id id mul", "g m id id mul, %0 v id id div"),
        // Signs.
        ("g m id id mul, %0 1 sign id left", "sign_g sign_m id id mul"),
        ("g2 1 sign id left", "sign_g sign_g id id mul"),
        ("g3 1 sign id left", "sign_g 1 id id left"),
        ("sign_g g id id mul, sign_g %0 id id mul", "g 1 id id left"),
        ("w1e-4 1 sign id left", "w1e-1 1 sign id left"),
        ("adam 1 sign id left", "sign_m 1 id id left"),
        ("1 v id id add, %0 1 sign id left", "1 1 id id left"),
        // Functions.
        ("g 1 log id left, %0 1 exp id left", "g g2 id sqrt left, g sign_g id id mul"),
        ("g 1 exp id left, %0 1 log id left", "g 1 id id left"),
        ("g m exp exp mul", "g m id id add, %0 1 exp id left"),
        ("g g sqrt sqrt mul", "g sign_g id id mul"),
        ("g2 1 sqrt id left", "g sign_g id id mul"),
        ("g 1 clip1e-5 id left, %0 1 clip1e-3 id left", "g 1 clip1e-5 id left"),
        ("g 1 neg id left, %0 1 clip1e-3 id left", "g 1 clip1e-3 id left, %0 1 neg id left"),
        ("1 1 id id add, g %0 id id pow", "g2 1 id id left"),
        ("1 1 id id sub, g %0 log id pow", "1 1 id id left"),
        // Drops.
        ("g m drop0.1 drop0.5 add", "m g drop0.5 drop0.1 add"),
        ("g 1 drop0.1 id left, %0 %0 id id sub", "1 1 id id sub"),
        ("g 1 drop0.1 id left, %0 %0 id id mul", "g2 1 drop0.1 id left"),
        ("g 1 drop0.1 id left, %0 1 drop0.5 id left", "g 1 drop0.5 id left, %0 1 drop0.1 id left"),
        ("g 1 neg id left, %0 1 drop0.3 id left", "g 1 drop0.3 id left, %0 1 neg id left"),
        ("sign_g 1 sign drop0.3 pow", "sign_g 1 sign drop0.3 pow"),
        // cd_1/2 is cd.
        ("g cd id id mul", "g cd_0.5 id id mul"),
    ]);
}

/// Each differs at some point: the comment says where.
#[test]
fn rules_that_look_equal_are_told_apart() {
    check_different(&[
        // Draws.
        ("g g drop0.5 drop0.5 sub", "1 1 id id sub"),
        ("g g drop0.5 drop0.5 sub", "g 1 drop0.5 id left, %0 %0 id id sub"),
        (
            "g 1 drop0.5 id left, g 1 drop0.5 id left, %0 m id id mul, %1 v id id mul, \
             %2 %3 id id add, %4 %0 id id add",
            "g 1 drop0.5 id left, g 1 drop0.5 id left, %0 m id id mul, %1 v id id mul, \
             %2 %3 id id add, %4 %1 id id add",
        ),
        ("g g drop0.3 drop0.3 mul", "g2 1 drop0.3 id left"),
        ("g 1 drop0.1 id left", "g 1 drop0.3 id left"),
        ("eps 1 id id left", "eps 1 neg id left"),
        ("eps sign_g id id mul", "eps 1 id id left"),
        ("g 1 drop0.1 id left, %0 1 exp id left", "g 1 exp id left, %0 1 drop0.1 id left"),
        ("g 1 drop0.1 id left, %0 1 log id left", "g 1 log id left, %0 1 drop0.1 id left"),
        // Divisions: 0, and what is as small as delta.
        ("g g id id div", "1 1 id id left"),
        ("g 1 id id div", "g 1 id id left"),
        ("g m id neg div", "g m id id div, %0 1 neg id left"),
        ("g m id id div, %0 v id id div", "m v id id mul, g %0 id id div"),
        ("g m id id mul, %0 m id id div", "g 1 id id left"),
        ("1 g id exp div", "g 1 neg id left, %0 1 exp id left"),
        ("1 1 neg id left, g %0 id id pow", "1 g id id div"),
        ("g sign_g id id div", "g sign_g id id mul"),
        ("sign_g sign_m id id div", "sign_g sign_m id id mul"),
        ("g m id id div, %0 1 sign id left", "sign_g sign_m id id mul"),
        ("g m id id div, %0 1 log id left", "g m log log sub"),
        ("v 1 sqrt id left, m %0 id id div", "v 1 id id left, m %0 id sqrt div, g %1 id id mul"),
        // The pole, m = -delta.
        ("1 1 id id sub, %0 m id id div", "1 1 id id sub"),
        ("g m id id div, %0 %0 id id sub", "1 1 id id sub"),
        // Signs: 0.
        ("sign_g sign_g id id mul", "1 1 id id left"),
        ("g2 1 sign id left", "1 1 id id left"),
        ("v 1 sign id left", "1 1 id id left"),
        ("g 1 log id left, %0 1 exp id left, %1 1 sign id left", "1 1 id id left"),
        ("g m id id add, %0 1 sign id left", "sign_g sign_m id id add"),
        ("sign_m g id id mul, %0 1 log id left", "g 1 log id left"),
        ("sign_m g id id mul, %0 1 sqrt id left", "g 1 sqrt id left"),
        ("g m id id add, %0 1 clip1e-4 id left", "g m clip1e-4 clip1e-4 add"),
        ("g g id id add, %0 1 clip1e-4 id left", "g 1 clip1e-4 id left, %0 %0 id id add"),
        ("g m id id mul, %0 1 clip1e-3 id left", "g m clip1e-3 clip1e-3 mul"),
        ("w1e-4 1 clip1e-3 id left", "w1e-4 1 id id left"),
        ("g ld id id mul", "g 1 id id left"),
        ("ld 1 sign id left", "1 1 id id left"),
        ("rd_1 1 id id left", "cd 1 id id left"),
        // Powers: negative bases, 0^0, 0^-1.
        ("2 1 id neg pow, g %0 id id pow", "g 1 sqrt id left"),
        ("g m id id pow", "g 1 log id left, m %0 id id mul, %1 1 exp id left"),
        ("g 2 id id pow, %0 m id id pow", "m m id id add, g %0 id id pow"),
        ("g m id id pow, g v id id pow, %0 %1 id id mul", "m v id id add, g %0 id id pow"),
        ("1 1 id id sub, %0 g id id pow", "1 1 id id sub"),
        ("sign_g sign_g id id pow", "sign_g 1 id id left"),
        // An infinity or an undefined value that is not thrown away.
        ("g 1 log id left, %0 %0 id id sub", "1 1 id id sub"),
        ("1 1 id id sub, g %0 log id mul", "1 1 id id sub"),
        ("g m id id pow, %0 %0 id id sub", "1 1 id id sub"),
        ("g g id id add", "g 1 id id left"),
    ]);
}

#[test]
fn a_positive_factor_counts_at_real_and_not_at_scale() {
    for (a, b) in [
        ("g 1 id id div", "g 1 id id left"),
        ("g g id id add", "g 1 id id left"),
        ("w1e-4 1 id id left", "w1e-1 1 id id left"),
        ("g 1 drop0.1 id left, %0 %0 id id add", "g 1 drop0.1 id left"),
        ("1 1 id id left", "2 1 exp id left"),
    ] {
        assert_eq!(verdict(a, b, Relation::Same), Verdict::Different, "{a}\n{b}");
        assert_eq!(verdict(a, b, Relation::Scaled), Verdict::Equal, "{a}\n{b}");
    }
    for (a, b) in [
        ("g 1 id id left", "g 1 neg id left"),
        ("g 1 id id left", "m 1 id id left"),
        ("1 1 id id left", "1 1 neg id left"),
        ("g 1 id id left", "1 1 id id sub"),
        ("g m drop0.1 id add", "g g id id add, %0 m drop0.1 id add"),
        ("g 1 sign id left", "ld sign_g id id mul"),
    ] {
        assert_eq!(verdict(a, b, Relation::Scaled), Verdict::Different, "{a}\n{b}");
    }
}

fn judged(level: Level, rules: &[Keyed], seed: u64, missed: bool) -> Report {
    let report = judge(&Oracle::new(seed, POINTS), rules, relation(level), missed).unwrap();
    println!("{level}: {report}");
    let examples: Vec<_> = report.false_merges.iter().take(5).collect();
    assert!(examples.is_empty(), "false merges at {level}, NOSC_ORACLE_SEED={seed}: {examples:#?}");
    report
}

#[test]
fn sampled_rules_with_one_key_are_equal() {
    let seed = seed();
    let count = cases(3000);
    for level in Level::ALL {
        for groups in 1..=4 {
            let space = Space::full();
            let space = if groups % 2 == 0 { space.with_decays() } else { space };
            let texts = (0..count).map(|number| space.sample(seed, number, groups)).collect();
            judged(level, &key_all(level, texts).unwrap(), seed, level != Level::Exact);
        }
    }
}

/// Every rule of one group without randomness: 175,446; one in 8 unless `NOSC_EXHAUSTIVE` is set.
fn rules_of_one_group() -> Vec<String> {
    let space = Space::without_randomness();
    let all = std::env::var_os("NOSC_EXHAUSTIVE").is_some();
    let numbers = (0..space.size_of_one_group() as u64)
        .filter(|number| all || splitmix(splitmix(*number)).is_multiple_of(8));
    numbers.map(|number| space.one_group(number as usize)).collect()
}

/// Signs can only be too few: two equal rules have one wherever both have any.
fn check_number_of_classes(level: Level, rules: &[Keyed], seed: u64) {
    let oracle = Oracle::new(seed, POINTS);
    let signs: Vec<_> = rules
        .iter()
        .map(|rule| signs_of(&oracle, &rule.tokens, relation(level)).unwrap())
        .collect();
    for set in 0..signs[0].len() {
        let known =
            || rules.iter().zip(&signs).filter_map(|(rule, signs)| Some((rule, signs[set]?)));
        let classes = known().map(|(_, sign)| sign).collect::<BTreeSet<_>>().len();
        let keys = known().map(|(rule, _)| rule.key).collect::<BTreeSet<_>>().len();
        assert!(known().count() > rules.len() / 2, "{level}: set {set} tells little");
        assert!(
            keys >= classes,
            "{level}, NOSC_ORACLE_SEED={seed}: {keys} keys, {classes} classes"
        );
        println!("{level}: {keys} keys, {classes} or more classes");
    }
}

#[test]
fn rules_of_one_group_have_as_many_keys_as_they_have_values() {
    let seed = seed();
    for level in [Level::Real, Level::Scale] {
        let rules = key_all(level, rules_of_one_group()).unwrap();
        let report = judged(level, &rules, seed, true);
        check_number_of_classes(level, &rules, seed);
        assert!(
            report.by_key as f64 <= KEYS_A_CLASS * report.by_oracle as f64,
            "{level}, NOSC_ORACLE_SEED={seed}: {report}\n{:#?}",
            report.missed.iter().take(10).collect::<Vec<_>>()
        );
    }
}
