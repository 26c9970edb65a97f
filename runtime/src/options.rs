//! What may be chosen of an optimizer and of a step, and what a step did.

use nosc_kernels::{DecayKind, GradientGuard, Rounding};

use crate::error::RuntimeError;
use crate::guard::NonFinite;

/// Arguments of an optimizer; changing them never recompiles a rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Values of hyper-parameters by name; others keep the rule's defaults.
    pub parameters: Vec<(String, f64)>,
    /// T, which decays need.
    pub total_steps: Option<u64>,
    /// Seed of all draws; `None` is 0, or that of a checkpoint.
    pub seed: Option<u64>,
    /// What to do about infinite and NaN gradients.
    pub non_finite: NonFinite,
    /// Threads of a step, at most 1,024; `None` for one a core. Results do not depend on it.
    pub threads: Option<usize>,
    /// Number of the first tensor: groups that share a seed draw apart.
    pub first_tensor: u32,
    /// How parameters of f16 and bf16 are rounded. Stochastic rounding is a function of the seed.
    pub rounding: Rounding,
}

/// Arguments of one step.
///
/// A rule sees `clip(s * g * c / loss_scale, -clip_value, clip_value)` for a gradient g, computed in f32, where
/// `c = min(1, clip_norm / (norm + 1e-6))` as `torch.nn.utils.clip_grad_norm_` has it, and `norm` is the
/// Euclidean norm of all gradients after the division; s is -1 with [`StepOptions::maximize`] and 1 without. With the
/// defaults it sees g. The weight decay comes after that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepOptions {
    /// Finite and at least 0.
    pub learning_rate: f64,
    /// What the loss was multiplied by before gradients were taken; above 0, and its inverse an f32.
    pub loss_scale: f64,
    /// Something that is not finite was found elsewhere: the step is skipped, whatever the policy.
    pub found_inf: bool,
    /// The largest norm of all gradients together; at least 0.
    pub clip_norm: Option<f64>,
    /// The largest magnitude of an element; at least 0.
    pub clip_value: Option<f64>,
    /// Whether the loss is to grow: the rule sees the negative of each gradient.
    pub maximize: bool,
    /// A decay of the parameters besides what the rule does.
    pub weight_decay: WeightDecay,
}

/// A decay of the parameters that is added to whatever the rule does; its strength, here `d`, is finite and at
/// least 0. With another kind than before, the rule is compiled once more; with another strength, it is not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum WeightDecay {
    /// None.
    #[default]
    None,
    /// The rule sees `g + d*w`.
    L2(f64),
    /// The update is `u + d*w`, and so the decay a step is that times the learning rate with its schedule.
    Decoupled(f64),
}

impl WeightDecay {
    pub(crate) fn kind(self) -> DecayKind {
        match self {
            WeightDecay::None => DecayKind::None,
            WeightDecay::L2(_) => DecayKind::L2,
            WeightDecay::Decoupled(_) => DecayKind::Decoupled,
        }
    }

    pub(crate) fn strength(self) -> f64 {
        match self {
            WeightDecay::None => 0.0,
            WeightDecay::L2(strength) | WeightDecay::Decoupled(strength) => strength,
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// Parameters and state have moved, the step number is one higher.
    Done,
    /// [`StepOptions::found_inf`] was set, or a gradient was not finite and the policy is
    /// [`NonFinite::Skip`]: nothing has changed.
    Skipped,
}

impl StepOptions {
    /// A step with gradients as they are.
    pub fn new(learning_rate: f64) -> StepOptions {
        StepOptions {
            learning_rate,
            loss_scale: 1.0,
            found_inf: false,
            clip_norm: None,
            clip_value: None,
            maximize: false,
            weight_decay: WeightDecay::None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), RuntimeError> {
        if !self.learning_rate.is_finite() || self.learning_rate.is_sign_negative() {
            return Err(RuntimeError::LearningRate(self.learning_rate));
        }
        // Its inverse is rounded to f32, and is to be a number there.
        let inverse = (1.0 / self.loss_scale) as f32;
        if !(inverse > 0.0 && inverse.is_finite()) {
            let expected = "a number above 0 with an inverse in f32";
            return Err(RuntimeError::StepOption {
                option: "loss_scale",
                value: self.loss_scale,
                expected,
            });
        }
        let clips = [("clip_norm", self.clip_norm), ("clip_value", self.clip_value)];
        for (option, value) in clips {
            if let Some(value) = value.filter(|value| value.is_nan() || *value < 0.0) {
                let expected = "a number of at least 0";
                return Err(RuntimeError::StepOption { option, value, expected });
            }
        }
        let value = self.weight_decay.strength();
        if !(value >= 0.0 && value.is_finite()) {
            let (option, expected) = ("weight_decay", "a finite number of at least 0");
            return Err(RuntimeError::StepOption { option, value, expected });
        }
        Ok(())
    }

    /// What gradients are put through, by the norm of the gradients as they are.
    pub(crate) fn guard(&self, norm: Option<f64>) -> GradientGuard {
        let coefficient = match (self.clip_norm, norm) {
            (Some(most), Some(norm)) => most / (norm / self.loss_scale + 1e-6),
            _ => 1.0,
        };
        // A NaN stays: `f64::min` would make it 1.
        let coefficient = if coefficient > 1.0 { 1.0 } else { coefficient };
        let limit = self.clip_value.unwrap_or(f64::INFINITY);
        let sign = if self.maximize { -1.0 } else { 1.0 };
        GradientGuard { scale: sign * coefficient / self.loss_scale, limit }
    }
}
