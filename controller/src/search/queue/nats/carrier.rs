//! Who carries out a task that a worker has.

use std::fmt::Debug;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::message::Task;
use crate::search::queue::contract::{Children, Notice, Queue, QueueError};
use crate::search::queue::message::Assignment;
use crate::search::queue::processes::{Processes, WorkerCommand};
use crate::task::TaskOptions;

/// How soon a process is stopped that nobody waits for any more.
const PATIENCE: Duration = Duration::from_millis(100);

/// What came of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Carried {
    /// Its children, and the wall time they took, seconds.
    Done(Children, f64),
    /// It came to no end.
    Failed(String),
    /// It cannot be carried out here, and why; elsewhere it may.
    Unable(String),
}

/// Carries out tasks, one at a time.
pub trait Carrier: Debug + Send {
    /// Carries out a task. Who drops the future wants it stopped.
    fn carry<'a>(
        &'a mut self,
        task: &'a Task,
    ) -> Pin<Box<dyn Future<Output = Carried> + Send + 'a>>;
}

/// Carries tasks out in a process of its own, so that whatever a rule does ends no more than that.
#[derive(Debug)]
pub struct InSubprocess {
    command: WorkerCommand,
    /// Where data may be, that tasks name by their digests.
    data: Vec<PathBuf>,
    /// The process, with what it trains, and which of `data` that has.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    assignment: Assignment,
    processes: Processes,
}

/// Says that it is not waited for any more when it is dropped.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl InSubprocess {
    /// Carries tasks out with this command; `data` are folders or archives that tasks may need.
    pub fn new(command: WorkerCommand, data: Vec<PathBuf>) -> Self {
        Self { command, data, running: None }
    }

    /// The assignments that may be the one of a task, with the data that are here.
    fn candidates(&self, assignment: &Assignment) -> Vec<Assignment> {
        let with = |data: Option<&PathBuf>| {
            let options = TaskOptions { data: data.cloned(), ..assignment.options.clone() };
            Assignment { options, ..assignment.clone() }
        };
        if assignment.needs_data() {
            self.data.iter().map(|data| with(Some(data))).collect()
        } else {
            vec![with(None)]
        }
    }

    async fn carry(&mut self, task: &Task) -> Carried {
        let mut candidates = self.candidates(&task.assignment);
        if let Some(Running { assignment, .. }) = &self.running
            && candidates.contains(assignment)
        {
            candidates = vec![assignment.clone()];
        }
        let mut unable =
            "it needs data of its own, and this worker has none; see `--data`".to_owned();
        for assignment in candidates {
            match self.with(assignment, task).await {
                Carried::Unable(reason) => unable = reason,
                carried => return carried,
            }
        }
        Carried::Unable(unable)
    }

    /// Carries it out as this assignment.
    async fn with(&mut self, assignment: Assignment, task: &Task) -> Carried {
        let running = self.running.take().filter(|running| running.assignment == assignment);
        let mut running = running.unwrap_or_else(|| {
            let processes = Processes::new(self.command.clone(), assignment.clone(), 1);
            Running { assignment, processes }
        });
        let abandoned = Arc::new(AtomicBool::new(false));
        let guard = Abandon(Arc::clone(&abandoned));
        let work = task.work.clone();
        let carried = spawn_blocking(move || {
            running.processes.submit(work);
            let carried = until_end(&mut running.processes, &abandoned);
            (carried, running)
        });
        let carried = carried.await;
        drop(guard);
        match carried {
            Ok((Some(Ok(carried)), running)) => {
                self.running = Some(running);
                carried
            }
            // Its process cannot be started, or says that it cannot do this; one that dies tells nothing.
            Ok((Some(Err(error @ QueueError::Dying { .. })), _)) => {
                Carried::Failed(error.to_string())
            }
            Ok((Some(Err(error)), _)) => Carried::Unable(error.to_string()),
            Ok((None, _)) | Err(_) => Carried::Unable("it was stopped".to_owned()),
        }
    }
}

/// Waits for the end of the one task that a queue has; none if nobody wants it any more.
fn until_end(
    processes: &mut Processes,
    abandoned: &AtomicBool,
) -> Option<Result<Carried, QueueError>> {
    while !abandoned.load(Ordering::Relaxed) {
        match processes.wait(PATIENCE) {
            Ok(Some(Notice::Done { children, seconds, .. })) => {
                return Some(Ok(Carried::Done(children, seconds)));
            }
            Ok(Some(Notice::Failed { reason, .. })) => return Some(Ok(Carried::Failed(reason))),
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
    }
    None
}

impl Carrier for InSubprocess {
    fn carry<'a>(
        &'a mut self,
        task: &'a Task,
    ) -> Pin<Box<dyn Future<Output = Carried> + Send + 'a>> {
        Box::pin(self.carry(task))
    }
}
