//! At every level a generated rule has one key, which takes no more than moments to make, whatever the
//! workspace has seen before; and the text of its form is a rule with this key.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_compiler::arbitrary::RuleText;
use nosc_compiler::canonical::{Canonical, Canonicalizer, Level};

/// What no rule may take, even with a sanitizer on a busy machine; most take less than a millisecond.
const MOST: Duration = Duration::from_secs(10);

fuzz_target!(|input: (RuleText, RuleText)| {
    let (RuleText(before), RuleText(text)) = input;
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
});

fn parsed(text: &str) -> Rule {
    Rule::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn timed(canonicalizer: &mut Canonicalizer, rule: &Rule, text: &str) -> Canonical {
    let begin = Instant::now();
    let form = canonicalizer.canonicalize(rule);
    let time = begin.elapsed();
    assert!(time < MOST, "{}: {time:?}: {text}", canonicalizer.level());
    form
}
