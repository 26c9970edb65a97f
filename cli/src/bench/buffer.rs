//! Arrays that are measured on: on huge pages where the system has them, and each a little apart from the
//! others modulo the size of a page, so that loads and stores of one element do not look alike to the
//! processor.

use memmap2::MmapMut;

use super::BenchError;

/// Arrays start on a huge page, less their own offset.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes between the starts of two arrays, modulo 4 KiB.
const APART: usize = 1024;

/// An array of f32, 0 at first.
pub(super) struct Buffer {
    map: MmapMut,
    /// Bytes before the first element.
    start: usize,
    length: usize,
}

impl Buffer {
    /// `number` tells the arrays of one step apart.
    pub(super) fn new(length: usize, number: usize) -> Result<Buffer, BenchError> {
        let offset = number * APART % 4096;
        let bytes = length.saturating_mul(4);
        let fail = |source| BenchError::Array { bytes, source };
        let map = MmapMut::map_anon(bytes.saturating_add(HUGE_PAGE + offset)).map_err(fail)?;
        #[cfg(target_os = "linux")]
        if map.advise(memmap2::Advice::HugePage).is_err() {
            // A system without huge pages has the others.
        }
        let start = map.as_ptr().align_offset(HUGE_PAGE) % HUGE_PAGE + offset;
        Ok(Buffer { map, start, length })
    }

    /// Fills it with a value for each element.
    pub(super) fn fill(&mut self, value: impl Fn(usize) -> f32) {
        self.values_mut().iter_mut().enumerate().for_each(|(index, x)| *x = value(index));
    }

    pub(super) fn values(&self) -> &[f32] {
        bytemuck::cast_slice(&self.map[self.start..self.start + 4 * self.length])
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.map[self.start..self.start + 4 * self.length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_apart_and_hold_what_they_are_filled_with() {
        for number in 0..6 {
            let mut buffer = Buffer::new(10_001, number).unwrap();
            buffer.fill(|index| index as f32);
            assert_eq!(buffer.values().len(), 10_001);
            assert_eq!(buffer.values()[10_000], 10_000.0);
            assert_eq!(buffer.values().as_ptr() as usize % HUGE_PAGE, number * APART % 4096);
        }
    }
}
