//! Random strings without repetition: each of a length equally likely among those that were not proposed yet.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use nosc_compiler::space::{Constraints, SampleError, Sampler as Strings, SearchSpace};

/// Samples are numbered below 2 to this power; above it the number of the try is put.
const SAMPLE_BITS: u32 = 40;
/// A string that has not come up after so many tries is taken for one that there is not.
const MAX_TRIES: u64 = 1 << 24;

/// Draws strings and knows which ones were proposed: about 24 bytes each.
#[derive(Debug)]
pub(super) struct Unseen {
    strings: Strings,
    /// The first 128 bits of the BLAKE3 hashes of proposed strings.
    seen: BTreeSet<u128>,
    /// How many strings there are, where that fits.
    size: Option<u64>,
}

impl Unseen {
    pub(super) fn new(
        space: &SearchSpace,
        groups: RangeInclusive<usize>,
        constraints: Constraints,
        seed: u64,
    ) -> Result<Unseen, SampleError> {
        let strings = Strings::new(space, groups.clone(), constraints, seed)?;
        let size = groups.map(|groups| space.size(groups, constraints).to_u64());
        let size = size.reduce(|sum, size| sum?.checked_add(size?)).flatten();
        Ok(Unseen { strings, seen: BTreeSet::new(), size })
    }

    /// Whether every string was proposed.
    pub(super) fn is_spent(&self) -> bool {
        self.size.is_some_and(|size| self.seen.len() as u64 >= size)
    }

    /// Notes a string that is about to be proposed; false if it was proposed before.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        self.seen.insert(key(text))
    }

    /// A random string that was not proposed, now noted as proposed; none if there is none left. Its draws are a
    /// function of the seed and the number of the sample.
    pub(super) fn draw(&mut self, sample: u64) -> Option<String> {
        let mut text = String::with_capacity(96);
        for attempt in 0..MAX_TRIES {
            if self.is_spent() {
                return None;
            }
            self.strings.seek(sample ^ attempt << SAMPLE_BITS);
            text.clear();
            self.strings.write(&mut text);
            if self.insert(&text) {
                return Some(text);
            }
        }
        None
    }
}

fn key(text: &str) -> u128 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes().iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
}
