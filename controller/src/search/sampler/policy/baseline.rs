//! What rewards are compared with.

/// A moving average of the mean rewards of batches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Baseline {
    /// Batches that it has seen.
    pub(super) batches: u64,
    pub(super) mean: f64,
    /// Moving average of the mean squares of advantages.
    pub(super) square: f64,
}

/// Divided by less, advantages would be noise.
const LEAST: f64 = 1e-8;

impl Baseline {
    /// What a batch is compared with, and its advantages: the average of the batches before it; for the first one
    /// its own mean. Divided by the root of the average of their squares, this batch's with them, if `normalize`.
    /// Takes the batch into the averages.
    pub(super) fn compare(
        &mut self,
        rewards: &[f64],
        decay: f64,
        normalize: bool,
    ) -> (f64, Vec<f64>) {
        let mean = mean(rewards.iter().copied(), rewards.len());
        let is_first = self.batches == 0;
        let baseline = if is_first { mean } else { self.mean };
        let mut advantages: Vec<f64> = rewards.iter().map(|reward| reward - baseline).collect();
        let squares = advantages.iter().map(|advantage| advantage * advantage);
        let square = self::mean(squares, rewards.len());
        let average =
            |old: f64, new: f64| if is_first { new } else { decay * old + (1.0 - decay) * new };
        self.mean = average(self.mean, mean);
        self.square = average(self.square, square);
        self.batches += 1;
        if normalize {
            let divisor = libm::sqrt(self.square).max(LEAST);
            for advantage in &mut advantages {
                *advantage /= divisor;
            }
        }
        (baseline, advantages)
    }
}

/// The mean of so many numbers; 0 of none.
pub(super) fn mean(numbers: impl Iterator<Item = f64>, count: usize) -> f64 {
    if count == 0 { 0.0 } else { numbers.sum::<f64>() / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::Baseline;

    #[test]
    fn a_batch_is_compared_with_those_before_it() {
        let mut baseline = Baseline::default();
        assert_eq!(baseline.compare(&[1.0, 3.0], 0.5, false), (2.0, vec![-1.0, 1.0]));
        assert_eq!(baseline.compare(&[4.0, 8.0], 0.5, false), (2.0, vec![2.0, 6.0]));
        assert_eq!(baseline.compare(&[4.0], 0.5, false), (4.0, vec![0.0]));
        assert_eq!(baseline.batches, 3);
    }

    #[test]
    fn normal_advantages_do_not_depend_on_the_unit_of_rewards() {
        for scale in [1e-3, 1.0, 1e6] {
            let mut baseline = Baseline::default();
            let (_, advantages) = baseline.compare(&[scale, 3.0 * scale], 0.9, true);
            assert!((advantages[1] - 1.0).abs() < 1e-4, "{advantages:?}");
            let (_, advantages) = baseline.compare(&[6.0 * scale; 2], 0.9, true);
            assert!((advantages[0] - 4.0 / libm::sqrt(0.9 + 1.6)).abs() < 1e-4, "{advantages:?}");
        }
        assert_eq!(Baseline::default().compare(&[0.5; 5], 0.9, true).1, [0.0; 5]);
    }
}
