//! What may be chosen of the policy.

use serde::{Deserialize, Serialize};

use crate::search::sampler::SamplerError;

/// Most hidden units.
pub const MAX_HIDDEN: usize = 1024;
/// Most passes over a batch.
pub const MAX_PASSES: usize = 100;

/// How the policy is made and how it learns.
///
/// The defaults are those of Bello, Zoph, Vasudevan and Le 2017, section 4.2 where it says: an LSTM of 150
/// units, weights that start uniform in +-0.08, Adam at 1e-5, an entropy bonus of 0.0015, the clipping of
/// Schulman et al. 2017. That rate is for tens of thousands of samples; [`PolicySettings::for_samples`] has one that
/// suits fewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Units of the LSTM, 1 to [`MAX_HIDDEN`].
    pub hidden: usize,
    /// All weights and biases start uniform in +- this, 0 to 10.
    pub init: f64,
    /// The standard rule that moves the weights.
    pub rule: String,
    /// Its learning rate, 0 to 1.
    pub learning_rate: f64,
    /// What an entropy of one nat a string is worth, in units of the advantage; 0 to 1000.
    pub entropy: f64,
    /// Epsilon: how far the ratio of a token's probabilities may get from 1 before it is clipped; above 0, at most 1.
    pub clip: f64,
    /// Steps for each batch, 1 to [`MAX_PASSES`], each with the gradient of the whole batch. One pass is the
    /// policy gradient of Williams 1992, since the ratio is still 1, unless the batch is learnt from late.
    pub passes: usize,
    /// Decay of the moving average of mean rewards that is the baseline, 0 to below 1.
    pub baseline_decay: f64,
    /// Whether advantages are divided by the root of a moving average of their squares, of the same decay.
    pub normalize: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            hidden: 150,
            init: 0.08,
            rule: "adam".to_owned(),
            learning_rate: 1e-5,
            entropy: 0.0015,
            clip: 0.2,
            passes: 3,
            baseline_decay: 0.95,
            normalize: false,
        }
    }
}

impl PolicySettings {
    /// For a search of so many samples: a learning rate of 0.25 over their number, between the paper's and
    /// 1e-3, and an entropy bonus of 0.005. The rest is as in the paper.
    ///
    /// Found by trying rates, passes and bonuses on made-up rewards over strings of two groups of the space `small`
    /// (sums of random numbers, one for each token and some for pairs of tokens, with a cliff; 6 to 12
    /// seeds), in batches of 5. At 300, 500 and 2,000 samples the strings found are best where the net ends up
    /// at a third to a half of its first entropy. At four times the rate it repeats a few strings; at a
    /// quarter it still draws nearly at random.
    pub fn for_samples(samples: u64) -> Self {
        let learning_rate = (0.25 / samples.max(1) as f64).clamp(1e-5, 1e-3);
        Self { learning_rate, entropy: 0.005, ..Self::default() }
    }

    /// Refuses what is out of range.
    pub(super) fn check(&self) -> Result<(), SamplerError> {
        let whole = |value: usize, most: usize| (1..=most).contains(&value);
        let between = |value: f64, most: f64| (0.0..=most).contains(&value);
        let checks = [
            ("hidden", self.hidden as f64, whole(self.hidden, MAX_HIDDEN), "1 to 1024"),
            ("init", self.init, between(self.init, 10.0), "0 to 10"),
            ("learning_rate", self.learning_rate, between(self.learning_rate, 1.0), "0 to 1"),
            ("entropy", self.entropy, between(self.entropy, 1000.0), "0 to 1000"),
            ("clip", self.clip, between(self.clip, 1.0) && self.clip > 0.0, "above 0, at most 1"),
            ("passes", self.passes as f64, whole(self.passes, MAX_PASSES), "1 to 100"),
            (
                "baseline_decay",
                self.baseline_decay,
                (0.0..1.0).contains(&self.baseline_decay),
                "0 to below 1",
            ),
        ];
        for (setting, value, is_in_range, expected) in checks {
            if !is_in_range {
                return Err(SamplerError::Setting { setting, value, expected });
            }
        }
        Ok(())
    }

    /// All of it as bytes, different for different settings.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self {
            hidden,
            init,
            rule,
            learning_rate,
            entropy,
            clip,
            passes,
            baseline_decay,
            normalize,
        } = self;
        let mut bytes = Vec::new();
        for value in [init, learning_rate, entropy, clip, baseline_decay] {
            bytes.extend(value.to_bits().to_le_bytes());
        }
        for value in [*hidden, *passes, usize::from(*normalize), rule.len()] {
            bytes.extend((value as u64).to_le_bytes());
        }
        bytes.extend(rule.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::PolicySettings;
    use crate::search::sampler::SamplerError;

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        type Change = fn(&mut PolicySettings);
        let changes: [(&str, Change); 9] = [
            ("hidden", |s| s.hidden = 0),
            ("hidden", |s| s.hidden = 1025),
            ("init", |s| s.init = f64::NAN),
            ("learning_rate", |s| s.learning_rate = -1e-9),
            ("entropy", |s| s.entropy = f64::INFINITY),
            ("clip", |s| s.clip = 0.0),
            ("passes", |s| s.passes = 0),
            ("passes", |s| s.passes = 101),
            ("baseline_decay", |s| s.baseline_decay = 1.0),
        ];
        assert!(PolicySettings::default().check().is_ok());
        for (samples, rate) in [(0, 1e-3), (500, 5e-4), (u64::MAX, 1e-5)] {
            let settings = PolicySettings::for_samples(samples);
            assert!(settings.check().is_ok() && settings.learning_rate == rate, "{settings:?}");
        }
        for (name, change) in changes {
            let mut settings = PolicySettings::default();
            change(&mut settings);
            let error = settings.check().unwrap_err();
            assert!(matches!(error, SamplerError::Setting { setting, .. } if setting == name));
            assert_ne!(settings.bytes(), PolicySettings::default().bytes());
        }
    }
}
