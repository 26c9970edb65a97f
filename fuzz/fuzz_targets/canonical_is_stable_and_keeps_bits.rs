//! The canonical form of a generated rule is its own canonical form, as text too, and gives the same bits
//! as the rule as it was written.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::canonical_is_stable_and_keeps_bits(bytes) { Corpus::Keep } else { Corpus::Reject }
});
