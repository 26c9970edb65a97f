//! `nosc bench queue`: what a server and both sides of a queue do in a second.

use std::time::Duration;

use nosc_controller::search::queue::QueueError;
use nosc_controller::search::queue::nats::{Rehearsal, Rehearsed, allow_files, fault_of, rehearse};

use super::address::parse;
use super::server::{Server, Usage};
use crate::arguments::QueueBenchArguments;
use crate::error::CliError;
use crate::interrupt;
use crate::output::{print, print_json};
use crate::source::warn;

/// Files that are open besides the connections of workers.
const OTHER_FILES: u64 = 256;

pub(crate) fn bench(arguments: &QueueBenchArguments) -> Result<(), CliError> {
    let connections = u64::from(arguments.workers) + u64::from(arguments.churn);
    let wanted = connections + OTHER_FILES;
    // A server that is started here has the same limit.
    if let Some(limit) = allow_files(wanted).filter(|limit| *limit < wanted) {
        warn(&format!(
            "this process may open {limit} files, and {connections} workers need {wanted}; raise it by `ulimit -n {wanted}`"
        ));
    }
    let rehearsal = Rehearsal {
        workers: arguments.workers,
        tasks: arguments.tasks,
        time: arguments.time(),
        ahead: arguments.ahead,
        churn: arguments.churn,
        lease: Duration::from_secs(arguments.lease),
    };
    interrupt::listen_twice("stopping; what is done so far is shown");
    let own = arguments.server.is_none().then(Server::start).transpose()?;
    let url = match (&arguments.server, &own) {
        (Some(url), _) => url,
        (None, Some(server)) => &server.url,
        (None, None) => return Err(CliError::NoServer("there is none".to_owned())),
    };
    let address = parse(url, &arguments.credentials)?;
    let rehearsed = rehearse(&address, &rehearsal, interrupt::is_asked).map_err(failed)?;
    let (of_server, here) = (own.as_ref().and_then(Server::usage), Usage::here());
    drop(own);
    if arguments.json {
        let mut json = serde_json::json!(rehearsed);
        json["server"] = serde_json::json!(of_server);
        json["process"] = serde_json::json!(here);
        print_json(&json)?;
    } else {
        if let Some(fault) = fault_of(&rehearsed.server_version) {
            warn(&fault);
        }
        print(&text(&rehearsed, of_server, here))?;
    }
    let Rehearsed { lost, double, .. } = rehearsed;
    if rehearsed.is_stopped {
        return Err(CliError::Interrupted);
    }
    if lost + double > 0 {
        return Err(CliError::Problems(format!("{lost} tasks were lost, {double} ended twice")));
    }
    Ok(())
}

fn failed(error: QueueError) -> CliError {
    match error {
        QueueError::Nats(error) => error.into(),
        other => CliError::Problems(other.to_string()),
    }
}

fn text(rehearsed: &Rehearsed, server: Option<Usage>, here: Option<Usage>) -> String {
    let Rehearsed { workers, tasks, seconds, tasks_per_second, lost, double, failed, .. } =
        rehearsed;
    let Rehearsed { attempts, lost_workers, task_bytes, connect_seconds, .. } = rehearsed;
    let mut text = format!(
        "nats-server {}: {workers} workers, connected in {connect_seconds:.1} s\n\
         {tasks} tasks in {seconds:.2} s: {tasks_per_second:.0} tasks/s\n",
        rehearsed.server_version,
    );
    if let Some(overhead) = rehearsed.overhead {
        let ideal = rehearsed.ideal_seconds;
        text += &format!("the tasks alone: {ideal:.2} s; {:.2} % more\n", overhead * 100.0);
    }
    text += &format!("{lost} lost, {double} ended twice, {failed} failed; {attempts} attempts\n");
    if *lost_workers > 0 {
        text += &format!("{lost_workers} workers lost and replaced\n");
    }
    if let Some([median, most]) = rehearsed.pause {
        let (median, most) = (median * 1e3, most * 1e3);
        text +=
            &format!("a worker's pause between tasks: {median:.1} ms, 99 % below {most:.1} ms\n");
    }
    text += &format!("a task has {task_bytes} bytes");
    if let Some(bytes) = rehearsed.result_bytes {
        text += &format!(", a result {bytes}");
    }
    text.push('\n');
    for (what, usage) in [("server", server), ("search and workers", here)] {
        if let Some(Usage { cpu_seconds, peak_bytes }) = usage {
            let megabytes = peak_bytes as f64 / 1e6;
            text +=
                &format!("{what}: {cpu_seconds:.1} s of processors, {megabytes:.0} MB at most\n");
        }
    }
    text
}
