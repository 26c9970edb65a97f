//! Slices as vectors, and the steps between convolutions: pooling, batch norm, sums of channels.
//!
//! Pixels have 32 channels, which are a whole number of vectors on every processor. Each function
//! is compiled for each kind of vector and must be called from within [`vectorize`]. All of them,
//! and all closures that compute with vectors, are `inline(always)`: what is not inlined is compiled
//! for processors without such vectors, and each operation becomes a call.

use pulp::Simd;

use super::batch_norm::{Affine, Backward, Channels};
use super::shape::FILTERS;

/// The code of a pooled value that `ReLU` has set to 0. Other codes, 0 to 3, say which of the four
/// pixels was the largest, row by row, the first of equals. They are floats, so that they take
/// the same vectors as values.
const INACTIVE: f32 = 4.0;

/// Runs `operation` compiled for the vectors of `simd`. The operation is an `inline(always)` closure.
///
/// It is a function of its own so that the closure is an `FnOnce`. Given to `Simd::vectorize` itself
/// it would be called through a function that is not inlined.
#[inline(always)]
pub(in crate::child) fn vectorize<S: Simd, R>(simd: S, operation: impl FnOnce() -> R) -> R {
    simd.vectorize(operation)
}

/// The vectors of a slice whose length is a multiple of theirs.
#[inline(always)]
pub(in crate::child) fn of<S: Simd>(slice: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(slice).0
}

/// The same, to be written.
#[inline(always)]
pub(in crate::child) fn of_mut<S: Simd>(slice: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(slice).0
}

/// The largest of four values, or 0 if that is larger, and its code.
///
/// The value is not a number if all four are not, so that a lost child is seen in its loss.
#[inline(always)]
pub(in crate::child) fn pool<S: Simd>(simd: S, values: [S::f32s; 4]) -> (S::f32s, S::f32s) {
    let [a, b, c, d] = values;
    let largest = simd.max_f32s(simd.max_f32s(a, b), simd.max_f32s(c, d));
    let mut code = simd.splat_f32s(3.0);
    for (value, place) in [(c, 2.0), (b, 1.0), (a, 0.0)] {
        code = simd.select_f32s(simd.equal_f32s(value, largest), simd.splat_f32s(place), code);
    }
    let zero = simd.splat_f32s(0.0);
    let off = simd.less_than_or_equal_f32s(largest, zero);
    let code = simd.select_f32s(off, simd.splat_f32s(INACTIVE), code);
    (simd.select_f32s(off, zero, largest), code)
}

/// What reaches pixel `place` of four, when `gradient` reaches the pooled value.
#[inline(always)]
pub(in crate::child) fn unpool<S: Simd>(
    simd: S,
    gradient: S::f32s,
    code: S::f32s,
    place: usize,
) -> S::f32s {
    let here = simd.equal_f32s(code, simd.splat_f32s(place as f32));
    simd.select_f32s(here, gradient, simd.splat_f32s(0.0))
}

/// A pooling of 2 x 2 pixels in an image of 32 channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Pooled pixels in a row, and in a column.
    pub(super) side: usize,
    /// Floats from one row to the next of what is pooled.
    pub(super) row: usize,
}

impl Grid {
    /// Calls `visit` with each pooled pixel's row, column, and the places of its four pixels.
    #[inline(always)]
    fn visit(self, mut visit: impl FnMut(usize, usize, [usize; 4])) {
        for y in 0..self.side {
            for x in 0..self.side {
                let first = 2 * y * self.row + 2 * x * FILTERS;
                let below = first + self.row;
                visit(y, x, [first, first + FILTERS, below, below + FILTERS]);
            }
        }
    }

    /// Adds `offset`, then `ReLU` and pooling, of `values` into `pooled`, whose rows are
    /// `pooled_row` apart.
    #[inline(always)]
    pub(super) fn pool_first<S: Simd>(
        self,
        simd: S,
        values: &[f32],
        offset: &[f32],
        pooled: &mut [f32],
        pooled_row: usize,
        codes: &mut [f32],
    ) {
        let offset = of::<S>(offset);
        self.visit(
            #[inline(always)]
            |y, x, places| {
                let four = places.map(|place| of::<S>(&values[place..place + FILTERS]));
                let pooled = &mut pooled[y * pooled_row + x * FILTERS..][..FILTERS];
                let codes = &mut codes[(y * self.side + x) * FILTERS..][..FILTERS];
                let outputs = of_mut::<S>(pooled).iter_mut().zip(of_mut::<S>(codes));
                for (v, (value, code)) in outputs.enumerate() {
                    let [a, b, c, d] = four;
                    let four = [
                        simd.add_f32s(a[v], offset[v]),
                        simd.add_f32s(b[v], offset[v]),
                        simd.add_f32s(c[v], offset[v]),
                        simd.add_f32s(d[v], offset[v]),
                    ];
                    (*value, *code) = pool(simd, four);
                }
            },
        );
    }

    /// Batch norm, `ReLU` and pooling of `values`. `chosen` becomes the values at the largest pixels
    /// before batch norm.
    #[inline(always)]
    pub(super) fn pool_second<S: Simd>(
        self,
        simd: S,
        values: &[f32],
        affine: &Affine,
        pooled: &mut [f32],
        codes: &mut [f32],
        chosen: &mut [f32],
    ) {
        let (factor, offset) = (of::<S>(&affine.factor), of::<S>(&affine.offset));
        self.visit(
            #[inline(always)]
            |y, x, places| {
                let four = places.map(|place| of::<S>(&values[place..place + FILTERS]));
                let start = (y * self.side + x) * FILTERS;
                let pooled = of_mut::<S>(&mut pooled[start..start + FILTERS]);
                let codes = of_mut::<S>(&mut codes[start..start + FILTERS]);
                let chosen = of_mut::<S>(&mut chosen[start..start + FILTERS]);
                for (v, value) in pooled.iter_mut().enumerate() {
                    let [a, b, c, d] = four;
                    let normal = [
                        simd.mul_add_f32s(a[v], factor[v], offset[v]),
                        simd.mul_add_f32s(b[v], factor[v], offset[v]),
                        simd.mul_add_f32s(c[v], factor[v], offset[v]),
                        simd.mul_add_f32s(d[v], factor[v], offset[v]),
                    ];
                    (*value, codes[v]) = pool(simd, normal);
                    let mut sum = unpool(simd, a[v], codes[v], 0);
                    for (place, raw) in [(1, b[v]), (2, c[v]), (3, d[v])] {
                        sum = simd.add_f32s(sum, unpool(simd, raw, codes[v], place));
                    }
                    chosen[v] = sum;
                }
            },
        );
    }

    /// Derivatives by the values before batch norm, from those by the pooled values: into
    /// `outputs`, whose rows are as far apart as those of `values`.
    #[inline(always)]
    pub(super) fn unpool_second<S: Simd>(
        self,
        simd: S,
        gradients: &[f32],
        codes: &[f32],
        values: &[f32],
        maps: &Backward,
        outputs: &mut [f32],
    ) {
        let of_gradient = of::<S>(&maps.of_gradient);
        let (of_value, constant) = (of::<S>(&maps.of_value), of::<S>(&maps.constant));
        self.visit(
            #[inline(always)]
            |y, x, places| {
                let start = (y * self.side + x) * FILTERS;
                let gradients = of::<S>(&gradients[start..start + FILTERS]);
                let codes = of::<S>(&codes[start..start + FILTERS]);
                for (index, place) in places.into_iter().enumerate() {
                    let values = of::<S>(&values[place..place + FILTERS]);
                    let outputs = of_mut::<S>(&mut outputs[place..place + FILTERS]);
                    for (v, output) in outputs.iter_mut().enumerate() {
                        let dense = simd.mul_add_f32s(values[v], of_value[v], constant[v]);
                        let gradient = unpool(simd, gradients[v], codes[v], index);
                        *output = simd.mul_add_f32s(gradient, of_gradient[v], dense);
                    }
                }
            },
        );
    }

    /// Spreads derivatives by the pooled values, whose rows are `gradient_row` apart, to the
    /// pixels that they came from.
    #[inline(always)]
    pub(super) fn unpool_first<S: Simd>(
        self,
        simd: S,
        gradients: &[f32],
        gradient_row: usize,
        codes: &[f32],
        outputs: &mut [f32],
    ) {
        self.visit(
            #[inline(always)]
            |y, x, places| {
                let gradients = of::<S>(&gradients[y * gradient_row + x * FILTERS..][..FILTERS]);
                let codes = of::<S>(&codes[(y * self.side + x) * FILTERS..][..FILTERS]);
                for (index, place) in places.into_iter().enumerate() {
                    let outputs = of_mut::<S>(&mut outputs[place..place + FILTERS]);
                    for (v, output) in outputs.iter_mut().enumerate() {
                        *output = unpool(simd, gradients[v], codes[v], index);
                    }
                }
            },
        );
    }
}

/// Adds the sums over all pixels of an image, and of their squares, to `sums` and `squares`. Rows
/// have `width` pixels of 32 channels and are `row` floats apart.
#[inline(always)]
pub(super) fn add_sums<S: Simd>(
    simd: S,
    values: &[f32],
    width: usize,
    row: usize,
    sums: &mut Channels,
    squares: &mut Channels,
) {
    let zero = simd.splat_f32s(0.0);
    for block in 0..FILTERS / S::F32_LANES {
        let (mut sum, mut square) = (zero, zero);
        for row in values.chunks(row) {
            for pixel in row[..width * FILTERS].chunks_exact(FILTERS) {
                let value = of::<S>(pixel)[block];
                sum = simd.add_f32s(sum, value);
                square = simd.mul_add_f32s(value, value, square);
            }
        }
        add_lanes::<S>(sum, block, sums);
        add_lanes::<S>(square, block, squares);
    }
}

/// Sets derivatives of inactive values to 0 and adds the others to `sums`; adds to `products`
/// them times `chosen`. All have pixels of 32 channels without gaps.
#[inline(always)]
pub(super) fn mask_second<S: Simd>(
    simd: S,
    gradients: &mut [f32],
    codes: &[f32],
    chosen: &[f32],
    sums: &mut Channels,
    products: &mut Channels,
) {
    let zero = simd.splat_f32s(0.0);
    for block in 0..FILTERS / S::F32_LANES {
        let (mut sum, mut product) = (zero, zero);
        let pixels = gradients.chunks_exact_mut(FILTERS);
        let others = codes.chunks_exact(FILTERS).zip(chosen.chunks_exact(FILTERS));
        for (pixel, (codes, chosen)) in pixels.zip(others) {
            let gradient = &mut of_mut::<S>(pixel)[block];
            *gradient = masked(simd, *gradient, of::<S>(codes)[block]);
            sum = simd.add_f32s(sum, *gradient);
            product = simd.mul_add_f32s(*gradient, of::<S>(chosen)[block], product);
        }
        add_lanes::<S>(sum, block, sums);
        add_lanes::<S>(product, block, products);
    }
}

/// Sets derivatives of inactive values to 0 and adds the others to `sums`. Their rows are `row`
/// floats apart; codes have rows of `width` pixels without gaps.
#[inline(always)]
pub(super) fn mask_first<S: Simd>(
    simd: S,
    gradients: &mut [f32],
    row: usize,
    codes: &[f32],
    width: usize,
    sums: &mut Channels,
) {
    for block in 0..FILTERS / S::F32_LANES {
        let mut sum = simd.splat_f32s(0.0);
        let rows = gradients.chunks_mut(row).zip(codes.chunks_exact(width * FILTERS));
        for (row, codes) in rows {
            let pixels = row.chunks_exact_mut(FILTERS).zip(codes.chunks_exact(FILTERS));
            for (pixel, codes) in pixels {
                let gradient = &mut of_mut::<S>(pixel)[block];
                *gradient = masked(simd, *gradient, of::<S>(codes)[block]);
                sum = simd.add_f32s(sum, *gradient);
            }
        }
        add_lanes::<S>(sum, block, sums);
    }
}

/// The gradient, or 0 where the code says that the value is inactive.
#[inline(always)]
fn masked<S: Simd>(simd: S, gradient: S::f32s, code: S::f32s) -> S::f32s {
    let off = simd.equal_f32s(code, simd.splat_f32s(INACTIVE));
    simd.select_f32s(off, simd.splat_f32s(0.0), gradient)
}

/// Adds the lanes of the vector of channels `block` to sums in f64.
#[inline(always)]
pub(in crate::child) fn add_lanes<S: Simd>(vector: S::f32s, block: usize, sums: &mut [f64]) {
    let lanes: &[f32] = bytemuck::cast_slice(std::slice::from_ref(&vector));
    let sums = &mut sums[block * S::F32_LANES..];
    sums.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum += f64::from(*lane));
}
