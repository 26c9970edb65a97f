//! Two spellings of a rule have one key, and two rules of one key have the same bits. The second rule is
//! the first one damaged, so that keys are close.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::keys_are_sound(bytes) { Corpus::Keep } else { Corpus::Reject }
});
