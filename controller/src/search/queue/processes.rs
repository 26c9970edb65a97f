//! Trials in processes of their own: generated code that faults, or a rule that takes all memory, ends a worker and no more.
//!
//! Workers hold pipes to the process that searches, and nothing else: no database, no clock. A worker
//! that ends is noticed by its pipe, one that is silent for the length of a lease is killed. All times
//! are of the monotonic clock of the process that searches.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::contract::{Notice, Queue, QueueError, Work};
use super::message::{self, Answer, Assignment, Order};
use crate::outcome::Trained;

/// What this side may take between two looks at its workers.
const PAUSE: Duration = Duration::from_secs(1);
/// Workers that end before they are ready, one after another, until it is given up.
const MOST_FALSE_STARTS: u32 = 3;

/// How workers are started.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program; it is to call [`serve`](super::serve) on its standard input and output.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The file that what workers write to standard error is appended to; none if nobody wants it.
    pub log: Option<PathBuf>,
    /// A worker that has given no sign of life for so long is killed.
    pub lease: Duration,
}

/// A queue whose workers are processes.
#[derive(Debug)]
pub struct Processes {
    pub(super) command: WorkerCommand,
    /// The first line to each worker.
    begin: String,
    jobs: usize,
    workers: Vec<Worker>,
    started: u64,
    false_starts: u32,
    waiting: VecDeque<Work>,
    notices: VecDeque<Notice>,
    sender: Sender<(u64, Heard)>,
    heard: Receiver<(u64, Heard)>,
    /// When this side was last seen to run, and how long it may have waited since.
    turned: Instant,
    patience: Duration,
}

#[derive(Debug)]
struct Worker {
    /// Which one: they are counted.
    number: u64,
    process: Child,
    input: Option<ChildStdin>,
    doing: Doing,
    last_heard: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Starting,
    Nothing,
    Trial(u64),
}

/// What is heard of a worker.
#[derive(Debug)]
enum Heard {
    Answer(Answer),
    /// Something that is no answer.
    Noise(String),
    End,
}

impl Processes {
    /// A queue with up to `jobs` workers, at least one. They are started when there is work for them.
    pub fn new(command: WorkerCommand, assignment: Assignment, jobs: usize) -> Self {
        let (sender, heard) = channel();
        Self {
            command,
            begin: line(&Order::Begin(Box::new(assignment))),
            jobs: jobs.max(1),
            workers: Vec::new(),
            started: 0,
            false_starts: 0,
            waiting: VecDeque::new(),
            notices: VecDeque::new(),
            sender,
            heard,
            turned: Instant::now(),
            patience: Duration::ZERO,
        }
    }

    /// Starts workers that there is work for, and gives work to those that do nothing.
    fn assign(&mut self) -> Result<(), QueueError> {
        let is_free = |worker: &&Worker| !matches!(worker.doing, Doing::Trial(_));
        let free = self.workers.iter().filter(is_free).count();
        let wanted = self.waiting.len().saturating_sub(free);
        for _ in 0..wanted.min(self.jobs - self.workers.len().min(self.jobs)) {
            match self.start() {
                Ok(worker) => self.workers.push(worker),
                // Those that there are go on, and another start is tried after a while.
                Err(_) if !self.workers.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        for worker in &mut self.workers {
            if worker.doing != Doing::Nothing {
                continue;
            }
            let Some(work) = self.waiting.pop_front() else { break };
            let trial = work.trial;
            worker.doing = Doing::Trial(trial);
            worker.send(&line(&Order::Work(work)));
            let worker = format!("process {}", worker.process.id());
            self.notices.push_back(Notice::Began { trial, worker });
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Worker, QueueError> {
        let WorkerCommand { program, arguments, log, .. } = &self.command;
        let failed = |what: String| |source| QueueError::Start { program: what, source };
        let log = match log {
            None => Stdio::null(),
            Some(path) => {
                let file = File::options().create(true).append(true).open(path);
                file.map_err(failed(path.display().to_string()))?.into()
            }
        };
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed(program.display().to_string()))?;
        self.started += 1;
        let number = self.started;
        if let Some(output) = process.stdout.take() {
            let sender = self.sender.clone();
            let listen = move || listen(number, output, &sender);
            let thread = std::thread::Builder::new().name("listener".to_owned()).spawn(listen);
            thread.map_err(failed("a thread that listens to it".to_owned()))?;
        }
        let input = process.stdin.take();
        let (doing, last_heard) = (Doing::Starting, Instant::now());
        let mut worker = Worker { number, process, input, doing, last_heard };
        worker.send(&self.begin);
        Ok(worker)
    }

    /// Time in which this side did not run, stopped or busy, is no silence of the workers.
    fn forgive(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.turned) > self.patience + PAUSE {
            for worker in &mut self.workers {
                worker.last_heard = now;
            }
        }
        (self.turned, self.patience) = (now, Duration::ZERO);
    }

    /// Ends workers that have been silent for too long, and says when the next one will have been.
    fn silence(&mut self) -> Result<Duration, QueueError> {
        let lease = self.command.lease;
        while let Some(place) =
            self.workers.iter().position(|worker| worker.last_heard.elapsed() >= lease)
        {
            let silent = self.workers[place].last_heard.elapsed().as_secs_f64();
            self.end(place, Some(format!("silent for {silent:.1} s")))?;
        }
        let left = |worker: &Worker| lease.saturating_sub(worker.last_heard.elapsed());
        Ok(self.workers.iter().map(left).min().unwrap_or(lease))
    }

    fn hear(&mut self, number: u64, heard: Heard) -> Result<(), QueueError> {
        let Some(place) = self.workers.iter().position(|worker| worker.number == number) else {
            return Ok(());
        };
        let worker = &mut self.workers[place];
        worker.last_heard = Instant::now();
        let answer = match heard {
            Heard::Answer(answer) => answer,
            Heard::Noise(text) => return self.end(place, Some(format!("it said `{text}`"))),
            Heard::End => return self.end(place, None),
        };
        match answer {
            Answer::Beat => {}
            Answer::Ready => {
                worker.doing = Doing::Nothing;
                self.false_starts = 0;
            }
            Answer::Unable { reason } => return Err(QueueError::Unable { reason }),
            Answer::Done { trial, children, seconds } if worker.doing == Doing::Trial(trial) => {
                worker.doing = Doing::Nothing;
                let children = children.into_iter().map(Trained::from).collect();
                self.notices.push_back(Notice::Done { trial, children, seconds });
            }
            Answer::Failed { trial, reason } if worker.doing == Doing::Trial(trial) => {
                worker.doing = Doing::Nothing;
                self.notices.push_back(Notice::Failed { trial, reason });
            }
            Answer::Done { trial, .. } | Answer::Failed { trial, .. } => {
                let fault = format!("it answered trial {trial}, which it was not given");
                return self.end(place, Some(fault));
            }
        }
        Ok(())
    }

    /// Ends a worker for a fault, or since its output has ended. It may live on, stopped or without output.
    fn end(&mut self, place: usize, fault: Option<String>) -> Result<(), QueueError> {
        let mut worker = self.workers.swap_remove(place);
        drop(worker.process.kill());
        let status = worker.process.wait();
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let reason = fault.unwrap_or(status);
        match worker.doing {
            Doing::Trial(trial) => {
                let reason = format!("its worker ended: {reason}");
                self.notices.push_back(Notice::Failed { trial, reason });
            }
            Doing::Nothing => {}
            Doing::Starting => {
                self.false_starts += 1;
                if self.false_starts >= MOST_FALSE_STARTS && self.workers.is_empty() {
                    let log = self.command.log.clone();
                    return Err(QueueError::Dying { reason, log });
                }
            }
        }
        Ok(())
    }
}

impl Queue for Processes {
    fn submit(&mut self, work: Work) {
        self.waiting.push_back(work);
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, QueueError> {
        let end = Instant::now() + limit;
        loop {
            self.forgive();
            while let Ok((number, heard)) = self.heard.try_recv() {
                self.hear(number, heard)?;
            }
            self.assign()?;
            if let Some(notice) = self.notices.pop_front() {
                return Ok(Some(notice));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.patience = self.silence()?.min(left);
            if !self.notices.is_empty() {
                continue;
            }
            match self.heard.recv_timeout(self.patience) {
                Ok((number, heard)) => self.hear(number, heard)?,
                // The queue itself holds a sender.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn withdraw(&mut self) {
        self.waiting.clear();
    }
}

impl Worker {
    fn send(&mut self, line: &str) {
        // One that is gone is noticed by its end.
        if let Some(input) = &mut self.input {
            drop(input.write_all(line.as_bytes()).and_then(|()| input.flush()));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Passes on what a worker says, until its end.
fn listen(number: u64, output: ChildStdout, sender: &Sender<(u64, Heard)>) {
    for line in message::lines(BufReader::new(output)) {
        let heard = match serde_json::from_str(&line) {
            Ok(answer) => Heard::Answer(answer),
            Err(_) => Heard::Noise(line.chars().take(200).collect()),
        };
        if sender.send((number, heard)).is_err() {
            return;
        }
    }
    // Nobody listens any more.
    drop(sender.send((number, Heard::End)));
}

fn line(order: &Order) -> String {
    // Names, numbers and texts: nothing that JSON has not.
    serde_json::to_string(order).unwrap_or_default() + "\n"
}
