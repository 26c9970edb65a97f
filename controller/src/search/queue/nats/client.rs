//! The queue as a search sees it.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::address::Address;
use super::control::{Control, Mark, Told};
use super::error::NatsError;
use super::limits::check_assignment;
use super::link::Link;
use super::names::is_name;
use super::streams::{self, USUAL_LEASE};
use crate::search::queue::contract::{Notice, Queue, QueueError, Work};
use crate::search::queue::message::Assignment;

/// Most characters that the name of a run takes from its folder.
const FOLDER: usize = 40;
/// No task or usual result is larger than this.
const LEAST_PAYLOAD: usize = 64 << 10;
/// How long the end of a search waits for what it has still to say.
const GOODBYE: Duration = Duration::from_secs(12);

/// Something that the search asks of what talks to the server.
#[derive(Debug)]
pub(super) enum Asked {
    Submit(Work),
    Withdraw,
    /// All that was told up to this mark is on disk.
    Kept(Mark),
    Close(Sender<()>),
}

/// A queue on a NATS server.
#[derive(Debug)]
pub struct NatsQueue {
    asked: UnboundedSender<Asked>,
    told: Receiver<Told>,
    /// The last event that [`Queue::wait`] has returned.
    last: Mark,
    runtime: Option<Runtime>,
    version: String,
}

/// What a run is called on the server: its folder's name with a digest of its settings. The same search, begun twice
/// under one name, shares its trials.
pub fn run_name(folder: &Path, settings: &str, data: &str) -> String {
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    let usual = |c: char| if is_name(&c.to_string()) { c } else { '-' };
    let name: String = name.chars().take(FOLDER).map(usual).collect();
    let mut hasher = blake3::Hasher::new();
    for part in [settings, data] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize().to_hex();
    format!("{name}-{}", &digest.as_str()[..8])
}

/// What runs what talks to the server.
pub(super) fn runtime(threads: usize) -> Result<Runtime, NatsError> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).thread_name("nats").enable_all().build();
    runtime.map_err(|error| NatsError::Start { reason: error.to_string() })
}

impl NatsQueue {
    /// The queue at an address, for the trials of a run. Streams are made if they are not there. `lease` is that of the
    /// whole queue, which stays as it is without one.
    ///
    /// # Errors
    ///
    /// [`NatsError`] if the server is not there, refuses, or has no `JetStream`, or workers would refuse the tasks.
    pub fn open(
        address: &Address,
        run: &str,
        assignment: Assignment,
        lease: Option<Duration>,
    ) -> Result<Self, NatsError> {
        check_assignment(&assignment).map_err(|reason| NatsError::Task { reason })?;
        if !is_name(run) {
            return Err(NatsError::Task { reason: format!("`{run}` is no name of a run") });
        }
        let runtime = runtime(2)?;
        let (asked, asks) = unbounded_channel();
        let (tells, told) = channel();
        let link = runtime.block_on(async {
            let link = Link::open(address, &format!("nosc search {run}")).await?;
            let most = link.client.server_info().max_payload;
            if most < LEAST_PAYLOAD {
                let what = format!("the NATS server {}", link.server);
                let reason = format!(
                    "it takes messages of {most} bytes only; raise its `max_payload`, which is 1 MB if nobody sets it"
                );
                return Err(NatsError::Stream { what, reason });
            }
            let lease = streams::ensure(&link, lease, USUAL_LEASE).await?;
            Ok((link, lease))
        });
        let (link, lease) = link?;
        let version = link.client.server_info().version;
        let control = Control::new(link, run.to_owned(), assignment, lease, tells);
        runtime.spawn(control.run(asks));
        Ok(Self { asked, told, last: Mark::default(), runtime: Some(runtime), version })
    }

    /// The version of the server.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn ask(&self, asked: Asked) {
        // What has ended is found out by `wait`.
        drop(self.asked.send(asked));
    }
}

impl Queue for NatsQueue {
    fn submit(&mut self, work: Work) {
        self.ask(Asked::Submit(work));
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, QueueError> {
        match self.told.recv_timeout(limit) {
            Ok(Told { mark, notice }) => {
                self.last = self.last.max(mark);
                Ok(Some(notice))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(NatsError::Ended.into()),
        }
    }

    fn withdraw(&mut self) {
        self.ask(Asked::Withdraw);
    }

    fn kept(&mut self) {
        self.ask(Asked::Kept(self.last));
    }
}

impl Drop for NatsQueue {
    fn drop(&mut self) {
        let (sender, done) = channel();
        self.ask(Asked::Close(sender));
        // A server that is gone is not waited for.
        done.recv_timeout(GOODBYE).unwrap_or_default();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
