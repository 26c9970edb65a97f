//! Machine code of a generated rule gives the same bits as the interpreter: vectors of 4, 8, 16 or none,
//! fused multiply-add or not, all registers or few, over several steps of special values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_compiler::arbitrary::RuleText;
use nosc_tests::{Lengths, check_parity};

fuzz_target!(|input: (u64, RuleText)| {
    let (seed, RuleText(text)) = input;
    let rule = Rule::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    check_parity(&rule, Lengths::Few, seed % 1_000_000);
});
