//! The set of one thread: a list of classes, and a table of places in it.
//!
//! The list holds 28 bytes a class and never moves. The table holds 6 bytes for each of its places, of which
//! between 7/16 and 7/8 are taken; to double, it is built anew from the list, the old one gone first. So a
//! class costs at most 28 + 6 * 16/7 bytes: 42, and never more while something grows.

use std::fmt;
use std::mem::size_of;

use hashbrown::HashTable;
use hashbrown::hash_table;

use crate::canonical::{Key, Level};

use super::entry::{Carries, Entry, Position, hash};
use super::list::List;
use super::{Class, OtherLevel, Seen};

/// Bytes that a carried count takes, at most: a B-tree is at least half full.
pub(super) const CARRY_BYTES: usize = 64;

/// The classes that have been seen, by key.
#[derive(Clone)]
pub struct Dedup {
    level: Level,
    pub(super) entries: List,
    index: HashTable<Position>,
    pub(super) carries: Carries,
    rules: u64,
}

impl Dedup {
    /// An empty set for keys of a level.
    pub fn new(level: Level) -> Dedup {
        Dedup {
            level,
            entries: List::default(),
            index: HashTable::new(),
            carries: Carries::new(),
            rules: 0,
        }
    }

    /// The level of the keys.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Number of rules inserted: the sum of all counts.
    pub fn rules(&self) -> u64 {
        self.rules
    }

    /// Memory that the set holds, in bytes, its spare room included.
    pub fn bytes(&self) -> usize {
        size_of::<Dedup>()
            + self.entries.bytes()
            + self.index.allocation_size()
            + self.carries.len() * CARRY_BYTES
    }

    /// Counts a rule, and says whether one of its class came before. The index says where the rule stands; it
    /// may be any number. The key is of the level of the set: that is up to the caller.
    ///
    /// ```
    /// use nosc_compiler::canonical::{Key, Level};
    /// use nosc_compiler::dedup::{Dedup, Seen};
    ///
    /// let mut seen = Dedup::new(Level::Exact);
    /// assert_eq!(seen.insert(Key([1; 16]), 10), Seen::New);
    /// assert_eq!(seen.insert(Key([1; 16]), 20), Seen::Again { first: 10 });
    /// assert_eq!(seen.insert(Key([1; 16]), 5), Seen::Again { first: 5 });
    /// assert_eq!(seen.get(&Key([1; 16])).map(|class| class.count), Some(3));
    /// ```
    pub fn insert(&mut self, key: Key, index: u64) -> Seen {
        self.insert_class(Class { key, first: index, count: 1 })
    }

    /// Counts several rules of one key, the first of which has this index. A count of 0 makes a key known.
    pub fn insert_class(&mut self, class: Class) -> Seen {
        self.rules = self.rules.saturating_add(class.count);
        if self.index.len() == self.index.capacity() {
            self.grow_index(self.index.len() * 2);
        }
        let entries = &mut self.entries;
        let is_same = |at: &Position| entries.get(at.get()).key() == class.key;
        // The table has room, so the last argument is not called.
        match self.index.entry(hash(&class.key), is_same, |_| 0) {
            hash_table::Entry::Occupied(found) => {
                let entry = self.entries.get_mut(found.get().get());
                entry.add(class.first, class.count, &mut self.carries);
                Seen::Again { first: entry.first() }
            }
            hash_table::Entry::Vacant(place) => {
                place.insert(Position::new(self.entries.len()));
                self.entries.push(Entry::new(class, &mut self.carries));
                Seen::New
            }
        }
    }

    /// Drops the table and builds a larger one of the list, so that both are never there at once.
    fn grow_index(&mut self, wanted: usize) {
        self.index = HashTable::new();
        self.index = HashTable::with_capacity(wanted.max(7));
        for (place, entry) in self.entries.iter().enumerate() {
            self.index.insert_unique(entry.hash(), Position::new(place), |_| 0);
        }
    }

    /// The class of a key, if it has been seen.
    pub fn get(&self, key: &Key) -> Option<Class> {
        let found = self.index.find(hash(key), |at| self.entries.get(at.get()).key() == *key)?;
        Some(self.entries.get(found.get()).class(&self.carries))
    }

    /// Whether the key has been seen.
    pub fn contains(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// Takes over all classes of another set. Indices are compared as they are: shift them first if the two
    /// streams number their rules alike.
    ///
    /// # Errors
    ///
    /// [`OtherLevel`] if the sets are of two levels; then nothing has changed.
    pub fn merge(&mut self, other: &Dedup) -> Result<(), OtherLevel> {
        if other.level != self.level {
            return Err(OtherLevel { own: self.level, other: other.level });
        }
        for entry in other.entries.iter() {
            self.insert_class(entry.class(&other.carries));
        }
        Ok(())
    }

    /// All classes by first index; those that share one by key. Takes 8 bytes a class while it is in use.
    ///
    /// ```
    /// use nosc_compiler::canonical::{Key, Level};
    /// use nosc_compiler::dedup::Dedup;
    ///
    /// let mut seen = Dedup::new(Level::Exact);
    /// seen.insert(Key([1; 16]), 20);
    /// seen.insert(Key([2; 16]), 10);
    /// let firsts: Vec<u64> = seen.by_first().map(|class| class.first).collect();
    /// assert_eq!(firsts, [10, 20]);
    /// ```
    pub fn by_first(&self) -> impl Iterator<Item = Class> + '_ {
        self.sorted(|entry| (entry.first(), entry.key()))
    }

    /// All classes, the most frequent first; those that share a count by first index. Takes 8 bytes a class
    /// while it is in use.
    pub fn by_count(&self) -> impl Iterator<Item = Class> + '_ {
        let rank = |entry: &Entry| {
            let count = entry.count(&self.carries);
            (u64::MAX - count, entry.first(), entry.key())
        };
        self.sorted(rank)
    }

    /// All classes in no order that means anything, though the same for the same insertions.
    pub fn iter(&self) -> impl Iterator<Item = Class> + '_ {
        self.entries.iter().map(|entry| entry.class(&self.carries))
    }

    /// An index above that of every class: where the numbering of another stream may begin.
    ///
    /// ```
    /// use nosc_compiler::canonical::{Key, Level};
    /// use nosc_compiler::dedup::Dedup;
    ///
    /// let mut seen = Dedup::new(Level::Exact);
    /// assert_eq!(seen.next_index(), 0);
    /// seen.insert(Key([1; 16]), 20);
    /// assert_eq!(seen.next_index(), 21);
    /// ```
    pub fn next_index(&self) -> u64 {
        self.entries.iter().map(Entry::first).max().map_or(0, |last| last.saturating_add(1))
    }

    pub(super) fn sorted<K: Ord>(
        &self,
        rank: impl Fn(&Entry) -> K,
    ) -> impl Iterator<Item = Class> + '_ {
        let mut places: Vec<usize> = (0..self.entries.len()).collect();
        places.sort_unstable_by_key(|place| rank(self.entries.get(*place)));
        places.into_iter().map(|place| self.entries.get(place).class(&self.carries))
    }

    /// The list alone, without the table.
    pub(super) fn into_parts(self) -> Parts {
        Parts { entries: self.entries, carries: self.carries, rules: self.rules }
    }

    /// A set of lists in which no key stands twice.
    pub(super) fn of_disjoint(level: Level, parts: impl IntoIterator<Item = Parts>) -> Dedup {
        let mut set = Dedup::new(level);
        for part in parts {
            part.entries.into_entries().for_each(|entry| set.entries.push(entry));
            set.carries.extend(part.carries);
            set.rules = set.rules.saturating_add(part.rules);
        }
        set.grow_index(set.entries.len());
        set
    }
}

/// A set without its table.
pub(super) struct Parts {
    pub(super) entries: List,
    pub(super) carries: Carries,
    pub(super) rules: u64,
}

impl fmt::Debug for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedup")
            .field("level", &self.level)
            .field("classes", &self.len())
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Dedup {
    /// Whether both hold the same classes.
    fn eq(&self, other: &Dedup) -> bool {
        let has = |entry: &Entry| {
            other.get(&entry.key()).is_some_and(|class| class == entry.class(&self.carries))
        };
        self.level == other.level && self.len() == other.len() && self.entries.iter().all(has)
    }
}

impl Eq for Dedup {}
