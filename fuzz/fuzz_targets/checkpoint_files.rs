//! Any bytes are a checkpoint, or an error that has changed nothing; with what was loaded a step is taken or refused, and
//! it is saved as it is. Two kinds of bytes are tried: as they come, and as the metadata of a file with the right tensors.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::checkpoint_files(bytes) { Corpus::Keep } else { Corpus::Reject }
});
