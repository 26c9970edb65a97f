//! Lists of tensors as a step takes them, and the fixed chunks in which it goes over them.

use nosc_kernels::ElementType;
use nosc_kernels::floats::{Floats, FloatsMut};

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
