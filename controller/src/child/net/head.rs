//! The linear layer and the cross-entropy, for a run of images.
//!
//! For features f of an image and its class y,
//!
//! ```text
//! z_c  = b_c + sum_i W_ci f_i                  logits
//! loss = log(sum_c exp(z_c)) - z_y             cross-entropy, nats
//! dz_c = (exp(z_c)/sum_k exp(z_k) - [c = y]) / batch
//! dW_ci = dz_c f_i,   db_c = dz_c,   df_i = sum_c dz_c W_ci
//! ```
//!
//! The largest logit is taken off before `exp`, so that nothing overflows.

use pulp::Simd;

use super::vectors::{of, of_mut};
use crate::child::Sums;

/// Images whose sums are taken side by side.
const IMAGES: usize = 4;

/// `logits[image, class] = bias[class] + weights[class] . features[image]`.
#[inline(always)]
pub(in crate::child) fn logits<S: Simd>(
    simd: S,
    features: &[f32],
    length: usize,
    weights: &[f32],
    bias: &[f32],
    logits: &mut [f32],
) {
    let classes = bias.len();
    let (fours, ones) = features.split_at(features.len() / (IMAGES * length) * IMAGES * length);
    let mut logits = logits.chunks_exact_mut(classes);
    for images in fours.chunks_exact(IMAGES * length) {
        let images: [&[f32]; IMAGES] = std::array::from_fn(|i| &images[i * length..][..length]);
        let mut rows: [&mut [f32]; IMAGES] =
            std::array::from_fn(|_| logits.next().unwrap_or_default());
        for (class, weights) in weights.chunks_exact(length).enumerate() {
            let dots = dots(simd, images, weights);
            for (row, dot) in rows.iter_mut().zip(dots) {
                row[class] = dot + bias[class];
            }
        }
    }
    for (image, row) in ones.chunks_exact(length).zip(logits) {
        for (class, weights) in weights.chunks_exact(length).enumerate() {
            let [dot] = dots(simd, [image], weights);
            row[class] = dot + bias[class];
        }
    }
}

/// Dot products of several rows with one.
#[inline(always)]
fn dots<S: Simd, const N: usize>(simd: S, rows: [&[f32]; N], with: &[f32]) -> [f32; N] {
    let rows = rows.map(|row| of::<S>(row));
    let mut sums = [simd.splat_f32s(0.0); N];
    for (i, with) in of::<S>(with).iter().enumerate() {
        for n in 0..N {
            sums[n] = simd.mul_add_f32s(rows[n][i], *with, sums[n]);
        }
    }
    let mut dots = [0.0; N];
    for (dot, sum) in dots.iter_mut().zip(sums) {
        *dot = simd.reduce_sum_f32s(sum);
    }
    dots
}

/// Cross-entropy of one image. The logits become its derivatives, times `share`. The lower class
/// wins a tie.
pub(in crate::child) fn cross_entropy(
    logits: &mut [f32],
    label: usize,
    share: f64,
    sums: &mut Sums,
) {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    let largest = f64::from(logits[best]);
    let answer = f64::from(logits[label]);
    let mut total = 0.0;
    for logit in &mut *logits {
        let power = libm::exp(f64::from(*logit) - largest);
        total += power;
        *logit = power as f32;
    }
    sums.loss += libm::log(total) + largest - answer;
    sums.correct += usize::from(best == label && answer == largest);
    for (class, logit) in logits.iter_mut().enumerate() {
        let target = if class == label { 1.0 } else { 0.0 };
        *logit = ((f64::from(*logit) / total - target) * share) as f32;
    }
}

/// Adds the derivatives by weights and bias for these images.
#[inline(always)]
pub(in crate::child) fn add_weight_gradients<S: Simd>(
    simd: S,
    features: &[f32],
    length: usize,
    of_logits: &[f32],
    weights: &mut [f32],
    bias: &mut [f32],
) {
    let classes = bias.len();
    for image in of_logits.chunks_exact(classes) {
        bias.iter_mut().zip(image).for_each(|(sum, value)| *sum += value);
    }
    // A run of features at a time, so that they stay in the first cache for all classes.
    let run = 2 * S::F32_LANES;
    for start in (0..length).step_by(run) {
        for (class, row) in weights.chunks_exact_mut(length).enumerate() {
            let [first, second] = of_mut::<S>(&mut row[start..start + run]) else { continue };
            let (mut a, mut b) = (*first, *second);
            let images = features.chunks_exact(length).zip(of_logits.chunks_exact(classes));
            for (features, of_logits) in images {
                let [c, d] = of::<S>(&features[start..start + run]) else { continue };
                let factor = simd.splat_f32s(of_logits[class]);
                a = simd.mul_add_f32s(*c, factor, a);
                b = simd.mul_add_f32s(*d, factor, b);
            }
            (*first, *second) = (a, b);
        }
    }
}

/// Derivatives by the features of these images.
#[inline(always)]
pub(in crate::child) fn feature_gradients<S: Simd>(
    simd: S,
    of_logits: &[f32],
    classes: usize,
    weights: &[f32],
    length: usize,
    gradients: &mut [f32],
) {
    let mut runs = gradients.chunks_exact_mut(IMAGES * length);
    let mut logits = of_logits.chunks_exact(IMAGES * classes);
    for (run, of_logits) in runs.by_ref().zip(logits.by_ref()) {
        features_of::<S, IMAGES>(simd, of_logits, classes, weights, length, run);
    }
    let ones = runs.into_remainder().chunks_exact_mut(length);
    for (run, of_logits) in ones.zip(logits.remainder().chunks_exact(classes)) {
        features_of::<S, 1>(simd, of_logits, classes, weights, length, run);
    }
}

/// The same for `N` images.
#[inline(always)]
fn features_of<S: Simd, const N: usize>(
    simd: S,
    of_logits: &[f32],
    classes: usize,
    weights: &[f32],
    length: usize,
    gradients: &mut [f32],
) {
    let run = 2 * S::F32_LANES;
    for start in (0..length).step_by(run) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; N];
        for (class, row) in weights.chunks_exact(length).enumerate() {
            let [a, b] = of::<S>(&row[start..start + run]) else { continue };
            for (n, [first, second]) in sums.iter_mut().enumerate() {
                let factor = simd.splat_f32s(of_logits[n * classes + class]);
                *first = simd.mul_add_f32s(*a, factor, *first);
                *second = simd.mul_add_f32s(*b, factor, *second);
            }
        }
        for (image, sums) in gradients.chunks_exact_mut(length).zip(sums) {
            of_mut::<S>(&mut image[start..start + run]).copy_from_slice(&sums);
        }
    }
}
