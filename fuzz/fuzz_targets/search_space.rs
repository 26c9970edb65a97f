//! Any text is a space file whose strings are rules, or mistakes with places. Two kinds of text are tried: as
//! it comes, and as the formula of a token in a file that is right otherwise.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::search_space(bytes) { Corpus::Keep } else { Corpus::Reject }
});
