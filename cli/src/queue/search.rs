//! A search whose workers are found by way of a server.

use std::path::Path;
use std::time::Duration;

use nosc_controller::search::ledger::Ledger;
use nosc_controller::search::queue::Queue;
use nosc_controller::search::queue::nats::{NatsQueue, check_server, fault_of, run_name};
use nosc_controller::search::run::{self, RunError, about};
use nosc_controller::search::settings::SearchSettings;

use super::address::parse;
use crate::arguments::{CredentialArguments, SearchArguments};
use crate::error::CliError;
use crate::output::message;
use crate::source::warn;

/// Looks whether there is such a server.
pub(crate) fn check(url: &str, credentials: &CredentialArguments) -> Result<(), CliError> {
    Ok(check_server(&parse(url, credentials)?)?)
}

/// The queue for a run.
pub(crate) fn of_search(
    url: &str,
    folder: &Path,
    arguments: &SearchArguments,
    ledger: &Ledger,
    settings: &SearchSettings,
) -> Result<Box<dyn Queue>, CliError> {
    let address = parse(url, &arguments.credentials)?;
    let rows = ledger.rows();
    let known = |name| rows.about(name).map_err(RunError::from);
    let run = if let Some(run) = known(about::QUEUE_RUN)? {
        run
    } else {
        let settings = known(about::SETTINGS)?.unwrap_or_default();
        let run = run_name(folder, &settings, &known(about::DATA)?.unwrap_or_default());
        // The folder may be moved.
        ledger.set_about(about::QUEUE_RUN, &run).map_err(RunError::from)?;
        run
    };
    let assignment = run::assignment_elsewhere(&rows, settings)?;
    let lease = arguments.lease.map(Duration::from_secs);
    let queue = NatsQueue::open(&address, &run, assignment, lease)?;
    if !arguments.quiet {
        if let Some(fault) = fault_of(queue.version()) {
            warn(&fault);
        }
        message(&format!("its trials are on {address} under the name {run}"));
    }
    Ok(Box::new(queue))
}
