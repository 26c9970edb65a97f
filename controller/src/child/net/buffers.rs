//! Memory of a net, allocated once.

use std::ops::Range;

use super::prepared::Moments;
use super::shape::{FILTERS, Shape};

/// An array for each image of a batch.
#[derive(Debug, Clone)]
pub(super) struct PerImage {
    length: usize,
    values: Vec<f32>,
}

impl PerImage {
    fn new(images: usize, length: usize) -> Self {
        Self { length, values: vec![0.0; images * length] }
    }

    pub(super) fn get(&self, slot: usize) -> &[f32] {
        self.run(&(slot..slot + 1))
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> &mut [f32] {
        self.run_mut(&(slot..slot + 1))
    }

    pub(super) fn run(&self, slots: &Range<usize>) -> &[f32] {
        &self.values[slots.start * self.length..slots.end * self.length]
    }

    pub(super) fn run_mut(&mut self, slots: &Range<usize>) -> &mut [f32] {
        &mut self.values[slots.start * self.length..slots.end * self.length]
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    /// Activations after the first pooling, padded.
    pub(super) hidden: PerImage,
    pub(super) codes1: PerImage,
    /// Outputs of the second convolution, wide.
    pub(super) outputs: PerImage,
    pub(super) features: PerImage,
    pub(super) codes2: PerImage,
    /// Outputs of the second convolution at the pixels that pooling has chosen.
    pub(super) chosen: PerImage,
    /// Logits, then derivatives by them.
    pub(super) logits: PerImage,
    pub(super) of_features: PerImage,
    /// Derivatives by the outputs of the second convolution of one image, padded.
    pub(super) of_outputs: Vec<f32>,
    /// Derivatives by the hidden activations of one image, wide.
    pub(super) of_hidden: Vec<f32>,
    /// Packed weights.
    pub(super) weights1: Vec<f32>,
    pub(super) weights2: Vec<f32>,
    /// Sums of a part of the batch, by parameter tensor.
    pub(super) convolution1: Vec<f32>,
    pub(super) convolution2: Vec<f32>,
    pub(super) linear: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) moments: Moments,
    /// Sums over the batch of patches times outputs of the first convolution.
    pub(super) output_products: Vec<f64>,
    /// Sums over the batch of patches times derivatives after the first batch norm.
    pub(super) patch_products: Vec<f64>,
}

impl Buffers {
    pub(super) fn new(shape: &Shape) -> Self {
        let per_image = |length| PerImage::new(shape.batch(), length);
        let first = shape.patch() * FILTERS;
        let second = 9 * FILTERS * FILTERS;
        Self {
            hidden: per_image(shape.padded_hidden()),
            codes1: per_image(shape.hidden()),
            outputs: per_image(shape.wide_hidden()),
            features: per_image(shape.features()),
            codes2: per_image(shape.features()),
            chosen: per_image(shape.features()),
            logits: per_image(shape.classes()),
            of_features: per_image(shape.features()),
            of_outputs: vec![0.0; shape.padded_hidden()],
            of_hidden: vec![0.0; shape.wide_hidden()],
            weights1: vec![0.0; first],
            weights2: vec![0.0; second],
            convolution1: vec![0.0; first],
            convolution2: vec![0.0; second],
            linear: vec![0.0; shape.features() * shape.classes()],
            bias: vec![0.0; shape.classes()],
            moments: Moments::new(shape),
            output_products: vec![0.0; first],
            patch_products: vec![0.0; first],
        }
    }
}
