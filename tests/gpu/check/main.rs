//! Checks on a GPU what only a GPU can show: `tests/gpu/run` calls it, and it stands alone.
//!
//! ```text
//! gpu_check [--small] [--generated N] [--checks NAME,...] [--json FILE]    compares with the interpreter
//! gpu_check --list                                                         names of the checks
//! gpu_check --compile [--arch sm_90] [--repeats N] [--json FILE]           times to cubin; needs no GPU
//! gpu_check --sweep [--small] [--json FILE]                                times of launches by size of chunk
//!
//! --small        sizes for a device that is emulated
//! --generated N  generated rules that are compared, 200 if left out, or that are compiled too, none if left out
//! --repeats N    how often each rule is compiled; the medians are shown; default 5
//! ```
//!
//! Each check runs in a process of its own, since a kernel that goes wrong takes the device's context with it, and
//! is killed when it hangs. It prints a line: `ok NAME: what was counted`, `DIFFERS NAME: how`, `SKIPPED NAME: why`.
//! Exit status 0 if nothing differs, 1 if something does, 2 for wrong arguments, 3 if there is no GPU, driver
//! or NVRTC.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a check stops at the first surprise, which is what it then reports"
)]

mod compile;
mod corpus;
mod large;
mod loading;
mod report;
mod steps;
mod sweep;

use std::collections::VecDeque;
use std::error::Error;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nosc_kernels::cuda::{Architecture, CudaError, Device, Nvrtc};
use report::{Line, Outcome};

/// Something is missing that has to be there: no check can be made.
const MISSING: u8 = 3;

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Scope {
    small: bool,
    generated: Option<u64>,
}

/// What a check found, unless it panics: then something differs.
enum Found {
    Counted(String),
    Skipped(String),
}

struct Check {
    name: &'static str,
    /// Seconds after which it is killed.
    most: u64,
    run: fn(Scope) -> Found,
}

const fn check(name: &'static str, most: u64, run: fn(Scope) -> Found) -> Check {
    Check { name, most, run }
}

const CHECKS: [Check; 17] = [
    check("device", 60, loading::device),
    check("rules", 120, corpus::standard),
    check("types", 90, corpus::types),
    check("generated", 150, corpus::generated),
    check("intermediate", 60, loading::intermediate),
    check("registers", 60, loading::registers),
    check("graphs", 60, steps::graphs),
    check("first_recording", 60, steps::first_recording),
    check("streams", 60, steps::streams),
    check("many_tensors", 60, steps::many_tensors),
    check("guards", 60, steps::guards),
    check("lent_states", 60, steps::lent_states),
    check("non_finite", 60, steps::non_finite),
    check("checkpoints", 60, steps::checkpoints),
    check("large", 120, large::large),
    check("waiting", 60, large::waiting),
    check("leaks", 90, loading::leaks),
];

enum Task {
    All,
    Inside(String),
    List,
    Compile,
    Sweep,
}

struct Arguments {
    task: Task,
    scope: Scope,
    checks: Vec<String>,
    json: Option<PathBuf>,
    architecture: Architecture,
    repeats: usize,
}

fn main() -> ExitCode {
    let done = arguments().and_then(|arguments| match &arguments.task {
        Task::All => all(&arguments),
        Task::Inside(name) => inside(name, &arguments),
        Task::List => {
            for check in &CHECKS {
                println!("{}", check.name);
            }
            Ok(0)
        }
        Task::Compile => compile::compile(&arguments),
        Task::Sweep => sweep::sweep(&arguments),
    });
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error}");
            match error.downcast_ref::<CudaError>() {
                Some(error) if error.is_missing_hardware() => {
                    error.help().into_iter().for_each(|help| eprintln!("{help}"));
                    ExitCode::from(MISSING)
                }
                Some(_) => ExitCode::from(1),
                None => ExitCode::from(2),
            }
        }
    }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut words: VecDeque<String> = std::env::args().skip(1).collect();
    let mut found = Arguments {
        task: Task::All,
        scope: Scope { small: false, generated: None },
        checks: Vec::new(),
        json: None,
        architecture: Architecture::new(9, 0),
        repeats: 5,
    };
    while let Some(word) = words.pop_front() {
        let mut value = || words.pop_front().ok_or_else(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--small" => found.scope.small = true,
            "--generated" => found.scope.generated = Some(value()?.parse()?),
            "--checks" => found.checks = value()?.split(',').map(str::to_owned).collect(),
            "--json" => found.json = Some(value()?.into()),
            "--arch" => found.architecture = value()?.parse()?,
            "--repeats" => found.repeats = value()?.parse()?,
            "--inside" => found.task = Task::Inside(value()?),
            "--list" => found.task = Task::List,
            "--compile" => found.task = Task::Compile,
            "--sweep" => found.task = Task::Sweep,
            _ => return Err(format!("unknown `{word}`").into()),
        }
    }
    let known = |name: &String| CHECKS.iter().any(|check| check.name == name);
    match found.checks.iter().find(|name| !known(name)) {
        Some(name) => Err(format!("there is no check `{name}`: see --list").into()),
        None => Ok(found),
    }
}

/// Runs checks in processes of their own, and writes all results.
fn all(arguments: &Arguments) -> Result<u8, Box<dyn Error>> {
    // The driver is not started in this process: its context would take memory from those of the checks.
    Nvrtc::find()?;
    let wanted = |check: &&Check| {
        let named = |name: &String| name == check.name;
        arguments.checks.is_empty() || arguments.checks.iter().any(named)
    };
    let mut lines: Vec<Line> = Vec::new();
    for check in CHECKS.iter().filter(wanted) {
        let (line, status) = outside(check, arguments)?;
        // Later on it is the fault of a check that the device is gone.
        if status == Some(MISSING.into()) && lines.is_empty() {
            return Ok(MISSING);
        }
        println!("{line}");
        lines.push(line);
        // After each, so that something is there if this is killed.
        if let Some(path) = &arguments.json {
            report::write(path, &report::all(&lines))?;
        }
    }
    let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    let counts = [Outcome::Ok, Outcome::Differs, Outcome::Skipped].map(count);
    println!("{} ok, {} differ, {} skipped", counts[0], counts[1], counts[2]);
    Ok(u8::from(counts[1] > 0))
}

/// A check in another process: its line, and the status that the process ended with.
fn outside(check: &Check, arguments: &Arguments) -> Result<(Line, Option<i32>), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("line.json");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--inside", check.name, "--json"]).arg(&file);
    if let Some(count) = arguments.scope.generated {
        command.args(["--generated", &count.to_string()]);
    }
    if arguments.scope.small {
        command.arg("--small");
    }
    let start = Instant::now();
    let mut child = command.spawn()?;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > Duration::from_secs(check.most) {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let seconds = start.elapsed().as_secs_f64();
    let lost = |text: String| Line {
        name: check.name.to_owned(),
        outcome: Outcome::Differs,
        text,
        seconds,
    };
    let line = match (ended, report::read(&file)) {
        (_, Some(line)) => Line { seconds, ..line },
        (None, None) => lost(format!("killed after {} s without an answer", check.most)),
        (Some(status), None) => lost(format!("ended without an answer: {status}")),
    };
    Ok((line, ended.and_then(|status| status.code())))
}

/// Runs a check in this process, and writes its line to the file.
fn inside(name: &str, arguments: &Arguments) -> Result<u8, Box<dyn Error>> {
    let Some(check) = CHECKS.iter().find(|check| check.name == name) else {
        return Err(format!("there is no check `{name}`").into());
    };
    // What is missing is told apart from what differs.
    Device::open(0)?;
    Nvrtc::find()?;
    let said: &Mutex<Option<String>> = Box::leak(Box::new(Mutex::new(None)));
    panic::set_hook(Box::new(move |info| {
        // The first of several threads says why.
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| {
            let at = info.location().map(ToString::to_string).unwrap_or_default();
            format!("{}\nat {at}", info.payload_as_str().unwrap_or("no words"))
        });
    }));
    let start = Instant::now();
    let found = panic::catch_unwind(AssertUnwindSafe(|| (check.run)(arguments.scope)));
    let (outcome, text) = match found {
        Ok(Found::Counted(text)) => (Outcome::Ok, text),
        Ok(Found::Skipped(text)) => (Outcome::Skipped, text),
        Err(_) => {
            let said = said.lock().unwrap_or_else(PoisonError::into_inner).take();
            (Outcome::Differs, said.unwrap_or_else(|| "it panicked".to_owned()))
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let line = Line { name: name.to_owned(), outcome, text, seconds };
    match &arguments.json {
        Some(path) => report::write(path, &line.to_json())?,
        None => println!("{line}"),
    }
    Ok(u8::from(outcome == Outcome::Differs))
}

/// Writes a result where one is asked for.
fn keep(arguments: &Arguments, value: &serde_json::Value) -> Result<(), Box<dyn Error>> {
    let path: Option<&Path> = arguments.json.as_deref();
    path.map_or(Ok(()), |path| report::write(path, value))
}
