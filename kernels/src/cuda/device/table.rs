//! A table in device memory that is written again only where it changed.

use std::ops::Range;

use super::auxiliary::{Auxiliary, MANY};
use super::driver::{Buffer, Stream};
use crate::cuda::CudaError;

/// Rows of bytes on the device, and what the host knows of them.
#[derive(Debug)]
pub(super) struct Table {
    buffer: Buffer,
    row_bytes: usize,
    /// What is on the device, when all that was put into the stream has happened; empty if that is not known.
    there: Vec<u8>,
    /// What is to be there.
    wanted: Vec<u8>,
}

impl Table {
    /// Memory for this many rows; their bytes are a multiple of 4.
    pub(super) fn new(stream: &Stream, rows: usize, row_bytes: usize) -> Result<Table, CudaError> {
        let buffer = Buffer::new(stream.context(), rows * row_bytes)?;
        Ok(Table { buffer, row_bytes, there: Vec::new(), wanted: Vec::new() })
    }

    pub(super) fn address(&self) -> u64 {
        self.buffer.address()
    }

    /// What is on the device is not known any more.
    pub(super) fn forget(&mut self) {
        self.there.clear();
    }

    /// Has `fill` write all rows, and puts those that differ into the stream.
    ///
    /// A recording gets all of them, since it may happen after others have been put; what is there then is
    /// not known.
    pub(super) fn update(
        &mut self,
        stream: &Stream,
        auxiliary: &Auxiliary,
        capturing: bool,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        self.wanted.clear();
        fill(&mut self.wanted)?;
        if self.wanted.len() != self.buffer.bytes() {
            return Err(CudaError::Call("a table of another size".to_owned()));
        }
        if capturing {
            self.there.clear();
            return self.put(stream, auxiliary, 0, self.wanted.len());
        }
        if self.there.len() != self.wanted.len() {
            self.put(stream, auxiliary, 0, self.wanted.len())?;
        } else if self.there != self.wanted {
            let rows = self.wanted.chunks(self.row_bytes).zip(self.there.chunks(self.row_bytes));
            let differs: Vec<bool> = rows.map(|(wanted, there)| wanted != there).collect();
            for rows in runs(&differs, MANY * 4 / self.row_bytes) {
                let (start, end) = (rows.start * self.row_bytes, rows.end * self.row_bytes);
                if let Err(error) = self.put(stream, auxiliary, start, end) {
                    self.there.clear();
                    return Err(error);
                }
            }
        }
        std::mem::swap(&mut self.there, &mut self.wanted);
        Ok(())
    }

    #[expect(unsafe_code, reason = "writes to its own memory")]
    fn put(
        &self,
        stream: &Stream,
        auxiliary: &Auxiliary,
        start: usize,
        end: usize,
    ) -> Result<(), CudaError> {
        let bytes = self.wanted[start..end].as_chunks::<4>().0;
        let words: Vec<u32> = bytes.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        // SAFETY: the range is inside the buffer, whose length is that of `wanted`; launches that read it are put
        // into streams that the caller keeps in order.
        unsafe { auxiliary.put(stream, self.address() + start as u64, &words) }
    }
}

/// What covers the rows that differ: neighbouring ones, and those between that one launch takes along.
fn runs(differs: &[bool], most: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in (0..differs.len()).filter(|row| differs[*row]) {
        match runs.last_mut() {
            Some(run) if row == run.end || row < run.start + most => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn rows_that_differ_are_covered_by_few_runs() {
        let of = |rows: &[usize], most| {
            let differs: Vec<bool> = (0..12).map(|row| rows.contains(&row)).collect();
            let runs = runs(&differs, most).into_iter();
            runs.map(|run| (run.start, run.end)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[], 4), []);
        assert_eq!(of(&[1, 3, 4], 4), [(1, 5)]);
        assert_eq!(of(&[0, 3, 5, 11], 4), [(0, 4), (5, 6), (11, 12)]);
        assert_eq!(of(&[0, 1, 2, 3, 4, 5, 7], 4), [(0, 6), (7, 8)]);
        assert_eq!(of(&(0..12).collect::<Vec<_>>(), 4), [(0, 12)]);
        assert_eq!(of(&[2, 3], 0), [(2, 4)]);
    }
}
