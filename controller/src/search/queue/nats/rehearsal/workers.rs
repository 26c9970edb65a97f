//! Workers that wait where others train: all else of them is real.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::children::children;
use crate::random::Random;
use crate::search::queue::nats::address::Address;
use crate::search::queue::nats::client::runtime;
use crate::search::queue::nats::link::Link;
use crate::search::queue::nats::worker::{Say, Shared, slot};
use crate::search::queue::nats::{Carried, Carrier, NatsError, Stop, Task, WorkerEvent};

/// Connections that are made at a time.
const AT_A_TIME: usize = 64;
/// Time between two tries to connect, and tries.
const AGAIN: Duration = Duration::from_millis(500);
const TRIES: u32 = 20;
/// Most pauses that are remembered.
const MOST_PAUSES: usize = 1 << 20;
/// How long workers may take to end.
const GOODBYE: Duration = Duration::from_secs(2);

/// What workers have counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Workers that have had the queue, those that were replaced among them.
    pub(super) ready: AtomicU64,
    /// Tasks that were begun.
    pub(super) begun: AtomicU64,
    /// Workers that were lost.
    pub(super) lost: AtomicU64,
    /// Seconds from the end of a task to the begin of the next one of the same worker.
    pauses: Mutex<Vec<f32>>,
    /// Why a worker could not connect.
    refused: Mutex<Option<NatsError>>,
}

/// Workers, each with a connection of its own.
#[derive(Debug)]
pub(super) struct Crew {
    runtime: Runtime,
    stop: watch::Sender<Stop>,
    manager: JoinHandle<()>,
    pub(super) counts: Arc<Counts>,
}

/// Waits, and makes up what comes of it.
#[derive(Debug)]
struct Sleeper {
    time: Duration,
    ended: Option<Instant>,
    counts: Arc<Counts>,
}

impl Carrier for Sleeper {
    fn carry<'a>(
        &'a mut self,
        task: &'a Task,
    ) -> Pin<Box<dyn Future<Output = Carried> + Send + 'a>> {
        Box::pin(async move {
            self.counts.begun.fetch_add(1, Ordering::Relaxed);
            if let Some(ended) = self.ended {
                self.counts.pause(ended.elapsed());
            }
            if !self.time.is_zero() {
                sleep(self.time).await;
            }
            let children = children(task);
            self.ended = Some(Instant::now());
            Carried::Done(children, self.time.as_secs_f64())
        })
    }
}

impl Counts {
    fn pause(&self, time: Duration) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        if pauses.len() < MOST_PAUSES {
            pauses.push(time.as_secs_f32());
        }
    }

    /// The median of the pauses of workers and what all but one in a hundred are below, seconds.
    pub(super) fn pauses(&self) -> Option<[f64; 2]> {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.sort_by(f32::total_cmp);
        let at = |share: usize| pauses.get(pauses.len() * share / 100).copied().map(f64::from);
        Some([at(50)?, at(99)?])
    }

    /// Why no worker can connect, if one gave up.
    pub(super) fn refused(&self) -> Option<NatsError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What all workers are made of.
#[derive(Clone)]
struct Model {
    address: Address,
    time: Duration,
    counts: Arc<Counts>,
    gate: Arc<Semaphore>,
    stop: watch::Receiver<Stop>,
}

impl Model {
    /// Connects and works until it is told to stop.
    async fn worker(self, number: u64) {
        let name = format!("rehearsal/{number} (nobody, nosc {})", env!("CARGO_PKG_VERSION"));
        let Some(link) = self.connect(&name).await else { return };
        let counts = Arc::clone(&self.counts);
        let say: Say = Arc::new(move |event| {
            if matches!(event, WorkerEvent::Connected { .. }) {
                counts.ready.fetch_add(1, Ordering::Relaxed);
            }
        });
        let carrier = Sleeper { time: self.time, ended: None, counts: self.counts };
        let shared = Shared::new(link, name, say, self.stop);
        let answers = shared.answers();
        slot(shared, 0, Box::new(carrier)).await;
        drop(answers);
    }

    async fn connect(&self, name: &str) -> Option<Link> {
        let mut tries = 0;
        loop {
            let permit = self.gate.acquire().await.ok()?;
            let error = match Link::open(&self.address, name).await {
                Ok(link) => return Some(link),
                Err(error) => error,
            };
            drop(permit);
            tries += 1;
            if tries == TRIES {
                let mut refused =
                    self.counts.refused.lock().unwrap_or_else(PoisonError::into_inner);
                *refused = Some(error);
                return None;
            }
            sleep(AGAIN).await;
        }
    }

    /// Keeps so many workers; so many of them a second are lost, whichever, and others come.
    async fn crew(mut self, workers: u64, churn: u64) {
        let (model, mut number) = (self.clone(), 0);
        let mut next = || {
            number += 1;
            tokio::spawn(model.clone().worker(number))
        };
        let mut crew: Vec<JoinHandle<()>> = (0..workers).map(|_| next()).collect();
        let mut random = Random::new(0, workers);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop > Stop::No) => break,
                _ = seconds.tick() => {}
            }
            // Nobody is lost before all are there.
            if self.counts.ready.load(Ordering::Relaxed) < workers {
                continue;
            }
            for _ in 0..churn.min(workers) {
                // Not the oldest: tasks go to those that have waited longest.
                let place = random.below(workers) as usize;
                if let Some(lost) = crew.get_mut(place) {
                    // With it goes its connection: the server sees what it sees of a process that was killed.
                    std::mem::replace(lost, next()).abort();
                    self.counts.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        for worker in crew {
            drop(worker.await);
        }
    }
}

impl Crew {
    pub(super) fn start(
        address: &Address,
        workers: u64,
        churn: u64,
        time: Duration,
    ) -> Result<Self, NatsError> {
        let (runtime, counts) = (runtime(2)?, Arc::<Counts>::default());
        let (stop, stopped) = watch::channel(Stop::No);
        let gate = Arc::new(Semaphore::new(AT_A_TIME));
        let model = Model {
            address: address.clone(),
            time,
            counts: Arc::clone(&counts),
            gate,
            stop: stopped,
        };
        let manager = runtime.spawn(model.crew(workers, churn));
        Ok(Self { runtime, stop, manager, counts })
    }

    /// Ends all workers.
    pub(super) fn end(self) {
        self.stop.send_replace(Stop::Now);
        let manager = self.manager;
        drop(self.runtime.block_on(async { timeout(GOODBYE, manager).await }));
        self.runtime.shutdown_background();
    }
}
