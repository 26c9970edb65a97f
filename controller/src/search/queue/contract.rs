//! The trait of every queue of trials, and what passes through it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::outcome::{Cost, Outcome, Trained};

/// A trial to carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Number of the trial.
    pub trial: u64,
    /// The rule, as text that parses.
    pub rule: String,
    /// Seed of its children.
    pub seed: u64,
    /// Attempts at it that have begun before.
    pub attempt: u32,
}

/// The children of a trial, those of the sweep first.
pub type Children = Vec<Trained>;

/// Something that happened to a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A worker begins it.
    Began {
        /// Number of the trial.
        trial: u64,
        /// Which worker, for people.
        worker: String,
    },
    /// A worker has carried it out.
    Done {
        /// Number of the trial.
        trial: u64,
        /// What it trained.
        children: Children,
        /// Wall time of it, seconds.
        seconds: f64,
    },
    /// It came to no end: the rule fails, or the worker died or was silent for too long.
    Failed {
        /// Number of the trial.
        trial: u64,
        /// What happened.
        reason: String,
    },
    /// It was taken back, but a worker elsewhere has begun it: what comes of it waits until the trial is submitted again.
    Left {
        /// Number of the trial.
        trial: u64,
    },
    /// Nothing happened to a trial, but people should know.
    Remark {
        /// What.
        text: String,
    },
}

/// Carries trials out, several at a time, in the order in which they are submitted.
///
/// A trial that was submitted is begun by one worker and ends once: [`Notice::Done`] or [`Notice::Failed`]. Whether a failed one
/// is tried again is up to who submits. Where results outlive the process that searches, one may come without having begun.
pub trait Queue: Debug {
    /// Adds a trial.
    fn submit(&mut self, work: Work);

    /// What happens next, waiting for it no longer than this; none if nothing does.
    ///
    /// # Errors
    ///
    /// [`QueueError`] if no trial can be carried out any more.
    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, QueueError>;

    /// Takes back the trials that no worker has begun. Where results outlive the process that searches, those that have begun
    /// are [`Notice::Left`], since nobody needs to wait for them.
    fn withdraw(&mut self);

    /// All notices so far are kept on disk: what else keeps them may forget them.
    fn kept(&mut self) {}
}

/// Why no trial can be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The program of workers cannot be started.
    #[error("cannot start a worker, {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A worker cannot do any work, and says why.
    #[error("a worker cannot begin: {reason}")]
    Unable {
        /// What it says.
        reason: String,
    },
    /// The server that holds the queue.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] super::nats::NatsError),
    /// Workers end before they begin, one after another.
    #[error("workers end before they begin ({reason}); {}", told(.log.as_deref()))]
    Dying {
        /// How the last one ended.
        reason: String,
        /// The file that has what they said, if one was given.
        log: Option<PathBuf>,
    },
}

fn told(log: Option<&Path>) -> String {
    match log {
        Some(path) => format!("what they said last is in {}", path.display()),
        None => "`--log FILE` keeps what they say".to_owned(),
    }
}

/// A child as a message: what came of it and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildMessage {
    pub(super) outcome: Outcome,
    examples: u64,
    seconds: f64,
}

impl From<&Trained> for ChildMessage {
    fn from(trained: &Trained) -> Self {
        let Cost { examples, seconds } = trained.cost;
        Self { outcome: trained.outcome.clone(), examples, seconds }
    }
}

impl From<ChildMessage> for Trained {
    fn from(message: ChildMessage) -> Self {
        let ChildMessage { outcome, examples, seconds } = message;
        Self { outcome, cost: Cost { examples, seconds } }
    }
}
