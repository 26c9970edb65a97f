//! What happens between convolutions, on vectors: batch norm, `ReLU`, pooling, residual addition, and
//! their derivatives.
//!
//! Images are `[side, side, channels]`, and channels are a whole number of vectors. An image, or a row
//! of one, is a slice; arrays of one value for each channel are slices too. All functions are
//! `inline(always)` and must be called from within `vectorize`, so that they are compiled for its
//! vectors.
//!
//! Values that are not numbers pass `ReLU`; of four pixels that are pooled one that is a number may win.
//! In a channel whose batch norm is lost none is one, so that a lost child is seen in its loss.

use pulp::Simd;

use crate::child::net::vectors::{add_lanes, of, of_mut, pool, unpool};

/// 0 where `value` is not above 0, `kept` elsewhere.
#[inline(always)]
fn keep_positive<S: Simd>(simd: S, value: S::f32s, kept: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_or_equal_f32s(value, zero), zero, kept)
}

/// Adds the sums over an image's pixels, and those of their squares.
#[inline(always)]
pub(super) fn add_sums<S: Simd>(simd: S, values: &[f32], sums: &mut [f64], squares: &mut [f64]) {
    let blocks = sums.len() / S::F32_LANES;
    for block in 0..blocks {
        let (mut sum, mut square) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        for value in of::<S>(values)[block..].iter().step_by(blocks) {
            sum = simd.add_f32s(sum, *value);
            square = simd.mul_add_e_f32s(*value, *value, square);
        }
        add_lanes::<S>(sum, block, sums);
        add_lanes::<S>(square, block, squares);
    }
}

/// `to = relu(factor * values + offset)`.
#[inline(always)]
pub(super) fn activate<S: Simd>(
    simd: S,
    values: &[f32],
    [factor, offset]: &[Vec<f32>; 2],
    to: &mut [f32],
) {
    let blocks = factor.len() / S::F32_LANES;
    for block in 0..blocks {
        let (factor, offset) = (of::<S>(factor)[block], of::<S>(offset)[block]);
        let values = of::<S>(values).get(block..).unwrap_or_default();
        let to = of_mut::<S>(to).get_mut(block..).unwrap_or_default();
        for (to, value) in to.iter_mut().step_by(blocks).zip(values.iter().step_by(blocks)) {
            let normal = simd.mul_add_e_f32s(*value, factor, offset);
            *to = keep_positive(simd, normal, normal);
        }
    }
}

/// Sets derivatives to 0 where `relu(factor * values + offset)` is 0. Adds the sums of what is left,
/// and of it times the values.
#[inline(always)]
pub(super) fn mask<S: Simd>(
    simd: S,
    gradients: &mut [f32],
    values: &[f32],
    [factor, offset]: &[Vec<f32>; 2],
    sums: &mut [f64],
    products: &mut [f64],
) {
    let blocks = sums.len() / S::F32_LANES;
    for block in 0..blocks {
        let (factor, offset) = (of::<S>(factor)[block], of::<S>(offset)[block]);
        let (mut sum, mut product) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        let gradients = of_mut::<S>(gradients)[block..].iter_mut().step_by(blocks);
        let values = of::<S>(values)[block..].iter().step_by(blocks);
        for (gradient, value) in gradients.zip(values) {
            let normal = simd.mul_add_e_f32s(*value, factor, offset);
            *gradient = keep_positive(simd, normal, *gradient);
            sum = simd.add_f32s(sum, *gradient);
            product = simd.mul_add_e_f32s(*gradient, *value, product);
        }
        add_lanes::<S>(sum, block, sums);
        add_lanes::<S>(product, block, products);
    }
}

/// Derivatives by the values before batch norm: `to = a * gradients + c * values + d`.
#[inline(always)]
pub(super) fn spread<S: Simd>(
    simd: S,
    gradients: &[f32],
    values: &[f32],
    maps: &[Vec<f32>; 3],
    to: &mut [f32],
) {
    let blocks = maps[0].len() / S::F32_LANES;
    for block in 0..blocks {
        let [a, c, d] = maps;
        let (a, c, d) = (of::<S>(a)[block], of::<S>(c)[block], of::<S>(d)[block]);
        let gradients = of::<S>(gradients)[block..].iter().step_by(blocks);
        let values = of::<S>(values)[block..].iter().step_by(blocks);
        let to = of_mut::<S>(to)[block..].iter_mut().step_by(blocks);
        for (to, (gradient, value)) in to.zip(gradients.zip(values)) {
            let dense = simd.mul_add_e_f32s(*value, c, d);
            *to = simd.mul_add_e_f32s(*gradient, a, dense);
        }
    }
}

/// The two rows of vectors that row `y` of pooled pixels comes from, each cut in pairs of pixels.
#[inline(always)]
fn pairs<V>(values: &[V], row: usize, pair: usize) -> impl Iterator<Item = (&[V], &[V])> {
    let (upper, lower) = values[..2 * row].split_at(row);
    upper.chunks_exact(pair).zip(lower.chunks_exact(pair))
}

/// Batch norm, `ReLU` and max-pooling 2x2 of an image; the first of equals wins.
#[inline(always)]
pub(super) fn pool_image<S: Simd>(
    simd: S,
    values: &[f32],
    side: usize,
    [factor, offset]: &[Vec<f32>; 2],
    pooled: &mut [f32],
) {
    let (factor, offset) = (of::<S>(factor), of::<S>(offset));
    let channels = factor.len();
    let row = side * channels;
    let rows = of_mut::<S>(pooled).chunks_exact_mut(row / 2);
    for (pooled, values) in rows.zip(of::<S>(values).chunks_exact(2 * row)) {
        let pixels = pooled.chunks_exact_mut(channels).zip(pairs(values, row, 2 * channels));
        for (pooled, (upper, lower)) in pixels {
            for v in 0..channels {
                let four = four(simd, upper, lower, v, (factor[v], offset[v]));
                pooled[v] = pool(simd, four).0;
            }
        }
    }
}

/// Four pixels after batch norm, for vector `v` of channels.
#[inline(always)]
fn four<S: Simd>(
    simd: S,
    upper: &[S::f32s],
    lower: &[S::f32s],
    v: usize,
    (factor, offset): (S::f32s, S::f32s),
) -> [S::f32s; 4] {
    let channels = upper.len() / 2;
    [
        simd.mul_add_e_f32s(upper[v], factor, offset),
        simd.mul_add_e_f32s(upper[channels + v], factor, offset),
        simd.mul_add_e_f32s(lower[v], factor, offset),
        simd.mul_add_e_f32s(lower[channels + v], factor, offset),
    ]
}

/// As [`mask`], for derivatives by the pooled values of an image. Values count where pooling has
/// chosen them.
#[inline(always)]
pub(super) fn mask_pooled<S: Simd>(
    simd: S,
    gradients: &mut [f32],
    (values, side): (&[f32], usize),
    [factor, offset]: &[Vec<f32>; 2],
    sums: &mut [f64],
    products: &mut [f64],
) {
    let (factor, offset) = (of::<S>(factor), of::<S>(offset));
    let channels = factor.len();
    let row = side * channels;
    let (gradients, values) = (of_mut::<S>(gradients), of::<S>(values));
    for v in 0..channels {
        let (mut sum, mut product) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        let rows = gradients.chunks_exact_mut(row / 2).zip(values.chunks_exact(2 * row));
        for (gradients, values) in rows {
            let pixels = gradients.chunks_exact_mut(channels);
            for (gradient, (upper, lower)) in pixels.zip(pairs(values, row, 2 * channels)) {
                let four = four(simd, upper, lower, v, (factor[v], offset[v]));
                let (largest, code) = pool(simd, four);
                gradient[v] = keep_positive(simd, largest, gradient[v]);
                sum = simd.add_f32s(sum, gradient[v]);
                let raw = [upper[v], upper[channels + v], lower[v], lower[channels + v]];
                for (place, raw) in raw.into_iter().enumerate() {
                    let reached = unpool(simd, gradient[v], code, place);
                    product = simd.mul_add_e_f32s(reached, raw, product);
                }
            }
        }
        add_lanes::<S>(sum, v, sums);
        add_lanes::<S>(product, v, products);
    }
}

/// As [`spread`], from masked derivatives by a row of pooled values to the two rows of pixels that they
/// come from.
#[inline(always)]
pub(super) fn spread_pooled<S: Simd>(
    simd: S,
    gradients: &[f32],
    values: &[f32],
    [factor, offset]: &[Vec<f32>; 2],
    maps: &[Vec<f32>; 3],
    to: [&mut [f32]; 2],
) {
    let (factor, offset) = (of::<S>(factor), of::<S>(offset));
    let [a, c, d] = maps.each_ref().map(|map| of::<S>(map));
    let channels = factor.len();
    let values = of::<S>(values);
    let [upper_to, lower_to] = to.map(|row| of_mut::<S>(row).chunks_exact_mut(2 * channels));
    let pixels = of::<S>(gradients).chunks_exact(channels);
    let pixels = pixels.zip(pairs(values, values.len() / 2, 2 * channels));
    for ((gradients, (upper, lower)), (upper_to, lower_to)) in pixels.zip(upper_to.zip(lower_to)) {
        for v in 0..channels {
            let four = four(simd, upper, lower, v, (factor[v], offset[v]));
            let (_, code) = pool(simd, four);
            let raw = [upper[v], upper[channels + v], lower[v], lower[channels + v]];
            let mut back = raw;
            for (place, back) in back.iter_mut().enumerate() {
                let dense = simd.mul_add_e_f32s(raw[place], c[v], d[v]);
                let reached = unpool(simd, gradients[v], code, place);
                *back = simd.mul_add_e_f32s(reached, a[v], dense);
            }
            (upper_to[v], upper_to[channels + v]) = (back[0], back[1]);
            (lower_to[v], lower_to[channels + v]) = (back[2], back[3]);
        }
    }
}

/// A shortcut from an image of `side` x `side` pixels to one of as many or fewer, with as many channels
/// or more. Of the larger image, it takes every second pixel; channels that are not there are 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shortcut {
    pub(super) side: usize,
    pub(super) channels: usize,
    /// 1 or 2.
    pub(super) stride: usize,
}

impl Shortcut {
    /// Where the pixels that are taken start.
    #[inline(always)]
    fn places(self) -> impl Iterator<Item = usize> {
        let taken = move || (0..self.side).step_by(self.stride);
        taken().flat_map(move |y| taken().map(move |x| (y * self.side + x) * self.channels))
    }

    /// `to = relu(factor * values + offset + shortcut)`, for an image.
    #[inline(always)]
    pub(super) fn join<S: Simd>(
        self,
        simd: S,
        values: &[f32],
        [factor, offset]: &[Vec<f32>; 2],
        from: &[f32],
        to: &mut [f32],
    ) {
        let (factor, offset) = (of::<S>(factor), of::<S>(offset));
        let channels = factor.len();
        let pixels = of_mut::<S>(to).chunks_exact_mut(channels);
        let pixels = pixels.zip(of::<S>(values).chunks_exact(channels));
        for ((to, values), place) in pixels.zip(self.places()) {
            let from = of::<S>(&from[place..place + self.channels]);
            for v in 0..channels {
                let mut sum = simd.mul_add_e_f32s(values[v], factor[v], offset[v]);
                if let Some(from) = from.get(v) {
                    sum = simd.add_f32s(sum, *from);
                }
                to[v] = keep_positive(simd, sum, sum);
            }
        }
    }

    /// Derivatives by what the shortcut has taken, from those by the sum; 0 for all other pixels.
    #[inline(always)]
    pub(super) fn back(self, gradients: &[f32], to: &mut [f32], channels: usize) {
        if self.stride > 1 {
            to.fill(0.0);
        }
        for (gradients, place) in gradients.chunks_exact(channels).zip(self.places()) {
            to[place..place + self.channels].copy_from_slice(&gradients[..self.channels]);
        }
    }
}

/// Sets derivatives to 0 where the output of `ReLU` is 0. Adds the sums of what is left, and of it times
/// the values before batch norm.
#[inline(always)]
pub(super) fn mask_joined<S: Simd>(
    simd: S,
    gradients: &mut [f32],
    outputs: &[f32],
    values: &[f32],
    sums: &mut [f64],
    products: &mut [f64],
) {
    let blocks = sums.len() / S::F32_LANES;
    for block in 0..blocks {
        let (mut sum, mut product) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        let gradients = of_mut::<S>(gradients)[block..].iter_mut().step_by(blocks);
        let outputs = of::<S>(outputs)[block..].iter().step_by(blocks);
        let values = of::<S>(values)[block..].iter().step_by(blocks);
        for ((gradient, output), value) in gradients.zip(outputs).zip(values) {
            *gradient = keep_positive(simd, *output, *gradient);
            sum = simd.add_f32s(sum, *gradient);
            product = simd.mul_add_e_f32s(*gradient, *value, product);
        }
        add_lanes::<S>(sum, block, sums);
        add_lanes::<S>(product, block, products);
    }
}

/// Mean over the pixels of an image.
#[inline(always)]
pub(super) fn average<S: Simd>(simd: S, values: &[f32], means: &mut [f32]) {
    let means = of_mut::<S>(means);
    let blocks = means.len();
    let values = of::<S>(values);
    let share = simd.splat_f32s(1.0 / (values.len() / blocks) as f32);
    for (block, mean) in means.iter_mut().enumerate() {
        let mut sum = simd.splat_f32s(0.0);
        for value in values[block..].iter().step_by(blocks) {
            sum = simd.add_f32s(sum, *value);
        }
        *mean = simd.mul_f32s(sum, share);
    }
}

/// Derivatives by the pixels, from those by their mean.
#[inline(always)]
pub(super) fn average_back<S: Simd>(simd: S, of_means: &[f32], to: &mut [f32]) {
    let of_means = of::<S>(of_means);
    let to = of_mut::<S>(to);
    let share = simd.splat_f32s(1.0 / (to.len() / of_means.len()) as f32);
    for pixel in to.chunks_exact_mut(of_means.len()) {
        for (to, of_mean) in pixel.iter_mut().zip(of_means) {
            *to = simd.mul_f32s(*of_mean, share);
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::{mask_pooled, pool_image, spread_pooled};

    #[test]
    fn the_first_of_equals_wins_in_pooling_and_its_derivatives() {
        // A row of two windows: in the first one the second and the third pixel are the largest, in the
        // second one no pixel is above 0.
        let values = [1.0, 3.0, -1.0, -2.0, 3.0, 2.0, 0.0, -1.0];
        let (affine, maps) = ([vec![1.0], vec![0.0]], [vec![2.0], vec![0.0], vec![0.0]]);
        let simd = Scalar::new();
        let mut pooled = [f32::NAN; 2];
        pool_image(simd, &values, 4, &affine, &mut pooled);
        assert_eq!(pooled, [3.0, 0.0]);
        let mut gradients = [0.5, 7.0];
        let (mut sums, mut products) = ([0.0], [0.0]);
        let inputs = (&values[..], 4);
        mask_pooled(simd, &mut gradients, inputs, &affine, &mut sums, &mut products);
        assert_eq!((gradients, sums, products), ([0.5, 0.0], [0.5], [1.5]));
        let (mut upper, mut lower) = ([f32::NAN; 4], [f32::NAN; 4]);
        let to = [&mut upper[..], &mut lower[..]];
        spread_pooled(simd, &gradients, &values, &affine, &maps, to);
        assert_eq!((upper, lower), ([0.0, 1.0, 0.0, 0.0], [0.0; 4]));
    }
}
