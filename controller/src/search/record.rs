//! What the ledger of a run keeps: samples, trials, children, updates.

use serde::{Deserialize, Serialize};

use super::sampler::Update;
use crate::outcome::Outcome;

/// A string that was sampled.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Its number, counted from 0.
    pub number: u64,
    /// The batch it was proposed in, counted from 0.
    pub batch: u64,
    /// Its tokens with spaces between.
    pub tokens: String,
    /// Natural logarithm of the probability that the sampler gave it, if it has one.
    pub log_probability: Option<f64>,
    /// Number of the trial that its reward is of; none before its rule is looked at.
    pub trial: Option<u64>,
    /// Whether its rule was seen for the first time.
    pub is_new: bool,
    /// What the sampler has learnt from; none before that.
    pub reward: Option<f64>,
}

/// Why there is a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialKind {
    /// A rule that the sampler proposed.
    Sampled,
    /// A standard rule that the others are compared with. Counts in no budget.
    Baseline,
}

/// How far a trial has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// Waits for a worker, or is with one.
    Pending,
    /// Trained; its reward is that of the child.
    Done,
    /// Trained, and every learning rate, or the child at the best one, diverged: the lowest reward.
    Diverged,
    /// Turned down by the screening, never trained: the lowest reward.
    Rejected,
    /// No attempt came to an end: the worker died, or training failed. The lowest reward, until it is tried again.
    Failed,
}

impl TrialKind {
    /// All of them.
    pub const ALL: [TrialKind; 2] = [TrialKind::Sampled, TrialKind::Baseline];

    /// Its name in ledgers and tables.
    pub fn name(self) -> &'static str {
        match self {
            TrialKind::Sampled => "sampled",
            TrialKind::Baseline => "baseline",
        }
    }
}

impl TrialState {
    /// All of them.
    pub const ALL: [TrialState; 5] = [
        TrialState::Pending,
        TrialState::Done,
        TrialState::Diverged,
        TrialState::Rejected,
        TrialState::Failed,
    ];

    /// Its name in ledgers and tables.
    pub fn name(self) -> &'static str {
        match self {
            TrialState::Pending => "pending",
            TrialState::Done => "done",
            TrialState::Diverged => "diverged",
            TrialState::Rejected => "rejected",
            TrialState::Failed => "failed",
        }
    }
}

/// Trials of a kind that trained to the end, the best first, the earlier of two equals first.
pub fn ranked(trials: &[TrialRow], kind: TrialKind) -> Vec<&TrialRow> {
    let of_kind =
        trials.iter().filter(|trial| trial.kind == kind && trial.state == TrialState::Done);
    let mut ranked: Vec<(f64, &TrialRow)> = of_kind
        .filter_map(|trial| Some((trial.reward.filter(|reward| reward.is_finite())?, trial)))
        .collect();
    ranked.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.number.cmp(&second.number)));
    ranked.into_iter().map(|(_, trial)| trial).collect()
}

/// A rule, what was done with it and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    /// Its number, counted from 0.
    pub number: u64,
    /// Why there is one.
    pub kind: TrialKind,
    /// Name of a baseline.
    pub name: Option<String>,
    /// Key of the rule at the run's level, hexadecimal.
    pub key: String,
    /// The rule that was trained, as text that parses.
    pub rule: String,
    /// The sample it came from first; none for a baseline.
    pub sample: Option<u64>,
    /// Whether the rule is that of the sample with the opposite sign.
    pub is_flipped: bool,
    /// Seed of its children.
    pub seed: u64,
    /// How far it has come.
    pub state: TrialState,
    /// How often a worker began it.
    pub attempts: u32,
    /// Its reward; none while it is pending.
    pub reward: Option<f64>,
    /// Why it was rejected, diverged or failed.
    pub reason: Option<String>,
    /// The learning rate that it was trained with to the end, the best of the sweep.
    pub learning_rate: Option<f64>,
    /// Loss at the end of training at that rate.
    pub final_loss: Option<f64>,
    /// Accuracy on the validation examples at the end of training, 0 to 1.
    pub validation_accuracy: Option<f64>,
    /// Accuracy on the test examples, 0 to 1: for the report, no choice reads it.
    pub test_accuracy: Option<f64>,
    /// When it ended, seconds since 1970.
    pub ended: Option<f64>,
    /// Wall time of the attempt that ended it, seconds.
    pub seconds: Option<f64>,
}

/// A child of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildRow {
    /// Number of its trial.
    pub trial: u64,
    /// Its place among the children of the trial: those of the sweep first.
    pub place: u64,
    /// What came of it, with its curve.
    pub outcome: Outcome,
    /// Wall time of its training steps, seconds.
    pub seconds: f64,
}

/// A batch that the sampler has learnt from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdateRow {
    /// Number of the batch.
    pub batch: u64,
    /// What the sampler says of it.
    pub update: Update,
}
