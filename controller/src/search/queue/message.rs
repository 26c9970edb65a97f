//! What the process that searches and its workers write to each other: a JSON object a line.

use serde::{Deserialize, Serialize};

use super::contract::{ChildMessage, Work};
use crate::protocol::Protocol;
use crate::task::TaskOptions;

/// Version of the messages.
pub const VERSION: u32 = 1;

/// What a worker trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// [`VERSION`] of who writes.
    pub version: u32,
    /// Name of the task.
    pub task: String,
    /// Its options.
    pub options: TaskOptions,
    /// How a rule is tried; the seed comes with each trial.
    pub protocol: Protocol,
    /// Children that train for the result of a rule.
    pub seeds: u64,
    /// Digest of the data, hexadecimal; empty for a task without data.
    pub data: String,
}

impl Assignment {
    /// Whether its task needs files that are not part of nosc.
    pub fn needs_data(&self) -> bool {
        crate::task::needs_data(&self.task)
    }
}

/// To a worker: first an assignment, then trials one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Begin(Box<Assignment>),
    Work(Work),
}

/// From a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Its data are loaded; it waits for trials.
    Ready,
    /// It lives.
    Beat,
    /// It has carried a trial out.
    Done { trial: u64, children: Vec<ChildMessage>, seconds: f64 },
    /// A trial came to no end.
    Failed { trial: u64, reason: String },
    /// It can carry out no trial.
    Unable { reason: String },
}
