//! The other end of a [`Processes`](super::Processes) queue: a process that carries trials out, one at a time.

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::contract::{ChildMessage, Work};
use super::evaluate::{TaskEvaluator, caught};
use super::message::{self, Answer, Assignment, Order, VERSION};
use crate::task::open_with;

/// Time between two signs of life, which training cannot hold up: they have a thread of their own.
const BEAT: Duration = Duration::from_secs(1);

/// Carries out the trials that come in, until there are none to come.
///
/// `end` is called when the other side is gone, from another thread than the one that trains: a worker
/// whose search is no more should not train on, so it is to end the process.
pub fn serve(input: impl BufRead + Send, output: impl Write + Send, end: impl Fn() + Send + Sync) {
    let output = Mutex::new(output);
    let end = &end;
    let say = |answer: &Answer| {
        let Ok(mut line) = serde_json::to_string(answer) else { return };
        line.push('\n');
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err() {
            end();
        }
    };
    let say = &say;
    let (orders, received) = channel();
    let (alive, is_over) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in message::lines(input) {
                let Ok(order) = serde_json::from_str(&line) else { break };
                if orders.send(order).is_err() {
                    return;
                }
            }
            end();
        });
        scope.spawn(move || {
            while is_over.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                say(&Answer::Beat);
            }
        });
        work(&received, say);
        drop(alive);
    });
}

fn work(orders: &Receiver<Order>, say: &dyn Fn(&Answer)) {
    let mut evaluator = None;
    for order in orders {
        match (order, &evaluator) {
            (Order::Begin(assignment), None) => match opened(*assignment) {
                Ok(opened) => {
                    evaluator = Some(opened);
                    say(&Answer::Ready);
                }
                Err(reason) => return say(&Answer::Unable { reason }),
            },
            (Order::Work(work), Some(evaluator)) => say(&tried(evaluator, &work)),
            _ => {
                let reason = "the first order is to be what is trained".to_owned();
                return say(&Answer::Unable { reason });
            }
        }
    }
}

fn opened(assignment: Assignment) -> Result<TaskEvaluator, String> {
    let Assignment { version, task, options, protocol, seeds, data } = assignment;
    if version != VERSION {
        return Err(format!("messages have version {version}; this worker reads {VERSION}"));
    }
    let task = open_with(&task, &options).map_err(|error| error.to_string())?;
    let found = task.description().data_digest.unwrap_or_default();
    if found != data {
        return Err(format!(
            "the data of the task have changed: their digest was {data} and is {found}"
        ));
    }
    Ok(TaskEvaluator { task, protocol, seeds })
}

fn tried(evaluator: &TaskEvaluator, work: &Work) -> Answer {
    let start = Instant::now();
    let trial = work.trial;
    match caught(evaluator, work) {
        Ok(children) => {
            let seconds = start.elapsed().as_secs_f64();
            let children = children.iter().map(ChildMessage::from).collect();
            Answer::Done { trial, children, seconds }
        }
        Err(reason) => Answer::Failed { trial, reason },
    }
}
