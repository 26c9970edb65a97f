//! Any bytes are a saved set, which is written back as it was, or an error. Two kinds of bytes are tried: as
//! they come, and as classes behind a header that is right.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::dedup_file(bytes) { Corpus::Keep } else { Corpus::Reject }
});
