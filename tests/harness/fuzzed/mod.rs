//! What the fuzz targets hold, as functions of bytes: libFuzzer calls them with bytes of its own, a test with the
//! corpora that it has left.
//!
//! A function panics where what it holds does not. It returns whether the bytes are an input at all.

mod files;
mod rules;
mod texts;

use arbitrary::{Arbitrary, Unstructured};

#[cfg(feature = "nats")]
pub use files::queue_messages;
pub use files::{array_files, checkpoint_files, cifar10_files, dedup_file};
pub use rules::{
    canonical_is_stable_and_keeps_bits, canonical_levels, cpu_equals_interpreter, keys_are_sound,
};
pub use texts::{
    parse_never_panics, print_then_parse_is_identity, schedules, search_space, token_strings,
};

/// A target by its name, which is that of its corpus.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All of them.
pub const TARGETS: &[Target] = &[
    ("array_files", array_files),
    ("canonical_is_stable_and_keeps_bits", canonical_is_stable_and_keeps_bits),
    ("canonical_levels", canonical_levels),
    ("checkpoint_files", checkpoint_files),
    ("cifar10_files", cifar10_files),
    ("cpu_equals_interpreter", cpu_equals_interpreter),
    ("dedup_file", dedup_file),
    ("keys_are_sound", keys_are_sound),
    ("parse_never_panics", parse_never_panics),
    ("print_then_parse_is_identity", print_then_parse_is_identity),
    #[cfg(feature = "nats")]
    ("queue_messages", queue_messages),
    ("schedules", schedules),
    ("search_space", search_space),
    ("token_strings", token_strings),
];

/// What the bytes stand for, as `libfuzzer_sys::fuzz_target` makes it.
fn made_of<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    if bytes.len() < T::size_hint(0).0 {
        return None;
    }
    T::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}
