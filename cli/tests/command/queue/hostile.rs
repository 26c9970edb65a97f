//! Messages that no nosc would write.

use nosc_compiler::Rule;
use nosc_controller::search::queue::Assignment;
use nosc_controller::search::queue::nats::TaskKey;
use nosc_tests::nats::{Heard, NatsClient};
use serde_json::{Value, json};

use super::scene::{LIMIT, OTHER, Running, SEARCH, Scene, attempts, until, wanted};
use crate::session::Outcome;

/// A search that nobody works for yet, and its tasks.
fn begun(scene: &mut Scene, run: &str) -> (Running, Vec<Heard>) {
    let mut client = NatsClient::connect(scene.server.port());
    client.subscribe("nosc.v1.*.task.*");
    // It says what it throws away.
    let arguments: Vec<&str> = SEARCH.iter().copied().filter(|word| *word != "--quiet").collect();
    let search = scene.search(run, &arguments);
    // Eight are ahead at a time.
    let tasks = (0..8).map(|_| client.next(LIMIT).expect("a task")).collect();
    (search, tasks)
}

/// Publishes to a stream, which keeps it.
#[track_caller]
fn put(scene: &Scene, subject: &str, payload: &[u8]) {
    let answer = NatsClient::ask(scene.server.port(), subject, payload);
    assert!(answer["error"].is_null() && answer["seq"].is_u64(), "{subject}: {answer}");
}

/// The subject that a task should have.
fn subject_of(run: &str, task: &Value) -> String {
    let assignment: Assignment = serde_json::from_value(task["assignment"].clone()).unwrap();
    let rule = Rule::parse(task["rule"].as_str().unwrap()).unwrap();
    let key = TaskKey::of(&assignment, &rule, task["seed"].as_u64().unwrap());
    format!("{run}.task.{key}")
}

fn changed(task: &Value, change: impl Fn(&mut Value)) -> Value {
    let mut task = task.clone();
    change(&mut task);
    task
}

#[test]
fn tasks_that_no_search_would_send_are_thrown_away() {
    let Some(mut scene) = Scene::new() else { return };
    let (search, tasks) = begun(&mut scene, "r");
    let run = tasks[0].subject.split(".task.").next().unwrap().to_owned();
    let task: Value = serde_json::from_slice(&tasks[0].payload).unwrap();
    assert_eq!(subject_of(&run, &task), tasks[0].subject);
    let under = |number: u32| format!("{run}.task.{number:032x}");
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let raw: [&[u8]; 6] = [b"", b"hello", b"{}", b"{\"version\":1}", b"\xff\xfe\0", &deep];
    let mut thrown_away = 0;
    for payload in raw {
        put(&scene, &under(thrown_away), payload);
        thrown_away += 1;
    }
    let mut hostile =
        vec![(under(100), task.clone()), (format!("{run}.task.nothing"), task.clone())];
    let changes: [&dyn Fn(&mut Value); 8] = [
        &|task| task["assignment"]["options"]["data"] = json!("/etc/passwd"),
        &|task| task["assignment"]["task"] = json!("/bin/sh"),
        &|task| task["assignment"]["data"] = json!("../../etc/passwd"),
        &|task| task["assignment"]["protocol"]["steps"] = json!(1_u64 << 60),
        &|task| task["assignment"]["protocol"]["learning_rates"] = json!([]),
        &|task| task["assignment"]["protocol"]["learning_rates"] = json!(vec![0.1; 20_000]),
        &|task| task["assignment"]["seeds"] = json!(u64::MAX),
        &|task| task["assignment"]["version"] = json!(99),
    ];
    // They are under the keys that they should have.
    hostile.extend(changes.iter().map(|change| {
        let task = changed(&task, change);
        (subject_of(&run, &task), task)
    }));
    hostile.push((under(101), changed(&task, |task| task["rule"] = json!("g +"))));
    hostile.push((under(102), changed(&task, |task| task["rule"] = json!("g".repeat(100_000)))));
    hostile.push((under(103), changed(&task, |task| task["command"] = json!("reboot"))));
    for (subject, task) in &hostile {
        put(&scene, subject, task.to_string().as_bytes());
        thrown_away += 1;
    }
    // What other versions of nosc may read stays.
    let others = [0_u32, 2].map(|version| {
        let subject = under(200 + version);
        put(&scene, &subject, json!({ "version": version, "what": [1] }).to_string().as_bytes());
        subject
    });
    // What is too large does not even get there.
    let large = vec![b'x'; 300_000];
    let answer = NatsClient::ask(scene.server.port(), &under(300), &large);
    assert!(answer["error"].is_object(), "{answer}");
    let worker = scene.worker(&[]);
    until("that all are thrown away", || {
        worker.said().matches("thrown away").count() >= thrown_away as usize
    });
    scene.check(search, "r", wanted());
    let left = NatsClient::subjects(scene.server.port(), "nosc_v1_tasks", ">");
    assert_eq!(left, others);
    let counts = worker.stop();
    assert_eq!((counts.done, counts.thrown_away), (10, u64::from(thrown_away)), "{counts:?}");
    assert!(counts.given_back >= 2, "{counts:?}");
}

/// A result as a worker publishes it: small, so that it is not compressed.
fn real_result(scene: &mut Scene) -> Value {
    let mut client = NatsClient::connect(scene.server.port());
    client.subscribe("nosc.v1.*.event.result.*");
    let search = scene.search(
        "other",
        &[OTHER, &["--steps", "3", "--budget", "1", "--sweep-rates", "0.001"]].concat(),
    );
    let worker = scene.worker(&[]);
    search.end().ok();
    worker.stop();
    serde_json::from_slice(&client.next(LIMIT).expect("a result").payload).unwrap()
}

#[test]
fn results_that_no_worker_would_send_are_thrown_away_and_the_trials_trained() {
    let Some(mut scene) = Scene::new() else { return };
    let result = real_result(&mut scene);
    let (search, tasks) = begun(&mut scene, "r");
    let seed =
        |task: &Heard| serde_json::from_slice::<Value>(&task.payload).unwrap()["seed"].clone();
    let of = |task: &Heard| {
        // Of this trial, but for what is changed.
        changed(&result, |result| {
            for child in result["children"].as_array_mut().unwrap() {
                child["outcome"]["seed"] = seed(task);
            }
        })
    };
    let child = |result: &mut Value, name: &str, value: Value| {
        result["children"][0]["outcome"][name] = value;
    };
    let hostile = [
        b"garbage".to_vec(),
        of(&tasks[1])
            .to_string()
            .replacen("\"seconds\":", "\"seconds\":NaN,\"x\":", 1)
            .into_bytes(),
        changed(&of(&tasks[2]), |result| child(result, "seed", json!(12_345)))
            .to_string()
            .into_bytes(),
        changed(&of(&tasks[3]), |result| child(result, "validation_accuracy", json!(7.0)))
            .to_string()
            .into_bytes(),
        changed(&of(&tasks[4]), |result| result["seconds"] = json!(-1.0)).to_string().into_bytes(),
        changed(&of(&tasks[5]), |result| result["children"] = json!([])).to_string().into_bytes(),
        changed(&of(&tasks[6]), |result| result["version"] = json!(9)).to_string().into_bytes(),
        changed(&of(&tasks[7]), |result| child(result, "learning_rate", json!(0.123)))
            .to_string()
            .into_bytes(),
    ];
    for (task, payload) in tasks.iter().zip(&hostile) {
        put(&scene, &task.subject.replace(".task.", ".event.result."), payload);
    }
    until("that all are thrown away", || {
        search.said().matches("was thrown away").count() >= hostile.len()
    });
    let _worker = scene.worker(&[]);
    scene.check(search, "r", wanted());
}

#[test]
fn a_result_that_makes_no_sense_does_not_wait_for_a_search_that_goes_on() {
    let Some(mut scene) = Scene::new() else { return };
    let (search, tasks) = begun(&mut scene, "r");
    search.kill();
    for task in &tasks[..2] {
        put(&scene, &task.subject.replace(".task.", ".event.result."), b"garbage");
    }
    let url = scene.server.url();
    let search = scene.start(&["search", "--resume", "r", "--queue", &url]);
    let _worker = scene.worker(&[]);
    scene.check(search, "r", wanted());
}

/// Beginnings that nobody made cost an attempt, and nothing else.
#[test]
fn beginnings_and_ends_that_nobody_made_lose_nothing() {
    let Some(mut scene) = Scene::new() else { return };
    let (search, tasks) = begun(&mut scene, "r");
    let event = |task: &Heard, kind: &str| {
        task.subject.replace(".task.", &format!(".event.{kind}.")) + ".0"
    };
    put(&scene, &event(&tasks[0], "began"), b"garbage");
    put(&scene, &event(&tasks[1], "began"), b"{\"version\":1,\"worker\":\"me\",\"nonce\":\"1\"}");
    put(&scene, &event(&tasks[2], "failed"), b"\x1b[2J");
    put(
        &scene,
        &event(&tasks[3], "failed"),
        "{\"version\":1,\"worker\":\"\u{1b}[2J\",\"reason\":\"\u{7}\"}".as_bytes(),
    );
    let run = tasks[0].subject.split(".task.").next().unwrap();
    let mut client = NatsClient::connect(scene.server.port());
    for number in 0..2_000 {
        let note = json!({ "version": 1, "worker": "w", "text": format!("\u{1b}[31m{number}") });
        client.publish(&format!("{run}.note"), note.to_string().as_bytes());
    }
    client.publish(&format!("{run}.event.result.x.y"), b"?");
    client.flush();
    let _worker = scene.worker(&[]);
    let Outcome { code, err: said, .. } = search.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains('\u{7}'), "{said}");
    scene.check_run("r", wanted());
    let all = attempts(&scene.path("r"));
    // Where a task was still there, its result came for the next attempt before that had begun.
    let began = all.values().filter(|results| results[0].as_deref() != Some("done"));
    assert!(began.count() == 4 && all.values().all(|results| results.len() <= 2), "{all:?}");
}
