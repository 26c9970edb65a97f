//! Messages as they are, and as nobody should write them.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use nosc_compiler::Rule;
use serde_json::{Value, json};

use super::TaskKey;
use super::limits::short_line;
use super::message::{
    Refusal, ResultMessage, Task, TaskMessage, TaskResult, VERSION, pack, read_result, write,
};
use crate::outcome::{Cost, End, Outcome, Point, Stage, Trained};
use crate::protocol::Protocol;
use crate::search::queue::{Assignment, ChildMessage, Work};
use crate::task::{TaskOptions, open};

fn assignment() -> Assignment {
    let task = open("quadratic").unwrap();
    Assignment {
        version: crate::search::queue::VERSION,
        task: "quadratic".to_owned(),
        options: TaskOptions::default(),
        protocol: Protocol { seeds: Vec::new(), ..Protocol::of(task.as_ref(), 0) },
        seeds: 2,
        data: String::new(),
    }
}

fn work() -> Work {
    Work { trial: 7, rule: "g * 2".to_owned(), seed: 5, attempt: 1 }
}

fn key() -> TaskKey {
    TaskKey::of(&assignment(), &Rule::parse(&work().rule).unwrap(), work().seed)
}

type Change = Box<dyn Fn(&mut Value)>;

/// A task with something changed, under the key of the one without.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Task, Refusal> {
    let mut message: Value = serde_json::from_slice(&write(&TaskMessage::new(
        &assignment(),
        &work(),
        Duration::from_secs(9),
    )))
    .unwrap();
    change(&mut message);
    Task::read(&serde_json::to_vec(&message).unwrap(), "run", key())
}

fn is_hostile<T>(result: Result<T, Refusal>) -> String {
    match result {
        Err(Refusal::Hostile(reason)) => reason,
        Err(Refusal::Version(version)) => panic!("it was refused for its version, {version}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn a_key_is_all_that_decides_the_result_and_nothing_else() {
    let rule = |text: &str| Rule::parse(text).unwrap();
    let same = TaskKey::of(&assignment(), &rule("2 * g"), 5);
    assert_eq!(key(), same, "the same bits in every step");
    let other = Assignment { data: "abc".to_owned(), ..assignment() };
    let steps = Protocol { steps: 3, ..assignment().protocol };
    for different in [
        TaskKey::of(&assignment(), &rule("g * 3"), 5),
        TaskKey::of(&assignment(), &rule("g * 2"), 6),
        TaskKey::of(&other, &rule("g * 2"), 5),
        TaskKey::of(&Assignment { seeds: 1, ..assignment() }, &rule("g * 2"), 5),
        TaskKey::of(&Assignment { protocol: steps, ..assignment() }, &rule("g * 2"), 5),
    ] {
        assert_ne!(key(), different);
    }
    // Written down: another one would train again what is on servers.
    assert_eq!(key().to_string(), "139378b45ee258b31c4655aee061960b");
}

#[test]
fn a_worker_takes_what_a_search_writes() {
    let task = changed(|_| {}).unwrap();
    assert_eq!((task.key, task.run.as_str()), (key(), "run"));
    assert_eq!((task.assignment, task.work.attempt, task.work.seed), (assignment(), 1, 5));
    assert_eq!(task.lease, Duration::from_secs(9));
    // The attempt is no part of the key: it is the same trial.
    assert!(changed(|message| message["attempt"] = json!(2)).is_ok());
}

#[test]
fn another_version_is_left_to_others() {
    let other = VERSION + 1;
    let refused = changed(|message| {
        message["version"] = json!(other);
        message["news"] = json!(true);
    });
    assert_eq!(refused.unwrap_err(), Refusal::Version(other));
}

#[test]
fn what_a_worker_cannot_verify_it_does_not_train() {
    let cases: [(&str, Change); 12] = [
        ("key", Box::new(|m| m["seed"] = json!(6))),
        ("key", Box::new(|m| m["rule"] = json!("g * 3"))),
        ("its rule", Box::new(|m| m["rule"] = json!("g *"))),
        ("its rule", Box::new(|m| m["rule"] = json!("g + ".repeat(20_000) + "g"))),
        (
            "file",
            Box::new(|m| {
                m["assignment"]["task"] = json!("cifar10");
                m["assignment"]["options"]["data"] = json!("/etc");
            }),
        ),
        ("option", Box::new(|m| m["assignment"]["options"]["side"] = json!(8))),
        ("unknown task", Box::new(|m| m["assignment"]["task"] = json!("rm -rf"))),
        ("learning rates", Box::new(|m| m["assignment"]["protocol"]["learning_rates"] = json!([]))),
        (
            "learning rates",
            Box::new(|m| m["assignment"]["protocol"]["learning_rates"] = json!([-1.0])),
        ),
        ("steps", Box::new(|m| m["assignment"]["protocol"]["steps"] = json!(u64::MAX))),
        ("children", Box::new(|m| m["assignment"]["seeds"] = json!(1_000_000_000))),
        ("unknown field", Box::new(|m| m["command"] = json!("reboot"))),
    ];
    for (wanted, change) in cases {
        let reason = is_hostile(changed(change));
        assert!(reason.contains(wanted), "{wanted}: {reason}");
    }
    let big = vec![b' '; 300 << 10];
    for bytes in [&b""[..], b"{", b"[]", b"\x00\xff", b"{\"version\": -1}", &big] {
        is_hostile(Task::read(bytes, "run", key()));
    }
    // Every cut of a whole message, and every bit of it turned: nothing panics, and nothing else is trained.
    let whole = write(&TaskMessage::new(&assignment(), &work(), Duration::from_secs(9)));
    for place in 0..whole.len() {
        assert!(Task::read(&whole[..place], "run", key()).is_err());
        let mut turned = whole.to_vec();
        turned[place] ^= 1;
        if let Ok(task) = Task::read(&turned, "run", key()) {
            assert_eq!(task.assignment, assignment());
        }
    }
}

fn child() -> Trained {
    let protocol = assignment().protocol;
    let point = Point { step: 1, loss: 0.5, training_loss: None, validation_accuracy: Some(0.25) };
    let outcome = Outcome {
        stage: Stage::Training,
        learning_rate: protocol.learning_rates[0],
        seed: 6,
        steps: 3,
        curve: vec![point; 500],
        final_loss: Some(0.5),
        validation_accuracy: Some(0.25),
        test_accuracy: None,
        path: None,
        end: End::Finished,
    };
    Trained { outcome, cost: Cost { examples: 0, seconds: 1.0 } }
}

fn result(children: &[Trained]) -> ResultMessage {
    let children = children.iter().map(ChildMessage::from).collect();
    ResultMessage { version: VERSION, worker: "w".to_owned(), children, seconds: 1.5 }
}

fn verified(message: &ResultMessage) -> Result<TaskResult, Refusal> {
    read_result(&pack(message), &assignment(), 5)
}

#[test]
fn a_result_comes_back_as_it_was() {
    let packed = pack(&result(&[child()]));
    assert!(packed.len() < write(&result(&[child()])).len() / 10, "{}", packed.len());
    let TaskResult { worker, children, seconds } = verified(&result(&[child()])).unwrap();
    assert_eq!((worker.as_str(), children, seconds), ("w", vec![child()], 1.5));
    let short = Trained { outcome: Outcome { curve: Vec::new(), ..child().outcome }, ..child() };
    assert_eq!(pack(&result(std::slice::from_ref(&short)))[0], b'{');
    assert_eq!(verified(&result(std::slice::from_ref(&short))).unwrap().children, [short]);
}

#[test]
fn a_result_that_cannot_be_is_thrown_away() {
    let with = |change: fn(&mut Trained)| {
        let mut changed = child();
        change(&mut changed);
        changed
    };
    let changes: [fn(&mut Trained); 8] = [
        |child| child.outcome.seed = 4,
        |child| child.outcome.seed = 7,
        |child| child.outcome.learning_rate = 0.123,
        |child| child.outcome.validation_accuracy = Some(1.5),
        |child| child.outcome.curve[3].validation_accuracy = Some(-0.1),
        |child| child.outcome.curve.extend(child.outcome.curve.clone()),
        |child| child.outcome.steps = u64::MAX,
        |child| child.cost.seconds = -1.0,
    ];
    for change in changes {
        is_hostile(verified(&result(&[with(change)])));
    }
    is_hostile(verified(&result(&[])));
    let rates = assignment().protocol.learning_rates.len();
    is_hostile(verified(&result(&vec![child(); rates * 3 + 1])));
    is_hostile(verified(&ResultMessage { seconds: -1.0, ..result(&[child()]) }));
    let old = ResultMessage { version: 0, ..result(&[child()]) };
    assert_eq!(verified(&old).unwrap_err(), Refusal::Version(0));
}

#[test]
fn a_small_message_does_not_unpack_to_a_large_one() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..65 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let reason = is_hostile(read_result(&bomb, &assignment(), 5));
    assert!(reason.contains("unpacked"), "{reason}");
    let whole = pack(&result(&[child()]));
    is_hostile(read_result(&whole[..whole.len() / 2], &assignment(), 5));
}

#[test]
fn texts_from_elsewhere_do_not_move_the_cursor() {
    assert_eq!(short_line("a\x1b[2J\u{202e}b\nc"), "a?[2J\u{fffd}b c");
    assert_eq!(short_line(&"x".repeat(10_000)).len(), 2_000);
}
