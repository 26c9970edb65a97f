//! Memory of a net, allocated once.

use std::ops::Range;

use super::aligned::Aligned;
use super::convolutions::KERNELS;
use super::prepared::Moments;
use super::shape::{FILTERS, Shape};

/// An array for each image of a batch.
#[derive(Debug, Clone)]
pub(super) struct PerImage {
    length: usize,
    values: Aligned,
}

impl PerImage {
    fn new(images: usize, length: usize) -> Self {
        Self { length, values: Aligned::new(images * length) }
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
    pub(super) of_outputs: Aligned,
    /// Derivatives by the hidden activations of one image, wide.
    pub(super) of_hidden: Aligned,
    /// Weights in the form of the path.
    pub(super) weights1: Aligned,
    pub(super) weights2: Aligned,
    /// The second convolution's kernels, reversed.
    pub(super) reversed: Aligned,
    /// Sums of a part of the batch, by parameter tensor.
    pub(super) convolution1: Aligned,
    /// In the form of the path.
    pub(super) convolution2: Aligned,
    pub(super) linear: Aligned,
    pub(super) bias: Aligned,
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
        Self {
            hidden: per_image(shape.padded_hidden()),
            codes1: per_image(shape.hidden()),
            outputs: per_image(shape.wide_hidden()),
            features: per_image(shape.features()),
            codes2: per_image(shape.features()),
            chosen: per_image(shape.features()),
            logits: per_image(shape.classes()),
            of_features: per_image(shape.features()),
            of_outputs: Aligned::new(shape.padded_hidden()),
            of_hidden: Aligned::new(shape.wide_hidden()),
            weights1: Aligned::new(first),
            weights2: Aligned::new(KERNELS),
            reversed: Aligned::new(9 * FILTERS * FILTERS),
            convolution1: Aligned::new(first),
            convolution2: Aligned::new(KERNELS),
            linear: Aligned::new(shape.features() * shape.classes()),
            bias: Aligned::new(shape.classes()),
            moments: Moments::new(shape),
            output_products: vec![0.0; first],
            patch_products: vec![0.0; first],
        }
    }
}
