//! `nosc queue`: what a server holds of searches.

use nosc_controller::search::queue::nats::{self, QueueStatus};

use super::address::find;
use crate::arguments::{QueueArguments, QueueCommand};
use crate::error::CliError;
use crate::output::{counted, message, print, print_json};
use crate::source::warn;

pub(crate) fn queue(arguments: &QueueArguments) -> Result<(), CliError> {
    match &arguments.command {
        QueueCommand::Status(arguments) => {
            let status = nats::status(&find(&arguments.address)?)?;
            if let Some(fault) = nats::fault_of(&status.version) {
                warn(&fault);
            }
            if arguments.json {
                print_json(&serde_json::json!(status))
            } else {
                print(&text(&status))
            }
        }
        QueueCommand::Purge(arguments) => {
            let purged = nats::purge(&find(&arguments.address)?, &arguments.run)?;
            let tasks = counted(&purged.tasks.to_string(), "task", "tasks");
            let results = counted(&purged.results.to_string(), "result", "results");
            message(&format!("{}: {tasks} and {results} thrown away", arguments.run));
            Ok(())
        }
    }
}

fn text(status: &QueueStatus) -> String {
    let QueueStatus {
        server,
        version,
        queue,
        lease,
        in_training,
        waiting_workers,
        bytes,
        runs,
        ..
    } = status;
    let mut text = format!(
        "queue {queue} on {server} (nats-server {version})\n\
         {in_training} in training, {}, a lease of {lease} s, {:.1} MB\n",
        counted(&waiting_workers.to_string(), "job of a worker waits", "jobs of workers wait"),
        *bytes as f64 / 1e6,
    );
    if runs.is_empty() {
        return text + "nothing of any run\n";
    }
    let width = runs.iter().map(|run| run.run.len()).max().unwrap_or(0).max(3);
    text += &format!(
        "{:<width$}  {:>8}  {:>8}  {:>8}  {:>8}\n",
        "run", "tasks", "begun", "failed", "results"
    );
    for run in runs {
        let (tasks, began, failed, results) = (run.tasks, run.began, run.failed, run.results);
        text +=
            &format!("{:<width$}  {tasks:>8}  {began:>8}  {failed:>8}  {results:>8}\n", run.run);
    }
    text
}
