//! Convolutions written out for vectors of 8 or 16 floats: no patches are copied, and each value
//! that is loaded is used for several products.
//!
//! A tile is a block of filters (two vectors) of a few neighbouring pixels in two rows: its sums
//! stay in registers. `C` is the number of input channels of the first convolution and `T` that of
//! inputs under one row of its kernel, 3 `C`, which the language cannot compute from `C` yet; `R`
//! is the number of kernel rows whose gradients are summed at a time.

use pulp::Simd;

use super::convolutions::{Convolutions, FirstLayer};
use super::shape::{FILTERS, Shape};
use super::vectors::{of, of_mut, pool, unpool, vectorize};

/// Inputs under one row of a kernel of the second convolution.
const TAPS: usize = 3 * FILTERS;

/// A block of filters of one pixel.
type Pair<S> = [<S as Simd>::f32s; 2];

/// Sums of a tile of 2 x `W` pixels.
type Tile<S, const W: usize> = [[Pair<S>; W]; 2];

/// The direct kernels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct<const C: usize, const T: usize, const R: usize> {
    shape: Shape,
}

impl<const C: usize, const T: usize, const R: usize> Direct<C, T, R> {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape }
    }
}

impl<const C: usize, const T: usize, const R: usize> Convolutions for Direct<C, T, R> {
    fn block<S: Simd>(&self) -> usize {
        2 * S::F32_LANES
    }

    fn first<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        layer: &FirstLayer<'_>,
        pooled: &mut [f32],
        codes: &mut [f32],
    ) {
        let shape = &self.shape;
        vectorize(
            simd,
            #[inline(always)]
            || first::<S, C, T>(simd, shape, image, layer, pooled, codes),
        );
    }

    fn second<S: Simd>(&mut self, simd: S, padded: &[f32], weights: &[f32], outputs: &mut [f32]) {
        let shape = &self.shape;
        vectorize(
            simd,
            #[inline(always)]
            || second(simd, shape, padded, weights, outputs),
        );
    }

    fn add_second_gradient<S: Simd>(
        &mut self,
        simd: S,
        padded: &[f32],
        gradients: &[f32],
        sums: &mut [f32],
    ) {
        let shape = &self.shape;
        vectorize(
            simd,
            #[inline(always)]
            || {
                if S::F32_LANES >= 16 {
                    second_gradient::<S, 12>(simd, shape, padded, gradients, sums);
                } else {
                    second_gradient::<S, 4>(simd, shape, padded, gradients, sums);
                }
            },
        );
    }

    fn add_first_gradient<S: Simd>(
        &mut self,
        simd: S,
        image: &[f32],
        gradients: &[f32],
        codes: &[f32],
        sums: &mut [f32],
    ) {
        let shape = &self.shape;
        vectorize(
            simd,
            #[inline(always)]
            || {
                if S::F32_LANES >= 16 {
                    first_gradient::<S, C, T, R, 2>(simd, shape, image, gradients, codes, sums);
                } else {
                    first_gradient::<S, C, T, R, 1>(simd, shape, image, gradients, codes, sums);
                }
            },
        );
    }
}

/// Adds to a tile what one row of the kernel makes of the inputs: `upper` are those of the tile's
/// first row of pixels, `lower` those of its second.
#[inline(always)]
fn add_row<S: Simd, const W: usize, const C: usize, const T: usize>(
    simd: S,
    tile: &mut Tile<S, W>,
    upper: &[f32],
    lower: &[f32],
    weights: &[Pair<S>],
) {
    let length = (W - 1) * C + T;
    let (upper, lower) = (&upper[..length], &lower[..length]);
    for (k, [first, second]) in weights[..T].iter().enumerate() {
        for x in 0..W {
            for (row, inputs) in [upper, lower].into_iter().enumerate() {
                let input = simd.splat_f32s(inputs[x * C + k]);
                let [a, b] = &mut tile[row][x];
                *a = simd.mul_add_f32s(input, *first, *a);
                *b = simd.mul_add_f32s(input, *second, *b);
            }
        }
    }
}

/// The first convolution, batch norm, `ReLU` and pooling.
#[inline(always)]
fn first<S: Simd, const C: usize, const T: usize>(
    simd: S,
    shape: &Shape,
    image: &[f32],
    layer: &FirstLayer<'_>,
    pooled: &mut [f32],
    codes: &mut [f32],
) {
    let block = 2 * S::F32_LANES;
    let weights = layer.weights.chunks_exact(3 * T * block);
    for (index, weights) in weights.enumerate() {
        let weights = of::<S>(weights).as_chunks::<2>().0;
        let [a, b] = of::<S>(&layer.offset[index * block..][..block]) else { continue };
        for y in 0..shape.half() {
            let codes = &mut codes[y * shape.half() * FILTERS + index * block..];
            let pooled = &mut pooled[(y + 1) * shape.hidden_row() + FILTERS + index * block..];
            let mut x = 0;
            while x < shape.half() {
                let place = 2 * y * shape.image_row() + 2 * x * C;
                let rows: [&[f32]; 4] =
                    std::array::from_fn(|row| &image[place + row * shape.image_row()..]);
                let (pooled, codes) = (&mut pooled[x * FILTERS..], &mut codes[x * FILTERS..]);
                if S::F32_LANES >= 16 {
                    first_tile::<S, 4, C, T>(simd, [*a, *b], rows, weights, pooled, codes);
                    x += 2;
                } else {
                    first_tile::<S, 2, C, T>(simd, [*a, *b], rows, weights, pooled, codes);
                    x += 1;
                }
            }
        }
    }
}

/// The same for 2 x `W` pixels, pooled to `W` / 2.
#[inline(always)]
fn first_tile<S: Simd, const W: usize, const C: usize, const T: usize>(
    simd: S,
    offset: Pair<S>,
    rows: [&[f32]; 4],
    weights: &[Pair<S>],
    pooled: &mut [f32],
    codes: &mut [f32],
) {
    let mut tile: Tile<S, W> = [[offset; W]; 2];
    for (row, weights) in weights.chunks_exact(T).enumerate().take(3) {
        add_row::<S, W, C, T>(simd, &mut tile, rows[row], rows[row + 1], weights);
    }
    let block = 2 * S::F32_LANES;
    for x in 0..W / 2 {
        let pooled = of_mut::<S>(&mut pooled[x * FILTERS..][..block]);
        let codes = of_mut::<S>(&mut codes[x * FILTERS..][..block]);
        for v in 0..2 {
            let [upper, lower] = &tile;
            let (left, right) = (2 * x, 2 * x + 1);
            let four = [upper[left][v], upper[right][v], lower[left][v], lower[right][v]];
            (pooled[v], codes[v]) = pool(simd, four);
        }
    }
}

/// The second convolution, or its backward one.
#[inline(always)]
fn second<S: Simd>(simd: S, shape: &Shape, padded: &[f32], weights: &[f32], outputs: &mut [f32]) {
    let block = 2 * S::F32_LANES;
    let (half, row) = (shape.half(), shape.hidden_row());
    for (index, weights) in weights.chunks_exact(3 * TAPS * block).enumerate() {
        let weights = of::<S>(weights).as_chunks::<2>().0;
        for y in (0..half).step_by(2) {
            let mut x = 0;
            while x < half {
                let place = y * row + x * FILTERS;
                let rows: [&[f32]; 4] = std::array::from_fn(|k| &padded[place + k * row..]);
                let (upper, lower) = outputs[place + index * block..].split_at_mut(row);
                if S::F32_LANES >= 16 && x + 4 <= half {
                    second_tile::<S, 4>(simd, rows, weights, [upper, lower]);
                    x += 4;
                } else {
                    second_tile::<S, 2>(simd, rows, weights, [upper, lower]);
                    x += 2;
                }
            }
        }
    }
}

/// The same for 2 x `W` pixels.
#[inline(always)]
fn second_tile<S: Simd, const W: usize>(
    simd: S,
    rows: [&[f32]; 4],
    weights: &[Pair<S>],
    outputs: [&mut [f32]; 2],
) {
    let mut tile: Tile<S, W> = [[[simd.splat_f32s(0.0); 2]; W]; 2];
    for (row, weights) in weights.chunks_exact(TAPS).enumerate().take(3) {
        add_row::<S, W, FILTERS, TAPS>(simd, &mut tile, rows[row], rows[row + 1], weights);
    }
    for (outputs, sums) in outputs.into_iter().zip(tile) {
        for (x, sums) in sums.into_iter().enumerate() {
            let output = &mut outputs[x * FILTERS..][..2 * S::F32_LANES];
            of_mut::<S>(output).copy_from_slice(&sums);
        }
    }
}

/// Rows of pixels that are summed before the next inputs: a first cache holds them.
const BAND: usize = 4;

/// Derivatives by the second convolution's weights: `G` inputs times a block of filters at a time.
#[inline(always)]
fn second_gradient<S: Simd, const G: usize>(
    simd: S,
    shape: &Shape,
    padded: &[f32],
    gradients: &[f32],
    sums: &mut [f32],
) {
    let block = 2 * S::F32_LANES;
    let (half, row) = (shape.half(), shape.hidden_row());
    for band in (0..half).step_by(BAND) {
        let rows = band..half.min(band + BAND);
        for (group, sums) in sums.chunks_exact_mut(G * FILTERS).enumerate() {
            let (kernel_row, input) = (group * G / TAPS, group * G % TAPS);
            for start in (0..FILTERS).step_by(block) {
                let mut tile = [[simd.splat_f32s(0.0); 2]; G];
                for (sum, stored) in tile.iter_mut().zip(sums.chunks_exact(FILTERS)) {
                    sum.copy_from_slice(of::<S>(&stored[start..start + block]));
                }
                for y in rows.clone() {
                    let inputs = &padded[(y + kernel_row) * row + input..];
                    let gradients = &gradients[(y + 1) * row + FILTERS..][..half * FILTERS];
                    add_pixels(simd, &mut tile, inputs, gradients, start);
                }
                for (sum, stored) in tile.iter().zip(sums.chunks_exact_mut(FILTERS)) {
                    of_mut::<S>(&mut stored[start..start + block]).copy_from_slice(sum);
                }
            }
        }
    }
}

/// Adds the products of inputs and gradients of a row of pixels to a tile.
#[inline(always)]
fn add_pixels<S: Simd, const G: usize>(
    simd: S,
    tile: &mut [Pair<S>; G],
    inputs: &[f32],
    gradients: &[f32],
    start: usize,
) {
    let pixels = inputs.chunks(FILTERS).zip(gradients.chunks_exact(FILTERS));
    for (inputs, gradients) in pixels {
        let gradient = of::<S>(&gradients[start..start + 2 * S::F32_LANES]);
        for (sum, input) in tile.iter_mut().zip(&inputs[..G]) {
            let input = simd.splat_f32s(*input);
            sum[0] = simd.mul_add_f32s(input, gradient[0], sum[0]);
            sum[1] = simd.mul_add_f32s(input, gradient[1], sum[1]);
        }
    }
}

/// Products of patches of the image and derivatives by the outputs, of which pooling has let one in
/// four through. `V` vectors of filters at a time.
#[inline(always)]
fn first_gradient<S: Simd, const C: usize, const T: usize, const R: usize, const V: usize>(
    simd: S,
    shape: &Shape,
    image: &[f32],
    gradients: &[f32],
    codes: &[f32],
    sums: &mut [f32],
) {
    let block = V * S::F32_LANES;
    let (half, row) = (shape.half(), shape.image_row());
    for (group, sums) in sums.chunks_exact_mut(R * T * FILTERS).enumerate() {
        for start in (0..FILTERS).step_by(block) {
            let mut tile = [[[simd.splat_f32s(0.0); V]; T]; R];
            for pixel in 0..half * half {
                let (y, x) = (pixel / half, pixel % half);
                let gradients = &gradients[y * shape.hidden_row() + x * FILTERS + start..];
                let codes = &codes[pixel * FILTERS + start..];
                let four = (of::<S>(&gradients[..block]), of::<S>(&codes[..block]));
                let image = &image[(2 * y + group * R) * row + 2 * x * C..];
                add_four::<S, C, T, R, V>(simd, &mut tile, image, row, four);
            }
            for (sum, stored) in tile.iter().flatten().zip(sums.chunks_exact_mut(FILTERS)) {
                let stored = of_mut::<S>(&mut stored[start..start + block]);
                for (stored, sum) in stored.iter_mut().zip(sum) {
                    *stored = simd.add_f32s(*stored, *sum);
                }
            }
        }
    }
}

/// Adds the products of four patches and what reaches their outputs to a tile.
#[inline(always)]
fn add_four<S: Simd, const C: usize, const T: usize, const R: usize, const V: usize>(
    simd: S,
    tile: &mut [[[S::f32s; V]; T]; R],
    image: &[f32],
    row: usize,
    (gradients, codes): (&[S::f32s], &[S::f32s]),
) {
    for (pixel, place) in [0, C, row, row + C].into_iter().enumerate() {
        let mut reached = [simd.splat_f32s(0.0); V];
        for (v, reached) in reached.iter_mut().enumerate() {
            *reached = unpool(simd, gradients[v], codes[v], pixel);
        }
        for (kernel_row, sums) in tile.iter_mut().enumerate() {
            let place = place + kernel_row * row;
            for (sum, input) in sums.iter_mut().zip(&image[place..place + T]) {
                let input = simd.splat_f32s(*input);
                for (sum, reached) in sum.iter_mut().zip(reached) {
                    *sum = simd.mul_add_f32s(input, reached, *sum);
                }
            }
        }
    }
}
