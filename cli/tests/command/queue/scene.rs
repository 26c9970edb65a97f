//! A server, a search and its workers, as processes, and what happens between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nosc_controller::search::ledger::{Content, Ledger, LedgerReader};
use nosc_controller::search::record::TrialState;
use nosc_tests::nats::{Heard, NatsClient, NatsServer, ServerSettings};
use serde_json::Value;

use crate::session::{Outcome, Session};

/// Whatever a test waits for comes sooner.
pub(super) const LIMIT: Duration = Duration::from_mins(2);
/// Arguments of a search, and more of them.
macro_rules! search {
    ($($more:literal),*) => {
        &[
            "search", "small", "--task", "quadratic", "--seed", "3", "--sampler", "random", "--baselines",
            "none", "--quiet", $($more),*
        ]
    };
}

/// A search without its steps and budget.
pub(super) const OTHER: &[&str] = search!();
/// A search of ten rules. Each takes some tenths of a second in a build that is not optimized.
pub(super) const SEARCH: &[&str] = search!("--steps", "60000", "--budget", "10");

/// Waits for it.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "it did not come: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What of a run does not depend on time and machine.
pub(super) fn content(folder: &Path) -> Content {
    Ledger::open(folder).unwrap().content().unwrap()
}

/// What comes of [`SEARCH`] on this machine alone.
pub(super) fn wanted() -> &'static Content {
    static WANTED: OnceLock<Content> = OnceLock::new();
    WANTED.get_or_init(|| local(&Session::new(), SEARCH))
}

/// What comes of a search on this machine alone.
pub(super) fn local(session: &Session, arguments: &[&str]) -> Content {
    session.nosc(&[arguments, &["--run", "local"]].concat()).ok();
    content(&session.path("local"))
}

/// How many trials have been trained to their end.
pub(super) fn ended(folder: &Path) -> usize {
    let Ok(reader) = LedgerReader::open(folder) else { return 0 };
    let trials = reader.rows().trials().unwrap_or_default();
    trials.iter().filter(|trial| trial.seconds.is_some()).count()
}

/// Attempts of each trial that was begun: how they ended. None for one that has not.
pub(super) fn attempts(folder: &Path) -> BTreeMap<u64, Vec<Option<String>>> {
    let reader = LedgerReader::open(folder).unwrap();
    let mut attempts: BTreeMap<u64, Vec<Option<String>>> = BTreeMap::new();
    for (trial, _, result) in reader.rows().attempts().unwrap() {
        attempts.entry(trial).or_default().push(result);
    }
    attempts
}

/// Looks whether each trial that was trained has one result, and no attempt is left open.
#[track_caller]
pub(super) fn check_attempts(folder: &Path) {
    for (trial, results) in attempts(folder) {
        let done = results.iter().flatten().filter(|result| *result == "done").count();
        assert!(done <= 1, "trial {trial} was counted {done} times: {results:?}");
        assert!(results.iter().all(Option::is_some), "trial {trial} is open: {results:?}");
    }
    let trials = LedgerReader::open(folder).unwrap().rows().trials().unwrap();
    for trial in trials.iter().filter(|trial| trial.seconds.is_some()) {
        assert!(matches!(trial.state, TrialState::Done | TrialState::Failed), "{trial:?}");
    }
}

/// A process of nosc. It is killed when this is dropped.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `-STOP`.
    pub(super) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// What it has said so far.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn end(mut self) -> Outcome {
        let begun = Instant::now();
        while !self.has_ended() {
            assert!(begun.elapsed() < LIMIT, "it does not end; it says:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Outcome { code, out: String::new(), err: self.said() }
    }

    /// Asks it to stop, as systems do; what it says of its tasks.
    #[track_caller]
    pub(super) fn stop(self) -> Counts {
        self.signal("-TERM");
        let err = self.end().fails(130);
        Counts::of(&err)
    }

    /// Kills it with the signal that nothing can answer.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a worker says at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) given_back: u64,
    pub(super) thrown_away: u64,
}

impl Counts {
    #[track_caller]
    fn of(text: &str) -> Self {
        let line = text.lines().rev().find(|line| line.contains(" done") && line.contains("task"));
        let line = line.unwrap_or_else(|| panic!("no summary:\n{text}"));
        let mut counts = Self::default();
        for part in line.split(", ") {
            let number = part.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0);
            let count = match part {
                _ if part.ends_with("done") => &mut counts.done,
                _ if part.ends_with("failed") => &mut counts.failed,
                _ if part.ends_with("given back") => &mut counts.given_back,
                _ => &mut counts.thrown_away,
            };
            *count = number;
        }
        counts
    }
}

/// A server and a folder for the processes around it.
pub(super) struct Scene {
    pub(super) session: Session,
    pub(super) server: NatsServer,
    logs: u32,
}

impl Scene {
    /// None where there is no server, which is said.
    pub(super) fn new() -> Option<Scene> {
        Self::with(ServerSettings::default())
    }

    pub(super) fn with(settings: ServerSettings) -> Option<Scene> {
        let server = NatsServer::start_with(settings)?;
        Some(Scene { session: Session::new(), server, logs: 0 })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.session.path(name)
    }

    /// Starts a command.
    pub(super) fn start(&mut self, arguments: &[&str]) -> Running {
        let command = self.session.command();
        self.start_as(command, arguments)
    }

    /// Starts a command as this one with arguments.
    pub(super) fn start_as(&mut self, mut command: Command, arguments: &[&str]) -> Running {
        self.logs += 1;
        let log = self.path(&format!("{}.log", self.logs));
        let file = File::create(&log).unwrap();
        command.args(arguments).current_dir(self.session.folder()).stdin(Stdio::null());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn();
        Running { child: child.unwrap(), log }
    }

    /// Begins a search whose leases are short.
    pub(super) fn search(&mut self, run: &str, arguments: &[&str]) -> Running {
        let url = self.server.url();
        let queue = ["--run", run, "--queue", &url, "--lease", "1"];
        self.start(&[arguments, &queue].concat())
    }

    /// Starts a worker that does one task at a time.
    pub(super) fn worker(&mut self, arguments: &[&str]) -> Running {
        let url = self.server.url();
        self.worker_at(&url, arguments)
    }

    pub(super) fn worker_at(&mut self, url: &str, arguments: &[&str]) -> Running {
        self.start(&[&["worker", "--jobs", "1", "--queue", url], arguments].concat())
    }

    /// Waits until so many trials have ended.
    #[track_caller]
    pub(super) fn until_ended(&self, run: &str, count: usize) {
        let folder = self.path(run);
        until(&format!("{count} trials of {run}"), || ended(&folder) >= count);
    }

    /// Ends a search well, and looks whether it came to what is wanted.
    #[track_caller]
    pub(super) fn check(&self, search: Running, run: &str, wanted: &Content) {
        search.end().ok();
        self.check_run(run, wanted);
    }

    #[track_caller]
    pub(super) fn check_run(&self, run: &str, wanted: &Content) {
        let found = content(&self.path(run));
        assert_eq!(found.trials, wanted.trials);
        assert!(found == *wanted, "the trials are the same, and something else is not");
        check_attempts(&self.path(run));
    }

    /// Listens to what workers say of all runs, even to what the server does not keep.
    pub(super) fn listen(&self) -> Listener {
        let mut client = NatsClient::connect(self.server.port());
        client.subscribe("nosc.v1.*.event.>");
        Listener { client, others: BTreeSet::new() }
    }
}

/// Hears what workers say.
pub(super) struct Listener {
    client: NatsClient,
    /// Beginnings that were asked for already.
    others: BTreeSet<String>,
}

/// Something that a worker says.
#[derive(Debug)]
pub(super) struct Said {
    /// `began`, `failed` or `result`.
    pub(super) kind: String,
    pub(super) key: String,
    /// The process of the worker, if it can be read.
    pub(super) process: Option<u32>,
    /// Of what began or failed.
    pub(super) attempt: Option<u32>,
}

impl Said {
    fn of(heard: &Heard) -> Self {
        let parts: Vec<&str> = heard.subject.split('.').collect();
        // Its name is that of the machine with the process: `host/12 (..)`. Large results are compressed.
        let message: Value = serde_json::from_slice(&heard.payload).unwrap_or_default();
        let worker = message["worker"].as_str().unwrap_or_default();
        let process = worker.split_once('/').and_then(|(_, rest)| rest.split(' ').next());
        let process = process.and_then(|process| process.parse().ok());
        let attempt = parts.get(6).and_then(|attempt| attempt.parse().ok());
        Self { kind: parts[4].to_owned(), key: parts[5].to_owned(), process, attempt }
    }
}

impl Listener {
    /// What a worker says next.
    #[track_caller]
    pub(super) fn next(&mut self) -> Said {
        let heard = self.client.next(LIMIT);
        Said::of(&heard.expect("that a worker says something"))
    }

    /// What is said next of this kind.
    #[track_caller]
    pub(super) fn next_of(&mut self, kind: &str) -> Said {
        loop {
            let said = self.next();
            if said.kind == kind {
                return said;
            }
        }
    }

    /// The next task that is begun for the first time since this listens.
    #[track_caller]
    pub(super) fn next_new(&mut self) -> Said {
        loop {
            let said = self.next_of("began");
            if self.others.insert(said.key.clone()) {
                return said;
            }
        }
    }
}
