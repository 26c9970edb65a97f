//! Pairs made by true rewrites get one key. `NOSC_CASES=33334` takes 10^5 pairs.

use nosc_compiler::arbitrary::rewrites::Kind;
use nosc_compiler::canonical::Level;
use nosc_tests::cases;
use nosc_tests::oracle::{Oracle, Program, Relation, Verdict, compare};
use nosc_tests::rewrites::{pairs, tally};
use rayon::prelude::*;

/// The share of pairs that must get one key.
const BAR: f64 = 0.98;

/// Of pairs that functions were rewritten in too.
const BAR_WITH_FUNCTIONS: f64 = 0.98;

fn check(kinds: &[Kind], bar: f64) {
    let count = cases(700);
    for groups in 2..=4 {
        let tally = tally(Level::Real, groups, count, 0, kinds);
        println!("{groups} groups: {} pairs, {:.4} get one key", tally.pairs, tally.share());
        for pair in tally.split.iter().take(20) {
            println!("  {}\n  {}\n    {}", pair.tokens, pair.rewritten, pair.laws.join("; "));
        }
        assert!(tally.share() >= bar, "{groups} groups: {:.4}", tally.share());
    }
}

#[test]
fn sums_and_products_rewritten_have_one_key() {
    check(&Kind::REGROUPING, BAR);
}

#[test]
fn functions_rewritten_have_one_key() {
    check(&Kind::ALL, BAR_WITH_FUNCTIONS);
}

/// The laws are judged too: by values, not by keys.
#[test]
fn rewrites_are_true() {
    let oracle = Oracle::new(11, 200);
    for groups in 1..=4 {
        let all = pairs(groups, cases(700), 1_000_000, &Kind::ALL);
        let counted = all.map(|pair| {
            let function = |text: &str| oracle.function(&Program::parse(text).unwrap());
            let (Some(a), Some(b)) = (function(&pair.tokens), function(&pair.rewritten)) else {
                return 0;
            };
            let verdict = compare(&a, &b, Relation::Same);
            assert_ne!(verdict, Verdict::Different, "{pair:#?}");
            usize::from(verdict == Verdict::Equal)
        });
        println!("{groups} groups: {} pairs are equal by value", counted.sum::<usize>());
    }
}
