//! Workers that work, die, fall silent and lie.

use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::message::{Answer, Order};
use super::{
    Assignment, ChildMessage, Notice, Processes, Queue, QueueError, VERSION, Work, WorkerCommand,
    serve,
};
use crate::protocol::Protocol;
use crate::task::{TaskOptions, open};

fn assignment() -> Assignment {
    let task = open("quadratic").unwrap();
    let protocol = Protocol { steps: 5, seeds: Vec::new(), ..Protocol::of(task.as_ref(), 0) };
    let options = TaskOptions::default();
    Assignment {
        version: VERSION,
        task: "quadratic".to_owned(),
        options,
        protocol,
        seeds: 1,
        data: String::new(),
    }
}

fn work(trial: u64, rule: &str) -> Work {
    Work { trial, rule: rule.to_owned(), seed: 1, attempt: 0 }
}

/// What a worker answers to these orders, signs of life left out.
fn served(orders: &[Order]) -> Vec<Answer> {
    let lines: Vec<String> =
        orders.iter().map(|order| serde_json::to_string(order).unwrap()).collect();
    let mut output = Vec::new();
    let ended = AtomicBool::new(false);
    serve(Cursor::new(lines.join("\n")), &mut output, || ended.store(true, Ordering::Relaxed));
    assert!(ended.into_inner());
    let answers = String::from_utf8(output).unwrap();
    let answers = answers.lines().map(|line| serde_json::from_str(line).unwrap());
    answers.filter(|answer| *answer != Answer::Beat).collect()
}

#[test]
fn a_worker_trains_one_trial_after_another() {
    let orders = [
        Order::Begin(Box::new(assignment())),
        Order::Work(work(3, "g")),
        Order::Work(work(4, "g +")),
        Order::Work(work(5, "g")),
    ];
    let answers = served(&orders);
    let [
        Answer::Ready,
        Answer::Done { trial: 3, children, .. },
        failed,
        Answer::Done { trial: 5, children: again, .. },
    ] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    // The cost is of here and now.
    let outcomes = |children: &[ChildMessage]| -> Vec<String> {
        children.iter().map(|child| serde_json::to_string(&child.outcome).unwrap()).collect()
    };
    assert_eq!(outcomes(children).len(), assignment().protocol.learning_rates.len());
    assert_eq!(outcomes(children), outcomes(again));
    assert!(matches!(failed, Answer::Failed { trial: 4, reason } if !reason.is_empty()));
}

#[test]
fn a_worker_refuses_what_it_does_not_understand() {
    let other = Assignment { version: VERSION + 1, ..assignment() };
    let unknown = Assignment { task: "quadrature".to_owned(), ..assignment() };
    let changed = Assignment { data: "abc".to_owned(), ..assignment() };
    let begin = |assignment: Assignment| Order::Begin(Box::new(assignment));
    for order in [begin(other), begin(unknown), begin(changed), Order::Work(work(0, "g"))] {
        assert!(matches!(&served(&[order])[..], [Answer::Unable { reason }] if !reason.is_empty()));
    }
    assert!(served(&[]).is_empty());
}

/// A queue whose workers are a shell script.
fn scripted(folder: &Path, script: &str, jobs: usize, lease: Duration) -> Processes {
    let command = WorkerCommand {
        program: "sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        log: Some(folder.join("workers.log")),
        lease,
    };
    let mut queue = Processes::new(command, assignment(), jobs);
    queue.submit(work(0, "g"));
    queue.submit(work(1, "g"));
    queue
}

fn next(queue: &mut Processes) -> Notice {
    queue.wait(Duration::from_mins(1)).unwrap().unwrap()
}

const LONG: Duration = Duration::from_mins(1);
/// A worker's first answer.
const READY: &str = "echo '\"ready\"'; read begin; ";

#[test]
fn a_worker_that_dies_loses_its_trial_and_the_next_one_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{READY} read work; echo oh >&2; kill -9 $$");
    let mut queue = scripted(folder.path(), &script, 1, LONG);
    for wanted in [0, 1] {
        assert!(matches!(next(&mut queue), Notice::Began { trial, .. } if trial == wanted));
        let Notice::Failed { trial, reason } = next(&mut queue) else { panic!("it failed") };
        assert_eq!(trial, wanted);
        assert!(reason.contains("signal: 9"), "{reason}");
    }
    assert_eq!(queue.wait(Duration::ZERO).unwrap(), None);
    let log = std::fs::read_to_string(folder.path().join("workers.log")).unwrap();
    assert_eq!(log, "oh\noh\n");
}

#[test]
fn a_worker_that_is_silent_is_killed_and_one_that_beats_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let lease = Duration::from_millis(600);
    let script = format!("{READY} read work; sleep 60");
    let mut queue = scripted(folder.path(), &script, 1, lease);
    next(&mut queue);
    let Notice::Failed { trial: 0, reason } = next(&mut queue) else { panic!("it failed") };
    assert!(reason.contains("silent"), "{reason}");
    // It stops itself: nothing but a kill ends it.
    let script = format!("{READY} read work; kill -STOP $$");
    let mut queue = scripted(folder.path(), &script, 1, lease);
    next(&mut queue);
    assert!(matches!(next(&mut queue), Notice::Failed { trial: 0, .. }));
    let done = "'{\"done\":{\"trial\":0,\"children\":[],\"seconds\":1.5}}'";
    let beats = "for i in 1 2 3 4 5 6 7 8; do sleep 0.2; echo '\"beat\"'; done";
    let script = format!("{READY} read work; {beats}; echo {done}; read more");
    let mut queue = scripted(folder.path(), &script, 1, lease);
    next(&mut queue);
    let wanted = Notice::Done { trial: 0, children: Vec::new(), seconds: 1.5 };
    assert_eq!(next(&mut queue), wanted);
}

#[test]
fn time_in_which_the_search_itself_stood_still_is_no_silence() {
    let folder = tempfile::tempdir().unwrap();
    let done = "'{\"done\":{\"trial\":0,\"children\":[],\"seconds\":1}}'";
    let script = format!("{READY} read work; sleep 1.6; echo {done}; read more");
    let mut queue = scripted(folder.path(), &script, 1, Duration::from_millis(1_200));
    next(&mut queue);
    std::thread::sleep(Duration::from_millis(1_400));
    assert!(matches!(next(&mut queue), Notice::Done { trial: 0, .. }));
}

#[test]
fn a_worker_that_says_something_else_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let other = "'{\"done\":{\"trial\":7,\"children\":[],\"seconds\":1}}'";
    for answer in ["hello", other] {
        let script = format!("{READY} read work; echo {answer}; sleep 60");
        let mut queue = scripted(folder.path(), &script, 1, LONG);
        next(&mut queue);
        assert!(matches!(next(&mut queue), Notice::Failed { trial: 0, .. }));
    }
}

#[test]
fn workers_that_never_begin_end_the_search() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = scripted(folder.path(), "exit 5", 2, LONG);
    let error = queue.wait(LONG).unwrap_err();
    assert!(matches!(&error, QueueError::Dying { reason, .. } if reason.contains('5')), "{error}");
    let unable = "echo '{\"unable\":{\"reason\":\"no data\"}}'; sleep 60";
    let mut queue = scripted(folder.path(), unable, 2, LONG);
    let error = queue.wait(LONG).unwrap_err();
    assert_eq!(error.to_string(), "a worker cannot begin: no data");
    let mut command = scripted(folder.path(), "", 1, LONG).command;
    command.program = "/nowhere/nosc".into();
    let mut queue = Processes::new(command, assignment(), 1);
    queue.submit(work(0, "g"));
    assert!(matches!(queue.wait(LONG), Err(QueueError::Start { .. })));
}

#[test]
fn no_more_workers_than_asked_for_and_each_trial_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "{READY} echo $$ >&2; while read work; do \
         n=$(echo \"$work\" | sed 's/.*\"trial\":\\([0-9]*\\).*/\\1/'); \
         echo \"{{\\\"done\\\":{{\\\"trial\\\":$n,\\\"children\\\":[],\\\"seconds\\\":1}}}}\"; done"
    );
    let mut queue = scripted(folder.path(), &script, 3, LONG);
    for trial in 2..40 {
        queue.submit(work(trial, "g"));
    }
    let (mut began, mut done) = (Vec::new(), Vec::new());
    while done.len() < 40 {
        match next(&mut queue) {
            Notice::Began { trial, .. } => began.push(trial),
            Notice::Done { trial, .. } => done.push(trial),
            other => panic!("{other:?}"),
        }
    }
    done.sort_unstable();
    assert_eq!(began, (0..40).collect::<Vec<u64>>());
    assert_eq!(done, began);
    let log = std::fs::read_to_string(folder.path().join("workers.log")).unwrap();
    assert!((1..=3).contains(&log.lines().count()), "{log}");
    queue.submit(work(40, "g"));
    queue.withdraw();
    assert_eq!(queue.wait(Duration::ZERO).unwrap(), None);
}
