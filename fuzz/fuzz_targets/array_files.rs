//! Any bytes are a `.npy` file, or an error: no panic, no recursion, and no memory but what the file has. What is read
//! is written and read again.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::array_files(bytes) { Corpus::Keep } else { Corpus::Reject }
});
