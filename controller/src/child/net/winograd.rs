//! The second convolution with fewer multiplications: Winograd's minimal filtering F(2x2, 3x3) (Lavin
//! and Gray 2015, *Fast Algorithms for Convolutional Neural Networks*, section 4.1).
//!
//! A tile of 2 x 2 outputs depends on 4 x 4 inputs d. With the kernel g,
//!
//! ```text
//! y = A' [ (G g G') * (B' d B) ] A         * is element by element, ' transposes
//!
//!      1  0 -1  0         1   0   0
//! B' = 0  1  1  0    G = .5  .5  .5    A' = 1  1  1  0
//!      0 -1  1  0        .5 -.5  .5         0  1 -1 -1
//!      0  1  0 -1         0   0   1
//! ```
//!
//! With many input and output channels, the product in each of the 16 places is one of matrices:
//! [tiles, inputs] by [inputs, filters]. That is 16 multiplications for an input and a filter where
//! the sum of the definition has 36. The derivative by the kernel is the same map, transposed:
//!
//! ```text
//! dg = G' [ (B' d B) * (A dy A') ] G
//! ```
//!
//! where G is applied once, after the sum over tiles and images. The derivative by the inputs is a
//! convolution again. Factors of the transforms are 1 and 1/2, so rounding stays close to that of the
//! definition: a few units in the last place more.

use std::ops::Range;

use pulp::Simd;

use super::aligned::Aligned;
use super::shape::{FILTERS, Shape};
use super::vectors::{of, of_mut};

/// Places of a transformed tile.
const PLACES: usize = 16;
/// Floats of the transformed kernels in one place.
const MATRIX: usize = FILTERS * FILTERS;
/// Tiles that go through all stages of the forward convolution together, so that they stay in a
/// first cache.
const RUN: usize = 8;
/// Tiles of which the products are summed before they leave registers.
const GRADIENT_RUN: usize = 64;

/// A block of filters of one pixel.
type Pair<S> = [<S as Simd>::f32s; 2];

/// Memory for the tiles of an image, transformed: `[16, tiles, 32]`.
#[derive(Debug, Clone)]
pub(super) struct Tiles {
    inputs: Aligned,
    outputs: Aligned,
}

impl Tiles {
    pub(super) fn new() -> Self {
        let length = PLACES * (GRADIENT_RUN + 1) * FILTERS;
        Self { inputs: Aligned::new(length), outputs: Aligned::new(length) }
    }
}

/// Where the tiles of an image are.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Tiles in a row, and in a column.
    side: usize,
    /// Floats from one row of pixels to the next.
    row: usize,
}

impl Layout {
    fn new(shape: &Shape) -> Self {
        Self { side: shape.half() / 2, row: shape.hidden_row() }
    }

    fn count(self) -> usize {
        self.side * self.side
    }

    /// Where the first pixel of a tile is.
    #[inline(always)]
    fn place(self, tile: usize) -> usize {
        2 * (tile / self.side * self.row + tile % self.side * FILTERS)
    }
}

/// Applies a map to the rows of a square and then to its columns.
#[inline(always)]
fn twice<V: Copy, const N: usize, const M: usize>(
    square: &[[V; N]; N],
    zero: V,
    map: impl Fn([V; N]) -> [V; M],
) -> [[V; M]; M] {
    let mut rows = [[zero; M]; N];
    for (to, from) in rows.iter_mut().zip(square) {
        *to = map(*from);
    }
    let mut out = [[zero; M]; M];
    for column in 0..M {
        let mut values = [zero; N];
        for (value, row) in values.iter_mut().zip(&rows) {
            *value = row[column];
        }
        for (row, value) in out.iter_mut().zip(map(values)) {
            row[column] = value;
        }
    }
    out
}

/// `G g G'` of kernels `[3, 3, 32, 32]`: `[16, 32 / block, 32, block]`, where a block is two vectors
/// of filters.
#[inline(always)]
pub(super) fn transform_kernels<S: Simd>(simd: S, kernels: &[f32], transformed: &mut [f32]) {
    let zero = simd.splat_f32s(0.0);
    let half = simd.splat_f32s(0.5);
    let vectors = FILTERS / S::F32_LANES;
    let transformed = of_mut::<S>(transformed);
    let kernels = of::<S>(kernels);
    for (input, vector) in (0..FILTERS).flat_map(|input| (0..vectors).map(move |v| (input, v))) {
        let mut square = [[zero; 3]; 3];
        for (place, value) in square.as_flattened_mut().iter_mut().enumerate() {
            *value = kernels[(place * FILTERS + input) * vectors + vector];
        }
        let square = twice(
            &square,
            zero,
            #[inline(always)]
            |[a, b, c]| {
                let outer = simd.mul_f32s(half, simd.add_f32s(a, c));
                let inner = simd.mul_f32s(half, b);
                [a, simd.add_f32s(outer, inner), simd.sub_f32s(outer, inner), c]
            },
        );
        let block = vector / 2;
        for (place, value) in square.as_flattened().iter().enumerate() {
            let row = (place * vectors / 2 + block) * FILTERS + input;
            transformed[2 * row + vector % 2] = *value;
        }
    }
}

/// Adds `G' s G` to the derivatives by kernels `[3, 3, 32, 32]`.
#[inline(always)]
pub(super) fn add_kernel_gradients<S: Simd>(simd: S, sums: &[f32], gradients: &mut [f32]) {
    let zero = simd.splat_f32s(0.0);
    let half = simd.splat_f32s(0.5);
    let length = MATRIX / S::F32_LANES;
    let sums = of::<S>(sums);
    let gradients = of_mut::<S>(gradients);
    for index in 0..length {
        let mut square = [[zero; 4]; 4];
        for (place, value) in square.as_flattened_mut().iter_mut().enumerate() {
            *value = sums[place * length + index];
        }
        let square = twice(
            &square,
            zero,
            #[inline(always)]
            |[a, b, c, d]| {
                let sum = simd.mul_f32s(half, simd.add_f32s(b, c));
                let difference = simd.mul_f32s(half, simd.sub_f32s(b, c));
                [simd.add_f32s(a, sum), difference, simd.add_f32s(sum, d)]
            },
        );
        for (place, value) in square.as_flattened().iter().enumerate() {
            let gradient = &mut gradients[place * length + index];
            *gradient = simd.add_f32s(*gradient, *value);
        }
    }
}

/// `B' d B` of some tiles of a padded image: `[16, stride, 32]`.
#[inline(always)]
fn transform_inputs<S: Simd>(
    simd: S,
    layout: Layout,
    tiles: Range<usize>,
    padded: &[f32],
    stride: usize,
    transformed: &mut [f32],
) {
    let zero = simd.splat_f32s(0.0);
    let vectors = FILTERS / S::F32_LANES;
    let transformed = of_mut::<S>(transformed);
    for (slot, tile) in tiles.enumerate() {
        let padded = &padded[layout.place(tile)..];
        let mut rows = [&padded[..4 * FILTERS]; 4];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = &padded[index * layout.row..][..4 * FILTERS];
        }
        for vector in 0..vectors {
            let mut square = [[zero; 4]; 4];
            for (values, row) in square.iter_mut().zip(rows) {
                for (value, pixel) in values.iter_mut().zip(row.chunks_exact(FILTERS)) {
                    *value = of::<S>(pixel)[vector];
                }
            }
            let square = twice(
                &square,
                zero,
                #[inline(always)]
                |[a, b, c, d]| {
                    [
                        simd.sub_f32s(a, c),
                        simd.add_f32s(b, c),
                        simd.sub_f32s(c, b),
                        simd.sub_f32s(b, d),
                    ]
                },
            );
            for (place, value) in square.as_flattened().iter().enumerate() {
                transformed[(place * stride + slot) * vectors + vector] = *value;
            }
        }
    }
}

/// `A' m A` of some tiles into a wide image.
#[inline(always)]
fn transform_outputs<S: Simd>(
    simd: S,
    layout: Layout,
    tiles: Range<usize>,
    transformed: &[f32],
    wide: &mut [f32],
) {
    let zero = simd.splat_f32s(0.0);
    let vectors = FILTERS / S::F32_LANES;
    let transformed = of::<S>(transformed);
    for (slot, tile) in tiles.enumerate() {
        let (upper, lower) = wide[layout.place(tile)..].split_at_mut(layout.row);
        let upper = of_mut::<S>(&mut upper[..2 * FILTERS]);
        let lower = of_mut::<S>(&mut lower[..2 * FILTERS]);
        for vector in 0..vectors {
            let mut square = [[zero; 4]; 4];
            for (place, value) in square.as_flattened_mut().iter_mut().enumerate() {
                *value = transformed[(place * RUN + slot) * vectors + vector];
            }
            let [above, below] = twice(
                &square,
                zero,
                #[inline(always)]
                |[a, b, c, d]| {
                    let left = simd.add_f32s(a, simd.add_f32s(b, c));
                    [left, simd.sub_f32s(simd.sub_f32s(b, c), d)]
                },
            );
            [upper[vector], upper[vectors + vector]] = above;
            [lower[vector], lower[vectors + vector]] = below;
        }
    }
}

/// `A dy A'` of some tiles of a padded image: `[16, stride, 32]`.
#[inline(always)]
fn transform_gradients<S: Simd>(
    simd: S,
    layout: Layout,
    tiles: Range<usize>,
    padded: &[f32],
    stride: usize,
    transformed: &mut [f32],
) {
    let zero = simd.splat_f32s(0.0);
    let vectors = FILTERS / S::F32_LANES;
    let transformed = of_mut::<S>(transformed);
    for (slot, tile) in tiles.enumerate() {
        let start = layout.place(tile) + layout.row + FILTERS;
        let upper = of::<S>(&padded[start..][..2 * FILTERS]);
        let lower = of::<S>(&padded[start + layout.row..][..2 * FILTERS]);
        for vector in 0..vectors {
            let square = [
                [upper[vector], upper[vectors + vector]],
                [lower[vector], lower[vectors + vector]],
            ];
            let square = twice(
                &square,
                zero,
                #[inline(always)]
                |[a, b]| [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.sub_f32s(zero, b)],
            );
            for (place, value) in square.as_flattened().iter().enumerate() {
                transformed[(place * stride + slot) * vectors + vector] = *value;
            }
        }
    }
}

/// The convolution of a padded image with transformed kernels, into a wide one.
#[inline(always)]
pub(super) fn convolve<S: Simd>(
    simd: S,
    shape: &Shape,
    memory: &mut Tiles,
    padded: &[f32],
    kernels: &[f32],
    wide: &mut [f32],
) {
    let layout = Layout::new(shape);
    for start in (0..layout.count()).step_by(RUN) {
        let tiles = start..layout.count().min(start + RUN);
        transform_inputs(simd, layout, tiles.clone(), padded, RUN, &mut memory.inputs);
        let inputs = memory.inputs.chunks_exact(RUN * FILTERS);
        let outputs = memory.outputs.chunks_exact_mut(RUN * FILTERS);
        for ((inputs, outputs), kernels) in inputs.zip(outputs).zip(kernels.chunks_exact(MATRIX)) {
            multiply(simd, tiles.len(), inputs, kernels, outputs);
        }
        transform_outputs(simd, layout, tiles, &memory.outputs, wide);
    }
}

/// `outputs = inputs * kernels` for some tiles, and a few more that mean nothing.
#[inline(always)]
fn multiply<S: Simd>(simd: S, tiles: usize, inputs: &[f32], kernels: &[f32], outputs: &mut [f32]) {
    let mut start = 0;
    while start < tiles {
        let (inputs, outputs) = (&inputs[start * FILTERS..], &mut outputs[start * FILTERS..]);
        if S::F32_LANES >= 16 && tiles - start > 4 {
            multiply_run::<S, 8>(simd, inputs, kernels, outputs);
            start += 8;
        } else {
            multiply_run::<S, 4>(simd, inputs, kernels, outputs);
            start += 4;
        }
    }
}

/// The same for `W` tiles.
#[inline(always)]
fn multiply_run<S: Simd, const W: usize>(
    simd: S,
    inputs: &[f32],
    kernels: &[f32],
    outputs: &mut [f32],
) {
    let inputs = &inputs[..W * FILTERS];
    let block = 2 * S::F32_LANES;
    for (index, kernels) in kernels.chunks_exact(FILTERS * block).enumerate() {
        let kernels = &of::<S>(kernels).as_chunks::<2>().0[..FILTERS];
        let mut sums: [Pair<S>; W] = [[simd.splat_f32s(0.0); 2]; W];
        for (k, [first, second]) in kernels.iter().enumerate() {
            for (tile, [a, b]) in sums.iter_mut().enumerate() {
                let input = simd.splat_f32s(inputs[tile * FILTERS + k]);
                *a = simd.mul_add_f32s(input, *first, *a);
                *b = simd.mul_add_f32s(input, *second, *b);
            }
        }
        for (output, sums) in outputs.chunks_exact_mut(FILTERS).zip(&sums) {
            of_mut::<S>(&mut output[index * block..][..block]).copy_from_slice(sums);
        }
    }
}

/// Adds the derivatives by the transformed kernels, `[16, 32, 32]`, from the padded inputs and the
/// padded derivatives by the outputs. `G` inputs times a block of filters are summed at a time.
#[inline(always)]
pub(super) fn add_gradients<S: Simd, const G: usize>(
    simd: S,
    shape: &Shape,
    memory: &mut Tiles,
    padded: &[f32],
    gradients: &[f32],
    sums: &mut [f32],
) {
    let layout = Layout::new(shape);
    for start in (0..layout.count()).step_by(GRADIENT_RUN) {
        let tiles = start..layout.count().min(start + GRADIENT_RUN);
        // Off a power of two: places that are one apart share no set of a cache.
        let stride = tiles.len() + 1;
        transform_inputs(simd, layout, tiles.clone(), padded, stride, &mut memory.inputs);
        transform_gradients(simd, layout, tiles.clone(), gradients, stride, &mut memory.outputs);
        for (place, sums) in sums.chunks_exact_mut(MATRIX).enumerate() {
            let run = place * stride * FILTERS..(place * stride + tiles.len()) * FILTERS;
            let (inputs, gradients) = (&memory.inputs[run.clone()], &memory.outputs[run]);
            for (group, sums) in sums.chunks_exact_mut(G * FILTERS).enumerate() {
                add_products::<S, G>(simd, &inputs[group * G..], gradients, sums);
            }
        }
    }
}

/// Adds products of `G` inputs and all derivatives over some tiles: `[G, 32]`.
#[inline(always)]
fn add_products<S: Simd, const G: usize>(
    simd: S,
    inputs: &[f32],
    gradients: &[f32],
    sums: &mut [f32],
) {
    let block = 2 * S::F32_LANES;
    for start in (0..FILTERS).step_by(block) {
        let mut tile: [Pair<S>; G] = [[simd.splat_f32s(0.0); 2]; G];
        for (inputs, gradients) in inputs.chunks(FILTERS).zip(gradients.chunks_exact(FILTERS)) {
            let gradient = of::<S>(&gradients[start..start + block]);
            for (sum, input) in tile.iter_mut().zip(&inputs[..G]) {
                let input = simd.splat_f32s(*input);
                sum[0] = simd.mul_add_f32s(input, gradient[0], sum[0]);
                sum[1] = simd.mul_add_f32s(input, gradient[1], sum[1]);
            }
        }
        for (tile, stored) in tile.iter().zip(sums.chunks_exact_mut(FILTERS)) {
            let stored = of_mut::<S>(&mut stored[start..start + block]);
            for (stored, sum) in stored.iter_mut().zip(tile) {
                *stored = simd.add_f32s(*stored, *sum);
            }
        }
    }
}
