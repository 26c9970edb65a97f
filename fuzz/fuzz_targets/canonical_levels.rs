//! At every level a generated rule has one key, which takes no more than moments to make, whatever the
//! workspace has seen before; and the text of its form is a rule with this key.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::canonical_levels(bytes) { Corpus::Keep } else { Corpus::Reject }
});
