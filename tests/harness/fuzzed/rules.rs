//! Rules that are made from bytes.

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../../compiler/tests/properties/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use nosc_compiler::Rule;
use nosc_compiler::arbitrary::RuleText;
use nosc_compiler::canonical::{Canonical, CanonicalRule, Canonicalizer, Level};
use nosc_compiler::tree::Node;

use super::made_of;
use crate::{Lengths, check_parity};
use support::compare::{Numbers, difference};

/// What no rule may take, even with a sanitizer on a busy machine; most take less than a millisecond.
const MOST: Duration = Duration::from_secs(10);

fn parsed(text: &str) -> Rule {
    Rule::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The canonical form of a generated rule is its own canonical form, as text too, and gives the same bits
/// as the rule as it was written.
pub fn canonical_is_stable_and_keeps_bits(bytes: &[u8]) -> bool {
    let Some((seed, RuleText(text))) = made_of(bytes) else { return false };
    let rule = parsed(&text);
    let canonical = CanonicalRule::new(&rule);
    let printed = canonical.text();
    assert_eq!(CanonicalRule::new(&canonical.rule).key, canonical.key, "{text}");
    let again = Rule::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{text}\n{printed}"));
    assert_eq!(CanonicalRule::new(&again).key, canonical.key, "{text}\n{printed}");
    if let Some(point) = difference(&rule, &canonical.rule, seed, 8) {
        panic!("{text}\n{printed}\n{point}");
    }
    true
}

/// At every level a generated rule has one key, which takes no more than moments to make, whatever the
/// workspace has seen before; and the text of its form is a rule with this key.
pub fn canonical_levels(bytes: &[u8]) -> bool {
    let Some((RuleText(before), RuleText(text))) = made_of(bytes) else { return false };
    let [other, rule] = [&before, &text].map(|text| parsed(text));
    for level in Level::ALL {
        let mut used = Canonicalizer::new(level);
        timed(&mut used, &other, &before);
        let form = timed(&mut used, &rule, &text);
        let mut fresh = Canonicalizer::new(level);
        assert_eq!(fresh.key(&rule), form.key, "{level}: {text}\nafter {before}");
        assert_eq!(used.key(&rule), form.key, "{level}: {text}\nonce more, after {before}");

        let spelt = timed(&mut used, &parsed(&form.text), &form.text);
        assert_eq!(spelt.key, form.key, "{level}: {text}\n{}", form.text);
        if level == Level::Exact {
            assert_eq!(spelt.text, form.text, "{text}");
        }
    }
    true
}

fn timed(canonicalizer: &mut Canonicalizer, rule: &Rule, text: &str) -> Canonical {
    let begin = Instant::now();
    let form = canonicalizer.canonicalize(rule);
    let time = begin.elapsed();
    assert!(time < MOST, "{}: {time:?}: {text}", canonicalizer.level());
    form
}

/// Machine code of a generated rule gives the same bits as the interpreter: vectors of 4, 8, 16 or none,
/// fused multiply-add or not, all registers or few, over several steps of special values.
pub fn cpu_equals_interpreter(bytes: &[u8]) -> bool {
    let Some((seed, RuleText(text))) = made_of::<(u64, RuleText)>(bytes) else { return false };
    check_parity(&parsed(&text), Lengths::Few, seed % 1_000_000);
    true
}

/// Two spellings of a rule have one key, and two rules of one key have the same bits. The second rule is
/// the first one damaged, so that keys are close.
pub fn keys_are_sound(bytes: &[u8]) -> bool {
    let Some((seed, RuleText(text))) = made_of(bytes) else { return false };
    let rule = parsed(&text);
    let key = CanonicalRule::new(&rule).key;
    let draws = rule.tree.iter().filter(|(_, node)| matches!(node, Node::Drop(..))).count();
    if draws <= 5
        && let Some(other) = support::respell::respelled(&rule, seed)
    {
        let again = Rule::parse(&other).unwrap_or_else(|e| panic!("{e}\n{text}\n{other}"));
        assert_eq!(CanonicalRule::new(&again).key, key, "{text}\n{other}");
    }
    let Ok(near) = Rule::parse(&damaged(&text, seed)) else { return true };
    if CanonicalRule::new(&near).key == key
        && let Some(point) = difference(&rule, &near, seed, 8)
    {
        panic!("{text}\n{}\n{point}", near.to_text());
    }
    true
}

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
