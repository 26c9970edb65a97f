//! Comparing what is pending with what the server has: how nothing is lost.
//!
//! From time to time, and whenever the connection was made anew, it asks which tasks of the run there are on the server, and then for the
//! ends of those that are not there. A result is published before its task is acknowledged, so a trial that has neither task nor end there
//! is known to be lost, and is published again. That covers a server that forgets, streams that somebody
//! deletes, and events that came while this side was not there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::control::Control;
use super::events::{Heard, Reader};
use super::key::TaskKey;
use super::limits::short_line;
use super::names::{CONSUMER, Kind};
use super::pending::{Pending, Place};
use super::streams;

/// Least and most time between two looks at what the server has: a lease, if that is between them.
const BETWEEN: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(30)];
/// How soon it is looked at where there is doubt, and where it did not answer.
const SOON: Duration = Duration::from_millis(500);
const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// So many looks in a row the server has tasks and gives none, before they are put again.
const MOST_STUCK: u32 = 3;

impl Control {
    pub(super) fn is_time_to_look(&mut self) -> bool {
        let connection = *self.link.connection.borrow();
        if connection.made != self.connection {
            self.connection = connection.made;
            self.soon();
        }
        connection.is_up && self.next_look <= Instant::now()
    }

    /// What the server has is in doubt.
    pub(super) fn soon(&mut self) {
        let soon = SOON * (1 << self.doubts.min(6));
        self.next_look = self.next_look.min(Instant::now() + soon);
    }

    /// Compares what is pending with what the server has.
    pub(super) async fn look(&mut self, events: &Sender<Heard>) {
        let between = self.lease.clamp(BETWEEN[0], BETWEEN[1]);
        self.next_look = Instant::now() + between;
        if let Err(reason) = self.compare(events).await {
            self.next_look = Instant::now() + AFTER_TROUBLE;
            self.trouble(&short_line(&reason));
        }
    }

    async fn compare(&mut self, events: &Sender<Heard>) -> Result<(), String> {
        let ensured = streams::ensure(&self.link, None, self.lease).await;
        self.lease = ensured.map_err(|error| error.to_string())?;
        let names = &self.link.names;
        let (of_tasks, of_events) = (names.tasks_of(&self.run), names.events_of(&self.run));
        let there: Vec<TaskKey> = self.places(Place::There);
        let (_, tasks) = self.link.subjects(self.link.names.tasks(), &of_tasks).await?;
        let stream = self.link.context.get_stream(self.link.names.events()).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let made = stream.cached_info().created.to_string();
        if self.made.as_ref() != Some(&made) {
            // Another stream than before, or the first: it is read from here on, and what it has by now is known.
            let (stream, events_by_now) =
                self.link.subjects(self.link.names.events(), &of_events).await?;
            self.seen = self.keys(events_by_now);
            self.kept.clear();
            self.handed = 0;
            self.streams += 1;
            let from = (self.streams, stream.state.last_sequence + 1);
            self.reader = Some(Reader::start(self.link.clone(), &self.run, from, events.clone()));
            self.made = Some(made);
        }
        let tasks = self.keys(tasks);
        self.free(&tasks, &there).await?;
        for key in there.into_iter().filter(|key| !tasks.contains(key)) {
            // It has its end, or is lost and will be put again.
            self.recall(key);
        }
        Ok(())
    }

    /// Tasks that the server has and gives to nobody, which happens to servers that were killed: thrown away, and put again.
    async fn free(&mut self, tasks: &BTreeSet<TaskKey>, there: &[TaskKey]) -> Result<(), String> {
        let stream = self.link.stream(self.link.names.tasks()).await?;
        let info = stream.consumer_info(CONSUMER).await.map_err(|error| error.to_string())?;
        let is_stuck = !tasks.is_empty() && info.num_pending == 0 && info.num_ack_pending == 0;
        self.stuck = if is_stuck { self.stuck + 1 } else { 0 };
        if self.stuck < MOST_STUCK {
            return Ok(());
        }
        self.stuck = 0;
        for key in there.iter().filter(|key| tasks.contains(key)) {
            let subject = self.link.names.of(&self.run, Kind::Task, key);
            self.link.delete(self.link.names.tasks(), &subject).await?;
            self.put(*key);
        }
        Ok(())
    }

    fn keys(&self, subjects: Vec<String>) -> BTreeSet<TaskKey> {
        let parsed = subjects.into_iter().filter_map(|subject| self.link.names.parse(&subject));
        parsed.map(|subject| subject.key).collect()
    }

    fn places(&self, place: Place) -> Vec<TaskKey> {
        let is_there =
            |(key, pending): (&TaskKey, &Pending)| (pending.place == place).then_some(*key);
        self.pending.iter().filter_map(is_there).collect()
    }
}
