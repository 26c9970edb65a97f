//! Any bytes give rules or problems, and every problem has a place inside the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::RuleFile;

fuzz_target!(|bytes: &[u8]| {
    let file = RuleFile::from_bytes("fuzz", bytes);
    assert!(!file.rules.is_empty() || file.has_errors());
    for problem in &file.problems {
        assert!(file.text.get(problem.span().range()).is_some(), "{problem:?}");
        drop((problem.to_string(), problem.help(), problem.label()));
    }
    for rule in &file.rules {
        drop((rule.to_text(), rule.to_tokens()));
    }
});
