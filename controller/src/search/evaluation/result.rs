//! What came of a rule: per learning rate, per seed.

use serde::{Deserialize, Serialize};

use super::judged::Threshold;
use super::subject::Subject;
use crate::outcome::Outcome;
use crate::search::record::TrialKind;
use crate::search::reward::{LOWEST, reward};

/// A rule that was judged again. It says nothing of other rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// Number of its trial.
    pub trial: u64,
    /// Whether it was found or is a baseline.
    pub kind: TrialKind,
    /// Name of a baseline.
    pub name: Option<String>,
    /// The rule, as text that parses.
    pub rule: String,
    /// Its reward in the search.
    pub search_reward: Option<f64>,
    /// The learning rate that was chosen; none if no short child of the sweep came to its end.
    pub learning_rate: Option<f64>,
    /// Every learning rate that was tried with the first seed: short children first, then those that trained to the end.
    pub tried: Vec<TriedRate>,
    /// Children at the chosen rate, one a seed.
    pub seeds: Vec<SeedResult>,
    /// Whether the first seed was so far below the best baseline that the others were not trained.
    pub is_stopped_early: bool,
}

/// A learning rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriedRate {
    /// The rate.
    pub learning_rate: f64,
    /// Steps that were done.
    pub steps: u64,
    /// The reward of the child, 0 if it diverged.
    pub reward: f64,
    /// Loss at the end; none if it diverged.
    pub final_loss: Option<f64>,
}

/// A child with one of the seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// Steps that were done.
    pub steps: u64,
    /// The reward of the child, as the search has it: 0 if it diverged.
    pub reward: f64,
    /// Accuracy on the validation examples, 0 to 1; none if it diverged or there are none.
    pub validation_accuracy: Option<f64>,
    /// Loss at the end; none if it diverged.
    pub final_loss: Option<f64>,
    /// Accuracy on the test examples, 0 to 1; none if it diverged or there are none. No choice reads it.
    pub test_accuracy: Option<f64>,
    /// When and why it diverged, if it did.
    pub diverged: Option<String>,
}

impl RuleResult {
    /// How many seeds diverged.
    pub fn diverged(&self) -> usize {
        self.seeds.iter().filter(|child| child.diverged.is_some()).count()
    }

    /// The result as if nothing was trained after a first seed below the threshold: a funnel must not depend on what was
    /// trained before it.
    pub(super) fn up_to(&self, threshold: Threshold) -> Self {
        let is_weak = self.seeds.first().is_some_and(|first| threshold.exceeds(first.reward));
        let mut result = self.clone();
        if is_weak && result.seeds.len() > 1 {
            result.seeds.truncate(1);
            result.is_stopped_early = true;
        }
        result
    }

    /// The rule that was judged.
    pub fn subject(&self) -> Subject {
        Subject {
            trial: self.trial,
            kind: self.kind,
            name: self.name.clone(),
            rule: self.rule.clone(),
            search_reward: self.search_reward,
        }
    }
}

/// The reward of a child that came to an end: the lowest if it diverged.
pub(super) fn reward_of(outcome: &Outcome) -> f64 {
    if outcome.is_finished() { reward(outcome) } else { LOWEST }
}

impl From<&Outcome> for TriedRate {
    fn from(outcome: &Outcome) -> Self {
        Self {
            learning_rate: outcome.learning_rate,
            steps: outcome.steps,
            reward: reward_of(outcome),
            final_loss: outcome.final_loss,
        }
    }
}

impl From<&Outcome> for SeedResult {
    fn from(outcome: &Outcome) -> Self {
        Self {
            seed: outcome.seed,
            steps: outcome.steps,
            reward: reward_of(outcome),
            validation_accuracy: outcome.validation_accuracy,
            final_loss: outcome.final_loss,
            test_accuracy: outcome.test_accuracy,
            diverged: outcome.divergence().map(|divergence| divergence.to_string()),
        }
    }
}
