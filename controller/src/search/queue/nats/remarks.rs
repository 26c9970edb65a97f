//! What people should know while a search runs: no worker, too many of them, no server, what workers say.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::link::Link;
use super::names::CONSUMER;

/// Time between two questions who works.
const BETWEEN: Duration = Duration::from_secs(5);
/// The same is not said again for so long.
const AGAIN: Duration = Duration::from_mins(5);
/// A server that is away for less is not worth a word.
const AWAY: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// Workers have to wait at so many questions in a row.
const IN_A_ROW: u32 = 3;
/// Troubles of the reader that pass: streams that are made anew, servers that begin.
const MOST_TROUBLES: u32 = 5;
/// Different things that workers said which are remembered.
const MOST_NOTES: usize = 1_000;

/// Says each thing once in a while.
#[derive(Debug)]
pub(super) struct Remarks {
    link: Link,
    asked: Instant,
    away_since: Option<Instant>,
    is_away_said: bool,
    /// Questions in a row at which nobody worked, and at which workers waited though all trials had one.
    nobody: u32,
    idle: u32,
    said: BTreeMap<String, Instant>,
    /// Troubles that followed each other, and the last of them.
    troubles: u32,
    troubled: Instant,
}

impl Remarks {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            asked: Instant::now(),
            away_since: None,
            is_away_said: false,
            nobody: 0,
            idle: 0,
            said: BTreeMap::new(),
            troubles: 0,
            troubled: Instant::now(),
        }
    }

    /// What a worker says, if it was not said a while ago.
    pub(super) fn note(&mut self, worker: &str, text: &str) -> Option<String> {
        self.is_new(text).then(|| format!("{worker}: {text}"))
    }

    /// What the server says that does not work, once it has said so again and again.
    pub(super) fn trouble(&mut self, text: &str) -> Option<String> {
        if self.troubled.elapsed() > AGAIN {
            self.troubles = 0;
        }
        (self.troubles, self.troubled) = (self.troubles + 1, Instant::now());
        let is_lasting = self.troubles > MOST_TROUBLES;
        (is_lasting && self.is_new(text))
            .then(|| format!("something does not work, which is tried again: {text}"))
    }

    fn is_new(&mut self, text: &str) -> bool {
        if self.said.len() >= MOST_NOTES {
            self.said.retain(|_, at| at.elapsed() < AGAIN);
        }
        let is_new = self.said.get(text).is_none_or(|at| at.elapsed() >= AGAIN);
        if is_new && self.said.len() < MOST_NOTES {
            self.said.insert(text.to_owned(), Instant::now());
        }
        is_new
    }

    /// What is to be said now of a search with so many trials, of which so many have begun.
    pub(super) async fn tick(&mut self, pending: usize, begun: usize) -> Option<String> {
        let connection = *self.link.connection.borrow();
        if let Some(text) = self.connection(connection.is_up) {
            return Some(text);
        }
        if !connection.is_up || pending == 0 || self.asked.elapsed() < BETWEEN {
            return None;
        }
        self.asked = Instant::now();
        let (waiting, working) = self.workers().await?;
        let counted = |is_so: bool, times: u32| if is_so { times + 1 } else { 0 };
        self.nobody = counted(waiting + working == 0, self.nobody);
        self.idle = counted(begun == pending && waiting > 0, self.idle);
        if self.nobody >= 1 && self.is_new("nobody works") {
            let address = &self.link.address;
            return Some(format!(
                "no worker is connected: start some by `nosc worker --queue {address}`"
            ));
        }
        if self.idle >= IN_A_ROW && self.is_new("nothing to do") {
            let jobs = if waiting == 1 { "job of a worker has" } else { "jobs of workers have" };
            return Some(format!(
                "{waiting} {jobs} nothing to do: this search has {pending} rules in training at a time; \
                 a new one may have more, by `--ahead`"
            ));
        }
        None
    }

    fn connection(&mut self, is_up: bool) -> Option<String> {
        let server = &self.link.server;
        if is_up {
            self.away_since = None;
            return std::mem::take(&mut self.is_away_said)
                .then(|| format!("connected to {server} again"));
        }
        let since = *self.away_since.get_or_insert_with(Instant::now);
        if self.is_away_said || since.elapsed() < AWAY {
            return None;
        }
        self.is_away_said = true;
        Some(format!("the connection to {server} is lost; it is made again as soon as that can be"))
    }

    /// Jobs of workers that wait for a task, and tasks with workers.
    async fn workers(&self) -> Option<(usize, usize)> {
        let ask = async {
            let stream = self.link.stream(self.link.names.tasks()).await.ok()?;
            stream.consumer_info(CONSUMER).await.ok()
        };
        timeout(ANSWER, ask).await.ok()?.map(|info| (info.num_waiting, info.num_ack_pending))
    }
}
