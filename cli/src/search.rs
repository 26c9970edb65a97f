//! `nosc search`: a search for rules, begun or taken up.

mod best;
mod evaluate;
mod export;
mod report;

mod settings;
mod summary;
mod watch;
mod worker;

use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nosc_controller::search::engine::{Ending, Limits, Search};
use nosc_controller::search::ledger::{Ledger, LedgerReader};
use nosc_controller::search::output::RunRecord;
use nosc_controller::search::queue::{Processes, WorkerCommand};
use nosc_controller::search::run::{self, Here};
use nosc_controller::search::settings::SearchSettings;
use nosc_controller::task::open_with;

use crate::arguments::{Colour, LimitArguments, Preset, SearchArguments};
use crate::error::CliError;
use crate::interrupt;
use crate::output::{message, print, print_json};
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

pub(crate) fn search(arguments: &SearchArguments, colour: Colour) -> Result<(), CliError> {
    let (folder, ledger, settings, preset) = if let Some(folder) = &arguments.resume {
        let (ledger, settings) = resumed(folder, arguments)?;
        (folder, ledger, settings, None)
    } else {
        let folder = arguments
            .run
            .as_ref()
            .ok_or_else(|| CliError::Usage("name the folder of the run: `--run DIR`".to_owned()))?;
        let (ledger, settings) = begun(folder, arguments, colour)?;
        (folder, ledger, settings, arguments.preset)
    };
    let limits = limits(&arguments.limits, preset, &ledger)?;
    interrupt::listen();
    let mut search = run::take_up(ledger, &settings, queue(folder, arguments, &settings)?, now)?;
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
) -> Result<(Ledger, SearchSettings), CliError> {
    check_resume(arguments)?;
    let ledger = Ledger::open(folder).map_err(run::RunError::from)?;
    let settings = run::settings(&ledger.rows())?;
    let task = open_with(&settings.task, &settings.options)?;
    run::check_data(&ledger.rows(), &task.description())?;
    Ok((ledger, settings))
}

/// A new run. What is wrong with the arguments is found before the folder is made.
fn begun(
    folder: &Path,
    arguments: &SearchArguments,
    colour: Colour,
) -> Result<(Ledger, SearchSettings), CliError> {
    let settings = settings::settings(arguments, colour)?;
    let task = open_with(&settings.task, &settings.options)?;
    let settings = settings::with_protocol(settings, arguments, task.as_ref())?;
    let processor = processor();
    let here = Here { processor: &processor, version: env!("CARGO_PKG_VERSION"), now };
    let ledger = run::begin(folder, &settings, &task.description(), here)?;
    Ok((ledger, settings))
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
    match ending {
        Ending::Stopped => Err(CliError::Paused { folder: folder.to_owned() }),
        _ if search.status().failed > 0 && arguments.retry_failed => {
            let failed = search.status().failed;
            Err(CliError::Problems(format!(
                "{failed} trials failed again; `nosc export {} --columns trial,state,reason` says why",
                folder.display()
            )))
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
        let message = "`--resume` goes on with the settings of the run; with it give `--budget`, `--samples`, `--time`, `--jobs`, `--lease` or `--retry-failed` only";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(())
}

/// Where it ends: as given, else as the run was begun with, else as the preset has it. What is given for rules and
/// samples is kept.
fn limits(
    arguments: &LimitArguments,
    preset: Option<Preset>,
    ledger: &Ledger,
) -> Result<Limits, CliError> {
    let LimitArguments { budget, samples, time } = *arguments;
    if budget.is_some() || samples.is_some() {
        run::set_limits(ledger, budget, samples)?;
        return Ok(Limits { evaluations: budget, samples, time });
    }
    let (evaluations, samples) = match settings::budget(preset).filter(|_| time.is_none()) {
        Some(budget) => {
            run::set_limits(ledger, Some(budget), None)?;
            (Some(budget), None)
        }
        None => run::limits(&ledger.rows())?,
    };
    Ok(Limits { evaluations, samples, time })
}

/// Workers are processes of this program.
fn queue(
    folder: &Path,
    arguments: &SearchArguments,
    settings: &SearchSettings,
) -> Result<Box<Processes>, CliError> {
    let program = std::env::current_exe()
        .map_err(|source| CliError::Read { path: "this program".into(), source })?;
    let command = WorkerCommand {
        program,
        arguments: vec![WORKER.to_owned()],
        log: folder.join(LOG),
        lease: Duration::from_secs(arguments.lease),
    };
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = arguments.jobs.map_or_else(cores, usize::from);
    Ok(Box::new(Processes::new(command, run::assignment(settings), jobs)))
}

/// All that is known of the run in a folder.
fn read(folder: &Path) -> Result<RunRecord, CliError> {
    let reader = LedgerReader::open(folder).map_err(run::RunError::from)?;
    Ok(run::record(&reader.rows())?)
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// What the processor calls itself.
fn processor() -> String {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
