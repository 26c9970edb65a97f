//! Arrays that start on a cache line, so that no vector lies across two of them.

use std::ops::{Deref, DerefMut};

/// Floats of a cache line.
const LINE: usize = 16;

/// Floats from the start of a cache line on.
#[derive(Debug)]
pub(in crate::child) struct Aligned {
    memory: Vec<f32>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// So many zeros.
    pub(in crate::child) fn new(length: usize) -> Self {
        let memory = vec![0.0_f32; length + LINE];
        // Pointers of an allocation can be aligned; if this one could not, it would only be slower.
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Self { memory, start, length }
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut clone = Self::new(self.length);
        clone.copy_from_slice(self);
        clone
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::Aligned;

    #[test]
    fn arrays_and_their_clones_start_on_a_line() {
        for length in [0, 1, 16, 1000] {
            let mut array = Aligned::new(length);
            array.fill(2.0);
            for array in [array.clone(), array] {
                assert_eq!(array.as_ptr().align_offset(64), 0);
                assert_eq!(*array, vec![2.0; length]);
            }
        }
    }
}
