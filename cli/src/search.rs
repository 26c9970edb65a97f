//! `nosc search`: a search for rules, begun or taken up.

mod best;
mod evaluate;
mod export;
mod report;

mod settings;
mod summary;
mod watch;
mod worker;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nosc_controller::search::engine::{Ending, Limits, Search};
use nosc_controller::search::ledger::{Ledger, LedgerReader};
use nosc_controller::search::output::RunRecord;
use nosc_controller::search::queue::{Processes, Queue, WorkerCommand};
use nosc_controller::search::record::TrialState;
use nosc_controller::search::run::{self, Here};
use nosc_controller::search::settings::SearchSettings;
use nosc_controller::task::open_with;

use crate::arguments::{Colour, LimitArguments, Preset, SearchArguments};
use crate::common::cores;
use crate::error::CliError;
use crate::interrupt;
use crate::output::{counted, is_same_place, message, print, print_json};
use crate::source::warn;
use watch::Screen;

pub(crate) use best::best;
pub(crate) use evaluate::evaluate;
pub(crate) use export::export;
pub(crate) use report::report;

pub(crate) use worker::worker;

/// Name of the command that workers are started with, which help does not show.
pub(crate) const WORKER: &str = "search-worker";
/// What workers say besides their answers, in the folder of the run.
const LOG: &str = "workers.log";
/// A worker that gives no sign of life for so long is given up.
const LEASE: Duration = Duration::from_mins(1);

pub(crate) fn search(arguments: &SearchArguments, colour: Colour) -> Result<(), CliError> {
    if arguments.queue.is_none() && arguments.credentials.is_given() {
        let message = "`--queue-...` says how to get into a server: name it by `--queue URL`";
        return Err(CliError::Usage(message.to_owned()));
    }
    let (folder, (ledger, settings, limits)) = if let Some(folder) = &arguments.resume {
        (folder, resumed(folder, arguments)?)
    } else {
        // A server that is not there is found out before a folder is made.
        if let Some(url) = &arguments.queue {
            crate::queue::check(url, &arguments.credentials)?;
        }
        let folder = arguments
            .run
            .as_ref()
            .ok_or_else(|| CliError::Usage("name the folder of the run: `--run DIR`".to_owned()))?;
        (folder, begun(folder, arguments, colour)?)
    };
    if limits == Limits::default() && !arguments.quiet {
        message("no budget: it searches until Ctrl-C");
    }
    interrupt::listen();
    let queue = queue(folder, arguments, &ledger, &settings)?;
    let mut search = run::take_up(ledger, &settings, queue, now)?;
    if arguments.retry_failed {
        let failed = search.retry_failed().map_err(run::RunError::from)?;
        message(&format!("{failed} trials are tried again"));
    }
    let mut screen = Screen::new(&limits, *search.status(), arguments.quiet);
    let ending = search.run(&limits, &mut screen).map_err(run::RunError::from);
    screen.finish();
    let ending = ending?;
    shown(&search, folder, ending, arguments)
}

/// The run of a folder.
fn resumed(
    folder: &Path,
    arguments: &SearchArguments,
) -> Result<(Ledger, SearchSettings, Limits), CliError> {
    check_resume(arguments)?;
    let mut ledger = Ledger::open(folder).map_err(run::RunError::from)?;
    let settings = run::settings(&ledger.rows())?;
    let task = open_with(&settings.task, &settings.options)?;
    run::check_data(&ledger.rows(), &task.description())?;
    let rows = ledger.rows();
    let was = |name| rows.about(name).map_err(run::RunError::from);
    for (what, was, is) in [
        ("version of nosc", was(run::about::VERSION)?, env!("CARGO_PKG_VERSION").to_owned()),
        ("processor", was(run::about::PROCESSOR)?, processor()),
    ] {
        if let Some(was) = was.filter(|was| *was != is) {
            warn(&format!(
                "the run was begun by another {what} ({was}, now {is}): rewards may differ in their last bits"
            ));
        }
    }
    let limits = limits(&arguments.limits, None, run::limits(&ledger.rows())?);
    run::set_limits(&ledger, limits.evaluations, limits.samples)?;
    ledger.commit().map_err(run::RunError::from)?;
    Ok((ledger, settings, limits))
}

/// A new run. What is wrong with the arguments is found before the folder is made.
fn begun(
    folder: &Path,
    arguments: &SearchArguments,
    colour: Colour,
) -> Result<(Ledger, SearchSettings, Limits), CliError> {
    let settings = settings::settings(arguments, colour)?;
    let task = open_with(&settings.task, &settings.options)?;
    let settings = settings::with_protocol(settings, arguments, task.as_ref())?;
    let processor = processor();
    let here = Here { processor: &processor, version: env!("CARGO_PKG_VERSION"), now };
    let limits = limits(&arguments.limits, arguments.preset, (None, None));
    let ledger = run::begin(folder, &settings, &limits, &task.description(), here)?;
    Ok((ledger, settings, limits))
}

/// What came of it, and whether that is a failure.
fn shown(
    search: &Search,
    folder: &Path,
    ending: Ending,
    arguments: &SearchArguments,
) -> Result<(), CliError> {
    let trials = search.rows().trials().map_err(run::RunError::from)?;
    if arguments.json {
        print_json(&summary::json(search.status(), &trials, ending, folder))?;
    } else {
        print(&summary::text(search.status(), &trials, ending, folder))?;
    }
    let failed = search.status().failed;
    let why = format!("`nosc export {} --columns trial,state,reason` says why", folder.display());
    let is_nothing_done = !trials.iter().any(|trial| trial.state == TrialState::Done);
    match ending {
        Ending::Stopped => {
            let is_elsewhere = arguments.queue.is_some();
            Err(CliError::Paused { folder: folder.to_owned(), is_elsewhere })
        }
        _ if failed > 0 && (arguments.retry_failed || is_nothing_done) => {
            let trials = counted(&failed.to_string(), "trial", "trials");
            Err(CliError::Problems(format!("{trials} failed, as often as they were tried; {why}")))
        }
        _ if failed > 0 => {
            warn(&format!("{} failed; {why}", counted(&failed.to_string(), "trial", "trials")));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Settings are those of the run.
fn check_resume(arguments: &SearchArguments) -> Result<(), CliError> {
    let sampling = &arguments.sampling;
    let is_given = sampling.sampler.is_some()
        || !sampling.with.is_empty()
        || sampling.groups.is_some()
        || sampling.constraints.is_some()
        || sampling.dedup.is_some()
        || sampling.update_every.is_some()
        || sampling.ahead.is_some()
        || sampling.lag.is_some()
        || sampling.screen.is_some()
        || !sampling.baselines.is_empty()
        || sampling.attempts.is_some()
        || sampling.seeds.is_some()
        || sampling.seed.is_some();
    let is_other = crate::train::options(&arguments.data)
        != nosc_controller::task::TaskOptions::default()
        || settings::is_given(&arguments.children);
    if is_given || is_other {
        let message = "`--resume` goes on with the settings of the run; with it give `--budget`, `--samples`, `--time`, `--jobs`, `--queue`, `--lease` or `--retry-failed` only";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(())
}

/// Where it ends: as given, else as was asked for before, else as the preset has it.
fn limits(
    arguments: &LimitArguments,
    preset: Option<Preset>,
    (kept, kept_samples): (Option<u64>, Option<u64>),
) -> Limits {
    let usual = settings::budget(preset).filter(|_| arguments.samples.is_none());
    let evaluations = arguments.budget.or(kept).or(usual);
    let samples = arguments.samples.or(kept_samples);
    Limits { evaluations, samples, time: arguments.time }
}

/// Workers are processes of this program, or found by way of a server.
fn queue(
    folder: &Path,
    arguments: &SearchArguments,
    ledger: &Ledger,
    settings: &SearchSettings,
) -> Result<Box<dyn Queue>, CliError> {
    if let Some(url) = &arguments.queue {
        return crate::queue::of_search(url, folder, arguments, ledger, settings);
    }
    let assignment = run::assignment(&ledger.rows(), settings)?;
    let command = worker_command(Some(folder.join(LOG)), arguments.lease.map(Duration::from_secs))?;
    let jobs = arguments.jobs.map_or_else(cores, usize::from);
    Ok(Box::new(Processes::new(command, assignment, jobs)))
}

/// How workers are started as processes of this program.
pub(crate) fn worker_command(
    log: Option<PathBuf>,
    lease: Option<Duration>,
) -> Result<WorkerCommand, CliError> {
    let (program, arguments) = (program()?, vec![WORKER.to_owned()]);
    Ok(WorkerCommand { program, arguments, log, lease: lease.unwrap_or(LEASE) })
}

/// This program, even if another one has taken its place on the disk.
fn program() -> Result<PathBuf, CliError> {
    let itself = Path::new("/proc/self/exe");
    if itself.exists() {
        return Ok(itself.to_owned());
    }
    std::env::current_exe().map_err(|source| CliError::Read { path: "this program".into(), source })
}

/// All that is known of the run in a folder, with or without children and their curves.
fn read(folder: &Path, children: bool) -> Result<RunRecord, CliError> {
    let reader = LedgerReader::open(folder).map_err(run::RunError::from)?;
    Ok(run::record(&reader.rows(), children)?)
}

/// Fails if a file to be written is one of those that a run needs.
fn check_no_ledger(folder: &Path, output: &Path) -> Result<(), CliError> {
    let is_part = ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "lock"]
        .iter()
        .any(|name| is_same_place(output, &folder.join(name)));
    if is_part {
        let message = format!("`{}` is part of the run: name another file", output.display());
        return Err(CliError::Usage(message));
    }
    Ok(())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// What the processor calls itself.
pub(crate) fn processor() -> String {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
