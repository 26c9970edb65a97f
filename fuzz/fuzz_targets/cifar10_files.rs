//! Any bytes are an archive or a file of CIFAR-10, or an error: no panic, and no memory without bound.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::cifar10_files(bytes) { Corpus::Keep } else { Corpus::Reject }
});
