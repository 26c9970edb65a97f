//! What the training of one child leaves behind: its curve, its accuracies and how it ended.

use serde::{Deserialize, Deserializer, Serialize};

use crate::child::net::Path;

/// One point of a training curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done before the point was taken; 0 is before the first.
    pub step: u64,
    /// The task's loss, as its description says which and in what unit; finite.
    pub loss: f64,
    /// Mean loss of the batches since the point before, where the task has batches.
    pub training_loss: Option<f64>,
    /// Share of validation examples that are classified correctly, 0 to 1, where the task has any.
    pub validation_accuracy: Option<f64>,
}

/// Why a child was given up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DivergenceReason {
    /// The loss is infinite or not a number.
    #[error("the loss is {loss}")]
    Loss {
        /// The loss (`null` in JSON, which has no such numbers: read back as NaN).
        #[serde(deserialize_with = "number_or_nan")]
        loss: f64,
    },
    /// A parameter is infinite or not a number.
    #[error("parameter {element} of tensor {tensor} is {value}")]
    Parameter {
        /// Index of the parameter tensor.
        tensor: usize,
        /// Index of the first such element in it.
        element: usize,
        /// Its value (`null` in JSON: read back as NaN).
        #[serde(deserialize_with = "number_or_nan")]
        value: f32,
    },
    /// After the steps that it was given, the loss is still a tenth above that of the first batch.
    #[error("the loss of the last batches is {loss:.4}, above {start:.4} at the start")]
    Rising {
        /// Loss of the first batch.
        start: f64,
        /// Mean loss of the last batches.
        loss: f64,
    },
}

/// A number, or NaN where JSON has `null`.
fn number_or_nan<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + From<f32>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(|| T::from(f32::NAN)))
}

/// When and why a child was given up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("diverged after {step} steps: {reason}")]
pub struct Divergence {
    /// Steps done when it was noticed.
    pub step: u64,
    /// What was noticed.
    pub reason: DivergenceReason,
}

/// How the training of a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All steps of the budget were done.
    Finished,
    /// The caller stopped it.
    Interrupted,
    /// The child was lost.
    Diverged(Divergence),
}

/// What a child was trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// To choose a learning rate: short, and never tested.
    Sweep,
    /// For its result.
    Training,
}

/// The result of training one child: the same for the same rule, task, budget and [`Path`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it was trained for.
    pub stage: Stage,
    /// The learning rate it trained with.
    pub learning_rate: f64,
    /// The seed it trained with.
    pub seed: u64,
    /// Steps done.
    pub steps: u64,
    /// Points in the order of their steps. The first is before the first step, except in a sweep on
    /// examples.
    pub curve: Vec<Point>,
    /// Loss at the last point; none if the child diverged.
    pub final_loss: Option<f64>,
    /// Accuracy on the validation examples at the last point: the reward. None if the child
    /// diverged or the task has no such examples.
    pub validation_accuracy: Option<f64>,
    /// Accuracy on the test examples at the end, for the report only. None if training did not
    /// finish, in a sweep, or if the task has no such examples.
    pub test_accuracy: Option<f64>,
    /// The kernels that computed the child, where there is a choice. Bits are the same on the same
    /// ones; others differ by rounding.
    pub path: Option<Path>,
    /// How it ended.
    pub end: End,
}

/// A trained child and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// What came of it.
    pub outcome: Outcome,
    /// What it cost here and now.
    pub cost: Cost,
}

/// Time spent in training steps, scoring left out. It differs from run to run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Examples that steps have seen, each as often as it was seen.
    pub examples: u64,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl Cost {
    /// Examples a second; none where a task has no examples.
    pub fn examples_per_second(&self) -> Option<f64> {
        (self.examples > 0 && self.seconds > 0.0).then(|| self.examples as f64 / self.seconds)
    }
}

impl Outcome {
    /// Whether all steps of the budget were done.
    pub fn is_finished(&self) -> bool {
        self.end == End::Finished
    }

    /// When and why the child was given up, if it was.
    pub fn divergence(&self) -> Option<Divergence> {
        match self.end {
            End::Diverged(divergence) => Some(divergence),
            End::Finished | End::Interrupted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Divergence, DivergenceReason};

    #[test]
    fn a_divergence_says_when_and_why() {
        let reason = DivergenceReason::Parameter { tensor: 0, element: 3, value: f32::INFINITY };
        assert_eq!(
            Divergence { step: 12, reason }.to_string(),
            "diverged after 12 steps: parameter 3 of tensor 0 is inf"
        );
    }
}
