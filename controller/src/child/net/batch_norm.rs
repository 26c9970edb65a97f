//! Batch normalization of a layer of 32 channels: what [`Channel`] computes of each, in the arrays
//! that the passes read.

use super::shape::FILTERS;
use crate::child::batch_norm::Channel;

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

/// What the channels are normalized with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    channels: [Channel; FILTERS],
    /// Values of each channel.
    count: f64,
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
    /// Adds the statistics of a batch.
    pub(super) fn update(&mut self, batch: &Statistics) {
        let running = self.mean.iter_mut().zip(&mut self.variance);
        for (channel, (mean, variance)) in batch.channels.iter().zip(running) {
            channel.add_to_running(batch.count, mean, variance);
        }
    }

    /// What evaluation normalizes with.
    pub(super) fn statistics(&self) -> Statistics {
        let channel = |c: usize| Channel::from_running(self.mean[c], self.variance[c]);
        Statistics { channels: std::array::from_fn(channel), count: 1.0 }
    }
}

impl Statistics {
    /// From the sums of `count` values and of their squares.
    pub(super) fn from_sums(sums: &Channels, squares: &Channels, count: f64) -> Self {
        let channel = |c: usize| Channel::from_sums(sums[c], squares[c], count);
        Self { channels: std::array::from_fn(channel), count }
    }

    /// The forward map for parameters gamma and beta.
    pub(super) fn affine(&self, gamma: &[f32], beta: &[f32]) -> Affine {
        let mut affine = Affine { factor: [0.0; FILTERS], offset: [0.0; FILTERS] };
        for (c, channel) in self.channels.iter().enumerate() {
            [affine.factor[c], affine.offset[c]] = channel.affine(gamma[c], beta[c]);
        }
        affine
    }

    /// Derivative of the loss by gamma, from the sums of `dy` and of `dy z`.
    pub(super) fn scale_gradient(&self, gradients: &Channels, with_values: &Channels) -> Channels {
        let of_scale = |c: usize| self.channels[c].of_scale(gradients[c], with_values[c]);
        std::array::from_fn(of_scale)
    }

    /// The backward map, from the derivatives by beta (the sum of `dy`) and by gamma.
    pub(super) fn backward(
        &self,
        gamma: &[f32],
        of_shift: &Channels,
        of_scale: &Channels,
    ) -> [Channels; 3] {
        let mut maps = [[0.0; FILTERS]; 3];
        for (c, channel) in self.channels.iter().enumerate() {
            [maps[0][c], maps[1][c], maps[2][c]] =
                channel.backward(gamma[c], of_shift[c], of_scale[c], self.count);
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
