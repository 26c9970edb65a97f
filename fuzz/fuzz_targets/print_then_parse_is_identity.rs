//! The text of a rule, and its token string if it has one, parse back to the same tree. The input is a
//! rule file; what does not check is passed over.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::{Rule, RuleFile};

fuzz_target!(|text: &str| {
    for rule in RuleFile::parse("fuzz", text).rules {
        for printed in [rule.to_text(), rule.body_text()] {
            let again = Rule::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert!(again.same_as(&rule), "{printed}");
        }
        if let Some(tokens) = rule.to_tokens() {
            let again = Rule::from_tokens(&tokens).unwrap_or_else(|e| panic!("{e}\n{tokens}"));
            assert!(again.same_as(&rule), "{tokens}");
        }
    }
});
