//! What a path has to compute: the convolutions of one image, forward and backward.

use pulp::Simd;

use super::shape::FILTERS;

/// Floats of the second convolution's weights, and of sums of derivatives by them, in the form of the
/// path that needs the most: 16 matrices.
pub(super) const KERNELS: usize = 16 * FILTERS * FILTERS;

/// The first convolution with batch norm multiplied into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstLayer<'a> {
    /// Weights times batch norm's factor, in the order of the path.
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
    /// The first convolution's weights times a factor for each filter, in the order of the path.
    fn pack_first<S: Simd>(
        &self,
        simd: S,
        weights: &[f32],
        factor: &[f32; FILTERS],
        packed: &mut [f32],
    );

    /// The second convolution's weights in the form of the path.
    fn pack_second<S: Simd>(&self, simd: S, weights: &[f32], packed: &mut [f32]);

    /// Convolution, batch norm, `ReLU` and pooling: into the inside of the padded `pooled`.
    fn first<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        layer: &FirstLayer<'_>,
        pooled: &mut [f32],
        codes: &mut [f32],
    );

    /// `outputs`, wide, `= convolution(padded, weights)`.
    fn second<S: Simd>(&mut self, simd: S, padded: &[f32], packed: &[f32], outputs: &mut [f32]);

    /// Adds the derivatives by the second convolution's weights in the form of the path. Both arrays
    /// are padded; `gradients` are derivatives by the convolution's outputs.
    fn sum_second_gradient<S: Simd>(
        &mut self,
        simd: S,
        padded: &[f32],
        gradients: &[f32],
        sums: &mut [f32],
    );

    /// Adds what such sums are to the derivatives by the weights, `[3, 3, 32, 32]`.
    fn add_second_gradient<S: Simd>(&self, simd: S, sums: &[f32], gradient: &mut [f32]);

    /// Adds the products of patches and derivatives by the first convolution's outputs after batch
    /// norm, `[3, 3, channels, 32]`. `gradients`, wide, are by the pooled values.
    fn sum_first_gradient<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        gradients: &[f32],
        codes: &[f32],
        sums: &mut [f32],
    );
}

/// The kernels of the backward convolution, `[3, 3, 32, 32]` like those of the forward one: rows and
/// columns reversed, inputs and filters exchanged.
pub(super) fn reverse(weights: &[f32], reversed: &mut [f32]) {
    let kernels = weights.chunks_exact(FILTERS * FILTERS).rev();
    for (kernel, reversed) in kernels.zip(reversed.chunks_exact_mut(FILTERS * FILTERS)) {
        for (index, weight) in kernel.iter().enumerate() {
            reversed[index % FILTERS * FILTERS + index / FILTERS] = *weight;
        }
    }
}
