//! Machine code of a generated rule gives the same bits as the interpreter: vectors of 4, 8, 16 or none,
//! fused multiply-add or not, all registers or few, over several steps of special values.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::cpu_equals_interpreter(bytes) { Corpus::Keep } else { Corpus::Reject }
});
