//! The canonical form is stable, independent of spelling, and keeps the bits, on rules from seeds.

use crate::support::compare::{Numbers, difference};
use crate::support::respell::respelled;
use crate::support::seeds;
use indexmap::IndexMap;
use nosc_compiler::Rule;
use nosc_compiler::arbitrary::{rule_text_from_seed, token_text_from_seed};
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::tree::Node;

fn generated(seed: u64) -> (String, Rule) {
    let text = if seed.is_multiple_of(5) {
        format!("[{}]", token_text_from_seed(seed, 1 + seed as usize % 9))
    } else {
        rule_text_from_seed(seed, 10 + (seed as usize * 37) % 500)
    };
    let rule = Rule::parse(&text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
    (text, rule)
}

/// Look-alike draws beyond this many may keep the order in which they are written.
fn has_few_draws(rule: &Rule) -> bool {
    rule.tree.iter().filter(|(_, node)| matches!(node, Node::Drop(..))).count() <= 5
}

#[test]
fn the_canonical_form_of_a_canonical_form_is_itself() {
    for seed in seeds() {
        let (text, rule) = generated(seed);
        let once = CanonicalRule::new(&rule);
        let twice = CanonicalRule::new(&once.rule);
        assert_eq!(once.text(), twice.text(), "seed {seed}\n{text}");
        assert_eq!(once.key, twice.key, "seed {seed}\n{text}");
    }
}

#[test]
fn canonical_text_parses_and_has_the_same_key() {
    for seed in seeds() {
        let (text, rule) = generated(seed);
        let canonical = CanonicalRule::new(&rule);
        let printed = canonical.text();
        let again = Rule::parse(&printed).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{printed}"));
        let again = CanonicalRule::new(&again);
        assert_eq!(again.text(), printed, "seed {seed}\n{text}");
        assert_eq!(again.key, canonical.key, "seed {seed}\n{text}\n{printed}");
    }
}

#[test]
fn every_draw_stands_on_one_argument() {
    for seed in seeds() {
        let (text, rule) = generated(seed);
        let canonical = CanonicalRule::new(&rule).rule;
        let mut arguments = IndexMap::new();
        for (_, node) in canonical.tree.iter() {
            if let Node::Drop(site, x, _) = node {
                assert_eq!(*arguments.entry(site).or_insert(x), x, "seed {seed}\n{text}");
            }
        }
    }
}

#[test]
fn every_spelling_of_a_rule_has_one_key() {
    let mut tried = 0;
    for seed in seeds() {
        let (text, rule) = generated(seed);
        let Some(other) = respelled(&rule, seed ^ 0x5eed) else { continue };
        if !has_few_draws(&rule) {
            continue;
        }
        tried += 1;
        let again =
            Rule::parse(&other).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}\n{other}"));
        let (a, b) = (CanonicalRule::new(&rule), CanonicalRule::new(&again));
        assert_eq!(a.text(), b.text(), "seed {seed}\n{text}\n{other}");
        assert_eq!(a.key, b.key, "seed {seed}\n{text}\n{other}");
    }
    assert!(tried > 1_000, "only {tried} rules were tried");
}

#[test]
fn a_token_string_cut_into_smaller_groups_has_one_key() {
    for seed in seeds() {
        let tokens = token_text_from_seed(seed, 1 + seed as usize % 6);
        let cut = regrouped(&tokens, &mut Numbers::new(seed));
        let [a, b] = [&tokens, &cut].map(|text| Rule::from_tokens(text).expect(text));
        if has_few_draws(&a) {
            assert_eq!(CanonicalRule::new(&a).key, CanonicalRule::new(&b).key, "{tokens}\n{cut}");
        }
    }
}

/// Some groups become three: one for each side, one for both.
fn regrouped(tokens: &str, numbers: &mut Numbers) -> String {
    let tokens: Vec<&str> = tokens.split([' ', ',']).filter(|token| !token.is_empty()).collect();
    let mut out: Vec<String> = Vec::new();
    let mut moved: Vec<usize> = Vec::new();
    for group in tokens.chunks(5) {
        let operand = |token: &str| match token.strip_prefix('%') {
            Some(index) => format!("%{}", moved[index.parse::<usize>().expect("a number")]),
            None => token.to_owned(),
        };
        let (op1, op2) = (operand(group[0]), operand(group[1]));
        let literal = group[4] == "pow" && group[3] == "id";
        if numbers.below(2) == 0 && !literal && group[4] != "left" {
            out.push(format!("{op1} g {} drop0.5 left", group[2]));
            out.push(format!("{op2} 1 {} id left", group[3]));
            out.push(format!("%{} %{} id id {}", out.len() - 2, out.len() - 1, group[4]));
        } else {
            out.push(format!("{op1} {op2} {} {} {}", group[2], group[3], group[4]));
        }
        moved.push(out.len() - 1);
    }
    out.join(", ")
}

#[test]
fn the_canonical_form_keeps_every_bit() {
    check_bits(seeds(), 16);
}

fn check_bits(seeds: std::ops::Range<u64>, elements: usize) {
    let mut found = Vec::new();
    for seed in seeds {
        let (text, rule) = generated(seed);
        let canonical = CanonicalRule::new(&rule);
        if let Some(point) = difference(&rule, &canonical.rule, seed, elements) {
            found.push(format!("seed {seed}\n{text}\n{}\n{point}\n", canonical.text()));
        }
    }
    found.sort_by_key(String::len);
    let shown = found.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(found.is_empty(), "{} rules lose bits:\n{shown}", found.len());
}
