//! What a path has to compute: the convolutions of one image, forward and backward.

use pulp::Simd;

use super::shape::FILTERS;

/// The first convolution with batch norm multiplied into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstLayer<'a> {
    /// Weights times batch norm's factor, packed.
    pub(super) weights: &'a [f32],
    /// Batch norm's offset, `[32]`.
    pub(super) offset: &'a [f32],
}

/// The convolutions of one image. Arrays of an image:
///
/// | array | dimensions |
/// |---|---|
/// | `image` | `[side + 2, side + 2, channels]`, a border of zeros |
/// | padded | `[side/2 + 2, side/2 + 2, 32]`, a border of zeros |
/// | wide | `[side/2, side/2 + 2, 32]`, the last two pixels of a row mean nothing |
/// | `codes` | `[side/2, side/2, 32]`, see `vectors` |
pub(super) trait Convolutions {
    /// Filters that lie together in packed weights, which are `[32 / block, inputs, block]`.
    fn block<S: Simd>(&self) -> usize;

    /// Convolution, batch norm, `ReLU` and pooling: into the inside of the padded `pooled`.
    fn first<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        layer: &FirstLayer<'_>,
        pooled: &mut [f32],
        codes: &mut [f32],
    );

    /// `outputs`, wide, `= convolution(padded, weights)`; the weights are packed.
    fn second<S: Simd>(&mut self, simd: S, padded: &[f32], weights: &[f32], outputs: &mut [f32]);

    /// Adds the derivatives by the second convolution's weights, `[3, 3, 32, 32]`. Both arrays are
    /// padded; `gradients` are derivatives by the convolution's outputs.
    fn add_second_gradient<S: Simd>(
        &mut self,
        simd: S,
        padded: &[f32],
        gradients: &[f32],
        sums: &mut [f32],
    );

    /// Adds the products of patches and derivatives by the first convolution's outputs after batch
    /// norm, `[3, 3, channels, 32]`. `gradients`, wide, are by the pooled values.
    fn add_first_gradient<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        gradients: &[f32],
        codes: &[f32],
        sums: &mut [f32],
    );
}

/// Packs weights `[inputs, 32]` times a factor for each filter.
pub(super) fn pack(weights: &[f32], factor: &[f32; FILTERS], block: usize, packed: &mut [f32]) {
    let inputs = weights.len() / FILTERS;
    for (input, row) in weights.chunks_exact(FILTERS).enumerate() {
        let filters = row.chunks_exact(block).zip(factor.chunks_exact(block));
        for (index, (filters, factor)) in filters.enumerate() {
            let packed = &mut packed[(index * inputs + input) * block..][..block];
            let values = filters.iter().zip(factor).map(|(weight, factor)| weight * factor);
            packed.iter_mut().zip(values).for_each(|(to, from)| *to = from);
        }
    }
}

/// Packs the weights of the backward convolution: rows and columns of the kernel reversed, inputs
/// and filters exchanged.
pub(super) fn pack_reversed(weights: &[f32], block: usize, packed: &mut [f32]) {
    let inputs = weights.len() / FILTERS;
    for (place, kernel) in weights.chunks_exact(FILTERS * FILTERS).rev().enumerate() {
        for (input, row) in kernel.chunks_exact(FILTERS).enumerate() {
            let start = input / block * inputs * block + input % block;
            for (filter, weight) in row.iter().enumerate() {
                packed[start + (place * FILTERS + filter) * block] = *weight;
            }
        }
    }
}
