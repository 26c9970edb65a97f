//! Convolutions as matrix products, for any processor.
//!
//! The first one copies the patches of an image into a matrix: they are short. The second one needs
//! no copy. In an image with its border, the three pixels under one row of the kernel lie together,
//! so the patches of one kernel row are a matrix whose rows overlap: each starts one pixel after
//! the last. Where a patch wraps around the border its result means nothing: those are the last two
//! pixels of each row of the output.

use pulp::Simd;

use super::aligned::Aligned;
use super::convolutions::{Convolutions, FirstLayer};
use super::shape::{FILTERS, Shape};
use super::vectors::{Grid, vectorize};
use crate::child::matrix::{View, multiply};

/// Inputs under one row of a kernel of the second convolution.
const TAPS: usize = 3 * FILTERS;

/// Memory for one image.
#[derive(Debug, Clone)]
pub(super) struct Products {
    shape: Shape,
    /// `[side * side, 9 * channels]`.
    patches: Aligned,
    /// Outputs of the first convolution or their derivatives: `[side, side, 32]`.
    outputs: Aligned,
}

impl Products {
    pub(super) fn new(shape: Shape) -> Self {
        let pixels = shape.side() * shape.side();
        Self {
            shape,
            patches: Aligned::new(pixels * shape.patch()),
            outputs: Aligned::new(pixels * FILTERS),
        }
    }

    fn grid(&self) -> Grid {
        Grid { side: self.shape.half(), row: self.shape.side() * FILTERS }
    }

    fn take_patches(&mut self, image: &[f32]) {
        let (shape, patches) = (&self.shape, &mut self.patches[..]);
        match shape.channels() {
            1 => copy_patches(shape, image, patches, copy_known::<3>),
            2 => copy_patches(shape, image, patches, copy_known::<6>),
            3 => copy_patches(shape, image, patches, copy_known::<9>),
            4 => copy_patches(shape, image, patches, copy_known::<12>),
            _ => copy_patches(shape, image, patches, <[f32]>::copy_from_slice),
        }
    }

    /// The patches under kernel row `row`, of all pixels but the last two.
    fn rows<'a>(&self, padded: &'a [f32], row: usize) -> View<'a, f32> {
        let pixels = self.shape.wide_hidden() / FILTERS - 2;
        View::new(&padded[row * self.shape.hidden_row()..], pixels, TAPS, FILTERS)
    }
}

impl Convolutions for Products {
    fn pack_first<S: Simd>(
        &self,
        _: S,
        weights: &[f32],
        factor: &[f32; FILTERS],
        packed: &mut [f32],
    ) {
        let values = weights.iter().zip(factor.iter().cycle());
        packed.iter_mut().zip(values).for_each(|(to, (weight, factor))| *to = weight * factor);
    }

    fn pack_second<S: Simd>(&self, _: S, weights: &[f32], packed: &mut [f32]) {
        packed[..weights.len()].copy_from_slice(weights);
    }

    fn first<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        layer: &FirstLayer<'_>,
        pooled: &mut [f32],
        codes: &mut [f32],
    ) {
        self.take_patches(image);
        let weights = View::new(layer.weights, self.shape.patch(), FILTERS, FILTERS);
        let patches = patches(&self.shape, &self.patches);
        multiply(&mut self.outputs, patches, weights, false);
        let row = self.shape.hidden_row();
        let (grid, outputs) = (self.grid(), &self.outputs);
        let inside = &mut pooled[row + FILTERS..];
        vectorize(
            simd,
            #[inline(always)]
            || grid.pool_first(simd, outputs, layer.offset, inside, row, codes),
        );
    }

    fn second<S: Simd>(&mut self, _: S, padded: &[f32], packed: &[f32], outputs: &mut [f32]) {
        for (row, weights) in packed.chunks_exact(TAPS * FILTERS).take(3).enumerate() {
            let weights = View::new(weights, TAPS, FILTERS, FILTERS);
            multiply(outputs, self.rows(padded, row), weights, row > 0);
        }
    }

    fn sum_second_gradient<S: Simd>(
        &mut self,
        _: S,
        padded: &[f32],
        gradients: &[f32],
        sums: &mut [f32],
    ) {
        let inside = &gradients[self.shape.hidden_row() + FILTERS..];
        for (row, sums) in sums.chunks_exact_mut(TAPS * FILTERS).take(3).enumerate() {
            let patches = self.rows(padded, row);
            let gradients = View::new(inside, patches.rows, FILTERS, FILTERS);
            multiply(sums, patches.transposed(), gradients, true);
        }
    }

    fn add_second_gradient<S: Simd>(&self, _: S, sums: &[f32], gradient: &mut [f32]) {
        gradient.iter_mut().zip(sums).for_each(|(gradient, sum)| *gradient += sum);
    }

    fn sum_first_gradient<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        gradients: &[f32],
        codes: &[f32],
        sums: &mut [f32],
    ) {
        self.take_patches(image);
        let (grid, row) = (self.grid(), self.shape.hidden_row());
        let outputs = &mut self.outputs;
        vectorize(
            simd,
            #[inline(always)]
            || grid.unpool_first(simd, gradients, row, codes, outputs),
        );
        let patches = patches(&self.shape, &self.patches);
        let gradients = View::new(&self.outputs, patches.rows, FILTERS, FILTERS);
        multiply(sums, patches.transposed(), gradients, true);
    }
}

/// Copies the patches of an image, row of the kernel by row, with `copy`.
fn copy_patches(
    shape: &Shape,
    image: &[f32],
    patches: &mut [f32],
    copy: impl Fn(&mut [f32], &[f32]),
) {
    let taps = 3 * shape.channels();
    for (pixel, patch) in patches.chunks_exact_mut(shape.patch()).enumerate() {
        let (y, x) = (pixel / shape.side(), pixel % shape.side());
        let start = y * shape.image_row() + x * shape.channels();
        for (row, values) in patch.chunks_exact_mut(taps).enumerate() {
            copy(values, &image[start + row * shape.image_row()..][..taps]);
        }
    }
}

/// Copies `T` values. A copy of a length that is known is a few moves, another one is a call.
#[inline(always)]
fn copy_known<const T: usize>(to: &mut [f32], from: &[f32]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<T>(), from.first_chunk::<T>()) {
        *to = *from;
    }
}

/// The matrix of patches.
fn patches<'a>(shape: &Shape, patches: &'a [f32]) -> View<'a, f32> {
    let patch = shape.patch();
    View::new(patches, patches.len() / patch, patch, patch)
}
