//! Batch normalization for any number of channels: from sums over a batch to one multiplication and
//! addition for each value, forward and backward (Ioffe and Szegedy 2015, section 3).
//!
//! ```text
//! forward   y = gamma (z - mean) / sqrt(var + epsilon) + beta         = a z + b
//! backward  dz = a (dy - mean(dy) - x mean(dy x)),  x = (z - mean) / sqrt(var + epsilon)
//!                                                                     = a dy + c z + d
//! ```
//!
//! Means are over all pixels of all images of the batch. What is computed once for a channel is in
//! f64. Epsilon and the momentum of the running statistics are [`EPSILON`] and [`MOMENTUM`], those of
//! `PyTorch`.

use crate::child::net::{EPSILON, MOMENTUM};

/// One layer: its sums over a batch, what follows from them, and its running statistics.
#[derive(Debug, Clone)]
pub(super) struct Normalization {
    /// Sums of the values, then of derivatives.
    pub(super) sums: Vec<f64>,
    /// Sums of squares, then of derivatives times values.
    pub(super) products: Vec<f64>,
    mean: Vec<f64>,
    /// 1 / standard deviation.
    inverse: Vec<f64>,
    /// Mean of each channel, averaged over past batches; 0 at the start.
    pub(super) running_mean: Vec<f32>,
    /// Variance of each channel, of the population that batches are drawn from; 1 at the start.
    pub(super) running_variance: Vec<f32>,
    /// a and b.
    pub(super) affine: [Vec<f32>; 2],
    /// a, c and d.
    pub(super) maps: [Vec<f32>; 3],
}

impl Normalization {
    pub(super) fn new(channels: usize) -> Self {
        let (wide, narrow) = (vec![0.0; channels], vec![0.0; channels]);
        Self {
            sums: wide.clone(),
            products: wide.clone(),
            mean: wide.clone(),
            inverse: wide,
            running_mean: narrow.clone(),
            running_variance: vec![1.0; channels],
            affine: [narrow.clone(), narrow.clone()],
            maps: [narrow.clone(), narrow.clone(), narrow],
        }
    }

    /// Sets the sums to 0.
    pub(super) fn clear(&mut self) {
        self.sums.fill(0.0);
        self.products.fill(0.0);
    }

    /// Statistics and forward map from the sums over `count` values of each channel. The running
    /// statistics become `(1 - momentum) * running + momentum * batch`; of the variance, the batch's is
    /// that of a sample: count - 1 in the denominator, or 1 for a single value.
    pub(super) fn take_batch(&mut self, count: usize, gamma: &[f32], beta: &[f32]) {
        let count = count as f64;
        let mix = |old: f32, new: f64| ((1.0 - MOMENTUM) * f64::from(old) + MOMENTUM * new) as f32;
        for c in 0..self.sums.len() {
            let mean = self.sums[c] / count;
            let mut variance = self.products[c] / count - mean * mean;
            // Rounding may have made it negative. If it is not a number, it stays so.
            if variance < 0.0 {
                variance = 0.0;
            }
            self.mean[c] = mean;
            self.inverse[c] = 1.0 / libm::sqrt(variance + EPSILON);
            self.running_mean[c] = mix(self.running_mean[c], mean);
            let sample = variance * (count / (count - 1.0).max(1.0));
            self.running_variance[c] = mix(self.running_variance[c], sample);
        }
        self.map_forward(gamma, beta);
    }

    /// The forward map from the running statistics.
    pub(super) fn take_running(&mut self, gamma: &[f32], beta: &[f32]) {
        for c in 0..self.sums.len() {
            self.mean[c] = f64::from(self.running_mean[c]);
            self.inverse[c] = 1.0 / libm::sqrt(f64::from(self.running_variance[c]) + EPSILON);
        }
        self.map_forward(gamma, beta);
    }

    fn map_forward(&mut self, gamma: &[f32], beta: &[f32]) {
        let [factors, offsets] = &mut self.affine;
        for c in 0..self.mean.len() {
            let factor = f64::from(gamma[c]) * self.inverse[c];
            factors[c] = factor as f32;
            offsets[c] = (f64::from(beta[c]) - factor * self.mean[c]) as f32;
        }
    }

    /// The backward map and the derivatives by gamma and beta, from the sums of `dy` and of `dy z` over
    /// `count` values of each channel.
    pub(super) fn map_backward(
        &mut self,
        count: usize,
        gamma: &[f32],
        of_gamma: &mut [f32],
        of_beta: &mut [f32],
    ) {
        let count = count as f64;
        let [of_gradient, of_value, constant] = &mut self.maps;
        for c in 0..self.mean.len() {
            let (mean, inverse) = (self.mean[c], self.inverse[c]);
            let of_shift = self.sums[c];
            let of_scale = (self.products[c] - mean * of_shift) * inverse;
            of_beta[c] = of_shift as f32;
            of_gamma[c] = of_scale as f32;
            let factor = f64::from(gamma[c]) * inverse;
            let slope = factor * inverse * of_scale / count;
            of_gradient[c] = factor as f32;
            of_value[c] = -slope as f32;
            constant[c] = (slope * mean - factor * of_shift / count) as f32;
        }
    }
}
