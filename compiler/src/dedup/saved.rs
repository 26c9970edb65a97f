//! A set as bytes: what a long search keeps from one day to the next.
//!
//! ```text
//! 0   8  "nosc-set"
//! 8   4  SAVED_FORMAT
//! 12  4  FORM_VERSION of the keys
//! 16  4  level: 0 exact, 1 real, 2 scale
//! 20  4  0
//! 24  8  number of classes
//! 32     classes by key: key 16, first index 8, count 8
//!     32 BLAKE3 of all before
//! ```
//!
//! Numbers are little-endian. The same classes give the same bytes, however they came together.

use std::io::{self, Read, Write};

use crate::canonical::{FORM_VERSION, Key, Level};

use super::entry::Entry;
use super::{Class, Dedup, FrozenDedup};

/// The layout of a saved set.
pub const SAVED_FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"nosc-set";
const HEADER: usize = 32;
const RECORD: usize = 32;
/// Records that are read or written at once: 64 KiB.
const RECORDS: usize = 2048;

/// Why bytes are not taken as a set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source failed.
    #[error("could not read the saved set: {0}")]
    Read(#[from] io::Error),
    /// The first bytes are something else's.
    #[error("not a saved set of nosc")]
    NotASet,
    /// A layout of another release.
    #[error(
        "the saved set has format {found}, expected {SAVED_FORMAT}; it was written by another release of nosc"
    )]
    OtherFormat {
        /// What it has.
        found: u32,
    },
    /// Keys of another form version say nothing of today's.
    #[error(
        "the saved set has keys of form version {found}, this release makes version {FORM_VERSION}; \
         build it again from its rules"
    )]
    OtherForm {
        /// What it has.
        found: u32,
    },
    /// Keys of another level.
    #[error("the saved set has keys of level `{found}`, expected `{expected}`")]
    OtherLevel {
        /// What it has.
        found: Level,
        /// What was asked for.
        expected: Level,
    },
    /// Fewer bytes than it says it has.
    #[error("the saved set is cut short: it ends within class {class} of {classes}")]
    Cut {
        /// The class, from 1, that is not whole; one past the last if the checksum is not.
        class: u64,
        /// How many there should be.
        classes: u64,
    },
    /// More bytes than it says it has.
    #[error("the saved set is followed by other bytes")]
    Trailing,
    /// Bytes have changed.
    #[error("the saved set is damaged: {0}")]
    Damaged(&'static str),
}

impl Dedup {
    /// Writes the set; [`Dedup::load`] reads it. Takes 8 bytes a class while it writes.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::canonical::{Key, Level};
    /// use nosc_compiler::dedup::{Dedup, LoadError};
    ///
    /// let mut seen = Dedup::new(Level::Real);
    /// seen.insert(Key([1; 16]), 10);
    /// let mut bytes = Vec::new();
    /// seen.save(&mut bytes)?;
    /// assert_eq!(Dedup::load(&bytes[..], Level::Real)?, seen);
    ///
    /// let other = Dedup::load(&bytes[..], Level::Scale);
    /// assert!(matches!(other, Err(LoadError::OtherLevel { found: Level::Real, .. })));
    /// # Ok::<(), LoadError>(())
    /// ```
    pub fn save(&self, writer: impl Write) -> io::Result<()> {
        write(writer, self.level(), self.len(), self.sorted(Entry::key))
    }

    /// Reads a set of a level. Memory is taken as classes arrive, whatever number the bytes claim to hold.
    ///
    /// # Errors
    ///
    /// [`LoadError`] if the bytes are no set of this level and of today's form version, or not whole.
    pub fn load(mut reader: impl Read, level: Level) -> Result<Dedup, LoadError> {
        let mut hasher = blake3::Hasher::new();
        let mut header = [0; HEADER];
        if fill(&mut reader, &mut header)? < HEADER {
            let is_ours = header.starts_with(MAGIC);
            return Err(if is_ours {
                LoadError::Cut { class: 0, classes: 0 }
            } else {
                LoadError::NotASet
            });
        }
        let classes = read_header(&header, level)?;
        hasher.update(&header);
        let mut set = Dedup::new(level);
        let mut last: Option<Key> = None;
        let mut buffer = vec![0; RECORDS * RECORD];
        let mut left = classes;
        while left > 0 {
            let wanted = left.min(RECORDS as u64) as usize * RECORD;
            let found = fill(&mut reader, &mut buffer[..wanted])?;
            if found < wanted {
                let class = classes - left + (found / RECORD) as u64 + 1;
                return Err(LoadError::Cut { class, classes });
            }
            hasher.update(&buffer[..wanted]);
            for record in buffer[..wanted].chunks_exact(RECORD) {
                let class = class(record);
                if last.is_some_and(|last| last >= class.key) {
                    return Err(LoadError::Damaged("its keys are not in order"));
                }
                last = Some(class.key);
                set.insert_class(class);
            }
            left -= (wanted / RECORD) as u64;
        }
        // One byte more than the checksum, to see that nothing follows.
        let mut end = [0; 33];
        match fill(&mut reader, &mut end)? {
            33 => Err(LoadError::Trailing),
            32 if end[..32] == *hasher.finalize().as_bytes() => Ok(set),
            32 => Err(LoadError::Damaged("its checksum does not fit")),
            _ => Err(LoadError::Cut { class: classes.saturating_add(1), classes }),
        }
    }
}

impl FrozenDedup {
    /// Writes the set as [`Dedup::save`] does.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn save(&self, writer: impl Write) -> io::Result<()> {
        write(writer, self.level(), self.len(), self.iter())
    }
}

fn write(
    mut writer: impl Write,
    level: Level,
    len: usize,
    classes: impl Iterator<Item = Class>,
) -> io::Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = Vec::with_capacity(RECORDS * RECORD);
    buffer.extend_from_slice(MAGIC);
    for word in [SAVED_FORMAT, FORM_VERSION, level as u32, 0] {
        buffer.extend_from_slice(&word.to_le_bytes());
    }
    buffer.extend_from_slice(&(len as u64).to_le_bytes());
    for class in classes {
        if buffer.len() + RECORD > RECORDS * RECORD {
            hasher.update(&buffer);
            writer.write_all(&buffer)?;
            buffer.clear();
        }
        buffer.extend_from_slice(&class.key.0);
        buffer.extend_from_slice(&class.first.to_le_bytes());
        buffer.extend_from_slice(&class.count.to_le_bytes());
    }
    hasher.update(&buffer);
    buffer.extend_from_slice(hasher.finalize().as_bytes());
    writer.write_all(&buffer)?;
    writer.flush()
}

/// The number of classes.
fn read_header(header: &[u8; HEADER], expected: Level) -> Result<u64, LoadError> {
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if !header.starts_with(MAGIC) {
        return Err(LoadError::NotASet);
    }
    if word(8) != SAVED_FORMAT {
        return Err(LoadError::OtherFormat { found: word(8) });
    }
    if word(12) != FORM_VERSION {
        return Err(LoadError::OtherForm { found: word(12) });
    }
    let level = Level::ALL.into_iter().find(|level| *level as u32 == word(16));
    let found = level.ok_or(LoadError::Damaged("it has no such level"))?;
    if found != expected {
        return Err(LoadError::OtherLevel { found, expected });
    }
    if word(20) != 0 {
        return Err(LoadError::Damaged("its header is not as it was written"));
    }
    Ok(u64::from(word(28)) << 32 | u64::from(word(24)))
}

fn class(record: &[u8]) -> Class {
    let mut key = [0; 16];
    key.copy_from_slice(&record[..16]);
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&record[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    Class { key: Key(key), first: number(16), count: number(24) }
}

/// Reads until the buffer is full or the source ends; how much that was.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
