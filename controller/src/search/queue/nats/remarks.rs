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
    said: Said,
    /// Troubles that followed each other, and the last of them.
    troubles: u32,
    troubled: Instant,
}

/// What was said, and when.
#[derive(Debug, Default)]
struct Said(BTreeMap<String, Instant>);

impl Said {
    /// `said`, unless the text is known; where too many are, once that more is left out.
    fn once(&mut self, text: &str, said: impl FnOnce() -> String) -> Option<String> {
        if self.0.len() >= MOST_NOTES {
            self.0.retain(|_, at| at.elapsed() < AGAIN);
        }
        if self.0.len() >= MOST_NOTES && !self.0.contains_key(text) {
            return self.is_new("left out").then(|| {
                format!("{MOST_NOTES} different remarks were made; others are left out for a while")
            });
        }
        self.is_new(text).then(said)
    }

    /// Whether a text was not said a while ago; now it was.
    fn is_new(&mut self, text: &str) -> bool {
        let is_new = self.0.get(text).is_none_or(|at| at.elapsed() >= AGAIN);
        if is_new {
            self.0.insert(text.to_owned(), Instant::now());
        }
        is_new
    }
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
            said: Said::default(),
            troubles: 0,
            troubled: Instant::now(),
        }
    }

    /// What a worker says, if it was not said a while ago.
    pub(super) fn note(&mut self, worker: &str, text: &str) -> Option<String> {
        self.said.once(text, || format!("{worker}: {text}"))
    }

    /// What the server says that does not work, once it has said so again and again.
    pub(super) fn trouble(&mut self, text: &str) -> Option<String> {
        if self.troubled.elapsed() > AGAIN {
            self.troubles = 0;
        }
        (self.troubles, self.troubled) = (self.troubles + 1, Instant::now());
        if self.troubles <= MOST_TROUBLES {
            return None;
        }
        self.said.once(text, || format!("something does not work, which is tried again: {text}"))
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
        if self.nobody >= 1 && self.said.is_new("nobody works") {
            let address = &self.link.address;
            return Some(format!(
                "no worker is connected: start some by `nosc worker --queue {address}`"
            ));
        }
        if self.idle >= IN_A_ROW && self.said.is_new("nothing to do") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_remarks_without_end_are_left_out() {
        let mut said = Said::default();
        let mut once = |text: &str| said.once(text, || text.to_owned());
        for number in 0..MOST_NOTES {
            assert!(once(&number.to_string()).is_some());
        }
        assert_eq!(once("0"), None);
        assert!(once("one more").unwrap().contains("left out"));
        assert_eq!(once("another"), None);
    }
}
