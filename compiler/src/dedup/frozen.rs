//! The set that only answers: classes sorted by key, and where each stretch of keys begins.

use std::fmt;
use std::mem::size_of;

use crate::canonical::{Key, Level};

use super::entry::{Carries, Entry, rank};
use super::set::Parts;
use super::{Class, Dedup};

/// Classes that a stretch of keys holds on average.
const STRETCH: usize = 8;

/// A [`Dedup`] that takes no more rules: 29 bytes a class, and a look-up reads one or two places of memory.
///
/// ```
/// use nosc_compiler::canonical::{Key, Level};
/// use nosc_compiler::dedup::Dedup;
///
/// let mut seen = Dedup::new(Level::Exact);
/// seen.insert(Key([1; 16]), 10);
/// let seen = seen.freeze();
/// assert_eq!(seen.get(&Key([1; 16])).map(|class| class.first), Some(10));
/// assert!(!seen.contains(&Key([2; 16])));
/// ```
pub struct FrozenDedup {
    level: Level,
    entries: Box<[Entry]>,
    carries: Carries,
    /// Stretch s of the keys is `entries[starts[s]..starts[s + 1]]`.
    starts: Box<[u64]>,
    rules: u64,
}

impl Dedup {
    /// The same classes in less memory, for reading only.
    pub fn freeze(self) -> FrozenDedup {
        let level = self.level();
        let Parts { entries: list, carries, rules } = self.into_parts();
        let mut entries = Vec::with_capacity(list.len());
        entries.extend(list.into_entries());
        entries.sort_unstable_by_key(Entry::key);
        let entries = entries.into_boxed_slice();
        let stretches = entries.len() / STRETCH + 1;
        let mut starts = Vec::with_capacity(stretches + 1);
        for (place, entry) in entries.iter().enumerate() {
            while starts.len() <= stretch(&entry.key(), stretches) {
                starts.push(place as u64);
            }
        }
        starts.resize(stretches + 1, entries.len() as u64);
        FrozenDedup { level, entries, carries, starts: starts.into_boxed_slice(), rules }
    }
}

/// Keys are even, so their place among all keys is about their place among these.
fn stretch(key: &Key, stretches: usize) -> usize {
    ((u128::from(rank(key)) * stretches as u128) >> 64) as usize
}

impl FrozenDedup {
    /// The level of the keys.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no classes.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of rules: the sum of all counts.
    pub fn rules(&self) -> u64 {
        self.rules
    }

    /// Memory that the set holds, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<FrozenDedup>()
            + self.entries.len() * size_of::<Entry>()
            + self.starts.len() * size_of::<u64>()
            + self.carries.len() * super::set::CARRY_BYTES
    }

    /// The class of a key, if there is one.
    pub fn get(&self, key: &Key) -> Option<Class> {
        let stretch = stretch(key, self.starts.len() - 1);
        let (start, end) = (self.starts[stretch] as usize, self.starts[stretch + 1] as usize);
        let near = &self.entries[start..end];
        let place = near.binary_search_by(|entry| entry.key().cmp(key)).ok()?;
        Some(near[place].class(&self.carries))
    }

    /// Whether there is a class of this key.
    pub fn contains(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// All classes by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Class> + '_ {
        self.entries.iter().map(|entry| entry.class(&self.carries))
    }
}

impl fmt::Debug for FrozenDedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrozenDedup")
            .field("level", &self.level)
            .field("classes", &self.len())
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
