//! Any bytes give rules or problems, and every problem has a place inside the text, also as a terminal shows it. An outline of
//! the text is in order, and so are fixes.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::parse_never_panics(bytes) { Corpus::Keep } else { Corpus::Reject }
});
