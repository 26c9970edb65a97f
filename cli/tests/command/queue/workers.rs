//! Workers that die, stand still, are slow, and stop.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nosc_controller::search::record::TrialState;

use super::scene::{
    Counts, OTHER, Running, SEARCH, Scene, attempts, content, local, until, wanted,
};

/// The worker that said something.
fn place(workers: &[Running], process: Option<u32>) -> Option<usize> {
    workers.iter().position(|worker| Some(worker.id()) == process)
}

#[test]
fn a_worker_that_is_killed_in_a_task_loses_nothing() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let mut workers = vec![scene.worker(&[]), scene.worker(&[])];
    for _ in 0..3 {
        let said = heard.next_new();
        workers.remove(place(&workers, said.process).unwrap()).kill();
        workers.push(scene.worker(&[]));
    }
    scene.check(search, "r", wanted());
    let lost = attempts(&scene.path("r")).into_values().flatten().flatten();
    let lost: Vec<String> = lost.filter(|result| result != "done").collect();
    // One that is killed as it ends may have published its result.
    assert!((1..=3).contains(&lost.len()), "{lost:?}");
    assert!(lost.iter().all(|reason| reason.contains("not heard of")), "{lost:?}");
}

#[test]
fn a_worker_that_stands_still_for_longer_than_its_lease_counts_once() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let workers = [scene.worker(&[]), scene.worker(&[])];
    // A task that ends while its worker is being stopped shows nothing: another one then.
    let lost = loop {
        let began = heard.next_new();
        let worker = &workers[place(&workers, began.process).unwrap()];
        worker.signal("-STOP");
        let end = loop {
            let said = heard.next();
            if said.key == began.key && said.kind != "began" {
                break said;
            }
        };
        worker.signal("-CONT");
        if end.kind == "failed" {
            break began.key;
        }
    };
    scene.check(search, "r", wanted());
    // Its attempt was lost; whichever result came first is that of the trial, even if it is of that attempt.
    let all = attempts(&scene.path("r"));
    let is_lost = |result: &String| result.contains("not heard of");
    assert!(all.values().flatten().flatten().any(is_lost), "{lost}: {all:?}");
    // Both have done what they had, and both go on.
    let done: u64 = workers.into_iter().map(|worker| worker.stop().done).sum();
    assert!(done >= 10, "{done}");
}

#[test]
fn a_rule_that_kills_its_workers_is_given_up_and_the_others_are_not() {
    let arguments = [OTHER, &["--steps", "300000", "--budget", "3"]].concat();
    let Some(mut scene) = Scene::new() else { return };
    let wanted = local(&scene.session, &arguments);
    let search = scene.search("r", &arguments);
    let mut heard = scene.listen();
    let mut worker = scene.worker(&[]);
    // One that others were done before.
    heard.next_of("result");
    let poison = heard.next_new().key;
    for attempt in 0..3 {
        if attempt > 0 {
            until("another attempt", || {
                let began = heard.next_of("began");
                (began.key, began.attempt) == (poison.clone(), Some(attempt))
            });
        }
        worker.kill();
        worker = scene.worker(&[]);
    }
    search.end().ok();
    let found = content(&scene.path("r"));
    let pairs = || found.trials.iter().zip(&wanted.trials);
    assert_eq!(found.trials.len(), wanted.trials.len());
    let others: Vec<_> = pairs().filter(|(found, wanted)| found != wanted).collect();
    let all = attempts(&scene.path("r"));
    let [(failed, would)] = &others[..] else { panic!("{others:?} {poison} {all:?}") };
    assert_eq!(failed.state, TrialState::Failed);
    let reason = failed.reason.as_deref().unwrap();
    assert!(reason.contains("not heard of"), "{reason}");
    assert_eq!((&failed.rule, would.state), (&would.rule, TrialState::Done));
    let attempts = attempts(&scene.path("r"));
    assert_eq!(attempts[&failed.number].len(), 3);
    assert!(attempts.iter().all(|(number, all)| *number == failed.number || all.len() == 1));
}

/// A search of one rule.
fn one(steps: &str) -> Vec<&str> {
    [OTHER, &["--budget", "1", "--steps", steps]].concat()
}

/// Something that keeps the processor busy.
struct Hog(Child);

impl Drop for Hog {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_worker_on_a_busy_machine_keeps_its_task_for_longer_than_a_lease() {
    let Some(mut scene) = Scene::new() else { return };
    let cores = std::thread::available_parallelism().unwrap().get();
    let hog = |_| {
        let program = ["-c", "while :; do :; done"];
        Hog(Command::new("sh").args(program).stdin(Stdio::null()).spawn().unwrap())
    };
    let _hogs: Vec<Hog> = (0..2 * cores).map(hog).collect();
    let worker = scene.worker(&[]);
    let (mut steps, mut done) = (200_000_u64, 0);
    loop {
        let (run, begun) = (format!("r{steps}"), Instant::now());
        scene.search(&run, &one(&steps.to_string())).end().ok();
        let all = attempts(&scene.path(&run));
        assert_eq!(all.into_values().collect::<Vec<_>>(), [[Some("done".to_owned())]]);
        done += 1;
        // Three leases of a second, and what is around.
        if begun.elapsed() >= Duration::from_secs(5) {
            break;
        }
        steps *= 2;
    }
    assert_eq!(worker.stop(), Counts { done, ..Counts::default() });
}

#[test]
fn a_lease_that_is_made_shorter_holds_for_workers_that_are_there() {
    let Some(mut scene) = Scene::new() else { return };
    let queue = ["--run", "first", "--queue", &scene.server.url(), "--lease", "60"];
    let search = scene.start(&[&one("100")[..], &queue].concat());
    let worker = scene.worker(&[]);
    search.end().ok();
    // Some seconds of training.
    scene.search("r", &one("600000")).end().ok();
    let all = attempts(&scene.path("r"));
    assert_eq!(all.into_values().collect::<Vec<_>>(), [[Some("done".to_owned())]]);
    assert_eq!(worker.stop().done, 2);
}

#[test]
fn a_worker_that_is_told_to_stop_gives_its_task_back_and_no_attempt_is_counted() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let mut given_back = 0;
    for _ in 0..3 {
        let worker = scene.worker(&["--grace", "0"]);
        until("a task of it", || heard.next_of("began").process == Some(worker.id()));
        given_back += worker.stop().given_back;
    }
    assert!(given_back >= 1, "none was stopped in a task");
    let worker = scene.worker(&[]);
    scene.check(search, "r", wanted());
    let all = attempts(&scene.path("r"));
    assert!(all.values().all(|results| results.len() == 1), "{all:?}");
    worker.stop();
}

#[test]
fn a_worker_finishes_what_it_has_and_one_without_work_ends_by_itself() {
    let Some(mut scene) = Scene::new() else { return };
    let mut idle = scene.worker(&["--idle", "1"]);
    until("that it ends without a search", || idle.has_ended());
    idle.end().ok();
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let first = scene.worker(&["--grace", "120"]);
    heard.next_of("began");
    // It finishes what it has, which is all that it has done.
    let counts = first.stop();
    assert_eq!((counts.done >= 1, counts.given_back), (true, 0), "{counts:?}");
    let second = scene.worker(&["--idle", "2"]);
    scene.check(search, "r", wanted());
    let all = attempts(&scene.path("r"));
    assert!(all.values().all(|results| results.len() == 1), "{all:?}");
    second.end().ok();
}
