//! Lists of tensors as a step takes them, and the fixed chunks in which it goes over them.

use std::sync::Arc;
use std::time::Duration;

use nosc_kernels::ElementType;
use nosc_kernels::floats::{Floats, FloatsMut};
use nosc_kernels::kernel::CHUNK_ELEMENTS;

use crate::error::RuntimeError;
use crate::pool::{Part, Pool};

/// Parameters, a slice for each tensor.
pub(crate) trait Parameters {
    fn count(&self) -> usize;
    fn length(&self, tensor: usize) -> usize;
    fn element_type(&self, tensor: usize) -> ElementType;
    fn iter(&mut self) -> impl Iterator<Item = FloatsMut<'_>>;
}

/// Gradients, a slice for each tensor.
pub(crate) trait Gradients: Sync {
    fn count(&self) -> usize;
    /// The gradient of a tensor that is there.
    fn get(&self, tensor: usize) -> Floats<'_>;
}

impl Parameters for [&mut [f32]] {
    fn count(&self) -> usize {
        self.len()
    }
    fn length(&self, tensor: usize) -> usize {
        self[tensor].len()
    }
    fn element_type(&self, _: usize) -> ElementType {
        ElementType::F32
    }
    fn iter(&mut self) -> impl Iterator<Item = FloatsMut<'_>> {
        self.iter_mut().map(|tensor| FloatsMut::F32(tensor))
    }
}

impl Parameters for [FloatsMut<'_>] {
    fn count(&self) -> usize {
        self.len()
    }
    fn length(&self, tensor: usize) -> usize {
        self[tensor].len()
    }
    fn element_type(&self, tensor: usize) -> ElementType {
        self[tensor].element_type()
    }
    fn iter(&mut self) -> impl Iterator<Item = FloatsMut<'_>> {
        self.iter_mut().map(FloatsMut::reborrow)
    }
}

impl Gradients for [&[f32]] {
    fn count(&self) -> usize {
        self.len()
    }
    fn get(&self, tensor: usize) -> Floats<'_> {
        Floats::F32(self[tensor])
    }
}

impl Gradients for [Floats<'_>] {
    fn count(&self) -> usize {
        self.len()
    }
    fn get(&self, tensor: usize) -> Floats<'_> {
        self[tensor]
    }
}

/// The chunks of all tensors, and the threads that share them.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    cuts: Arc<[Cut]>,
    pool: Pool,
    /// Where the part of each thread ends.
    ends: Arc<[usize]>,
    /// Whether the threads share them, or the calling one takes them all.
    shared: bool,
    /// Steps that were timed, and the shortest of them.
    timed: (u32, Duration),
}

/// Elements from which a step is shared from the start.
const LARGE: usize = 1 << 20;
/// If the calling thread takes longer, steps are shared. To wake another one and to wait for it took 40 us
/// where this was measured (`docs/benchmarks.md`).
const WORTHWHILE: Duration = Duration::from_micros(80);
/// Steps that are timed for that. The first ones are slow: they meet memory that was never touched.
const TIMED: u32 = 8;

impl Chunks {
    /// The chunks of tensors of these lengths.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Memory`] if there is none for a list of them.
    pub(crate) fn new(lengths: &[usize], pool: Pool) -> Result<Chunks, RuntimeError> {
        let cuts = Cut::all(lengths)?;
        let ends = pool.parts(&cuts);
        let elements = lengths.iter().fold(0_usize, |sum, length| sum.saturating_add(*length));
        let shared = ends.len() > 1 && elements >= LARGE;
        let timed = (0, Duration::MAX);
        Ok(Chunks { cuts: cuts.into(), pool, ends: ends.into(), shared, timed })
    }

    /// The chunks of tensors of other lengths, for the same threads.
    ///
    /// # Errors
    ///
    /// As [`Chunks::new`].
    pub(crate) fn fitted(&self, lengths: &[usize]) -> Result<Chunks, RuntimeError> {
        Chunks::new(lengths, self.pool.clone())
    }

    /// Takes note of how long one thread took for all of them.
    pub(crate) fn note(&mut self, time: Duration) {
        let (count, shortest) = self.timed;
        self.timed = (count.saturating_add(1), shortest.min(time));
        if count + 1 == TIMED {
            self.shared = self.ends.len() > 1 && self.timed.1 > WORTHWHILE;
        }
    }

    /// All chunks, in the order of tensors and elements.
    pub(crate) fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Whether several threads share them.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Shares them whatever the size.
    pub(crate) fn share(&mut self) {
        self.shared = self.ends.len() > 1;
    }

    /// Whether it is still open which is quicker.
    pub(crate) fn is_timed(&self) -> bool {
        !self.shared && self.timed.0 < TIMED && self.ends.len() > 1
    }

    /// The parts in use.
    fn ends(&self) -> &[usize] {
        if self.shared { &self.ends } else { &[] }
    }

    /// Calls `work` with the item of each chunk and its `width` others, on all threads.
    pub(crate) fn for_each<T: Send, U: Send>(
        &self,
        items: &mut [T],
        others: &mut [U],
        width: usize,
        work: impl Fn(&mut T, &mut [U]) + Sync,
    ) {
        self.pool.run((items, others, width), self.ends(), |_, (items, others, width)| {
            let mut rest = others;
            for item in items {
                let (own, after) = std::mem::take(&mut rest).split_at_mut(width);
                rest = after;
                work(item, own);
            }
        });
    }

    /// A result for each chunk, in `results`, whose memory is used again.
    pub(crate) fn map<T: Send + Clone + Default>(
        &self,
        results: &mut Vec<T>,
        of: impl Fn(&Cut) -> T + Sync,
    ) {
        results.clear();
        results.resize(self.cuts.len(), T::default());
        self.pool.run(
            (results, &mut [], 0),
            self.ends(),
            |start, (part, _, _): Part<'_, T, ()>| {
                for (result, cut) in part.iter_mut().zip(&self.cuts[start..]) {
                    *result = of(cut);
                }
            },
        );
    }
}

/// A run of neighbouring elements of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) tensor: usize,
    pub(crate) start: usize,
    pub(crate) length: usize,
    /// Whether its tensor ends with it.
    last: bool,
}

impl Cut {
    /// All tensors cut in chunks; where the cuts are does not depend on the threads. Empty tensors have
    /// none.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Memory`] if there is none for so many.
    pub(crate) fn all(lengths: &[usize]) -> Result<Vec<Cut>, RuntimeError> {
        let counts = lengths.iter().map(|length| length.div_ceil(CHUNK_ELEMENTS));
        let count = counts.fold(0_usize, usize::saturating_add);
        let bytes = count.saturating_mul(size_of::<Cut>());
        let mut cuts = Vec::new();
        cuts.try_reserve_exact(count).map_err(|_| RuntimeError::Memory { bytes })?;
        let of_tensor = |(tensor, length): (usize, &usize)| {
            let length = *length;
            (0..length).step_by(CHUNK_ELEMENTS).map(move |start| {
                let rest = length - start;
                let (length, last) = (CHUNK_ELEMENTS.min(rest), rest <= CHUNK_ELEMENTS);
                Cut { tensor, start, length, last }
            })
        };
        cuts.extend(lengths.iter().enumerate().flat_map(of_tensor));
        Ok(cuts)
    }

    /// Whether its tensor ends with it.
    pub(crate) fn is_last(self) -> bool {
        self.last
    }

    /// Its part of a tensor.
    pub(crate) fn of<'a>(self, tensor: &Floats<'a>) -> Floats<'a> {
        if self.last && self.start == 0 {
            return *tensor;
        }
        tensor.part(self.start..self.start + self.length)
    }
}
