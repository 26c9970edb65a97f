//! A search without children: how many tasks a server and both sides of the queue take, and whether they lose any.
//!
//! Workers, their messages and the side of the search are those of `nosc worker` and `nosc search`; what is left out is the training,
//! for which a worker waits, and the ledger. All of it is one process, so that figures of one machine say what a server and
//! a search have to do, and nothing of networks.
//!
//! ```text
//! trials ─► NatsQueue ─► server ─► N × (connection, slot, carrier that sleeps)
//!    ▲          └──── notices ◄──────────────┘
//!    └─ each counted: ended once, never, or twice
//! ```

mod children;
mod files;
mod workers;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::address::Address;
use super::client::{NatsQueue, runtime};
use super::error::NatsError;
use super::link::{ANSWER, Link};
use super::message::{TaskMessage, write};
use super::names::{Kind, Names};
use super::streams::USUAL_LEASE;
use crate::search::queue::contract::{Notice, Queue, QueueError};
use workers::Crew;

pub use files::allow_files;

/// The name of the run.
const RUN: &str = "rehearsal";
/// Attempts at a task.
const ATTEMPTS: u32 = 3;
/// Time between two looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// What ends twice does so soon.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// Notices after which the search says that it has kept them.
const KEPT_EACH: u64 = 256;
/// How long workers may take to connect.
const ARRIVAL: Duration = Duration::from_mins(2);
/// Without a notice for so long, two leases and two tasks, what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is rehearsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    /// Workers, each with a connection of its own.
    pub workers: u32,
    /// Tasks.
    pub tasks: u64,
    /// What a task takes.
    pub time: Duration,
    /// Tasks from the first that has not ended to the last that was submitted, as with `nosc search --ahead`; twice as many as
    /// workers if none is said.
    pub ahead: Option<u64>,
    /// Workers that are lost a second, without a word, and replaced.
    pub churn: u32,
    /// [`NatsQueue::open`].
    pub lease: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rehearsed {
    /// Tasks a second that ended, from the first that was submitted to the last end.
    pub tasks_per_second: f64,
    /// Tasks that were submitted and did not end; 0 if it was stopped.
    pub lost: u64,
    /// Ends too many.
    pub double: u64,
    /// Tasks all of whose attempts came to no end.
    pub failed: u64,
    /// From the first task that was submitted to the last end.
    pub seconds: f64,
    /// What the tasks would take if the workers did nothing else.
    pub ideal_seconds: f64,
    /// By how much `seconds` is above that, as a share of it; none for tasks that take no time.
    pub overhead: Option<f64>,
    /// As asked for.
    pub workers: u32,
    /// Tasks that were submitted.
    pub tasks: u64,
    /// Attempts that workers began.
    pub attempts: u64,
    /// Workers that were lost.
    pub lost_workers: u64,
    /// The lease, seconds.
    pub lease: f64,
    /// [`Rehearsal::ahead`].
    pub ahead: u64,
    /// What a worker waits from the end of a task to the begin of its next, seconds: the median, and what 99 % are below.
    pub pause: Option<[f64; 2]>,
    /// Seconds until all workers had the queue.
    pub connect_seconds: f64,
    /// Bytes of a task.
    pub task_bytes: usize,
    /// Bytes of a result.
    pub result_bytes: Option<usize>,
    /// Bytes of the events on the server, at the end.
    pub event_bytes: Option<u64>,
    /// Version of the server.
    pub server_version: String,
    /// Whether it was stopped before its end.
    pub is_stopped: bool,
}

/// What is known of a task.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    begun: u8,
    ends: u8,
}

/// The side of the search.
struct Search<'a> {
    wanted: &'a Rehearsal,
    ahead: u64,
    queue: NatsQueue,
    known: Vec<Known>,
    /// The first that has not ended: a search learns in the order of its trials, and is ahead of that one by so many.
    oldest: u64,
    ended: u64,
    double: u64,
    failed: u64,
    notices: u64,
    /// When there was an end, or anything else, last.
    end_at: Instant,
    heard_at: Instant,
}

/// Rehearses on a server, under a name of its own, and leaves nothing there. `stop` is asked again and again.
///
/// # Errors
///
/// [`QueueError`] if the server is not there or refuses, or workers cannot connect.
pub fn rehearse(
    address: &Address,
    rehearsal: &Rehearsal,
    stop: impl Fn() -> bool,
) -> Result<Rehearsed, QueueError> {
    let nonce = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let name = format!("{RUN}-{}-{}", std::process::id(), nonce % 1_000_000_000);
    // Nobody else's queue is touched.
    let mut address = address.clone();
    address.names = Names::new(&name)?;
    let watcher = Watcher::open(&address)?;
    let result = on(&address, rehearsal, &watcher, stop);
    watcher.remove();
    result
}

fn on(
    address: &Address,
    rehearsal: &Rehearsal,
    watcher: &Watcher,
    stop: impl Fn() -> bool,
) -> Result<Rehearsed, QueueError> {
    let &Rehearsal { workers, churn, time, .. } = rehearsal;
    let queue = NatsQueue::open(address, RUN, children::assignment(), Some(rehearsal.lease))?;
    let start = Instant::now();
    let crew = Crew::start(address, workers.into(), churn.into(), time)?;
    while crew.counts.ready.load(Ordering::Relaxed) < workers.into() && !stop() {
        if let Some(error) = crew.counts.refused() {
            return Err(error.into());
        }
        if start.elapsed() > ARRIVAL {
            let reason = format!("workers have not had the queue after {} s", ARRIVAL.as_secs());
            return Err(NatsError::Start { reason }.into());
        }
        std::thread::sleep(LOOK);
    }
    let connect_seconds = start.elapsed().as_secs_f64();
    let mut search = Search::new(rehearsal, queue);
    let start = Instant::now();
    let is_stopped = search.run(&stop)?;
    let seconds = search.end_at.saturating_duration_since(start).as_secs_f64();
    let (event_bytes, result_bytes) = watcher.sizes();
    let ideal_seconds = rehearsal.tasks as f64 * time.as_secs_f64() / f64::from(workers.max(1));
    let submitted = search.known.len() as u64;
    let rehearsed = Rehearsed {
        tasks_per_second: if seconds > 0.0 { search.ended as f64 / seconds } else { 0.0 },
        lost: if is_stopped { 0 } else { submitted - search.ended },
        double: search.double,
        failed: search.failed,
        seconds,
        ideal_seconds,
        // Of a part of the tasks it says nothing.
        overhead: (ideal_seconds > 0.0 && !is_stopped).then(|| seconds / ideal_seconds - 1.0),
        workers,
        tasks: submitted,
        attempts: crew.counts.begun.load(Ordering::Relaxed),
        lost_workers: crew.counts.lost.load(Ordering::Relaxed),
        lease: rehearsal.lease.as_secs_f64(),
        ahead: search.ahead,
        pause: crew.counts.pauses(),
        connect_seconds,
        task_bytes: write(&TaskMessage::new(
            &children::assignment(),
            &children::work(0, 0),
            USUAL_LEASE,
        ))
        .len(),
        result_bytes,
        event_bytes,
        server_version: watcher.link.client.server_info().version,
        is_stopped,
    };
    crew.end();
    Ok(rehearsed)
}

impl<'a> Search<'a> {
    fn new(wanted: &'a Rehearsal, queue: NatsQueue) -> Self {
        Self {
            wanted,
            ahead: wanted.ahead.unwrap_or_else(|| 2 * u64::from(wanted.workers)).max(1),
            queue,
            known: Vec::new(),
            oldest: 0,
            ended: 0,
            double: 0,
            failed: 0,
            notices: 0,
            end_at: Instant::now(),
            heard_at: Instant::now(),
        }
    }

    /// Submits and counts until all have ended; whether it was stopped before.
    fn run(&mut self, stop: &impl Fn() -> bool) -> Result<bool, QueueError> {
        self.heard_at = Instant::now();
        let patience = PATIENCE + 2 * (self.wanted.lease + self.wanted.time);
        while self.ended < self.wanted.tasks {
            if stop() {
                self.queue.withdraw();
                return Ok(true);
            }
            if self.heard_at.elapsed() > patience {
                break;
            }
            let submitted = self.known.len() as u64;
            let most = self.wanted.tasks.min(self.oldest + self.ahead);
            for trial in submitted..most {
                self.known.push(Known::default());
                self.queue.submit(children::work(trial, 0));
            }
            if let Some(notice) = self.queue.wait(LOOK)? {
                self.heard(&notice);
            }
        }
        let start = Instant::now();
        while start.elapsed() < AFTERWARDS {
            if let Some(notice) = self.queue.wait(LOOK)? {
                self.heard(&notice);
            }
        }
        Ok(false)
    }

    fn heard(&mut self, notice: &Notice) {
        self.heard_at = Instant::now();
        self.notices += 1;
        if self.notices.is_multiple_of(KEPT_EACH) {
            self.queue.kept();
        }
        match notice {
            Notice::Began { trial, .. } => {
                if let Some(known) = self.of(*trial) {
                    known.begun = known.begun.saturating_add(1);
                }
            }
            Notice::Done { trial, .. } => self.end(*trial),
            Notice::Failed { trial, .. } => {
                let attempt = u32::from(self.of(*trial).map_or(0, |known| known.begun));
                if attempt < ATTEMPTS {
                    self.queue.submit(children::work(*trial, attempt));
                } else {
                    self.failed += 1;
                    self.end(*trial);
                }
            }
            // Nobody waits for what is taken back.
            Notice::Left { .. } | Notice::Remark { .. } => {}
        }
    }

    fn of(&mut self, trial: u64) -> Option<&mut Known> {
        self.known.get_mut(usize::try_from(trial).ok()?)
    }

    fn end(&mut self, trial: u64) {
        let Some(known) = self.of(trial) else { return };
        known.ends = known.ends.saturating_add(1);
        if known.ends == 1 {
            self.ended += 1;
            self.end_at = Instant::now();
            while self.of(self.oldest).is_some_and(|known| known.ends > 0) {
                self.oldest += 1;
            }
        } else {
            self.double += 1;
        }
    }
}

/// Asks the server what it has of a rehearsal, and throws it away.
struct Watcher {
    link: Link,
    runtime: Runtime,
}

impl Watcher {
    fn open(address: &Address) -> Result<Self, NatsError> {
        let runtime = runtime(1)?;
        let link = runtime.block_on(Link::open(address, "nosc bench queue"))?;
        Ok(Self { link, runtime })
    }

    /// Bytes of the events, and of one result.
    fn sizes(&self) -> (Option<u64>, Option<usize>) {
        let link = &self.link;
        self.runtime.block_on(async {
            let stream = timeout(ANSWER, link.context.get_stream(link.names.events())).await;
            let events =
                stream.ok().and_then(Result::ok).map(|found| found.cached_info().state.bytes);
            let Some(key) = children::key(0) else { return (events, None) };
            let subject = link.names.of(RUN, Kind::Result, &key);
            let last = link.last(link.names.events(), &subject).await.ok().flatten();
            (events, last.map(|(_, payload)| payload.len()))
        })
    }

    fn remove(self) {
        let link = &self.link;
        self.runtime.block_on(async {
            for stream in [link.names.tasks(), link.names.events()] {
                // One that is not there needs nothing.
                drop(timeout(ANSWER, link.context.delete_stream(stream)).await);
            }
        });
        self.runtime.shutdown_background();
    }
}
