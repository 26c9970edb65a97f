//! The fast paths: the first convolution written out for vectors of 8 or 16 floats, the second one by
//! Winograd's algorithm. No patches are copied, and each value that is loaded is used for several
//! products.
//!
//! A tile is a block of filters (two vectors) of a few neighbouring pixels in two rows: its sums
//! stay in registers. `C` is the number of input channels of the first convolution and `T` that of
//! inputs under one row of its kernel, 3 `C`, which the language cannot compute from `C` yet; `R`
//! is the number of kernel rows whose gradients are summed at a time.

use pulp::Simd;

use super::convolutions::{Convolutions, FirstLayer};
use super::shape::{FILTERS, Shape};
use super::vectors::{of, of_mut, pool, unpool, vectorize};
use super::winograd::{self, Tiles};

/// A block of filters of one pixel.
type Pair<S> = [<S as Simd>::f32s; 2];

/// Sums of a tile of 2 x `W` pixels.
type Tile<S, const W: usize> = [[Pair<S>; W]; 2];

/// The fast paths' kernels.
#[derive(Debug)]
pub(super) struct Direct<'a, const C: usize, const T: usize, const R: usize> {
    pub(super) shape: Shape,
    pub(super) tiles: &'a mut Tiles,
}

impl<const C: usize, const T: usize, const R: usize> Convolutions for Direct<'_, C, T, R> {
    fn pack_first<S: Simd>(
        &self,
        _: S,
        weights: &[f32],
        factor: &[f32; FILTERS],
        packed: &mut [f32],
    ) {
        // [32 / block, inputs, block]
        let block = 2 * S::F32_LANES;
        for (input, row) in weights.chunks_exact(FILTERS).enumerate() {
            let filters = row.chunks_exact(block).zip(factor.chunks_exact(block));
            for (index, (filters, factor)) in filters.enumerate() {
                let packed = &mut packed[(index * 3 * T + input) * block..][..block];
                let values = filters.iter().zip(factor).map(|(weight, factor)| weight * factor);
                packed.iter_mut().zip(values).for_each(|(to, from)| *to = from);
            }
        }
    }

    fn pack_second<S: Simd>(&self, simd: S, weights: &[f32], packed: &mut [f32]) {
        vectorize(
            simd,
            #[inline(always)]
            || winograd::transform_kernels(simd, weights, packed),
        );
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

    fn second<S: Simd>(&mut self, simd: S, padded: &[f32], packed: &[f32], outputs: &mut [f32]) {
        let (shape, tiles) = (&self.shape, &mut *self.tiles);
        vectorize(
            simd,
            #[inline(always)]
            || winograd::convolve(simd, shape, tiles, padded, packed, outputs),
        );
    }

    fn sum_second_gradient<S: Simd>(
        &mut self,
        simd: S,
        padded: &[f32],
        gradients: &[f32],
        sums: &mut [f32],
    ) {
        let (shape, tiles) = (&self.shape, &mut *self.tiles);
        vectorize(
            simd,
            #[inline(always)]
            || {
                if S::F32_LANES >= 16 {
                    winograd::add_gradients::<S, 8>(simd, shape, tiles, padded, gradients, sums);
                } else {
                    winograd::add_gradients::<S, 4>(simd, shape, tiles, padded, gradients, sums);
                }
            },
        );
    }

    fn add_second_gradient<S: Simd>(&self, simd: S, sums: &[f32], gradient: &mut [f32]) {
        vectorize(
            simd,
            #[inline(always)]
            || winograd::add_kernel_gradients(simd, sums, gradient),
        );
    }

    fn sum_first_gradient<S: Simd>(
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
