//! What a queue has, and throwing away what a run has there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use super::address::Address;
use super::client::runtime;
use super::error::NatsError;
use super::link::{ANSWER, Link};
use super::names::{CONSUMER, Kind, is_name};
use super::streams::{self, USUAL_LEASE};

/// How the server says that there is no stream or consumer.
const NOT_FOUND: &str = "not found";

/// A queue at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Its server, without what is secret.
    pub server: String,
    /// The version of the server.
    pub version: String,
    /// Its name.
    pub queue: String,
    /// Seconds that a worker may be silent.
    pub lease: u64,
    /// Tasks with workers.
    pub in_training: usize,
    /// Workers that wait for a task.
    pub waiting_workers: usize,
    /// Bytes on the server.
    pub bytes: u64,
    /// Runs that have something there, by name.
    pub runs: Vec<RunStatus>,
}

/// What a queue has of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunStatus {
    /// Its name.
    pub run: String,
    /// Tasks that wait or are with workers.
    pub tasks: u64,
    /// Attempts that have begun.
    pub began: u64,
    /// Attempts that came to no end.
    pub failed: u64,
    /// Results that are kept.
    pub results: u64,
}

/// Looks whether there is a server that lets us in and has `JetStream`.
///
/// # Errors
///
/// [`NatsError`].
pub fn check_server(address: &Address) -> Result<(), NatsError> {
    runtime(1)?.block_on(async {
        let link = Link::open(address, "nosc").await?;
        streams::ensure(&link, None, USUAL_LEASE).await.map(|_| ())
    })
}

/// What is wrong with a version of the server, if anything is: what its own people say.
pub fn fault_of(version: &str) -> Option<String> {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0_u32));
    let mut next = || numbers.next().unwrap_or(0);
    let is_old = match (next(), next(), next()) {
        (0 | 1, ..) | (2, 0..=9, _) => true,
        (2, 10, patch) => patch < 23,
        _ => false,
    };
    is_old.then(|| {
        format!(
            "nats-server {version} can lose its streams when it is killed, and searches then train again what was in \
             them; take 2.12 or later"
        )
    })
}

/// What a queue has.
///
/// # Errors
///
/// [`NatsError`], [`NatsError::NoQueue`] if there is none.
pub fn status(address: &Address) -> Result<QueueStatus, NatsError> {
    runtime(1)?.block_on(async {
        let link = Link::open(address, "nosc queue").await?;
        read(&link).await
    })
}

async fn read(link: &Link) -> Result<QueueStatus, NatsError> {
    let (server, queue) = (link.server.clone(), link.names.queue().to_owned());
    let none = |reason: String| {
        if reason.contains(NOT_FOUND) {
            return NatsError::NoQueue { queue: queue.clone(), server: server.clone() };
        }
        NatsError::Stream { what: format!("the queue {queue}"), reason }
    };
    let filter = link.names.all();
    let (tasks, waiting) = link.subjects(link.names.tasks(), &filter).await.map_err(none)?;
    let (events, ends) = link.subjects(link.names.events(), &filter).await.map_err(none)?;
    let stream = link.stream(link.names.tasks()).await.map_err(none)?;
    let info = timeout(ANSWER, stream.consumer_info(CONSUMER)).await;
    let info =
        info.map_err(|_| none("no answer".to_owned()))?.map_err(|error| none(error.to_string()))?;
    let mut runs: BTreeMap<String, RunStatus> = BTreeMap::new();
    for subject in waiting.iter().chain(&ends) {
        let Some(subject) = link.names.parse(subject) else { continue };
        let run = runs.entry(subject.run.clone()).or_default();
        run.run = subject.run;
        let count = match subject.kind {
            Kind::Task => &mut run.tasks,
            Kind::Began(_) => &mut run.began,
            Kind::Failed(_) => &mut run.failed,
            Kind::Result => &mut run.results,
        };
        *count += 1;
    }
    Ok(QueueStatus {
        version: link.client.server_info().version,
        lease: info.config.ack_wait.max(Duration::from_secs(1)).as_secs(),
        in_training: info.num_ack_pending,
        waiting_workers: info.num_waiting,
        bytes: tasks.state.bytes + events.state.bytes,
        runs: runs.into_values().collect(),
        server,
        queue,
    })
}

/// Throws away all that a queue has of a run: its tasks and events. Workers that have one of its tasks finish it.
///
/// # Errors
///
/// [`NatsError::NoRun`] if it has nothing; [`NatsError`].
pub fn purge(address: &Address, run: &str) -> Result<RunStatus, NatsError> {
    runtime(1)?.block_on(async {
        let link = Link::open(address, "nosc queue").await?;
        let status = read(&link).await?;
        let found = status.runs.iter().find(|other| other.run == run).cloned();
        let Some(found) = found.filter(|_| is_name(run)) else {
            let names: Vec<&str> = status.runs.iter().map(|run| run.run.as_str()).collect();
            let others = match names[..] {
                [] => "it has nothing of any run".to_owned(),
                _ => format!("it has: {}", names.join(", ")),
            };
            return Err(NatsError::NoRun { run: run.to_owned(), others });
        };
        let failed = |reason| NatsError::Stream { what: "the queue".to_owned(), reason };
        let tasks = || link.names.tasks();
        let (_, subjects) =
            link.subjects(tasks(), &link.names.tasks_of(run)).await.map_err(failed)?;
        for subject in subjects {
            link.delete(tasks(), &subject).await.map_err(failed)?;
        }
        let filter = link.names.events_of(run);
        link.purge(link.names.events(), &filter, None).await.map_err(failed)?;
        Ok(found)
    })
}
