//! Any line is a token string with one key, by the quick way and by way of its tree, or an error with a place.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::token_strings(bytes) { Corpus::Keep } else { Corpus::Reject }
});
