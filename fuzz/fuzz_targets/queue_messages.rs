//! Any bytes are a task or a result, or refused: nothing panics, and nothing is taken that is not what its key says.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::queue_messages(bytes) { Corpus::Keep } else { Corpus::Reject }
});
