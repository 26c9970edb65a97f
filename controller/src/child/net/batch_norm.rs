//! Batch normalization of one layer: from sums over a batch to one multiplication and addition
//! for each value, forward and backward (Ioffe and Szegedy 2015, section 3).
//!
//! ```text
//! forward   y = gamma (z - mean) / sqrt(var + epsilon) + beta         = a z + b
//! backward  dz = a (dy - mean(dy) - x mean(dy x)),  x = (z - mean) / sqrt(var + epsilon)
//!                                                                     = a dy + c z + d
//! ```
//!
//! Means are over all pixels of all images of the batch. What is computed once for a channel is
//! in f64.

use super::shape::FILTERS;

/// Added to the variance, as `PyTorch` does by default.
pub const EPSILON: f64 = 1e-5;
/// Share of a batch in the running statistics, as `PyTorch` has it by default.
pub const MOMENTUM: f64 = 0.1;

/// One f64 for each channel.
pub(super) type Channels = [f64; FILTERS];

/// `y = factor * z + offset`, for each channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    pub(super) factor: [f32; FILTERS],
    pub(super) offset: [f32; FILTERS],
}

/// `dz = of_gradient * dy + of_value * z + constant`, for each channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backward {
    pub(super) of_gradient: [f32; FILTERS],
    pub(super) of_value: [f32; FILTERS],
    pub(super) constant: [f32; FILTERS],
}

/// Mean and variance of each channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub(super) mean: Channels,
    /// Of the values themselves: their mean squared distance from the mean.
    pub(super) variance: Channels,
    pub(super) count: f64,
}

/// Mean and variance of a layer's outputs, averaged over past batches: what evaluation uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Running {
    /// Mean of each channel; 0 at the start.
    pub mean: [f32; FILTERS],
    /// Variance of each channel, of the population that the batches are drawn from; 1 at the
    /// start.
    pub variance: [f32; FILTERS],
}

impl Default for Running {
    fn default() -> Self {
        Self { mean: [0.0; FILTERS], variance: [1.0; FILTERS] }
    }
}

impl Running {
    /// `running = (1 - momentum) * running + momentum * batch`. The batch's variance is that of a
    /// sample: count - 1 in the denominator.
    pub(super) fn update(&mut self, batch: &Statistics) {
        let sample = batch.count / (batch.count - 1.0);
        for channel in 0..FILTERS {
            let mix =
                |old: f32, new: f64| ((1.0 - MOMENTUM) * f64::from(old) + MOMENTUM * new) as f32;
            self.mean[channel] = mix(self.mean[channel], batch.mean[channel]);
            self.variance[channel] = mix(self.variance[channel], batch.variance[channel] * sample);
        }
    }

    /// What evaluation normalizes with.
    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            mean: self.mean.map(f64::from),
            variance: self.variance.map(f64::from),
            count: 1.0,
        }
    }
}

impl Statistics {
    /// From the sums of `count` values and of their squares. A variance that rounding has made
    /// negative is 0; one that is not a number stays so.
    pub(super) fn from_sums(sums: &Channels, squares: &Channels, count: f64) -> Self {
        let mean = sums.map(|sum| sum / count);
        let mut variance = [0.0; FILTERS];
        for (channel, value) in variance.iter_mut().enumerate() {
            *value = squares[channel] / count - mean[channel] * mean[channel];
            if *value < 0.0 {
                *value = 0.0;
            }
        }
        Self { mean, variance, count }
    }

    /// 1 / standard deviation.
    pub(super) fn inverse_deviation(&self) -> Channels {
        self.variance.map(|variance| 1.0 / libm::sqrt(variance + EPSILON))
    }

    /// The forward map for parameters gamma and beta.
    pub(super) fn affine(&self, gamma: &[f32], beta: &[f32]) -> Affine {
        let inverse = self.inverse_deviation();
        let mut affine = Affine { factor: [0.0; FILTERS], offset: [0.0; FILTERS] };
        for channel in 0..FILTERS {
            let factor = f64::from(gamma[channel]) * inverse[channel];
            affine.factor[channel] = factor as f32;
            affine.offset[channel] =
                (f64::from(beta[channel]) - factor * self.mean[channel]) as f32;
        }
        affine
    }

    /// Derivative of the loss by gamma, from the sums of `dy` and of `dy z`.
    pub(super) fn scale_gradient(&self, gradients: &Channels, with_values: &Channels) -> Channels {
        let inverse = self.inverse_deviation();
        let mut of_scale = [0.0; FILTERS];
        for (channel, value) in of_scale.iter_mut().enumerate() {
            let centred = with_values[channel] - self.mean[channel] * gradients[channel];
            *value = centred * inverse[channel];
        }
        of_scale
    }

    /// The backward map, from the derivatives by beta (the sum of `dy`) and by gamma.
    pub(super) fn backward(
        &self,
        gamma: &[f32],
        of_shift: &Channels,
        of_scale: &Channels,
    ) -> [Channels; 3] {
        let inverse = self.inverse_deviation();
        let mut maps = [[0.0; FILTERS]; 3];
        for channel in 0..FILTERS {
            let of_gradient = f64::from(gamma[channel]) * inverse[channel];
            let slope = of_gradient * inverse[channel] * of_scale[channel] / self.count;
            maps[0][channel] = of_gradient;
            maps[1][channel] = -slope;
            maps[2][channel] =
                slope * self.mean[channel] - of_gradient * of_shift[channel] / self.count;
        }
        maps
    }
}

impl Backward {
    pub(super) fn rounded(maps: &[Channels; 3]) -> Self {
        let [of_gradient, of_value, constant] = maps.map(|map| map.map(|value| value as f32));
        Self { of_gradient, of_value, constant }
    }
}
