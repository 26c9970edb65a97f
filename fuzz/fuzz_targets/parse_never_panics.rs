//! Any bytes give rules or problems, and every problem has a place inside the text. An outline of the text is in
//! order, and so are fixes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::RuleFile;
use nosc_compiler::outline::Outline;

fuzz_target!(|bytes: &[u8]| {
    let file = RuleFile::from_bytes("fuzz", bytes);
    let outline = Outline::new(&file.text);
    assert!(outline.lexemes.is_sorted_by(|a, b| a.at.end <= b.at.start));
    assert!(outline.lexemes.iter().all(|lexeme| file.text.get(lexeme.at.range()).is_some()));
    assert!(!file.rules.is_empty() || file.has_errors());
    for problem in &file.problems {
        assert!(file.text.get(problem.span().range()).is_some(), "{problem:?}");
        drop((problem.to_string(), problem.help(), problem.label()));
        outline.related(problem);
        for edit in outline.fix(&file.text, problem).into_iter().flat_map(|fix| fix.edits) {
            assert!(file.text.get(edit.at.range()).is_some(), "{problem:?} {edit:?}");
        }
    }
    for rule in &file.rules {
        drop((rule.to_text(), rule.to_tokens()));
    }
});
