//! A class as it lies in memory: 28 bytes without padding.

use std::collections::BTreeMap;

use crate::canonical::Key;

use super::Class;

/// Key, first index and the low half of the count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    key: [u8; 16],
    first: [u8; 8],
    count: [u8; 4],
}

/// The high halves of counts, of the few classes that have one.
pub(super) type Carries = BTreeMap<Key, u32>;

impl Entry {
    pub(super) fn new(class: Class, carries: &mut Carries) -> Entry {
        let mut entry = Entry { key: class.key.0, first: class.first.to_le_bytes(), count: [0; 4] };
        entry.set_count(class.count, carries);
        entry
    }

    pub(super) fn key(&self) -> Key {
        Key(self.key)
    }

    pub(super) fn hash(&self) -> u64 {
        hash(&self.key())
    }

    pub(super) fn first(&self) -> u64 {
        u64::from_le_bytes(self.first)
    }

    pub(super) fn class(&self, carries: &Carries) -> Class {
        Class { key: self.key(), first: self.first(), count: self.count(carries) }
    }

    pub(super) fn count(&self, carries: &Carries) -> u64 {
        // Empty for all but the longest streams.
        let high = if carries.is_empty() { None } else { carries.get(&self.key()) };
        u64::from(high.copied().unwrap_or(0)) << 32 | u64::from(u32::from_le_bytes(self.count))
    }

    /// Takes more rules of the class; the smallest index stays.
    pub(super) fn add(&mut self, first: u64, count: u64, carries: &mut Carries) {
        if first < self.first() {
            self.first = first.to_le_bytes();
        }
        let low = u64::from(u32::from_le_bytes(self.count)).checked_add(count);
        match low.and_then(|sum| u32::try_from(sum).ok()) {
            Some(low) => self.count = low.to_le_bytes(),
            None => self.set_count(self.count(carries).saturating_add(count), carries),
        }
    }

    fn set_count(&mut self, count: u64, carries: &mut Carries) {
        self.count = (count as u32).to_le_bytes();
        let high = (count >> 32) as u32;
        if high > 0 {
            carries.insert(self.key(), high);
        }
    }
}

/// Eight bytes of the key, which are as good as random. Shards and frozen sets use the other eight.
pub(super) fn hash(key: &Key) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = key.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The other eight bytes, as a number that rises with the key.
pub(super) fn rank(key: &Key) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Where an entry stands in its list: 40 bits are more than any memory holds, and three bytes less a class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position([u8; 5]);

impl Position {
    pub(super) fn new(place: usize) -> Position {
        let [a, b, c, d, e, ..] = (place as u64).to_le_bytes();
        Position([a, b, c, d, e])
    }

    pub(super) fn get(self) -> usize {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]) as usize
    }
}
