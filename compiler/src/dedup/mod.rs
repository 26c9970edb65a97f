//! Which rules of a stream have been seen: a set of keys with the first place and the count of each.
//!
//! A search, or a list of millions of rules, asks of each rule whether one of its class came before. Three
//! sets answer:
//!
//! | set | for | bytes a class |
//! |---|---|---|
//! | [`Dedup`] | one thread | at most 72 while it grows; at most 43 above 100,000 |
//! | [`ShardedDedup`] | many threads at once, through `&self` | as `Dedup` |
//! | [`FrozenDedup`] | reading only | 29 |
//!
//! # What holds
//!
//! 1. **Order does not matter.** The same insertions, in any order, on any threads and merged in any way, give
//!    the same classes, each with its smallest index and the count of all.
//! 2. **No hash order.** Classes are listed by first index or by count, never as they lie in memory.
//! 3. **Keys of one kind.** Keys of two levels are not comparable. A set has a level, and sets of two levels do
//!    not mix; a saved set of another level or form version is refused.
//! 4. **No I/O.** A set is written to and read from whatever the caller hands it.
//!
//! The set never sees a rule: it is handed keys, and an index that says where the rule stands (its number, its
//! place in a file), which it hands back.
//!
//! ```
//! use nosc_compiler::canonical::{Canonicalizer, Level};
//! use nosc_compiler::dedup::{Dedup, Seen};
//!
//! let mut canonicalizer = Canonicalizer::new(Level::Real);
//! let mut seen = Dedup::new(Level::Real);
//! let list = ["g m id id mul", "m g id id mul", "g g id id add"];
//! let answers = list.iter().zip(0..).map(|(tokens, index)| {
//!     Ok(seen.insert(canonicalizer.key_of_tokens(tokens)?, index))
//! });
//! let answers = answers.collect::<Result<Vec<Seen>, nosc_compiler::CompileErrors>>()?;
//! assert_eq!(answers, [Seen::New, Seen::Again { first: 0 }, Seen::New]);
//! assert_eq!((seen.len(), seen.rules()), (2, 3));
//! # Ok::<(), nosc_compiler::CompileErrors>(())
//! ```

mod entry;
mod list;
mod set;
mod sharded;
mod frozen;
mod saved;
#[cfg(test)]
mod tests;

use crate::canonical::{Key, Level};

pub use frozen::FrozenDedup;
pub use saved::{LoadError, SAVED_FORMAT};
pub use set::Dedup;
pub use sharded::ShardedDedup;

/// What a set says of a rule that is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The first of its class.
    New,
    /// One of its class was there.
    Again {
        /// The smallest index of the class, this one included: it is the index just inserted if that came from
        /// further ahead than those before it, as it may with threads.
        first: u64,
    },
}

impl Seen {
    /// Whether a rule inserted at this index now stands for its class.
    ///
    /// ```
    /// use nosc_compiler::dedup::Seen;
    ///
    /// assert!(Seen::New.is_first(7));
    /// assert!(Seen::Again { first: 7 }.is_first(7));
    /// assert!(!Seen::Again { first: 3 }.is_first(7));
    /// ```
    pub fn is_first(self, index: u64) -> bool {
        match self {
            Seen::New => true,
            Seen::Again { first } => first == index,
        }
    }
}

/// Rules of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// What they share.
    pub key: Key,
    /// The smallest index that one of them was inserted with.
    pub first: u64,
    /// How many there are.
    pub count: u64,
}

/// Two sets of different levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("keys of level `{other}` cannot go into a set of level `{own}`")]
#[non_exhaustive]
pub struct OtherLevel {
    /// The level of the set.
    pub own: Level,
    /// The level of what was to go in.
    pub other: Level,
}
