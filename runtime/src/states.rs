//! Memory of the states: one arena an optimizer, an array for each slot and tensor.
//!
//! Large arenas ask the system for huge pages, which saves about a quarter of a step that memory
//! limits. There arrays start at cache lines, and those of neighbouring slots a little apart modulo a page,
//! so that an element's reads and writes do not meet in one set of a cache.

use std::ops::Range;

use memmap2::MmapMut;
use smallvec::SmallVec;

use crate::error::RuntimeError;

/// Floats of a cache line: every array starts at one.
pub(crate) const LINE: usize = 16;
/// Floats of a page of 4 KiB.
const PAGE: usize = 1024;
/// Floats between the starts of neighbouring slots, modulo a page.
const STAGGER: usize = 208;
/// Bytes from which an arena has pages of its own.
const MAPPED: usize = 1 << 20;
/// Bytes of a huge page.
const HUGE: usize = 2 << 20;

/// One `f32` array for each slot and tensor.
#[derive(Debug)]
pub(crate) struct States {
    memory: Memory,
    /// Of each slot in the arena.
    starts: Vec<usize>,
    /// Of each tensor in its slot.
    offsets: Vec<usize>,
    lengths: Vec<usize>,
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<f32>),
    /// A part of a mapping, in bytes.
    Mapped(MmapMut, Range<usize>),
}

impl States {
    /// Arrays of zeros.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Memory`] if the system gives no memory.
    pub(crate) fn zeros(slots: usize, lengths: &[usize]) -> Result<States, RuntimeError> {
        let full = |floats: Option<usize>| floats.ok_or(RuntimeError::Memory { bytes: usize::MAX });
        let mut offsets = Vec::with_capacity(lengths.len());
        let mut floats = 0_usize;
        for length in lengths {
            offsets.push(floats);
            floats =
                full(length.checked_next_multiple_of(LINE).and_then(|l| floats.checked_add(l)))?;
        }
        // Pages only count where a slot fills some.
        let apart = if floats < PAGE { 0 } else { STAGGER };
        let pitch = full(floats.checked_next_multiple_of(if apart == 0 { LINE } else { PAGE }))?;
        let pitch = full(pitch.checked_add(apart))?;
        let starts: Vec<usize> = (0..slots).map(|slot| slot.saturating_mul(pitch)).collect();
        let total = full(starts.last().map_or(Some(0), |start| start.checked_add(floats)))?;
        let memory = Memory::zeros(total)?;
        Ok(States { memory, starts, offsets, lengths: lengths.to_vec() })
    }

    /// The array of a slot and a tensor.
    pub(crate) fn get(&self, slot: usize, tensor: usize) -> Option<&[f32]> {
        let start = self.starts.get(slot)? + self.offsets.get(tensor)?;
        self.memory.floats().get(start..start + self.lengths.get(tensor)?)
    }

    /// The same, to be written.
    pub(crate) fn get_mut(&mut self, slot: usize, tensor: usize) -> Option<&mut [f32]> {
        let start = self.starts.get(slot)? + self.offsets.get(tensor)?;
        self.memory.floats_mut().get_mut(start..start + self.lengths.get(tensor)?)
    }
}

/// All arrays of each slot, one after the other.
fn slots_of<'a>(memory: &'a mut Memory, starts: &[usize]) -> Slices<'a> {
    let mut slots = SmallVec::new();
    let mut rest = memory.floats_mut();
    let mut taken = 0;
    for (slot, start) in starts.iter().enumerate() {
        let (_, from_start) = std::mem::take(&mut rest).split_at_mut(start - taken);
        let end = starts.get(slot + 1).map_or(from_start.len(), |next| next - start);
        let (own, after) = from_start.split_at_mut(end);
        (rest, taken) = (after, start + end);
        slots.push(own);
    }
    slots
}

/// The states of one tensor or a part of it, by slot.
pub(crate) type Slices<'a> = SmallVec<[&'a mut [f32]; 16]>;

/// The states of a list of tensors, wherever they stand.
pub(crate) trait StateArrays {
    /// Number of slots.
    fn slots(&self) -> usize;
    /// The states of each tensor.
    fn iter(&mut self) -> impl Iterator<Item = Slices<'_>>;
    /// Sets all elements of each slot to a value.
    fn fill(&mut self, values: &[f32]) {
        for mut states in self.iter() {
            for (state, value) in states.iter_mut().zip(values) {
                // A fresh array is zero already, and not written before it is needed.
                if state.iter().any(|x| x.to_bits() != value.to_bits()) {
                    state.fill(*value);
                }
            }
        }
    }
}

/// Memory for the states of tensors that someone else steps over, such as [`StatelessOptimizer`](crate::StatelessOptimizer)
/// with lent slices of it: zeros, placed as an [`Optimizer`](crate::Optimizer) places its own, in huge pages where the
/// system has them.
#[derive(Debug)]
pub struct StateArena(States);

impl StateArena {
    /// An array of f32 for each slot and each tensor of so many elements.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Memory`] if the system gives no memory.
    pub fn zeros(slots: usize, lengths: &[usize]) -> Result<StateArena, RuntimeError> {
        Ok(StateArena(States::zeros(slots, lengths)?))
    }

    /// The array of a slot and a tensor.
    pub fn get_mut(&mut self, slot: usize, tensor: usize) -> Option<&mut [f32]> {
        self.0.get_mut(slot, tensor)
    }
}

impl StateArrays for States {
    fn slots(&self) -> usize {
        self.starts.len()
    }

    fn iter(&mut self) -> impl Iterator<Item = Slices<'_>> {
        let mut slots = slots_of(&mut self.memory, &self.starts);
        self.lengths.iter().map(move |length| {
            let (length, mut slices) = (*length, Slices::new());
            for slot in &mut slots {
                let padded = length.next_multiple_of(LINE).min(slot.len());
                let (own, after) = std::mem::take(slot).split_at_mut(padded);
                *slot = after;
                slices.push(own.split_at_mut(length).0);
            }
            slices
        })
    }
}

/// States of other owners: for each tensor, those of its slots.
#[derive(Debug)]
pub(crate) struct Lent<'s, 'a> {
    pub(crate) states: &'s mut [&'a mut [f32]],
    pub(crate) slots: usize,
    pub(crate) tensors: usize,
}

impl StateArrays for Lent<'_, '_> {
    fn slots(&self) -> usize {
        self.slots
    }

    fn iter(&mut self) -> impl Iterator<Item = Slices<'_>> {
        let mut states = self.states.iter_mut();
        let slots = self.slots;
        (0..self.tensors)
            .map(move |_| states.by_ref().take(slots).map(|state| &mut **state).collect())
    }
}

impl Clone for States {
    fn clone(&self) -> States {
        let from = self.memory.floats();
        let memory = match Memory::zeros(from.len()) {
            Ok(mut memory) => {
                memory.floats_mut().copy_from_slice(from);
                memory
            }
            Err(_) => Memory::Heap(from.to_vec()),
        };
        let (starts, offsets) = (self.starts.clone(), self.offsets.clone());
        States { memory, starts, offsets, lengths: self.lengths.clone() }
    }
}

impl Memory {
    fn zeros(floats: usize) -> Result<Memory, RuntimeError> {
        let bytes = floats.saturating_mul(4);
        let refused = || RuntimeError::Memory { bytes };
        if bytes < MAPPED {
            let mut memory = Vec::new();
            memory.try_reserve_exact(floats).map_err(|_| refused())?;
            memory.resize(floats, 0.0);
            return Ok(Memory::Heap(memory));
        }
        // Room to start at a huge page.
        let length = bytes.checked_add(HUGE).ok_or_else(refused)?;
        let map = MmapMut::map_anon(length).map_err(|_| refused())?;
        let start = map.as_ptr().align_offset(HUGE).min(HUGE);
        // A wish: where it is not granted the pages are small ones.
        #[cfg(target_os = "linux")]
        drop(map.advise(memmap2::Advice::HugePage));
        Ok(Memory::Mapped(map, start..start + bytes))
    }

    fn floats(&self) -> &[f32] {
        match self {
            Memory::Heap(memory) => memory,
            Memory::Mapped(map, part) => bytemuck::cast_slice(&map[part.clone()]),
        }
    }

    fn floats_mut(&mut self) -> &mut [f32] {
        match self {
            Memory::Heap(memory) => memory,
            Memory::Mapped(map, part) => bytemuck::cast_slice_mut(&mut map[part.clone()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(slots: usize, lengths: &[usize]) {
        let mut states = States::zeros(slots, lengths).unwrap();
        for slot in 0..slots {
            for (tensor, length) in lengths.iter().enumerate() {
                let array = states.get_mut(slot, tensor).unwrap();
                assert_eq!(array.len(), *length);
                assert!(array.iter().all(|x| *x == 0.0));
                array.fill((tensor * slots + slot) as f32 + 1.0);
            }
        }
        for (tensor, slices) in states.iter().enumerate() {
            assert_eq!(slices.len(), slots);
            for (slot, slice) in slices.iter().enumerate() {
                assert_eq!(**slice, vec![(tensor * slots + slot) as f32 + 1.0; lengths[tensor]]);
            }
        }
        let copy = states.clone();
        for slot in 0..slots {
            for (tensor, length) in lengths.iter().enumerate() {
                let wanted = vec![(tensor * slots + slot) as f32 + 1.0; *length];
                assert_eq!(states.get(slot, tensor), Some(&wanted[..]));
                assert_eq!(copy.get(slot, tensor), Some(&wanted[..]));
                assert_eq!(states.get_mut(slot, tensor).map(|a| a.len()), Some(*length));
            }
        }
        assert_eq!(states.get(slots, 0), None);
        assert_eq!(states.get(0, lengths.len()), None);
    }

    #[test]
    fn arrays_are_apart_and_have_their_lengths() {
        for slots in [0, 1, 2, 5, 17] {
            check(slots, &[]);
            check(slots, &[0]);
            check(slots, &[1, 0, 16, 17, 1000]);
            check(slots, &[100_000, 3, 0, 70_000]);
        }
        check(2, &[1_000_003, 5]);
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        for length in [usize::MAX, usize::MAX / 4, 1 << 46] {
            let error = States::zeros(3, &[length]).unwrap_err();
            assert!(matches!(error, RuntimeError::Memory { .. }), "{error}");
        }
    }

    #[test]
    fn large_arrays_start_apart_in_their_pages() {
        let states = States::zeros(3, &[1 << 20]).unwrap();
        let place = |slot| states.get(slot, 0).unwrap().as_ptr() as usize % 4096;
        assert_eq!([place(0), place(1), place(2)], [0, 4 * STAGGER, 8 * STAGGER]);
    }
}
