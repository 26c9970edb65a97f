//! The set that many threads fill at once: one set for each value of the first bits of the key.
//!
//! A thread holds the lock of one shard for one insertion, or for those of a batch that fall into it. As keys
//! are even, threads rarely meet. Which of two rules came first is decided by their indices, not by the clock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::canonical::{Key, Level};

use super::set::Parts;
use super::{Class, Dedup, OtherLevel, Seen};

/// Far more than threads, and few enough for the shards of a small set to cost nothing.
const SHARDS: usize = 64;

/// A [`Dedup`] for many threads.
///
/// ```
/// use nosc_compiler::canonical::{Key, Level};
/// use nosc_compiler::dedup::ShardedDedup;
///
/// let seen = ShardedDedup::new(Level::Exact);
/// std::thread::scope(|threads| {
///     for thread in 0..4 {
///         let seen = &seen;
///         threads.spawn(move || (0..100).for_each(|rule| {
///             seen.insert(Key([rule; 16]), u64::from(rule) * 4 + thread);
///         }));
///     }
/// });
/// let set = seen.into_dedup();
/// assert_eq!((set.len(), set.rules()), (100, 400));
/// assert!(set.by_first().all(|class| class.first % 4 == 0), "whatever thread came first");
/// ```
#[derive(Debug)]
pub struct ShardedDedup {
    level: Level,
    shards: Box<[Mutex<Dedup>]>,
}

impl From<Dedup> for ShardedDedup {
    /// A set that goes on from another.
    fn from(set: Dedup) -> ShardedDedup {
        let sharded = ShardedDedup::new(set.level());
        let Parts { entries, carries, .. } = set.into_parts();
        for entry in entries.into_entries() {
            let class = entry.class(&carries);
            sharded.lock(shard_of(&class.key)).insert_class(class);
        }
        sharded
    }
}

impl ShardedDedup {
    /// An empty set for keys of a level.
    pub fn new(level: Level) -> ShardedDedup {
        let shards = (0..SHARDS).map(|_| Mutex::new(Dedup::new(level))).collect();
        ShardedDedup { level, shards }
    }

    /// The level of the keys.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Counts a rule, and says whether one of its class came before. Of several threads that insert one key,
    /// exactly one is told [`Seen::New`]; which one is up to chance. The indices in the set are not.
    pub fn insert(&self, key: Key, index: u64) -> Seen {
        self.lock(shard_of(&key)).insert(key, index)
    }

    /// Counts many rules with one lock a shard, calling back for each rule that is now the first of its class.
    /// Sorts the list.
    ///
    /// ```
    /// use nosc_compiler::canonical::{Key, Level};
    /// use nosc_compiler::dedup::ShardedDedup;
    ///
    /// let seen = ShardedDedup::new(Level::Exact);
    /// let mut firsts = Vec::new();
    /// let mut batch = [(Key([7; 16]), 3), (Key([9; 16]), 1), (Key([7; 16]), 2)];
    /// seen.insert_all(&mut batch, |index| firsts.push(index));
    /// assert_eq!(firsts, [2, 1], "by key; of two rules with one key only the first");
    /// ```
    pub fn insert_all(&self, rules: &mut [(Key, u64)], mut on_first: impl FnMut(u64)) {
        rules.sort_unstable();
        for same_shard in rules.chunk_by(|(a, _), (b, _)| shard_of(a) == shard_of(b)) {
            let mut shard = self.lock(shard_of(&same_shard[0].0));
            for same_key in same_shard.chunk_by(|(a, _), (b, _)| a == b) {
                let (key, first) = same_key[0];
                let seen = shard.insert_class(Class { key, first, count: same_key.len() as u64 });
                if seen.is_first(first) {
                    on_first(first);
                }
            }
        }
    }

    /// Takes over all classes of a set.
    ///
    /// # Errors
    ///
    /// [`OtherLevel`] if the sets are of two levels; then nothing has changed.
    pub fn merge(&self, other: &Dedup) -> Result<(), OtherLevel> {
        if other.level() != self.level {
            return Err(OtherLevel { own: self.level, other: other.level() });
        }
        for entry in other.entries.iter() {
            self.lock(shard_of(&entry.key())).insert_class(entry.class(&other.carries));
        }
        Ok(())
    }

    /// The class of a key, if it has been seen.
    pub fn get(&self, key: &Key) -> Option<Class> {
        self.lock(shard_of(key)).get(key)
    }

    /// Number of classes; while other threads insert, a number that was right for each shard in turn.
    pub fn len(&self) -> usize {
        self.sum(Dedup::len)
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rules inserted.
    pub fn rules(&self) -> u64 {
        (0..SHARDS).fold(0, |sum, shard| sum.saturating_add(self.lock(shard).rules()))
    }

    /// Memory that the set holds, in bytes, its spare room included.
    pub fn bytes(&self) -> usize {
        self.sum(Dedup::bytes)
    }

    /// All shards as one set. The tables of the shards go first, so that this takes no more memory than
    /// the growing did.
    pub fn into_dedup(self) -> Dedup {
        let parts: Vec<_> = self
            .shards
            .into_iter()
            .map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner).into_parts())
            .collect();
        Dedup::of_disjoint(self.level, parts)
    }

    fn sum(&self, part: impl Fn(&Dedup) -> usize) -> usize {
        (0..SHARDS).map(|shard| part(&self.lock(shard))).sum()
    }

    /// A thread that panicked has left a set that is whole: insertions do not panic half-way.
    fn lock(&self, shard: usize) -> MutexGuard<'_, Dedup> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first bits, so that a sorted list of keys has its shards in order.
fn shard_of(key: &Key) -> usize {
    usize::from(key.0[0]) * SHARDS / 256
}
