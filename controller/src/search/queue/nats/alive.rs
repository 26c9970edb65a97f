//! Workers asking each other whether they have a task: a lease that has run out may be that of a server which was away.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::link::Link;
use super::names::is_name;

/// How long an answer may take, and time between two questions.
const ANSWER: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(250);
/// The answer of a worker that has it.
const YES: &str = "yes";

/// The tasks at hand of a worker, and its name for others to ask.
#[derive(Debug, Clone)]
pub(super) struct Alive {
    id: String,
    at_hand: Arc<Mutex<BTreeSet<String>>>,
}

/// A task is at hand until this is dropped.
#[derive(Debug)]
pub(super) struct AtHand<'a> {
    alive: &'a Alive,
    nonce: &'a str,
}

/// Questions are answered until this is dropped.
#[derive(Debug)]
pub(super) struct Answers(JoinHandle<()>);

impl Drop for Answers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Alive {
    pub(super) fn new(link: &Link) -> Self {
        // Unlike that of any other.
        let inbox = link.client.new_inbox();
        let id = inbox.rsplit('.').next().unwrap_or_default().to_owned();
        Self { id, at_hand: Arc::default() }
    }

    /// The word for the attempt of this number.
    pub(super) fn nonce(&self, number: u64) -> String {
        format!("{}/{number}", self.id)
    }

    pub(super) fn take<'a>(&'a self, nonce: &'a str) -> AtHand<'a> {
        self.lock().insert(nonce.to_owned());
        AtHand { alive: self, nonce }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers whoever asks, until what is returned is dropped.
    pub(super) fn answer(&self, link: &Link) -> Answers {
        let (alive, link) = (self.clone(), link.clone());
        Answers(tokio::spawn(async move {
            let subject = link.names.ask(&alive.id);
            let Ok(mut questions) = link.client.subscribe(subject).await else { return };
            while let Some(question) = questions.next().await {
                let is_at_hand = std::str::from_utf8(&question.payload)
                    .is_ok_and(|nonce| alive.lock().contains(nonce));
                if let Some(reply) = question.reply.filter(|_| is_at_hand) {
                    // Who asks asks again.
                    drop(link.client.publish(reply, YES.into()).await);
                }
            }
        }))
    }

    /// Whether a worker says, within this time, that it has the attempt of this word.
    pub(super) async fn is_alive(&self, link: &Link, nonce: &str, within: Duration) -> bool {
        let Some(id) = nonce.split('/').next().filter(|id| is_name(id)) else { return false };
        if id == self.id {
            return self.lock().contains(nonce);
        }
        let (subject, end) = (link.names.ask(id), Instant::now() + within);
        loop {
            let question = link.client.request(subject.clone(), nonce.to_owned().into());
            if let Ok(Ok(answer)) = timeout(ANSWER.min(within), question).await
                && answer.payload == YES
            {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(AGAIN).await;
        }
    }
}

impl Drop for AtHand<'_> {
    fn drop(&mut self) {
        self.alive.lock().remove(self.nonce);
    }
}
