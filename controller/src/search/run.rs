//! A run in a folder: its ledger with its settings, from which it is begun and taken up.

use std::collections::BTreeMap;
use std::path::Path;

use super::engine::{Limits, Parts, Search, SearchError};
use super::evaluation::last;
use super::ledger::{Ledger, LedgerError, Rows};
use super::output::{RunRecord, TaskFacts};
use super::queue::{Assignment, Queue, VERSION};
use super::settings::{SearchSettings, SettingsError};
use crate::child::net::Path as Kernels;
use crate::task::{Description, IMAGES, TaskOptions};

/// What a run says about itself: names in [`Rows::about`].
pub mod about {
    /// The settings, JSON.
    pub const SETTINGS: &str = "settings";
    /// The version of nosc that began it.
    pub const VERSION: &str = "version";
    /// The processor it was begun on.
    pub const PROCESSOR: &str = "processor";
    /// Name of the kernels that computed children there, where there is a choice.
    pub const PATH: &str = "path";
    /// What the run is called on a server that holds its trials.
    pub const QUEUE_RUN: &str = "queue_run";
    /// The digest of the task's data, hexadecimal.
    pub const DATA: &str = "data";
    /// Title of plots of the task.
    pub const TITLE: &str = "title";
    /// What is trained on what.
    pub const SUMMARY: &str = "summary";
    /// What the loss is.
    pub const LOSS: &str = "loss";
    /// Number of parameters of a child.
    pub const PARAMETERS: &str = "parameters";
    /// Rules to train and strings to sample, JSON: a list of two, `null` for no limit.
    pub const LIMITS: &str = "limits";
    /// When it was begun, seconds since 1970.
    pub const BEGUN: &str = "begun";
}

/// Why a run cannot be begun or taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The search cannot be taken up.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The settings in the ledger cannot be read.
    #[error(
        "the settings of the run cannot be read: {reason}; go on with the version of nosc that began it"
    )]
    Unread {
        /// What is wrong.
        reason: String,
    },
    /// The data are not those that the run was begun with.
    #[error(
        "the data of the task have changed since the run was begun: their digest was {was} and is {is}"
    )]
    Data {
        /// The digest that the ledger has.
        was: String,
        /// The digest now.
        is: String,
    },
}

/// Facts about here and now that a run notes.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// The processor.
    pub processor: &'a str,
    /// The version of nosc.
    pub version: &'a str,
    /// Seconds since 1970.
    pub now: fn() -> f64,
}

/// Begins a run in a folder, which is to end at these limits if nothing else is said when it is taken up; their time is
/// not kept. A run is there with all of that or not at all, whatever happens to the process.
///
/// # Errors
///
/// [`RunError`]; then there is no run that was not there.
pub fn begin(
    folder: &Path,
    settings: &SearchSettings,
    limits: &Limits,
    task: &Description,
    here: Here<'_>,
) -> Result<Ledger, RunError> {
    settings.check()?;
    let mut ledger = Ledger::create(folder)?;
    let json = serde_json::to_string(settings)
        .map_err(|error| RunError::Unread { reason: error.to_string() })?;
    let parameters = task.parameters.to_string();
    let begun = (here.now)().to_string();
    let facts = [
        (about::SETTINGS, json.as_str()),
        (about::VERSION, here.version),
        (about::PROCESSOR, here.processor),
        (about::PATH, task.path.map_or("", Kernels::name)),
        (about::DATA, task.data_digest.as_deref().unwrap_or_default()),
        (about::TITLE, task.title.as_str()),
        (about::SUMMARY, task.summary.as_str()),
        (about::LOSS, task.loss),
        (about::PARAMETERS, parameters.as_str()),
        (about::BEGUN, begun.as_str()),
    ];
    for (name, value) in facts {
        ledger.set_about(name, value)?;
    }
    set_limits(&ledger, limits.evaluations, limits.samples)?;
    ledger.commit()?;
    Ok(ledger)
}

/// The settings of a run.
///
/// # Errors
///
/// [`RunError::Unread`], [`RunError::Ledger`].
pub fn settings(rows: &Rows<'_>) -> Result<SearchSettings, RunError> {
    let json = rows.about(about::SETTINGS)?.unwrap_or_default();
    serde_json::from_str(&json).map_err(|error| RunError::Unread { reason: error.to_string() })
}

/// Keeps how many rules a run is to train, and how many strings to sample.
///
/// # Errors
///
/// [`RunError::Ledger`].
pub fn set_limits(
    ledger: &Ledger,
    evaluations: Option<u64>,
    samples: Option<u64>,
) -> Result<(), RunError> {
    let json = serde_json::to_string(&[evaluations, samples])
        .map_err(|error| RunError::Unread { reason: error.to_string() })?;
    Ok(ledger.set_about(about::LIMITS, &json)?)
}

/// What [`set_limits`] has kept.
///
/// # Errors
///
/// [`RunError::Ledger`], [`RunError::Unread`].
pub fn limits(rows: &Rows<'_>) -> Result<(Option<u64>, Option<u64>), RunError> {
    let Some(json) = rows.about(about::LIMITS)? else { return Ok((None, None)) };
    let [evaluations, samples] = serde_json::from_str(&json)
        .map_err(|error| RunError::Unread { reason: error.to_string() })?;
    Ok((evaluations, samples))
}

/// All rows of a run, for what is made of them; with or without children and their curves, which are most of it.
///
/// # Errors
///
/// [`RunError`].
pub fn record(rows: &Rows<'_>, children: bool) -> Result<RunRecord, RunError> {
    let settings = settings(rows)?;
    let about = |name: &str| Ok::<_, RunError>(rows.about(name)?.unwrap_or_default());
    let task = TaskFacts {
        title: about(about::TITLE)?,
        summary: about(about::SUMMARY)?,
        loss: about(about::LOSS)?,
        parameters: about(about::PARAMETERS)?.parse().unwrap_or(0),
    };
    let mut facts = settings.facts();
    for (name, value) in [
        ("nosc", about(about::VERSION)?),
        ("processor", about(about::PROCESSOR)?),
        ("data", about(about::DATA)?),
    ] {
        if !value.is_empty() {
            facts.push((name.to_owned(), value));
        }
    }
    Ok(RunRecord {
        about: facts,
        task,
        samples: rows.samples()?,
        trials: rows.trials()?,
        children: if children { rows.all_children()? } else { BTreeMap::new() },
        updates: rows.updates()?,
        evaluation: last(rows, &settings)?,
    })
}

/// Looks whether a task has the data that a run was begun with.
///
/// # Errors
///
/// [`RunError::Data`].
pub fn check_data(rows: &Rows<'_>, task: &Description) -> Result<(), RunError> {
    let was = rows.about(about::DATA)?.unwrap_or_default();
    let is = task.data_digest.clone().unwrap_or_default();
    if was == is { Ok(()) } else { Err(RunError::Data { was, is }) }
}

/// What workers of a run train.
///
/// # Errors
///
/// [`RunError::Ledger`].
pub fn assignment(rows: &Rows<'_>, settings: &SearchSettings) -> Result<Assignment, RunError> {
    let (task, options) = (settings.task.clone(), settings.options.clone());
    let (protocol, seeds) = (settings.protocol.clone(), settings.seeds);
    let data = rows.about(about::DATA)?.unwrap_or_default();
    Ok(Assignment { version: VERSION, task, options, protocol, seeds, data })
}

/// What workers of a run train on other machines: with the same kernels wherever they are, and without the place of data here.
///
/// # Errors
///
/// [`RunError::Ledger`].
pub fn assignment_elsewhere(
    rows: &Rows<'_>,
    settings: &SearchSettings,
) -> Result<Assignment, RunError> {
    let assignment = assignment(rows, settings)?;
    let begun = rows.about(about::PATH)?.and_then(|name| name.parse::<Kernels>().ok());
    let has_choice = IMAGES.contains(&settings.task.as_str());
    let path = assignment.options.path.or(begun).filter(|_| has_choice);
    let options = TaskOptions { data: None, path, ..assignment.options };
    Ok(Assignment { options, ..assignment })
}

/// The search of a run, at its start or wherever it was left.
///
/// # Errors
///
/// [`RunError`].
pub fn take_up(
    ledger: Ledger,
    settings: &SearchSettings,
    queue: Box<dyn Queue>,
    now: fn() -> f64,
) -> Result<Search, RunError> {
    let parts = Parts {
        ledger,
        space: settings.space()?,
        level: settings.level()?,
        sampler: settings.sampler()?,
        queue,
        screening: settings.screen.clone().map(|screen| Box::new(screen) as _),
        batch: settings.batch,
        ahead: settings.ahead,
        lag: settings.lag,
        seed: settings.seed,
        attempts: settings.attempts,
        baselines: settings.baselines.clone(),
        now,
    };
    Ok(Search::take_up_run(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::output::sample;
    use crate::task::open_with;

    /// A process that ended right after this would be taken up without a limit, and search until the disk is full.
    #[test]
    fn a_run_has_its_limits_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let settings = SearchSettings { same: "real".to_owned(), ..sample::settings() };
        let task = open_with(&settings.task, &settings.options).unwrap();
        let here = Here { processor: "", version: "", now: || 0.0 };
        let limits = Limits { evaluations: Some(20), samples: Some(90), time: None };
        drop(begin(&path, &settings, &limits, &task.description(), here).unwrap());
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(super::limits(&ledger.rows()).unwrap(), (Some(20), Some(90)));
    }
}
