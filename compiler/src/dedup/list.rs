//! A list of classes that grows without moving: blocks of 28 KiB.

use std::mem::size_of;

use super::entry::Entry;

/// Entries of a block.
const BLOCK: usize = 1024;
/// The first block starts with this many and doubles, so that a small set is small.
const START: usize = 8;

/// All blocks but the last are full.
#[derive(Debug, Clone, Default)]
pub(super) struct List {
    blocks: Vec<Vec<Entry>>,
    len: usize,
}

impl List {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, entry: Entry) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            last => {
                let room = if last.is_none() { START } else { BLOCK };
                let mut block = Vec::with_capacity(room);
                block.push(entry);
                self.blocks.push(block);
            }
        }
        self.len += 1;
    }

    pub(super) fn get(&self, place: usize) -> &Entry {
        &self.blocks[place / BLOCK][place % BLOCK]
    }

    pub(super) fn get_mut(&mut self, place: usize) -> &mut Entry {
        &mut self.blocks[place / BLOCK][place % BLOCK]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> + '_ {
        self.blocks.iter().flatten()
    }

    /// The entries one after the other. Blocks are freed as they are read.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.blocks.into_iter().flatten()
    }

    pub(super) fn bytes(&self) -> usize {
        let room: usize = self.blocks.iter().map(Vec::capacity).sum();
        room * size_of::<Entry>() + self.blocks.capacity() * size_of::<Vec<Entry>>()
    }
}
