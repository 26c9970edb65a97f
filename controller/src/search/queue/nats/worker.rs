//! A worker: fetches tasks, carries them out, tells what came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::message::Acker;
use futures_util::StreamExt;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::alive::{Alive, Answers};
use super::attempt::{Attempt, Fate, beat, note};
use super::carrier::Carrier;
use super::client::runtime;
use super::error::NatsError;
use super::link::{ANSWER, Link, Pause};
use super::message::{Refusal, Task};
use super::names::{CONSUMER, Kind, Subject};

/// How long the server holds a request for a task.
const EXPIRES: Duration = Duration::from_secs(20);
/// After tasks that cannot be carried out here, no other is asked for as long; twice as long each time, up to the second.
const AFTER_RETURN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// How long a task of another version stays with the queue.
const OTHER_VERSION: Duration = Duration::from_secs(30);
/// What is said last may take so long.
const GOODBYE: Duration = Duration::from_secs(2);
/// Time between two looks whether the worker is to stop, or has been idle.
const LOOK: Duration = Duration::from_millis(100);

/// What a worker is to do when.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// What it is called: its machine, process and processor.
    pub name: String,
    /// It ends after so long without a task; none for never.
    pub idle: Option<Duration>,
    /// What has begun may take so long when it is to stop.
    pub grace: Duration,
    /// A task may take so long, else the attempt has failed; none for any time.
    pub most: Option<Duration>,
}

/// What is asked of a worker that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stop {
    /// Nothing: it goes on.
    No,
    /// To take no more tasks.
    Finish,
    /// To give back those that it has.
    Now,
}

/// Something that happened to a worker.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// It has the queue, with this lease.
    Connected {
        /// Its lease.
        lease: Duration,
    },
    /// The queue cannot be had: mostly no search has made one.
    NoQueue {
        /// What the server says.
        reason: String,
    },
    /// A task has ended.
    Done {
        /// Its run.
        run: String,
        /// Its key.
        key: String,
        /// Wall time, seconds.
        seconds: f64,
    },
    /// A task came to no end.
    Failed {
        /// Its run.
        run: String,
        /// Its key.
        key: String,
        /// What happened.
        reason: String,
    },
    /// A task was given back.
    Returned {
        /// What for.
        reason: String,
    },
    /// A message was thrown away that is no task.
    Rejected {
        /// What is wrong with it.
        reason: String,
    },
    /// Something does not work that is tried again.
    Trouble {
        /// What.
        reason: String,
    },
    /// The connection is lost, or there again.
    Connection {
        /// Whether it is there.
        is_up: bool,
    },
}

/// What a worker has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerCounts {
    /// Tasks with a result.
    pub done: u64,
    /// Attempts that came to no end.
    pub failed: u64,
    /// Tasks that were given back.
    pub returned: u64,
    /// Messages that were thrown away.
    pub rejected: u64,
}

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    failed: AtomicU64,
    returned: AtomicU64,
    rejected: AtomicU64,
    attempts: AtomicU64,
    /// Tasks at hand.
    busy: AtomicU64,
}

/// Who is told of what happens.
pub(super) type Say = Arc<dyn Fn(WorkerEvent) + Send + Sync>;

/// All that the slots of a worker share.
#[derive(Clone)]
pub(super) struct Shared {
    link: Link,
    name: String,
    say: Say,
    counters: Arc<Counters>,
    stop: watch::Receiver<Stop>,
    most: Option<Duration>,
    alive: Alive,
    /// The consumer that was found on which connection.
    found: Arc<Mutex<Option<(u64, PullConsumer)>>>,
}

/// A task is at hand until this is dropped.
struct Busy<'a>(&'a Counters);

impl<'a> Busy<'a> {
    fn new(counters: &'a Counters) -> Self {
        counters.busy.fetch_add(1, Ordering::Relaxed);
        Self(counters)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Works until it is told to stop, or has been idle for long enough: a task at a time for each carrier.
///
/// `stop` is asked again and again, and says what the worker is to do; `say` is told what happens, from other threads.
///
/// # Errors
///
/// [`NatsError`] if the server is not there or refuses. Once connected, it is waited for without end.
pub fn work(
    address: &Address,
    options: &WorkerOptions,
    carriers: Vec<Box<dyn Carrier>>,
    stop: impl Fn() -> Stop,
    say: impl Fn(WorkerEvent) + Send + Sync + 'static,
) -> Result<WorkerCounts, NatsError> {
    let runtime = runtime(2)?;
    let counts = runtime.block_on(async {
        let link = Link::open(address, &format!("nosc worker {}", options.name)).await?;
        let (sender, receiver) = watch::channel(Stop::No);
        let shared = Shared::new(link, options.name.clone(), Arc::new(say), receiver);
        let shared = Shared { most: options.most, ..shared };
        let answers = shared.answers();
        let mut slots = JoinSet::new();
        for (number, carrier) in carriers.into_iter().enumerate() {
            slots.spawn(slot(shared.clone(), number, carrier));
        }
        let watched = shared.watch(options, &stop, &sender, &mut slots).await;
        drop(answers);
        // What was said last is to arrive.
        drop(timeout(GOODBYE, shared.link.client.flush()).await);
        watched.map(|()| shared.counters.counts())
    });
    runtime.shutdown_background();
    counts
}

impl Counters {
    fn counts(&self) -> WorkerCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WorkerCounts {
            done: read(&self.done),
            failed: read(&self.failed),
            returned: read(&self.returned),
            rejected: read(&self.rejected),
        }
    }
}

impl Shared {
    pub(super) fn new(link: Link, name: String, say: Say, stop: watch::Receiver<Stop>) -> Self {
        let (alive, counters, found) = (Alive::new(&link), Arc::default(), Arc::default());
        Self { link, name, say, counters, stop, most: None, alive, found }
    }

    /// Passes on what the slots are to do, until all have ended.
    async fn watch(
        &self,
        options: &WorkerOptions,
        stop: &impl Fn() -> Stop,
        sender: &watch::Sender<Stop>,
        slots: &mut JoinSet<()>,
    ) -> Result<(), NatsError> {
        let mut result = Ok(());
        let (mut busy_at, mut finishes, mut was_up) = (Instant::now(), None, true);
        let mut wanted_at_least = Stop::No;
        loop {
            let mut wanted = stop().max(wanted_at_least);
            if self.counters.busy.load(Ordering::Relaxed) > 0 {
                busy_at = Instant::now();
            }
            if options.idle.is_some_and(|idle| busy_at.elapsed() >= idle) {
                wanted = wanted.max(Stop::Finish);
            }
            if wanted >= Stop::Finish {
                let since = *finishes.get_or_insert_with(Instant::now);
                if since.elapsed() >= options.grace {
                    wanted = Stop::Now;
                }
            }
            sender.send_if_modified(|is| std::mem::replace(is, wanted.max(*is)) < wanted);
            let is_up = self.link.connection.borrow().is_up;
            if is_up != was_up {
                was_up = is_up;
                (self.say)(WorkerEvent::Connection { is_up });
            }
            match timeout(LOOK, slots.join_next()).await {
                Ok(None) => return result,
                // A slot that is lost is not made up for: the others finish what they have.
                Ok(Some(Err(_))) => {
                    result = Err(NatsError::Ended);
                    wanted_at_least = Stop::Finish;
                }
                Ok(Some(Ok(()))) | Err(_) => {}
            }
        }
    }

    /// Answers others that ask about its tasks.
    pub(super) fn answers(&self) -> Answers {
        self.alive.answer(&self.link)
    }

    fn stop(&self) -> Stop {
        *self.stop.borrow()
    }

    /// Until the worker is told to stop at least so much.
    async fn stopped(&self, at_least: Stop) {
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| *stop >= at_least).await.is_err() {
            // Whoever could say so is gone: as good as told.
        }
    }

    /// One slot asks for all others, once a connection.
    async fn find(&self) -> Result<PullConsumer, String> {
        let made = self.link.connection.borrow().made;
        let mut found = self.found.lock().await;
        if let Some((of, consumer)) = &*found
            && *of == made
        {
            return Ok(consumer.clone());
        }
        let stream = self.link.stream(self.link.names.tasks()).await?;
        match timeout(ANSWER, stream.get_consumer::<Config>(CONSUMER)).await {
            Ok(Ok(consumer)) => {
                *found = Some((made, consumer.clone()));
                Ok(consumer)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// The consumer has to be found again.
    async fn forget(&self) {
        *self.found.lock().await = None;
    }

    /// The consumer of the queue and its lease, as soon as there is one; none if the worker is to stop first.
    async fn consumer(&self, is_first: bool) -> Option<(PullConsumer, Duration)> {
        let (mut pause, mut is_said) = (Pause::default(), false);
        while self.stop() == Stop::No {
            let reason = match self.find().await {
                Ok(consumer) => {
                    let lease = consumer.cached_info().config.ack_wait;
                    return Some((consumer, lease));
                }
                Err(reason) => reason,
            };
            if is_first && !is_said && self.link.connection.borrow().is_up {
                is_said = true;
                (self.say)(WorkerEvent::NoQueue { reason });
            }
            tokio::select! {
                () = pause.wait() => {}
                () = self.stopped(Stop::Finish) => return None,
            }
        }
        None
    }

    /// A word for an attempt.
    fn nonce(&self) -> String {
        self.alive.nonce(self.counters.attempts.fetch_add(1, Ordering::Relaxed))
    }
}

/// Carries out one task after another.
pub(super) async fn slot(shared: Shared, number: usize, mut carrier: Box<dyn Carrier>) {
    let (mut returns, mut known) = (0, Duration::ZERO);
    'queue: while let Some((consumer, lease)) = shared.consumer(number == 0).await {
        if number == 0 && std::mem::replace(&mut known, lease) != lease {
            (shared.say)(WorkerEvent::Connected { lease });
        }
        let mut connection = shared.link.connection.clone();
        connection.mark_unchanged();
        while shared.stop() == Stop::No {
            let message = tokio::select! {
                message = fetch(&consumer) => message,
                // Requests of an earlier connection are forgotten.
                _ = connection.changed() => continue 'queue,
                () = shared.stopped(Stop::Finish) => return,
            };
            let Ok(message) = message else {
                shared.forget().await;
                sleep(LOOK).await;
                continue 'queue;
            };
            let Some(message) = message else { continue };
            let busy = Busy::new(&shared.counters);
            let is_returned = shared.handle(message, lease, carrier.as_mut()).await;
            drop(busy);
            returns = if is_returned { returns + 1 } else { 0 };
            if returns > 0 {
                let pause = (AFTER_RETURN[0] * (1 << returns.min(8))).min(AFTER_RETURN[1]);
                drop(timeout(pause, shared.stopped(Stop::Finish)).await);
            }
        }
    }
}

/// The next task; none if there is none for a while.
async fn fetch(
    consumer: &PullConsumer,
) -> Result<Option<async_nats::jetstream::Message>, async_nats::Error> {
    let mut batch = consumer.batch().max_messages(1).expires(EXPIRES).messages().await?;
    match timeout(EXPIRES + ANSWER, batch.next()).await? {
        Some(message) => message.map(Some),
        None => Ok(None),
    }
}

impl Shared {
    /// Does what is to be done with a message; whether it was given back.
    async fn handle(
        &self,
        message: async_nats::jetstream::Message,
        lease: Duration,
        carrier: &mut dyn Carrier,
    ) -> bool {
        let delivered = message.info().map_or(1, |info| info.delivered);
        let (message, acker) = message.split();
        let subject = self.link.names.parse(&message.subject);
        let Some(Subject { run, kind: Kind::Task, key }) = subject else {
            self.reject(&acker, None, "its subject is none of a task").await;
            return false;
        };
        let task = match Task::read(&message.payload, &run, key) {
            Ok(task) => task,
            Err(refusal @ Refusal::Version(_)) => {
                let reason = refusal.to_string();
                drop(acker.ack_with(AckKind::Nak(Some(OTHER_VERSION))).await);
                let text = format!("a task was given back: {reason}");
                note(&self.link, &run, &self.name, &text).await;
                self.returned(reason);
                return true;
            }
            Err(Refusal::Hostile(reason)) => {
                self.reject(&acker, Some(&run), &reason).await;
                return false;
            }
        };
        let nonce = self.nonce();
        let at_hand = self.alive.take(&nonce);
        let attempt = Attempt {
            link: &self.link,
            task: &task,
            acker: &acker,
            delivered,
            name: &self.name,
            nonce: nonce.clone(),
            alive: &self.alive,
            say: &self.say,
            most: self.most,
            is_told: AtomicBool::new(false),
        };
        let start = Instant::now();
        let fate = tokio::select! {
            fate = attempt.run(carrier) => fate,
            () = beat(&acker, lease.min(task.lease)) => return false,
            () = self.stopped(Stop::Now) => {
                // Whoever is not told gets it after the lease.
                drop(timeout(GOODBYE, attempt.give_back()).await);
                Fate::Returned("the worker stops".to_owned())
            }
        };
        drop(at_hand);
        let key = key.to_string();
        match fate {
            Fate::Done => {
                self.counters.done.fetch_add(1, Ordering::Relaxed);
                let seconds = start.elapsed().as_secs_f64();
                (self.say)(WorkerEvent::Done { run, key, seconds });
            }
            Fate::Failed(reason) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                (self.say)(WorkerEvent::Failed { run, key, reason });
            }
            Fate::Ended | Fate::Lost | Fate::Busy => {}
            Fate::Returned(reason) => {
                self.returned(reason);
                return true;
            }
        }
        false
    }

    fn returned(&self, reason: String) {
        self.counters.returned.fetch_add(1, Ordering::Relaxed);
        (self.say)(WorkerEvent::Returned { reason });
    }

    /// Throws a message away that nobody should have written. A trial that it stood for is published again by its search.
    async fn reject(&self, acker: &Acker, run: Option<&str>, reason: &str) {
        self.counters.rejected.fetch_add(1, Ordering::Relaxed);
        drop(acker.ack_with(AckKind::Term).await);
        if let Some(run) = run {
            note(&self.link, run, &self.name, &format!("a message was thrown away: {reason}"))
                .await;
        }
        (self.say)(WorkerEvent::Rejected { reason: reason.to_owned() });
    }
}
