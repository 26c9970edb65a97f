//! Levels nest: what is one rule at `exact` is one at `real`, and what is one at `real` is one at `scale`.
//!
//! A rule's `exact` text is another spelling of it, by laws that hold at every level, so it must have the rule's
//! key at the others too. `NOSC_CASES` takes more rules.

use std::collections::BTreeMap;

use nosc_compiler::arbitrary::rule_text_from_seed;
use nosc_compiler::canonical::{CanonicalRule, Canonicalizer, Key, Level};
use nosc_compiler::space::{Constraints, Sampler, SearchSpace};
use nosc_tests::real_laws::{Class, generated};
use nosc_tests::{cases, rule};
use rayon::prelude::*;

/// Token strings by their groups: the share that may have another key in the exact form. Measured on 100,000 each:
/// 0, 2, 12 and 12. What fails is a decay times a clip or a drop of a sign, in a sum, a power or a divisor.
const SPLIT_TOKENS: [(usize, f64); 4] = [(1, 0.0), (2, 4e-5), (3, 1.5e-4), (4, 1.5e-4)];

/// Likewise of formulas of three levels: 18 of 100,000. What fails is a clip of a clip or the magnitude of a clip,
/// of a sum.
const SPLIT_FORMULAS: f64 = 2.5e-4;

/// Likewise of rules with all that the language has: 348 of 100,000. What fails is mostly a clip of a clip, a
/// sign of a sign of `min` or `max`, and a square of a `where` of squares.
const SPLIT_RULES: f64 = 4.5e-3;

/// A rule, the text of its `exact` form, and whether the two have one key at `real`.
struct Spelled {
    text: String,
    exact: String,
    is_one: bool,
}

/// Rules that have not the `real` key of their `exact` form.
fn split(texts: Vec<String>) -> Vec<Spelled> {
    let workspace = || Canonicalizer::new(Level::Real);
    let spelled = texts.into_par_iter().map_init(workspace, |workspace, text| {
        let written = rule(&text);
        let exact = CanonicalRule::new(&written).text();
        let is_one = workspace.key(&written) == workspace.key(&rule(&exact));
        Spelled { text, exact, is_one }
    });
    spelled.filter(|spelled| !spelled.is_one).collect()
}

fn check(what: &str, texts: Vec<String>, most: f64) {
    let count = texts.len();
    let split = split(texts);
    println!("{what}: {} of {count} have another key in their exact form", split.len());
    for Spelled { text, exact, .. } in split.iter().take(20) {
        println!("  {text}\n    {exact}");
    }
    // A sample has three deviations of room.
    let allowed = most * count as f64;
    let found = split.len() as f64;
    assert!(found <= allowed + 3.0 * allowed.sqrt(), "{what}: {found} of {count}");
}

fn sampled(groups: usize, count: u64) -> Vec<String> {
    let space = SearchSpace::paper();
    let sampler = Sampler::new(&space, groups..=groups, Constraints::NONE, 31).unwrap();
    sampler.take(count as usize).map(|tokens| format!("[{tokens}]")).collect()
}

#[test]
fn token_strings_have_the_key_of_their_exact_text() {
    for (groups, most) in SPLIT_TOKENS {
        check(&format!("{groups} groups"), sampled(groups, cases(5_000)), most);
    }
}

#[test]
fn formulas_have_the_key_of_their_exact_text() {
    let count = cases(5_000);
    check("formulas", (0..count).map(|seed| generated(Class::Any, seed)).collect(), SPLIT_FORMULAS);
    let texts = (0..count).map(|seed| rule_text_from_seed(seed, 20 + seed as usize % 60));
    check("rules", texts.collect(), SPLIT_RULES);
}

/// Of rules with one key at a level, one key each at the next.
fn assert_refines(keys: &[(Key, Key, String)], what: &str) {
    let mut seen: BTreeMap<Key, (Key, &str)> = BTreeMap::new();
    for (fine, coarse, text) in keys {
        let (known, first) = seen.entry(*fine).or_insert((*coarse, text));
        assert_eq!(known, coarse, "{what}:\n{first}\n{text}");
    }
    println!("{what}: {} rules, {} keys", keys.len(), seen.len());
}

#[test]
fn rules_that_are_one_at_real_are_one_at_scale() {
    for groups in 1..=4 {
        let texts = sampled(groups, cases(5_000));
        let workspaces = || [Canonicalizer::new(Level::Real), Canonicalizer::new(Level::Scale)];
        let keyed = texts.into_par_iter().map_init(workspaces, |[real, scale], text| {
            let rule = rule(&text);
            (real.key(&rule), scale.key(&rule), text)
        });
        assert_refines(&keyed.collect::<Vec<_>>(), &format!("{groups} groups"));
    }
}
