//! One task with a worker: begun, carried out, and its end told before it is acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Acker;
use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};

use super::alive::Alive;
use super::carrier::{Carried, Carrier};
use super::limits::short_line;
use super::link::{ANSWER, Link, Pause, Published, Unpublished};
use super::message::{
    BeganMessage, FailedMessage, NoteMessage, ResultMessage, Task, VERSION, pack, read, write,
};
use super::names::Kind;
use super::worker::{Say, WorkerEvent};
use crate::search::queue::contract::ChildMessage;

/// A sign of life is given three times in a lease, and at least so often.
const BEAT: Duration = Duration::from_mins(1);
/// The first comes before the shortest lease is over.
const FIRST: Duration = Duration::from_millis(300);
/// How long a task that is given back stays with the queue.
const BACK: Duration = Duration::from_secs(1);
/// How long it is tried to say that a task begins, before it is given back.
const BEGINNING: Duration = Duration::from_secs(10);
/// A worker that has a task already is asked for so long whether it lives, but no longer than a lease; longer where
/// connections were lost, which it may not have made anew.
const ASKING: Duration = Duration::from_secs(3);
const ASKING_FRESH: Duration = Duration::from_secs(10);
/// Its task stays with the queue for a third of a lease, but no longer than this.
const BUSY: Duration = Duration::from_secs(20);
/// What cannot be told is spoken of after so many tries.
const TRIES: u32 = 6;

/// How the server says that a user may not publish to a subject, in small letters.
const FORBIDDEN: &str = "permissions violation";

/// Whether the server says that this subject must not be written to; it may have complained of others since.
fn is_forbidden(reason: &str, subject: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains(FORBIDDEN) && reason.contains(&subject.to_lowercase())
}

/// What became of the message of a task's end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// It is kept, or there was one.
    Kept,
    /// The server takes no such message.
    TooLarge,
    /// This user may not publish it, and why.
    Forbidden(String),
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its result is published.
    Done,
    /// It came to no end, which is published.
    Failed(String),
    /// It had its end before.
    Ended,
    /// Its attempt had begun before, by a worker that was not heard of again.
    Lost,
    /// Its attempt has begun, by a worker that lives.
    Busy,
    /// It was given back.
    Returned(String),
}

/// Gives signs of life, for ever.
pub(super) async fn beat(acker: &Acker, lease: Duration) {
    let mut pause = FIRST.min(lease / 3);
    loop {
        sleep(pause).await;
        // One that gets lost is made up for by the next.
        drop(acker.ack_with(AckKind::Progress).await);
        pause = (lease / 3).min(BEAT);
    }
}

/// A task that a worker has.
pub(super) struct Attempt<'a> {
    pub(super) link: &'a Link,
    pub(super) task: &'a Task,
    pub(super) acker: &'a Acker,
    /// How often the task has been given to workers, this time among them.
    pub(super) delivered: i64,
    /// The worker.
    pub(super) name: &'a str,
    /// Its word for this attempt.
    pub(super) nonce: String,
    pub(super) alive: &'a Alive,
    pub(super) say: &'a Say,
    /// It may take so long.
    pub(super) most: Option<Duration>,
    /// Whether its end is published: then it is not given back.
    pub(super) is_told: AtomicBool,
}

impl Attempt<'_> {
    fn subject(&self, kind: Kind) -> String {
        self.link.names.of(&self.task.run, kind, &self.task.key)
    }

    fn number(&self) -> u32 {
        self.task.work.attempt
    }

    /// Begins it, carries it out and tells what came of it.
    pub(super) async fn run(&self, carrier: &mut dyn Carrier) -> Fate {
        match self.begin().await {
            Ok(None) => {}
            Ok(Some(fate)) => return fate,
            Err(reason) => {
                return self.unable(format!("it cannot be said that it begins: {reason}")).await;
            }
        }
        let carried = match self.most {
            Some(most) => timeout(most, carrier.carry(self.task)).await.unwrap_or_else(|_| {
                let most = most.as_secs_f64();
                Carried::Failed(format!("it took more than the {most} s that its worker gives"))
            }),
            None => carrier.carry(self.task).await,
        };
        match carried {
            Carried::Done(children, seconds) => {
                let children = children.iter().map(ChildMessage::from).collect();
                let worker = self.name.to_owned();
                let message = ResultMessage { version: VERSION, worker, children, seconds };
                let bytes = pack(&message);
                let size = bytes.len();
                match self.tell(Kind::Result, &bytes).await {
                    Told::Kept => {
                        self.acknowledge().await;
                        Fate::Done
                    }
                    Told::TooLarge => self.fail(self.too_large(size)).await,
                    Told::Forbidden(reason) => self.forbidden(&reason).await,
                }
            }
            Carried::Failed(reason) => self.fail(reason).await,
            Carried::Unable(reason) => self.unable(reason).await,
        }
    }

    fn too_large(&self, size: usize) -> String {
        let most = self.link.client.server_info().max_payload;
        format!(
            "its result has {size} bytes, and the server takes {most}: raise its `max_payload`, or train fewer children for a reward"
        )
    }

    /// Says that this attempt begins; what became of it if it does not, or why nothing can be said.
    async fn begin(&self) -> Result<Option<Fate>, String> {
        let subject = self.subject(Kind::Began(self.number()));
        let (worker, nonce) = (self.name.to_owned(), self.nonce.clone());
        let bytes = write(&BeganMessage { version: VERSION, worker, nonce });
        let end = Instant::now() + BEGINNING;
        let mut pause = Pause::default();
        let began = loop {
            let reason = match self.link.publish(subject.clone(), bytes.clone()).await {
                Ok(Published::New(_)) => {
                    // What was told before may have come to its end, whatever is left of its beginning.
                    let is_first = self.delivered <= 1 && self.number() == 0;
                    return Ok(if is_first { None } else { self.ended().await? });
                }
                Ok(Published::Taken) => match self.last(&subject).await {
                    Ok(Some(payload)) => break read::<BeganMessage>(&payload).ok(),
                    // It is gone by now.
                    Ok(None) => "it changes".to_owned(),
                    Err(reason) => reason,
                },
                Err(Unpublished::Later(reason)) => reason,
                Err(Unpublished::TooLarge) => "the server takes no messages".to_owned(),
            };
            if Instant::now() >= end && self.link.connection.borrow().is_up {
                return Err(reason);
            }
            pause.wait().await;
        };
        if began.as_ref().is_some_and(|began| began.nonce == self.nonce) {
            // It is ours: only the answer got lost.
            return Ok(None);
        }
        if let Some(fate) = self.ended().await? {
            return Ok(Some(fate));
        }
        if let Some(began) = &began {
            let lease = self.task.lease;
            let is_fresh = self.link.connection.borrow().is_fresh();
            let asking = if is_fresh { ASKING_FRESH } else { ASKING.min(lease) };
            if self.alive.is_alive(self.link, &began.nonce, asking).await {
                let back = (lease / 3).clamp(BACK, BUSY);
                drop(self.acker.ack_with(AckKind::Nak(Some(back))).await);
                return Ok(Some(Fate::Busy));
            }
        }
        // It may have come to its end meanwhile.
        if let Some(fate) = self.ended().await? {
            return Ok(Some(fate));
        }
        let who = began.map_or_else(|| "a worker".to_owned(), |began| short_line(&began.worker));
        self.fail(format!("its worker was not heard of any more: {who}")).await;
        Ok(Some(Fate::Lost))
    }

    /// Acknowledges the task if its trial or this attempt has an end.
    async fn ended(&self) -> Result<Option<Fate>, String> {
        for kind in [Kind::Result, Kind::Failed(self.number())] {
            if self.last(&self.subject(kind)).await?.is_some() {
                self.acknowledge().await;
                return Ok(Some(Fate::Ended));
            }
        }
        Ok(None)
    }

    /// The message of a subject of the events, asked for again and again for a while.
    async fn last(&self, subject: &str) -> Result<Option<Bytes>, String> {
        let end = Instant::now() + BEGINNING;
        let mut pause = Pause::default();
        loop {
            match self.link.last(self.link.names.events(), subject).await {
                Ok(found) => return Ok(found.map(|(_, payload)| payload)),
                Err(reason) if Instant::now() >= end && self.link.connection.borrow().is_up => {
                    return Err(reason);
                }
                Err(_) => pause.wait().await,
            }
        }
    }

    /// Publishes the end of the task, however long that takes, unless it never can be.
    async fn tell(&self, kind: Kind, bytes: &Bytes) -> Told {
        let (subject, mut pause, mut tries) = (self.subject(kind), Pause::default(), 0);
        let told = loop {
            match self.link.publish(subject.clone(), bytes.clone()).await {
                Ok(Published::New(_) | Published::Taken) => break Told::Kept,
                Err(Unpublished::TooLarge) => break Told::TooLarge,
                Err(Unpublished::Later(reason)) => {
                    tries += 1;
                    let is_up = self.link.connection.borrow().is_up;
                    if tries >= TRIES && is_up && is_forbidden(&reason, &subject) {
                        break Told::Forbidden(reason);
                    }
                    if tries == TRIES && is_up {
                        let reason =
                            format!("an end cannot be told, which is tried again: {reason}");
                        (self.say)(WorkerEvent::Trouble { reason });
                    }
                    pause.wait().await;
                }
            }
        };
        self.is_told.store(told == Told::Kept, Ordering::Relaxed);
        told
    }

    /// Another worker may be allowed to tell what this one is not.
    async fn forbidden(&self, reason: &str) -> Fate {
        self.unable(format!("its end cannot be told: {reason}")).await
    }

    async fn fail(&self, reason: String) -> Fate {
        let (worker, reason) = (self.name.to_owned(), short_line(&reason));
        let bytes = write(&FailedMessage { version: VERSION, worker, reason: reason.clone() });
        // No server takes less than that.
        match self.tell(Kind::Failed(self.number()), &bytes).await {
            Told::Kept => self.acknowledge().await,
            Told::TooLarge => {}
            Told::Forbidden(reason) => return self.forbidden(&reason).await,
        }
        Fate::Failed(reason)
    }

    /// The task is done with. If the server does not hear of it, whoever gets it next sees that it has its end.
    async fn acknowledge(&self) {
        drop(timeout(ANSWER, self.acker.double_ack()).await);
    }

    async fn unable(&self, reason: String) -> Fate {
        let text = format!("a task was given back: {reason}");
        note(self.link, &self.task.run, self.name, &text).await;
        drop(timeout(BEGINNING, self.give_back()).await);
        Fate::Returned(reason)
    }

    /// Gives the task back as if it had not been begun; only then, since who gets it next takes what has begun for lost.
    pub(super) async fn give_back(&self) {
        if self.is_told.load(Ordering::Relaxed) {
            return self.acknowledge().await;
        }
        let began = self.subject(Kind::Began(self.number()));
        let events = || self.link.names.events();
        let mut pause = Pause::default();
        loop {
            match self.link.last(events(), &began).await {
                Ok(Some((_, payload))) if self.is_ours(&payload) => {
                    if self.link.delete(events(), &began).await.is_ok() {
                        break;
                    }
                }
                Ok(_) => break,
                Err(_) => {}
            }
            pause.wait().await;
        }
        drop(self.acker.ack_with(AckKind::Nak(Some(BACK))).await);
    }

    fn is_ours(&self, payload: &[u8]) -> bool {
        read::<BeganMessage>(payload).is_ok_and(|began| began.nonce == self.nonce)
    }
}

/// Says something to the search of a run, if it listens.
pub(super) async fn note(link: &Link, run: &str, worker: &str, text: &str) {
    let (worker, text) = (worker.to_owned(), short_line(text));
    let bytes = write(&NoteMessage { version: VERSION, worker, text });
    drop(link.client.publish(link.names.notes(run), bytes).await);
}
