//! What a task is known by.

use std::fmt::{self, Display};
use std::str::FromStr;

use nosc_compiler::Rule;
use nosc_compiler::canonical::{Canonicalizer, Level};

use crate::search::queue::message::Assignment;

/// Version of what comes of a task. To be raised with every change after which the same task has another result.
pub const SEMANTICS: u32 = 1;

/// A digest of all that decides what comes of a task: rule, task, options, protocol, data, seed, and [`SEMANTICS`]. Where it is
/// trained, by whom and when is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKey([u8; 16]);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has 32 hexadecimal digits")]
pub struct NoKey;

/// Makes keys of one assignment.
pub(super) struct Keys {
    canonicalizer: Canonicalizer,
    /// Version and assignment are hashed already.
    hasher: blake3::Hasher,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new(assignment: &Assignment) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"nosc task");
        hasher.update(&SEMANTICS.to_le_bytes());
        // Fields stand in the order of the type; names, numbers and texts always can be written.
        let json = serde_json::to_vec(assignment).unwrap_or_default();
        hasher.update(&(json.len() as u64).to_le_bytes());
        hasher.update(&json);
        // Rules with the same key at this level have the same bits in every step.
        Self { canonicalizer: Canonicalizer::new(Level::Exact), hasher }
    }

    pub(super) fn key(&mut self, rule: &Rule, seed: u64) -> TaskKey {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.canonicalizer.key(rule).0);
        hasher.update(&seed.to_le_bytes());
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        TaskKey(key)
    }
}

impl TaskKey {
    /// The key of a task.
    pub fn of(assignment: &Assignment, rule: &Rule, seed: u64) -> Self {
        Keys::new(assignment).key(rule, seed)
    }
}

impl Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for TaskKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(NoKey);
        }
        u128::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| NoKey)
    }
}
