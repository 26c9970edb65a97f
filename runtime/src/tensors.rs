//! Lists of tensors as a step takes them, and the fixed chunks in which it goes over them.

use std::sync::Arc;

use nosc_kernels::ElementType;
use nosc_kernels::floats::{Floats, FloatsMut};

use crate::pool::Pool;

/// Elements of a chunk; a multiple of 4, as draws need.
pub(crate) const CHUNK_ELEMENTS: usize = 32_768;

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
}

impl Chunks {
    /// The chunks of tensors of these lengths.
    pub(crate) fn new(lengths: &[usize], pool: Pool) -> Chunks {
        let cuts = Cut::all(lengths);
        let ends = pool.parts(&cuts);
        Chunks { cuts: cuts.into(), pool, ends: ends.into() }
    }

    /// All chunks, in the order of tensors and elements.
    pub(crate) fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Calls `work` with the item of each chunk, on all threads.
    pub(crate) fn for_each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        self.pool.run(items, &self.ends, |_, part| part.iter_mut().for_each(&work));
    }

    /// A result for each chunk, in `results`, whose memory is used again.
    pub(crate) fn map<T: Send + Clone + Default>(
        &self,
        results: &mut Vec<T>,
        of: impl Fn(&Cut) -> T + Sync,
    ) {
        results.clear();
        results.resize(self.cuts.len(), T::default());
        self.pool.run(results, &self.ends, |start, part| {
            for (result, cut) in part.iter_mut().zip(&self.cuts[start..]) {
                *result = of(cut);
            }
        });
    }
}

/// A run of neighbouring elements of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) tensor: usize,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

impl Cut {
    /// All tensors cut in chunks; where the cuts are does not depend on the threads. Empty tensors have
    /// none.
    pub(crate) fn all(lengths: &[usize]) -> Vec<Cut> {
        let of_tensor = |(tensor, length): (usize, &usize)| {
            let length = *length;
            (0..length).step_by(CHUNK_ELEMENTS).map(move |start| {
                let length = CHUNK_ELEMENTS.min(length - start);
                Cut { tensor, start, length }
            })
        };
        lengths.iter().enumerate().flat_map(of_tensor).collect()
    }

    /// Its part of a tensor.
    pub(crate) fn of<'a>(self, tensor: &Floats<'a>) -> Floats<'a> {
        tensor.part(self.start..self.start + self.length)
    }
}
