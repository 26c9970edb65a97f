//! How far a run has come, for who watches it.

use super::record::TrialRow;
use super::sampler::Update;

/// Counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Samples that have been looked at.
    pub samples: u64,
    /// Rules that are trained or were: what a budget counts.
    pub evaluations: u64,
    /// Evaluations that have ended.
    pub ended: u64,
    /// Samples whose rule was seen before: children saved.
    pub repeats: u64,
    /// Rules that the screening turned down.
    pub rejected: u64,
    /// Rules of which every child diverged.
    pub diverged: u64,
    /// Rules with which no attempt came to an end.
    pub failed: u64,
    /// Trials with a worker.
    pub running: u64,
    /// Updates of the sampler.
    pub updates: u64,
    /// The best trial of a sampled rule, and its reward; the earliest of equals.
    pub best: Option<(u64, f64)>,
    /// The best baseline, and its reward.
    pub best_baseline: Option<(u64, f64)>,
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A worker begins a trial.
    Began {
        /// Number of the trial.
        trial: u64,
    },
    /// A trial has ended.
    Ended {
        /// The trial.
        trial: &'a TrialRow,
        /// Whether it is better than all sampled rules before.
        is_best: bool,
    },
    /// A trial came to no end and is tried again.
    Retried {
        /// Number of the trial.
        trial: u64,
        /// What happened.
        reason: &'a str,
    },
    /// The sampler has learnt from a batch.
    Learnt {
        /// Number of the batch.
        batch: u64,
        /// What it says.
        update: &'a Update,
    },
    /// The queue says something.
    Remark {
        /// What.
        text: &'a str,
    },
    /// Nothing has for a while.
    Waiting,
}

/// Sees a run, and may stop it.
pub trait Observe {
    /// Something has happened.
    fn event(&mut self, status: &Status, event: Event<'_>);

    /// Whether trials that have begun are to be the last ones.
    fn is_stopped(&self) -> bool;

    /// Whether it wants to hear of trials that have ended, which are read from the ledger for it.
    fn is_listening(&self) -> bool {
        true
    }
}

/// Sees nothing and stops nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observe for Unobserved {
    fn event(&mut self, _: &Status, _: Event<'_>) {}

    fn is_stopped(&self) -> bool {
        false
    }

    fn is_listening(&self) -> bool {
        false
    }
}
