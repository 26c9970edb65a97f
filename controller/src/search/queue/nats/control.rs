//! What talks to the server for a search: tasks out, events in.
//!
//! # How nothing is lost
//!
//! From time to time, and whenever the connection was made anew, it asks which tasks of the run there are on the server, and then which
//! events. A result is published before its task is acknowledged, so a trial that has neither task nor end there is known to
//! be lost, and is published again. What has an end is asked for by itself. That covers a server that forgets, streams that somebody
//! deletes, and events that came while this side was not there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, channel};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::client::Asked;
use super::events::{Event, Heard, Reader};
use super::key::{Keys, TaskKey};
use super::limits::plain;
use super::link::{Link, Published, Unpublished};
use super::message::{
    BeganMessage, FailedMessage, NoteMessage, TaskMessage, TaskResult, key_of, read, read_result,
    write,
};
use super::names::{Kind, Subject};
use super::pending::{Pending, Place};
use super::remarks::Remarks;
use super::streams;
use crate::search::queue::contract::{Notice, Work};
use crate::search::queue::message::Assignment;

/// Events that wait here for the search.
const BACKLOG: usize = 1_024;
/// Tasks on their way to the server at a time.
const MOST_ON_THEIR_WAY: usize = 512;
/// Time between two looks at what is to be done.
const TICK: Duration = Duration::from_millis(200);
/// Least and most time between two looks at what the server has: a lease, if that is between them.
const BETWEEN: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(30)];
/// How soon it is looked at where there is doubt, and where it did not answer.
const SOON: Duration = Duration::from_millis(500);
const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// Tasks that are taken back at a time, and how long that may take.
const REMOVALS: usize = 64;
const WITHDRAWAL: Duration = Duration::from_secs(20);
/// How long the end may take.
const CLOSE: Duration = Duration::from_secs(2);
/// Results are kept on the server for so many leases after they are on disk here, so that whoever gets their tasks
/// again sees that they are done.
const LEASES_KEPT: u32 = 10;

/// An event: which of the streams that were read one after another, and its number there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    stream: u64,
    sequence: u64,
}

/// Something for the search, with the event that it came from.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) mark: Mark,
    pub(super) notice: Notice,
}

/// What came of something that was sent or asked for.
#[derive(Debug)]
enum Done {
    Published(TaskKey, u32, Result<Published, Unpublished>),
    /// Ends of a trial that the server has.
    Recalled(TaskKey, Result<Vec<Event>, String>),
    /// A message that is to go is gone.
    Removed,
}

/// The side of the search.
pub(super) struct Control {
    link: Link,
    run: String,
    assignment: Assignment,
    keys: Keys,
    lease: Duration,
    tells: mpsc::Sender<Told>,
    /// Trials that have not ended.
    pending: BTreeMap<TaskKey, Pending>,
    /// What has an event on the server, or had.
    seen: BTreeSet<TaskKey>,
    /// What is to be published.
    waiting: VecDeque<TaskKey>,
    on_their_way: usize,
    jobs: JoinSet<Done>,
    reader: Option<Reader>,
    /// When the stream of events was made that is read, and which one it is, counted from 1.
    made: Option<String>,
    streams: u64,
    /// Events up to here are on disk since then.
    kept: VecDeque<(Instant, u64)>,
    handed: u64,
    /// Trials that have ended, each with the number of an event that is told no sooner than its end.
    ended: VecDeque<(u64, TaskKey)>,
    /// The highest number of an event that came.
    latest: u64,
    next_look: Instant,
    connection: u64,
    remarks: Remarks,
}

impl Control {
    pub(super) fn new(
        link: Link,
        run: String,
        assignment: Assignment,
        lease: Duration,
        tells: mpsc::Sender<Told>,
    ) -> Self {
        let keys = Keys::new(&assignment);
        Self {
            remarks: Remarks::new(link.clone()),
            link,
            run,
            assignment,
            keys,
            lease,
            tells,
            pending: BTreeMap::new(),
            seen: BTreeSet::new(),
            waiting: VecDeque::new(),
            on_their_way: 0,
            jobs: JoinSet::new(),
            reader: None,
            made: None,
            streams: 0,
            kept: VecDeque::new(),
            handed: 0,
            ended: VecDeque::new(),
            latest: 0,
            next_look: Instant::now(),
            connection: 0,
        }
    }

    /// Works until it is told to close, or nobody asks any more.
    pub(super) async fn run(mut self, mut asks: UnboundedReceiver<Asked>) {
        let (sender, mut events): (_, Receiver<Heard>) = channel(BACKLOG);
        let mut notes = self.link.client.subscribe(self.link.names.notes(&self.run)).await.ok();
        let mut ticks = interval(TICK);
        loop {
            if self.is_time_to_look() {
                self.look(&sender).await;
            }
            self.publish();
            tokio::select! {
                asked = asks.recv() => match asked {
                    Some(Asked::Close(done)) => {
                        self.close().await;
                        // Nobody may wait for it.
                        return done.send(()).unwrap_or_default();
                    }
                    Some(asked) => self.asked(asked).await,
                    None => return self.close().await,
                },
                Some(heard) = events.recv() => self.heard(heard),
                Some(done) = self.jobs.join_next() => if let Ok(done) = done { self.done(done) },
                Some(note) = next(notes.as_mut()) => self.note(&note),
                _ = ticks.tick() => self.tick().await,
            }
        }
    }

    async fn asked(&mut self, asked: Asked) {
        match asked {
            Asked::Submit(work) => self.submit(work),
            Asked::Withdraw => self.withdraw().await,
            Asked::Kept(Mark { stream, sequence })
                if stream == self.streams && sequence > self.handed =>
            {
                self.handed = sequence;
                self.kept.push_back((Instant::now(), sequence));
            }
            Asked::Kept(_) | Asked::Close(_) => {}
        }
    }

    fn submit(&mut self, work: Work) {
        let key = match key_of(&mut self.keys, &work) {
            Ok(key) => key,
            Err(reason) => return self.tell(0, Notice::Failed { trial: work.trial, reason }),
        };
        let message = write(&TaskMessage::new(&self.assignment, &work));
        self.pending.insert(key, Pending::new(work, message));
        if self.seen.contains(&key) {
            self.recall(key);
        } else {
            self.put(key);
        }
    }

    /// Sends tasks that wait.
    fn publish(&mut self) {
        while self.on_their_way < MOST_ON_THEIR_WAY
            && let Some(key) = self.waiting.pop_front()
        {
            let Some(pending) = self.pending.get_mut(&key) else { continue };
            pending.place = Place::OnItsWay;
            let (attempt, payload) = (pending.work.attempt, pending.message.clone());
            let subject = self.link.names.of(&self.run, Kind::Task, &key);
            let link = self.link.clone();
            self.on_their_way += 1;
            self.jobs.spawn(async move {
                Done::Published(key, attempt, link.publish(subject, payload).await)
            });
        }
    }

    /// Asks for the end of a trial, which the server may have.
    fn recall(&mut self, key: TaskKey) {
        let Some(pending) = self.pending.get(&key) else { return };
        let (link, run, attempt) = (self.link.clone(), self.run.clone(), pending.work.attempt);
        self.jobs.spawn(async move {
            let mut found = Vec::new();
            for kind in [Kind::Result, Kind::Failed(attempt)] {
                let subject = link.names.of(&run, kind, &key);
                match link.last(link.names.events(), &subject).await {
                    Ok(Some((_, payload))) => {
                        found.push(Event { sequence: None, subject, payload });
                    }
                    Ok(None) => {}
                    Err(reason) => return Done::Recalled(key, Err(reason)),
                }
            }
            Done::Recalled(key, Ok(found))
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Published(key, attempt, result) => {
                self.on_their_way -= 1;
                if let Some(pending) = self.pending.get_mut(&key)
                    && pending.work.attempt == attempt
                    && pending.place == Place::OnItsWay
                {
                    pending.place = Place::There;
                }
                match result {
                    // The task of the attempt before may be about to go.
                    Ok(Published::Taken) if attempt > 0 => self.soon(),
                    Ok(_) => {}
                    // The next look at the server finds whether it is missing.
                    Err(Unpublished::Later(_)) => self.soon(),
                    Err(Unpublished::TooLarge) => {
                        let of_attempt = |pending: &Pending| pending.work.attempt == attempt;
                        if self.pending.get(&key).is_some_and(of_attempt)
                            && let Some(pending) = self.pending.remove(&key)
                        {
                            let reason =
                                "its task is larger than the server's `max_payload`".to_owned();
                            self.tell(0, Notice::Failed { trial: pending.work.trial, reason });
                        }
                    }
                }
            }
            Done::Recalled(key, Ok(found)) => {
                let is_ended = !found.is_empty();
                for event in found {
                    self.event(event);
                }
                if !is_ended {
                    self.put(key);
                }
            }
            Done::Recalled(key, Err(_)) => {
                // Whether it is there is found out by comparing.
                if let Some(pending) = self.pending.get_mut(&key)
                    && pending.place == Place::Nowhere
                {
                    pending.place = Place::There;
                }
                self.soon();
            }
            Done::Removed => {}
        }
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Event(event) => self.event(event),
            Heard::Trouble(trouble) => {
                if let Some(text) = self.remarks.trouble(&trouble) {
                    self.tell(0, Notice::Remark { text });
                }
            }
        }
    }

    /// An event of the run; again and again, if need be.
    fn event(&mut self, Event { sequence, subject, payload }: Event) {
        let Some(Subject { run, kind, key }) = self.link.names.parse(&subject) else { return };
        if run != self.run {
            return;
        }
        self.seen.insert(key);
        let at = sequence.unwrap_or(0);
        self.latest = self.latest.max(at);
        match kind {
            Kind::Began(attempt) => self.began(at, key, attempt, &payload),
            Kind::Failed(attempt) => self.failed(at, key, attempt, &payload),
            Kind::Result => self.result(at, subject, key, &payload),
            Kind::Task => {}
        }
    }

    fn began(&mut self, at: u64, key: TaskKey, attempt: u32, payload: &Bytes) {
        let Some(pending) = self.pending.get_mut(&key) else { return };
        if attempt < pending.work.attempt || pending.has_begun {
            return;
        }
        let worker = read::<BeganMessage>(payload).map_or_else(
            |_| "a worker of another version".to_owned(),
            |message| plain(&message.worker),
        );
        pending.has_begun = true;
        let trial = pending.work.trial;
        self.tell(at, Notice::Began { trial, worker });
    }

    fn failed(&mut self, at: u64, key: TaskKey, attempt: u32, payload: &Bytes) {
        let Some(pending) = self.pending.get(&key) else { return };
        if attempt < pending.work.attempt {
            // Of an attempt that the search has given up already: its task is gone, and the next one's is to come.
            return self.put(key);
        }
        let (worker, reason) = if let Ok(message) = read::<FailedMessage>(payload) {
            (plain(&message.worker), plain(&message.reason))
        } else {
            let reason = "a worker of another version says that it failed";
            ("a worker of another version".to_owned(), reason.to_owned())
        };
        if !pending.has_begun {
            // Attempts are counted by their beginnings.
            self.tell(at, Notice::Began { trial: pending.work.trial, worker });
        }
        if let Some(pending) = self.pending.remove(&key) {
            self.ended(at, key);
            self.tell(at, Notice::Failed { trial: pending.work.trial, reason });
        }
    }

    fn result(&mut self, at: u64, subject: String, key: TaskKey, payload: &Bytes) {
        let Some(pending) = self.pending.get(&key) else { return };
        let trial = pending.work.trial;
        match read_result(payload, &self.assignment, pending.work.seed) {
            Ok(TaskResult { worker, children, seconds }) => {
                if !pending.has_begun {
                    // That it began went by while nobody listened.
                    self.tell(at, Notice::Began { trial, worker });
                }
                self.pending.remove(&key);
                self.ended(at, key);
                self.tell(at, Notice::Done { trial, children, seconds });
            }
            Err(refusal) => {
                let text = format!("a result of trial {trial} was thrown away: {refusal}");
                self.tell(at, Notice::Remark { text });
                let link = self.link.clone();
                self.jobs.spawn(async move {
                    link.remove(link.names.events(), &subject).await;
                    Done::Removed
                });
                // Its task may be gone.
                self.soon();
            }
        }
    }

    fn note(&mut self, note: &async_nats::Message) {
        if let Ok(NoteMessage { worker, text, .. }) = read(&note.payload)
            && let Some(text) = self.remarks.note(&plain(&worker), &plain(&text))
        {
            self.tell(0, Notice::Remark { text });
        }
    }

    fn tell(&self, sequence: u64, notice: Notice) {
        // A search that is gone needs nothing more.
        let mark = Mark { stream: self.streams, sequence };
        drop(self.tells.send(Told { mark, notice }));
    }

    async fn tick(&mut self) {
        let begun = self.pending.values().filter(|pending| pending.has_begun).count();
        if let Some(text) = self.remarks.tick(self.pending.len(), begun).await {
            self.tell(0, Notice::Remark { text });
        }
        let age = self.lease * LEASES_KEPT;
        let is_old = |(since, _): &(Instant, u64)| since.elapsed() >= age;
        let mut last = None;
        while self.kept.front().is_some_and(is_old) {
            last = self.kept.pop_front().map(|(_, sequence)| sequence);
        }
        if let Some(last) = last {
            self.forget(last);
        }
    }

    /// Throws away what the server has of trials whose ends are on disk, up to this event. All of it: a beginning without
    /// its end would be taken for one of a worker that is lost.
    fn forget(&mut self, last: u64) {
        let mut keys = Vec::new();
        while let Some((_, key)) = self.ended.pop_front_if(|(sequence, _)| *sequence <= last) {
            // One that is tried again is not over.
            if !self.pending.contains_key(&key) {
                keys.push(key);
            }
        }
        let (link, run) = (self.link.clone(), self.run.clone());
        self.jobs.spawn(async move {
            for key in keys {
                for filter in link.names.events_of_trial(&run, &key) {
                    // What stays is thrown away when it is old.
                    drop(link.purge(link.names.events(), &filter, None).await);
                }
            }
            Done::Removed
        });
    }

    /// A trial has come to an end, by this event or one that was asked for.
    fn ended(&mut self, at: u64, key: TaskKey) {
        let told = if at > 0 { at } else { self.latest + 1 };
        self.ended.push_back((told, key));
    }

    fn is_time_to_look(&mut self) -> bool {
        let connection = *self.link.connection.borrow();
        if connection.made != self.connection {
            self.connection = connection.made;
            self.soon();
        }
        connection.is_up && self.next_look <= Instant::now()
    }

    /// What the server has is in doubt.
    fn soon(&mut self) {
        self.next_look = self.next_look.min(Instant::now() + SOON);
    }

    /// Compares what is pending with what the server has.
    async fn look(&mut self, events: &Sender<Heard>) {
        let between = self.lease.clamp(BETWEEN[0], BETWEEN[1]);
        self.next_look = Instant::now() + between;
        if self.compare(events).await.is_err() {
            self.next_look = Instant::now() + AFTER_TROUBLE;
        }
    }

    async fn compare(&mut self, events: &Sender<Heard>) -> Result<(), String> {
        let ensured = streams::ensure(&self.link, None, self.lease).await;
        self.lease = ensured.map_err(|error| error.to_string())?;
        let names = &self.link.names;
        let (of_tasks, of_events) = (names.tasks_of(&self.run), names.events_of(&self.run));
        let there: Vec<TaskKey> = self.places(Place::There);
        let (_, tasks) = self.link.subjects(self.link.names.tasks(), &of_tasks).await?;
        let (stream, ends) = self.link.subjects(self.link.names.events(), &of_events).await?;
        let made = stream.created.to_string();
        if self.made.as_ref() != Some(&made) {
            // Another stream than before, or the first: it is read from here on, and what it has by now is known.
            self.seen.clear();
            self.kept.clear();
            self.handed = 0;
            self.ended.clear();
            self.latest = 0;
            self.streams += 1;
            let next = stream.state.last_sequence + 1;
            self.reader = Some(Reader::start(self.link.clone(), &self.run, next, events.clone()));
            self.made = Some(made);
        }
        let keys = |subjects: Vec<String>| {
            subjects.into_iter().filter_map(|subject| self.link.names.parse(&subject))
        };
        let tasks: BTreeSet<TaskKey> = keys(tasks).map(|subject| subject.key).collect();
        let ends: Vec<Subject> = keys(ends).collect();
        let is_end = |end: &&Subject| match end.kind {
            Kind::Result => true,
            Kind::Failed(attempt) => {
                let pending = self.pending.get(&end.key);
                pending.is_some_and(|pending| attempt >= pending.work.attempt)
            }
            Kind::Began(_) | Kind::Task => false,
        };
        let ended: BTreeSet<TaskKey> = ends.iter().filter(is_end).map(|end| end.key).collect();
        self.seen.extend(ends.iter().map(|end| end.key));
        for key in there {
            if ended.contains(&key) {
                self.recall(key);
            } else if !tasks.contains(&key) {
                self.put(key);
            }
        }
        Ok(())
    }

    fn places(&self, place: Place) -> Vec<TaskKey> {
        let is_there =
            |(key, pending): (&TaskKey, &Pending)| (pending.place == place).then_some(*key);
        self.pending.iter().filter_map(is_there).collect()
    }

    /// A task that is to be sent.
    fn put(&mut self, key: TaskKey) {
        if let Some(pending) = self.pending.get_mut(&key)
            && pending.place != Place::Here
        {
            pending.place = Place::Here;
            self.waiting.push_back(key);
        }
    }

    /// Takes tasks back that nobody has begun, and leaves the others to their workers.
    async fn withdraw(&mut self) {
        self.waiting.clear();
        let all = std::mem::take(&mut self.pending);
        for pending in all.values().filter(|pending| pending.has_begun) {
            self.tell(0, Notice::Left { trial: pending.work.trial });
        }
        let is_to_go = |pending: &Pending| !pending.has_begun && pending.place != Place::Here;
        let sent = all.iter().filter(|(_, pending)| is_to_go(pending));
        let subject = |key: &TaskKey| self.link.names.of(&self.run, Kind::Task, key);
        let subjects: Vec<String> = sent.map(|(key, _)| subject(key)).collect();
        let link = self.link.clone();
        let all = async {
            let mut removals = JoinSet::new();
            for subject in subjects {
                if removals.len() >= REMOVALS {
                    removals.join_next().await;
                }
                let link = link.clone();
                removals.spawn(async move { link.remove(link.names.tasks(), &subject).await });
            }
            removals.join_all().await
        };
        // One that stays is trained, and its result waits for the search to go on.
        drop(timeout(WITHDRAWAL, all).await);
    }

    /// What is on its way is to arrive.
    async fn close(&mut self) {
        self.reader = None;
        let jobs = &mut self.jobs;
        let all = async { while jobs.join_next().await.is_some() {} };
        drop(timeout(CLOSE, all).await);
        drop(timeout(CLOSE, self.link.client.flush()).await);
    }
}

async fn next(notes: Option<&mut Subscriber>) -> Option<async_nats::Message> {
    match notes {
        Some(notes) => notes.next().await,
        None => None,
    }
}
