//! One task with a worker: begun, carried out, and its end told before it is acknowledged.

use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::Acker;
use tokio::time::{sleep, timeout};

use super::carrier::{Carried, Carrier};
use super::limits::plain;
use super::link::{ANSWER, Link, Pause, Published, Unpublished};
use super::message::{
    BeganMessage, FailedMessage, NoteMessage, ResultMessage, Task, VERSION, pack, read, write,
};
use super::names::Kind;
use crate::search::queue::contract::ChildMessage;

/// A sign of life is given at least so often, and three times in a lease: the lease may be made shorter meanwhile.
const BEAT: Duration = Duration::from_secs(5);
/// The first comes before the shortest lease is over.
const FIRST: Duration = Duration::from_millis(300);
/// How long a task that is given back stays with the queue.
const BACK: Duration = Duration::from_secs(1);

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
    /// It was given back.
    Returned(String),
}

/// Gives signs of life, for ever. The lease was this one; any search may have changed it since.
pub(super) async fn beat(acker: &Acker, consumer: &PullConsumer, mut lease: Duration) {
    let mut pause = FIRST.min(lease / 3);
    loop {
        sleep(pause).await;
        // One that gets lost is made up for by the next.
        drop(acker.ack_with(AckKind::Progress).await);
        if let Ok(Ok(info)) = timeout(FIRST, consumer.get_info()).await {
            lease = info.config.ack_wait;
        }
        pause = (lease / 3).min(BEAT);
    }
}

/// A task that a worker has.
pub(super) struct Attempt<'a> {
    pub(super) link: &'a Link,
    pub(super) task: &'a Task,
    pub(super) acker: &'a Acker,
    /// The worker.
    pub(super) name: &'a str,
    /// Its word for this attempt.
    pub(super) nonce: String,
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
        if let Some(fate) = self.begin().await {
            return fate;
        }
        match carrier.carry(self.task).await {
            Carried::Done(children, seconds) => {
                let children = children.iter().map(ChildMessage::from).collect();
                let worker = self.name.to_owned();
                let message = ResultMessage { version: VERSION, worker, children, seconds };
                let bytes = pack(&message);
                let size = bytes.len();
                match self.link.publish_in_the_end(&self.subject(Kind::Result), &bytes).await {
                    Ok(_) => {
                        self.acknowledge().await;
                        Fate::Done
                    }
                    Err(_) => self.fail(self.too_large(size)).await,
                }
            }
            Carried::Failed(reason) => self.fail(reason).await,
            Carried::Unable(reason) => {
                self.note(&reason).await;
                self.give_back().await;
                Fate::Returned(reason)
            }
        }
    }

    fn too_large(&self, size: usize) -> String {
        let most = self.link.client.server_info().max_payload;
        format!(
            "its result has {size} bytes, and the server takes {most}: raise its `max_payload`, or train fewer children for a reward"
        )
    }

    /// Says that this attempt begins; what became of it if it does not.
    async fn begin(&self) -> Option<Fate> {
        let subject = self.subject(Kind::Began(self.number()));
        let (worker, nonce) = (self.name.to_owned(), self.nonce.clone());
        let bytes = write(&BeganMessage { version: VERSION, worker, nonce });
        match self.link.publish_in_the_end(&subject, &bytes).await {
            Ok(Published::New(_)) | Err(_) => return None,
            Ok(Published::Taken) => {}
        }
        let (_, payload) = self.last(&subject).await?;
        let began = read::<BeganMessage>(&payload).ok();
        if began.as_ref().is_some_and(|began| began.nonce == self.nonce) {
            // It is ours: only the answer got lost.
            return None;
        }
        let result = self.last(&self.subject(Kind::Result)).await;
        let failed = self.last(&self.subject(Kind::Failed(self.number()))).await;
        if result.is_some() || failed.is_some() {
            self.acknowledge().await;
            return Some(Fate::Ended);
        }
        let who = began.map_or_else(|| "a worker".to_owned(), |began| plain(&began.worker));
        self.fail(format!("its worker was not heard of any more: {who}")).await;
        Some(Fate::Lost)
    }

    async fn last(&self, subject: &str) -> Option<(u64, bytes::Bytes)> {
        let mut pause = Pause::default();
        loop {
            match self.link.last(self.link.names.events(), subject).await {
                Ok(found) => return found,
                Err(_) => pause.wait().await,
            }
        }
    }

    async fn fail(&self, reason: String) -> Fate {
        let (worker, reason) = (self.name.to_owned(), plain(&reason));
        let bytes = write(&FailedMessage { version: VERSION, worker, reason: reason.clone() });
        let subject = self.subject(Kind::Failed(self.number()));
        match self.link.publish_in_the_end(&subject, &bytes).await {
            Ok(Published::New(_) | Published::Taken) => self.acknowledge().await,
            // No server takes less than that.
            Err(Unpublished::TooLarge | Unpublished::Later(_)) => {}
        }
        Fate::Failed(reason)
    }

    /// The task is done with. If the server does not hear of it, whoever gets it next sees that it has its end.
    async fn acknowledge(&self) {
        drop(timeout(ANSWER, self.acker.double_ack()).await);
    }

    /// Gives the task back as if it had not been begun.
    pub(super) async fn give_back(&self) {
        let began = self.subject(Kind::Began(self.number()));
        if let Ok(Some((_, payload))) = self.link.last(self.link.names.events(), &began).await
            && read::<BeganMessage>(&payload).is_ok_and(|began| began.nonce == self.nonce)
        {
            self.link.remove(self.link.names.events(), &began).await;
        }
        drop(self.acker.ack_with(AckKind::Nak(Some(BACK))).await);
    }

    /// Says something to the search.
    async fn note(&self, text: &str) {
        note(self.link, &self.task.run, self.name, &format!("a task was given back: {text}")).await;
    }
}

/// Says something to the search of a run, if it listens.
pub(super) async fn note(link: &Link, run: &str, worker: &str, text: &str) {
    let (worker, text) = (worker.to_owned(), plain(text));
    let bytes = write(&NoteMessage { version: VERSION, worker, text });
    drop(link.client.publish(link.names.notes(run), bytes).await);
}
