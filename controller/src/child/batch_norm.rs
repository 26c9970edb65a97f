//! Batch normalization of one channel: from sums over a batch to one multiplication and addition
//! for each value, forward and backward (Ioffe and Szegedy 2015, section 3).
//!
//! ```text
//! forward   y = gamma (z - mean) / sqrt(var + epsilon) + beta         = a z + b
//! backward  dz = a (dy - mean(dy) - x mean(dy x)),  x = (z - mean) / sqrt(var + epsilon)
//!                                                                     = a dy + c z + d
//! ```
//!
//! Means are over all pixels of all images of the batch. All of it is in f64, once for a channel. The
//! variance is `mean(z^2) - mean(z)^2`, so where the mean is large against the deviation it has only
//! the digits that the sums of squares keep.

/// Added to the variance, as `PyTorch` does by default.
pub const EPSILON: f64 = 1e-5;
/// Share of a batch in the running statistics, as `PyTorch` has it by default.
pub const MOMENTUM: f64 = 0.1;

/// What a channel is normalized with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Channel {
    mean: f64,
    /// Of the values themselves: their mean squared distance from the mean.
    variance: f64,
    /// 1 / standard deviation.
    inverse: f64,
}

impl Channel {
    /// A variance that is infinite becomes one that is not a number. The channel would be a constant
    /// with it, and no loss would show that the child is lost.
    fn new(mean: f64, variance: f64) -> Self {
        let variance = if variance.is_finite() { variance } else { f64::NAN };
        Self { mean, variance, inverse: 1.0 / libm::sqrt(variance + EPSILON) }
    }

    /// From the sums of `count` values and of their squares. A variance that rounding has made
    /// negative is 0.
    pub(super) fn from_sums(sum: f64, squares: f64, count: f64) -> Self {
        let mean = sum / count;
        let variance = squares / count - mean * mean;
        Self::new(mean, if variance < 0.0 { 0.0 } else { variance })
    }

    /// From the running statistics, for evaluation.
    pub(super) fn from_running(mean: f32, variance: f32) -> Self {
        Self::new(f64::from(mean), f64::from(variance))
    }

    /// The running statistics become `(1 - momentum) * running + momentum * batch`; of the variance, the
    /// batch's is that of a sample of `count` values: count - 1 in the denominator, or 1 for a single
    /// value.
    pub(super) fn add_to_running(&self, count: f64, mean: &mut f32, variance: &mut f32) {
        let mix = |old: f32, new: f64| ((1.0 - MOMENTUM) * f64::from(old) + MOMENTUM * new) as f32;
        *mean = mix(*mean, self.mean);
        *variance = mix(*variance, self.variance * (count / (count - 1.0).max(1.0)));
    }

    /// a and b.
    pub(super) fn affine(&self, gamma: f32, beta: f32) -> [f32; 2] {
        let factor = f64::from(gamma) * self.inverse;
        [factor as f32, (f64::from(beta) - factor * self.mean) as f32]
    }

    /// Derivative of the loss by gamma, from the sums of `dy`, which is that by beta, and of `dy z`.
    pub(super) fn of_scale(&self, of_shift: f64, products: f64) -> f64 {
        (products - self.mean * of_shift) * self.inverse
    }

    /// a, c and d, from the derivatives by beta and by gamma and the number of values.
    pub(super) fn backward(
        &self,
        gamma: f32,
        of_shift: f64,
        of_scale: f64,
        count: f64,
    ) -> [f64; 3] {
        let factor = f64::from(gamma) * self.inverse;
        let slope = factor * self.inverse * of_scale / count;
        [factor, -slope, slope * self.mean - factor * of_shift / count]
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, EPSILON};

    #[test]
    fn values_become_those_of_mean_0_and_variance_1() {
        let values = [3.0, -1.0, 4.0, 2.0];
        let channel = Channel::from_sums(8.0, 30.0, 4.0);
        let [a, b] = channel.affine(1.0, 0.0).map(f64::from);
        for value in values {
            let exact = (value - 2.0) / libm::sqrt(3.5 + EPSILON);
            assert!((a * value + b - exact).abs() < 1e-6);
        }
        let (mut mean, mut variance) = (1.0, 2.0);
        channel.add_to_running(4.0, &mut mean, &mut variance);
        assert!((mean - 1.1).abs() < 1e-6 && (variance - 1.8 - 0.1 * 14.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_variance_is_not_negative_and_shows_if_it_is_not_finite() {
        assert_eq!(Channel::from_sums(3.0, 2.9, 3.0), Channel::from_running(1.0, 0.0));
        for squares in [f64::INFINITY, f64::NAN] {
            let channel = Channel::from_sums(1.0, squares, 2.0);
            assert!(channel.affine(1.0, 0.5).iter().all(|value| value.is_nan()));
            let (mut mean, mut variance) = (0.0, 1.0);
            channel.add_to_running(2.0, &mut mean, &mut variance);
            assert!(variance.is_nan());
        }
        let running = Channel::from_running(0.0, f32::INFINITY);
        assert!(running.affine(1.0, 0.5).iter().all(|value| value.is_nan()));
    }
}
