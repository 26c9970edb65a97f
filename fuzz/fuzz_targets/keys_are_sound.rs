//! Two spellings of a rule have one key, and two rules of one key have the same bits. The second rule is
//! the first one damaged, so that keys are close.

#![no_main]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../compiler/tests/properties/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_compiler::arbitrary::RuleText;
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::tree::Node;
use support::compare::{Numbers, difference};

fuzz_target!(|input: (u64, RuleText)| {
    let (seed, RuleText(text)) = input;
    let rule = Rule::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let key = CanonicalRule::new(&rule).key;
    let draws = rule.tree.iter().filter(|(_, node)| matches!(node, Node::Drop(..))).count();
    if draws <= 5
        && let Some(other) = support::respell::respelled(&rule, seed)
    {
        let again = Rule::parse(&other).unwrap_or_else(|e| panic!("{e}\n{text}\n{other}"));
        assert_eq!(CanonicalRule::new(&again).key, key, "{text}\n{other}");
    }
    let Ok(near) = Rule::parse(&damaged(&text, seed)) else { return };
    if CanonicalRule::new(&near).key == key
        && let Some(point) = difference(&rule, &near, seed, 8)
    {
        panic!("{text}\n{}\n{point}", near.to_text());
    }
});

/// One character becomes another that keeps most texts valid.
fn damaged(text: &str, seed: u64) -> String {
    let mut numbers = Numbers::new(seed);
    let places: Vec<(usize, char)> = text.char_indices().collect();
    let (at, old) = places[numbers.below(places.len())];
    let new = match old {
        '+' | '*' | '/' | '-' => ["+", "*", "/", "-"][numbers.below(4)],
        '0'..='9' => ["0", "1", "2", "9"][numbers.below(4)],
        'g' | 'm' | 'v' | 'w' | 't' => ["g", "m", "v", "w", "t"][numbers.below(5)],
        '(' => "(-",
        _ => return text.to_owned(),
    };
    format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..])
}
