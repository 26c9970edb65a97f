//! Batch normalization of a layer of any number of channels: what [`Channel`] computes of each, in the
//! arrays that the passes read.

use crate::child::batch_norm::Channel;

/// One layer: its sums over a batch, what follows from them, and its running statistics.
#[derive(Debug, Clone)]
pub(super) struct Normalization {
    /// Sums of the values, then of derivatives.
    pub(super) sums: Vec<f64>,
    /// Sums of squares, then of derivatives times values.
    pub(super) products: Vec<f64>,
    /// What the channels of the last batch were normalized with.
    channels: Vec<Channel>,
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
            products: wide,
            channels: vec![Channel::from_running(0.0, 1.0); channels],
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
    /// statistics take the batch's in.
    pub(super) fn take_batch(&mut self, count: usize, gamma: &[f32], beta: &[f32]) {
        let count = count as f64;
        for (c, channel) in self.channels.iter_mut().enumerate() {
            *channel = Channel::from_sums(self.sums[c], self.products[c], count);
            let (mean, variance) = (&mut self.running_mean[c], &mut self.running_variance[c]);
            channel.add_to_running(count, mean, variance);
        }
        self.map_forward(gamma, beta);
    }

    /// The forward map from the running statistics.
    pub(super) fn take_running(&mut self, gamma: &[f32], beta: &[f32]) {
        for (c, channel) in self.channels.iter_mut().enumerate() {
            *channel = Channel::from_running(self.running_mean[c], self.running_variance[c]);
        }
        self.map_forward(gamma, beta);
    }

    fn map_forward(&mut self, gamma: &[f32], beta: &[f32]) {
        let [factors, offsets] = &mut self.affine;
        for (c, channel) in self.channels.iter().enumerate() {
            [factors[c], offsets[c]] = channel.affine(gamma[c], beta[c]);
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
        for (c, channel) in self.channels.iter().enumerate() {
            let of_shift = self.sums[c];
            let of_scale = channel.of_scale(of_shift, self.products[c]);
            of_beta[c] = of_shift as f32;
            of_gamma[c] = of_scale as f32;
            let maps = channel.backward(gamma[c], of_shift, of_scale, count);
            [of_gradient[c], of_value[c], constant[c]] = maps.map(|value| value as f32);
        }
    }
}
