//! The text of a rule, and its token string if it has one, parse back to the same tree. The input is a
//! rule file; what does not check is passed over.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::print_then_parse_is_identity(bytes) { Corpus::Keep } else { Corpus::Reject }
});
