//! What talks to the server for a search: tasks out, events in. `compare` is how nothing is lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::client::Asked;
use super::events::{Event, Heard, Reader};
use super::key::{Keys, TaskKey};
use super::limits::short_line;
use super::link::{Link, Published, Unpublished};
use super::message::{
    BeganMessage, FailedMessage, NoteMessage, TaskMessage, TaskResult, key_of, read, read_result,
    write,
};
use super::names::{Kind, Subject};
use super::pending::{Pending, Place};
use super::remarks::Remarks;
use crate::search::queue::contract::{Notice, Work};
use crate::search::queue::message::Assignment;

/// Events that wait here for the search.
const BACKLOG: usize = 1_024;
/// Tasks on their way to the server at a time.
const MOST_ON_THEIR_WAY: usize = 512;
/// Time between two looks at what is to be done.
const TICK: Duration = Duration::from_millis(200);
/// Tasks that are taken back at a time, and how long that may take.
const REMOVALS: usize = 64;
const WITHDRAWAL: Duration = Duration::from_secs(8);
/// How long the end may take.
const CLOSE: Duration = Duration::from_secs(2);
/// Events are kept on the server for so many leases after they are on disk here, so that whoever gets their tasks
/// again sees that they are done.
const LEASES_KEPT: u32 = 3;
/// Longest note of a worker that is read.
const MOST_NOTE_BYTES: usize = 16 << 10;

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
    /// Something is thrown away that was of no use.
    Removed,
    /// So is what the server had of the end of a trial.
    Cleared(TaskKey),
}

/// The side of the search.
pub(super) struct Control {
    pub(super) link: Link,
    pub(super) run: String,
    assignment: Assignment,
    keys: Keys,
    pub(super) lease: Duration,
    tells: mpsc::Sender<Told>,
    /// Trials that have not ended.
    pub(super) pending: BTreeMap<TaskKey, Pending>,
    /// What has an event on the server, or had.
    pub(super) seen: BTreeSet<TaskKey>,
    /// What is to be published.
    waiting: VecDeque<TaskKey>,
    on_their_way: usize,
    jobs: JoinSet<Done>,
    pub(super) reader: Option<Reader>,
    /// When the stream of events was made that is read, and which one it is, counted from 1.
    pub(super) made: Option<String>,
    pub(super) streams: u64,
    /// Events up to here are on disk since then.
    pub(super) kept: VecDeque<(Instant, u64)>,
    pub(super) handed: u64,
    pub(super) next_look: Instant,
    /// Tasks in a row that the server did not take.
    pub(super) doubts: u32,
    /// Looks in a row at which the server had tasks and gave none.
    pub(super) stuck: u32,
    pub(super) connection: u64,
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
            next_look: Instant::now(),
            doubts: 0,
            stuck: 0,
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
            Err(reason) => return self.refuse(work.trial, reason),
        };
        let message = write(&TaskMessage::new(&self.assignment, &work, self.lease));
        let is_old = self.seen.contains(&key);
        self.pending.insert(key, Pending::new(work, message, is_old));
        if is_old {
            self.recall(key);
        } else {
            self.put(key);
        }
    }

    /// No worker can ever have this trial: as good as an attempt that failed.
    fn refuse(&self, trial: u64, reason: String) {
        self.tell(0, Notice::Began { trial, worker: "the search itself".to_owned() });
        self.tell(0, Notice::Failed { trial, reason });
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
    pub(super) fn recall(&mut self, key: TaskKey) {
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
                    Ok(_) => self.doubts = 0,
                    // The next look at the server finds whether it is missing.
                    Err(Unpublished::Later(reason)) => {
                        self.doubts += 1;
                        self.trouble(&short_line(&reason));
                        self.soon();
                    }
                    Err(Unpublished::TooLarge) => {
                        let of_attempt = |pending: &Pending| pending.work.attempt == attempt;
                        if self.pending.get(&key).is_some_and(of_attempt)
                            && let Some(pending) = self.pending.remove(&key)
                        {
                            let reason =
                                "its task is larger than the server's `max_payload`".to_owned();
                            self.refuse(pending.work.trial, reason);
                        }
                    }
                }
            }
            Done::Recalled(key, Ok(found)) => {
                for event in found {
                    self.event(event);
                }
                // Unless that was its end.
                self.put(key);
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
            Done::Cleared(key) => {
                if let Some(pending) = self.pending.get_mut(&key) {
                    pending.place = Place::Nowhere;
                    self.put(key);
                }
            }
            Done::Removed => {}
        }
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Event(stream, event) if stream == self.streams => self.event(event),
            // Its numbers are those of a stream that is no more. What it said is asked for, if it matters.
            Heard::Event(_, event) => self.event(Event { sequence: None, ..event }),
            Heard::Trouble(trouble) => self.trouble(&trouble),
        }
    }

    /// Something that does not work, which is tried again.
    pub(super) fn trouble(&mut self, trouble: &str) {
        if let Some(text) = self.remarks.trouble(trouble) {
            self.tell(0, Notice::Remark { text });
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
            |message| short_line(&message.worker),
        );
        pending.has_begun = true;
        pending.began_at = Some(at).filter(|at| *at > 0);
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
            (short_line(&message.worker), short_line(&message.reason))
        } else {
            let reason = "a worker of another version says that it failed";
            ("a worker of another version".to_owned(), reason.to_owned())
        };
        if !pending.has_begun {
            // Attempts are counted by their beginnings.
            self.tell(at, Notice::Began { trial: pending.work.trial, worker });
        }
        if let Some(pending) = self.pending.remove(&key) {
            self.tell(at, Notice::Failed { trial: pending.work.trial, reason });
        }
    }

    fn result(&mut self, at: u64, subject: String, key: TaskKey, payload: &Bytes) {
        let Some(pending) = self.pending.get(&key) else { return };
        let (trial, attempt) = (pending.work.trial, pending.work.attempt);
        let (has_begun, is_repeated) = (pending.has_begun, pending.is_repeated || attempt > 0);
        match read_result(payload, &self.assignment, pending.work.seed) {
            Ok(TaskResult { worker, children, seconds }) => {
                if !has_begun {
                    // That it began went by while nobody listened.
                    self.tell(at, Notice::Began { trial, worker });
                }
                self.pending.remove(&key);
                if is_repeated {
                    self.take_away(key);
                }
                self.tell(at, Notice::Done { trial, children, seconds });
            }
            Err(refusal) => {
                let text = format!("a result of trial {trial} was thrown away: {refusal}");
                self.tell(at, Notice::Remark { text });
                self.clear(key, attempt, subject);
            }
        }
    }

    /// Throws away what the server has of an end that makes no sense, before the task is put again.
    fn clear(&mut self, key: TaskKey, attempt: u32, result: String) {
        if let Some(pending) = self.pending.get_mut(&key) {
            pending.place = Place::Clearing;
        }
        // Its worker is done with it: another one is to begin.
        let began = self.link.names.of(&self.run, Kind::Began(attempt), &key);
        let link = self.link.clone();
        self.jobs.spawn(async move {
            for subject in [result, began] {
                drop(link.delete(link.names.events(), &subject).await);
            }
            Done::Cleared(key)
        });
    }

    fn note(&mut self, note: &async_nats::Message) {
        if note.payload.len() > MOST_NOTE_BYTES {
            return;
        }
        if let Ok(NoteMessage { worker, text, .. }) = read(&note.payload)
            && let Some(text) = self.remarks.note(&short_line(&worker), &short_line(&text))
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

    /// Throws away what the server has up to this event, which is on disk, but not what came after the beginning of a trial
    /// that has not ended: a beginning without its end would be taken for one of a worker that is lost.
    fn forget(&mut self, last: u64) {
        let first = |pending: &Pending| match pending.began_at {
            Some(at) => at,
            None if pending.is_old => 0,
            None => u64::MAX,
        };
        let first = self.pending.values().map(first).min().unwrap_or(u64::MAX);
        let last = last.min(first.saturating_sub(1));
        if last == 0 {
            return;
        }
        let (link, filter) = (self.link.clone(), self.link.names.events_of(&self.run));
        self.jobs.spawn(async move {
            // What stays is thrown away next time, or when it is old.
            drop(link.purge(link.names.events(), &filter, Some(last)).await);
            Done::Removed
        });
    }

    /// Takes back a task whose trial has ended: nobody needs to carry it out again.
    fn take_away(&mut self, key: TaskKey) {
        let (link, subject) = (self.link.clone(), self.link.names.of(&self.run, Kind::Task, &key));
        self.jobs.spawn(async move {
            // One that stays is found to have its end by whoever gets it.
            drop(link.delete(link.names.tasks(), &subject).await);
            Done::Removed
        });
    }

    /// A task that is to be sent.
    pub(super) fn put(&mut self, key: TaskKey) {
        if let Some(pending) = self.pending.get_mut(&key)
            && !matches!(pending.place, Place::Here | Place::Clearing)
        {
            pending.is_repeated |= pending.place == Place::There;
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
                removals.spawn(async move { link.delete(link.names.tasks(), &subject).await });
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
