//! Global memory: arrays with gaps between them, and every access checked.
//!
//! Threads of a launch run at the same time on a device, so an element that is written belongs to one of
//! them: an access by another is a fault, in whichever order they come.

use std::fmt;

use thiserror::Error;

/// Where an array starts, at the earliest, within the addresses of its own.
const MARGIN: u64 = 0x1_0000;
/// Each array has as many addresses to itself as these bits count.
const ARRAY_BITS: u32 = 32;
/// Elements have this many bytes at least.
const GRANULE: usize = 2;

/// Whether a launch may write an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Reads only, by the non-coherent path too.
    Read,
    /// Reads and writes.
    Write,
}

/// An array in a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(usize);

/// Addresses that are accessed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub address: u64,
    /// How many.
    pub bytes: u32,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {:#x}", self.bytes, self.address)
    }
}

/// Why an access is not allowed. Arrays are named.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessFault {
    /// The address is no multiple of the number of bytes.
    #[error("not aligned")]
    Misaligned,
    /// No array is anywhere near.
    #[error("no array is there")]
    Nowhere,
    /// Not, or not all of it, in the array that is near.
    #[error("outside of {0}")]
    Outside(String),
    /// The array may not be written.
    #[error("writes to {0}, which is read only")]
    ReadOnly(String),
    /// The array may be written in the launch, so the non-coherent path is not for it.
    #[error("reads {0} by the non-coherent path, though it is written")]
    NonCoherent(String),
    /// Another thread of the launch accesses the same element.
    #[error("an element of {0} is accessed by two threads")]
    TwoThreads(String),
}

#[derive(Debug, Clone)]
struct Array {
    name: String,
    address: u64,
    bytes: Vec<u8>,
    /// The last thread that accessed a granule; empty if it may only be read.
    threads: Vec<u64>,
}

/// Arrays, each with its own addresses.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    arrays: Vec<Array>,
    /// Number of the thread that runs, from 1 over all launches.
    thread: u64,
    /// The first of the launch.
    first_thread: u64,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Adds an array, whose address is a multiple of 256 and `skipped` more.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>, rights: Rights, skipped: u64) -> Handle {
        assert!((bytes.len() as u64) < (1 << ARRAY_BITS) - 2 * MARGIN && skipped < MARGIN);
        let number = self.arrays.len() as u64 + 1;
        let granules = if rights == Rights::Write { bytes.len().div_ceil(GRANULE) } else { 0 };
        self.arrays.push(Array {
            name: name.to_owned(),
            address: (number << ARRAY_BITS) + MARGIN + skipped,
            bytes,
            threads: vec![0; granules],
        });
        Handle(self.arrays.len() - 1)
    }

    /// Address of an array's first byte.
    pub fn address(&self, array: Handle) -> u64 {
        self.arrays[array.0].address
    }

    /// What an array holds.
    pub fn bytes(&self, array: Handle) -> &[u8] {
        &self.arrays[array.0].bytes
    }

    /// What an array holds, to be changed between launches.
    pub fn bytes_mut(&mut self, array: Handle) -> &mut [u8] {
        &mut self.arrays[array.0].bytes
    }

    /// Accesses from here on belong to another launch.
    pub(super) fn start_launch(&mut self) {
        self.first_thread = self.thread + 1;
    }

    /// Accesses from here on are those of another thread.
    pub(super) fn start_thread(&mut self) {
        self.thread += 1;
    }

    /// What a thread loads.
    #[inline]
    pub(super) fn load(&mut self, span: Span, coherent: bool) -> Result<&[u8], AccessFault> {
        let (array, start) = self.find(span)?;
        let array = &mut self.arrays[array];
        if !array.threads.is_empty() {
            if !coherent {
                return Err(AccessFault::NonCoherent(array.name.clone()));
            }
            array.take(start, span.bytes, self.thread, self.first_thread)?;
        }
        Ok(&array.bytes[start..start + span.bytes as usize])
    }

    /// Where a thread stores.
    #[inline]
    pub(super) fn store(&mut self, span: Span) -> Result<&mut [u8], AccessFault> {
        let (array, start) = self.find(span)?;
        let array = &mut self.arrays[array];
        if array.threads.is_empty() {
            return Err(AccessFault::ReadOnly(array.name.clone()));
        }
        array.take(start, span.bytes, self.thread, self.first_thread)?;
        Ok(&mut array.bytes[start..start + span.bytes as usize])
    }

    /// Number of an array, and the place in it.
    #[inline]
    fn find(&self, span: Span) -> Result<(usize, usize), AccessFault> {
        if !span.address.is_multiple_of(span.bytes.into()) {
            return Err(AccessFault::Misaligned);
        }
        let number = (span.address >> ARRAY_BITS).wrapping_sub(1) as usize;
        let Some(array) = self.arrays.get(number) else { return Err(AccessFault::Nowhere) };
        let start = span.address.wrapping_sub(array.address);
        let end = start.checked_add(span.bytes.into());
        if end.is_none_or(|end| end > array.bytes.len() as u64) {
            return Err(AccessFault::Outside(array.name.clone()));
        }
        Ok((number, start as usize))
    }
}

impl Array {
    /// The elements are the thread's, or were nobody's in this launch.
    #[inline]
    fn take(
        &mut self,
        start: usize,
        bytes: u32,
        thread: u64,
        first: u64,
    ) -> Result<(), AccessFault> {
        let end = (start + bytes as usize).div_ceil(GRANULE);
        for last in &mut self.threads[start / GRANULE..end] {
            if *last >= first && *last != thread {
                return Err(AccessFault::TwoThreads(self.name.clone()));
            }
            *last = thread;
        }
        Ok(())
    }
}
