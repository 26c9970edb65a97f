//! `nosc worker`: carries out trials that a NATS server holds.

use std::time::Duration;

use nosc_controller::search::queue::nats::{
    Carrier, InSubprocess, Stop, WorkerCounts, WorkerEvent, WorkerOptions, work,
};

use super::address::find;
use crate::arguments::WorkerArguments;
use crate::common::cores;
use crate::error::CliError;
use crate::interrupt;
use crate::output::{counted, message};
use crate::search::{processor, worker_command};

pub(crate) fn worker(arguments: &WorkerArguments) -> Result<(), CliError> {
    let address = find(&arguments.address)?;
    for path in &arguments.data {
        std::fs::metadata(path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    }
    if let Some(path) = &arguments.log {
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|source| CliError::Write { path: path.clone(), source })?;
    }
    let jobs = arguments.jobs.map_or_else(cores, usize::from);
    let carrier = || -> Result<Box<dyn Carrier>, CliError> {
        let command = worker_command(arguments.log.clone(), None)?;
        Ok(Box::new(InSubprocess::new(command, arguments.data.clone())))
    };
    let carriers = (0..jobs).map(|_| carrier()).collect::<Result<Vec<_>, _>>()?;
    interrupt::listen_twice("no more tasks are taken; once more gives back what is not done");
    let options = WorkerOptions {
        name: name(),
        idle: arguments.idle.map(Duration::from_secs),
        grace: Duration::from_secs(arguments.grace),
        most: arguments.task_time.map(Duration::from_secs),
    };
    let stop = || match interrupt::times_asked() {
        0 => Stop::No,
        1 => Stop::Finish,
        _ => Stop::Now,
    };
    let (shown, quiet) = (address.to_string(), arguments.quiet);
    let say = move |event: WorkerEvent| said(&event, &shown, quiet);
    let counts = work(&address, &options, carriers, stop, say)?;
    if !quiet {
        message(&summary(counts));
    }
    if interrupt::is_asked() { Err(CliError::Stopped) } else { Ok(()) }
}

/// What a worker is called: people look for its machine and process.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "worker" } else { host };
    let version = env!("CARGO_PKG_VERSION");
    format!("{host}/{} ({}, nosc {version})", std::process::id(), processor())
}

fn said(event: &WorkerEvent, server: &str, quiet: bool) {
    let short = |key: &str| key.chars().take(8).collect::<String>();
    let (text, is_trouble) = match event {
        WorkerEvent::Connected { lease } => {
            (format!("works for {server}, with a lease of {} s", lease.as_secs_f64()), false)
        }
        WorkerEvent::NoQueue { reason } => {
            let text = format!(
                "{server} has no queue: no search has made one, or this user may not see it ({reason}); waiting"
            );
            (text, false)
        }
        WorkerEvent::Done { run, key, seconds } => {
            (format!("{run}: task {} done in {seconds:.1} s", short(key)), false)
        }
        WorkerEvent::Failed { run, key, reason } => {
            (format!("{run}: task {} failed: {reason}", short(key)), true)
        }
        WorkerEvent::Returned { reason } => (format!("a task was given back: {reason}"), true),
        WorkerEvent::Rejected { reason } => (format!("a message was thrown away: {reason}"), true),
        WorkerEvent::Trouble { reason } => (reason.clone(), true),
        WorkerEvent::Connection { is_up: true } => (format!("connected to {server} again"), true),
        WorkerEvent::Connection { is_up: false } => (
            format!("the connection to {server} is lost; it is made again as soon as that can be"),
            true,
        ),
        _ => return,
    };
    if is_trouble || !quiet {
        message(&text);
    }
}

fn summary(counts: WorkerCounts) -> String {
    let WorkerCounts { done, failed, returned, rejected, .. } = counts;
    let done = counted(&done.to_string(), "task", "tasks");
    let mut text = format!("{done} done");
    for (count, what) in [(failed, "failed"), (returned, "given back"), (rejected, "thrown away")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}
