//! The canonical form of a generated rule is its own canonical form, as text too, and gives the same bits
//! as the rule as it was written.

#![no_main]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../compiler/tests/properties/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_compiler::arbitrary::RuleText;
use nosc_compiler::canonical::CanonicalRule;

fuzz_target!(|input: (u64, RuleText)| {
    let (seed, RuleText(text)) = input;
    let rule = Rule::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let canonical = CanonicalRule::new(&rule);
    let printed = canonical.text();
    assert_eq!(CanonicalRule::new(&canonical.rule).key, canonical.key, "{text}");
    let again = Rule::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{text}\n{printed}"));
    assert_eq!(CanonicalRule::new(&again).key, canonical.key, "{text}\n{printed}");
    if let Some(point) = support::compare::difference(&rule, &canonical.rule, seed, 8) {
        panic!("{text}\n{printed}\n{point}");
    }
});
