//! Any text is a schedule over a rule, a stepwise decay, or mistakes with places. A schedule over a rule is the
//! rule written with it.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use nosc_tests::fuzzed;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if fuzzed::schedules(bytes) { Corpus::Keep } else { Corpus::Reject }
});
