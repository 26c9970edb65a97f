//! What search and workers write to each other: JSON, with a version. Described in `docs/protocol.md`.

use nosc_compiler::Rule;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::key::{Keys, TaskKey};
use super::limits::{self, MOST_TASK_BYTES, plain};
use crate::outcome::Trained;
use crate::search::queue::contract::{ChildMessage, Children, Work};
use crate::search::queue::message::Assignment;

/// Version of the messages.
pub const VERSION: u32 = 1;

/// A trial to carry out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskMessage {
    version: u32,
    /// What is trained, and how.
    assignment: Assignment,
    /// The rule, as text that parses.
    rule: String,
    seed: u64,
    /// Attempts that have begun before.
    attempt: u32,
}

/// A worker begins an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BeganMessage {
    pub(super) version: u32,
    /// Which worker.
    pub(super) worker: String,
    /// A word that this worker gives to this beginning alone.
    pub(super) nonce: String,
}

/// An attempt came to no end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailedMessage {
    pub(super) version: u32,
    pub(super) worker: String,
    pub(super) reason: String,
}

/// What came of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultMessage {
    pub(super) version: u32,
    pub(super) worker: String,
    pub(super) children: Vec<ChildMessage>,
    /// Wall time, seconds.
    pub(super) seconds: f64,
}

/// What people should know of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteMessage {
    pub(super) version: u32,
    pub(super) worker: String,
    pub(super) text: String,
}

/// A task as a worker has read it: everything in it was looked at.
#[derive(Debug, Clone)]
pub struct Task {
    /// What it is known by.
    pub key: TaskKey,
    /// The run it is of.
    pub run: String,
    /// What is trained, and how.
    pub assignment: Assignment,
    /// The trial; its number is that of the attempt, since a worker knows no other.
    pub work: Work,
}

/// Why a message is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another version of nosc may read it.
    Version(u32),
    /// Nobody should.
    Hostile(String),
}

/// The one field that all versions have.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A message of a kind.
pub(super) fn read<M: DeserializeOwned>(payload: &[u8]) -> Result<M, Refusal> {
    let hostile = |error: serde_json::Error| Refusal::Hostile(plain(&error.to_string()));
    let Versioned { version } = serde_json::from_slice(payload).map_err(hostile)?;
    if version != VERSION {
        return Err(Refusal::Version(version));
    }
    serde_json::from_slice(payload).map_err(hostile)
}

/// The bytes of a message.
pub(super) fn write(message: &impl Serialize) -> bytes::Bytes {
    // Names, numbers and texts: nothing that JSON has not.
    serde_json::to_vec(message).unwrap_or_default().into()
}

impl TaskMessage {
    pub(super) fn new(assignment: &Assignment, work: &Work) -> Self {
        let (rule, assignment) = (work.rule.clone(), assignment.clone());
        Self { version: VERSION, assignment, rule, seed: work.seed, attempt: work.attempt }
    }

    /// A task that came in under this key.
    pub(super) fn verified(payload: &[u8], run: &str, key: TaskKey) -> Result<Task, Refusal> {
        if payload.len() > MOST_TASK_BYTES {
            let reason = format!("it has more than {MOST_TASK_BYTES} bytes");
            return Err(Refusal::Hostile(reason));
        }
        let message: Self = read(payload)?;
        let hostile = |reason: String| Refusal::Hostile(plain(&reason));
        limits::check_assignment(&message.assignment).map_err(hostile)?;
        let rule = limits::rule(&message.rule).map_err(hostile)?;
        let Self { assignment, rule: text, seed, attempt, .. } = message;
        if TaskKey::of(&assignment, &rule, seed) != key {
            return Err(hostile("its key is not that of what it holds".to_owned()));
        }
        let work = Work { trial: attempt.into(), rule: text, seed, attempt };
        Ok(Task { key, run: run.to_owned(), assignment, work })
    }
}

impl ResultMessage {
    /// The children of a result, looked at.
    pub(super) fn verified(
        payload: &[u8],
        assignment: &Assignment,
        seed: u64,
    ) -> Result<(Children, f64), Refusal> {
        let Self { children, seconds, .. } = read(payload)?;
        let children: Children = children.into_iter().map(Trained::from).collect();
        limits::check_children(assignment, seed, &children, seconds).map_err(Refusal::Hostile)?;
        Ok((children, seconds))
    }
}

/// The key of a trial of a search.
pub(super) fn key_of(keys: &mut Keys, work: &Work) -> Result<TaskKey, String> {
    let rule: Rule = limits::rule(&work.rule)?;
    Ok(keys.key(&rule, work.seed))
}
