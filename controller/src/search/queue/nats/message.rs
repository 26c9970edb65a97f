//! What search and workers write to each other: JSON, with a version. Described in `docs/protocol.md`.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use nosc_compiler::Rule;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::key::{Keys, TaskKey};
use super::limits::{self, MOST_TASK_BYTES, MOST_UNPACKED, short_line};
use crate::outcome::Trained;
use crate::search::queue::contract::{ChildMessage, Children, Work};
use crate::search::queue::message::Assignment;

/// Version of the messages.
pub const VERSION: u32 = 1;
/// The shortest lease and the longest.
const LEASES: [Duration; 2] = [Duration::from_millis(500), Duration::from_hours(24)];
/// Messages of so many bytes are compressed where they may be.
const LARGE: usize = 4 << 10;

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
    /// The lease of the queue, milliseconds: how often signs of life are due.
    lease: u64,
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
    /// How long its worker may be silent.
    pub lease: Duration,
}

/// Why a message is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another version of nosc may read it.
    #[error("it has version {0}, which this version of nosc does not read")]
    Version(u32),
    /// Nobody should: it is none, or not what it says that it is.
    #[error("{0}")]
    Hostile(String),
}

/// The one field that all versions have.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A message of a kind.
pub(super) fn read<M: DeserializeOwned>(payload: &[u8]) -> Result<M, Refusal> {
    let hostile = |error: serde_json::Error| Refusal::Hostile(short_line(&error.to_string()));
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

/// The bytes of a large message: compressed (zlib) from a certain size on, since curves are long and alike.
pub(super) fn pack(message: &impl Serialize) -> bytes::Bytes {
    let plain = write(message);
    if plain.len() < LARGE {
        return plain;
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Memory takes all that is written to it.
    let packed = encoder.write_all(&plain).and_then(|()| encoder.finish());
    packed.map_or(plain, bytes::Bytes::from)
}

/// What [`pack`] has made a message of. JSON begins with a brace, and what is compressed does not.
pub(super) fn unpack(payload: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    if payload.first() == Some(&b'{') {
        return Ok(Cow::Borrowed(payload));
    }
    let mut plain = Vec::new();
    let mut decoder = ZlibDecoder::new(payload).take(MOST_UNPACKED + 1);
    let hostile = |reason: String| Refusal::Hostile(short_line(&reason));
    decoder
        .read_to_end(&mut plain)
        .map_err(|error| hostile(format!("it cannot be unpacked: {error}")))?;
    if plain.len() as u64 > MOST_UNPACKED {
        return Err(hostile(format!("it has more than {MOST_UNPACKED} bytes, unpacked")));
    }
    Ok(Cow::Owned(plain))
}

impl TaskMessage {
    pub(super) fn new(assignment: &Assignment, work: &Work, lease: Duration) -> Self {
        let (rule, assignment) = (work.rule.clone(), assignment.clone());
        let (seed, attempt) = (work.seed, work.attempt);
        let lease = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        Self { version: VERSION, assignment, rule, seed, attempt, lease }
    }
}

impl Task {
    /// The task of a message that came in under this key, all of it looked at.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn read(payload: &[u8], run: &str, key: TaskKey) -> Result<Self, Refusal> {
        if payload.len() > MOST_TASK_BYTES {
            let reason = format!("it has more than {MOST_TASK_BYTES} bytes");
            return Err(Refusal::Hostile(reason));
        }
        let message: TaskMessage = read(payload)?;
        let hostile = |reason: String| Refusal::Hostile(short_line(&reason));
        limits::check_assignment(&message.assignment).map_err(hostile)?;
        let rule = limits::rule(&message.rule).map_err(hostile)?;
        let TaskMessage { assignment, rule: text, seed, attempt, lease, .. } = message;
        let lease = Duration::from_millis(lease).clamp(LEASES[0], LEASES[1]);
        if TaskKey::of(&assignment, &rule, seed) != key {
            return Err(hostile("its key is not that of what it holds".to_owned()));
        }
        let work = Work { trial: attempt.into(), rule: text, seed, attempt };
        Ok(Self { key, run: run.to_owned(), assignment, work, lease })
    }
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// Which worker says so, for people.
    pub worker: String,
    /// Its children.
    pub children: Children,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// The result of a message, looked at: whether it can be that of a trial with this assignment and seed.
///
/// # Errors
///
/// [`Refusal`].
pub fn read_result(
    payload: &[u8],
    assignment: &Assignment,
    seed: u64,
) -> Result<TaskResult, Refusal> {
    let ResultMessage { worker, children, seconds, .. } = read(&unpack(payload)?)?;
    let children: Children = children.into_iter().map(Trained::from).collect();
    limits::check_children(assignment, seed, &children, seconds).map_err(Refusal::Hostile)?;
    Ok(TaskResult { worker: short_line(&worker), children, seconds })
}

/// The key of a trial of a search.
pub(super) fn key_of(keys: &mut Keys, work: &Work) -> Result<TaskKey, String> {
    let rule: Rule = limits::rule(&work.rule)?;
    Ok(keys.key(&rule, work.seed))
}
