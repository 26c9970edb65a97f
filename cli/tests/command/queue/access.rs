//! Who gets in, and what is said of secrets: nothing.

use std::path::Path;

use nosc_tests::nats::ServerSettings;

use super::scene::{OTHER, Scene, local, until};
use crate::session::Session;

const PASSWORD: &str = "sesame-4711";

fn settings(config: &str) -> ServerSettings {
    ServerSettings { config: config.to_owned(), ..ServerSettings::default() }
}

fn short() -> Vec<&'static str> {
    let short: &[&str] = &["--steps", "500", "--budget", "5"];
    let loud = OTHER.iter().copied().filter(|word| *word != "--quiet");
    loud.chain(short.iter().copied()).collect()
}

/// Files below a folder that have this in them.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Every command that talks to a server.
fn refused(session: &Session, url: &str, code: i32) -> Vec<String> {
    let search = [&short()[..], &["--run", "refused", "--queue", url]].concat();
    let others: [&[&str]; 3] = [
        &["worker", "--jobs", "1", "--idle", "1", "--queue", url],
        &["queue", "status", "--queue", url],
        &["queue", "purge", "r", "--queue", url],
    ];
    let commands = std::iter::once(&search[..]).chain(others);
    let said = commands.map(|arguments| session.nosc(arguments).fails(code)).collect();
    assert!(!session.path("refused").exists());
    said
}

#[test]
fn users_with_a_password_get_in_and_it_is_written_nowhere() {
    let config = format!("authorization {{ user: alice, password: \"{PASSWORD}\" }}");
    let Some(mut scene) = Scene::with(settings(&config)) else { return };
    let wanted = local(&Session::new(), &short());
    let host = scene.server.url().replace("nats://", "");
    for wrong in [format!("nats://{host}"), format!("nats://alice:wrong-one@{host}")] {
        for said in refused(&scene.session, &wrong, 1) {
            assert!(!said.contains("wrong-one") && said.contains("refuses"), "{said}");
        }
    }
    let url = format!("nats://alice:{PASSWORD}@{host}");
    let log = ["--log", "processes.log"];
    let search = scene.start(&[&short()[..], &["--run", "r", "--queue", &url]].concat());
    let worker = scene.start(&[&["worker", "--jobs", "1", "--queue", &url], &log[..]].concat());
    scene.check(search, "r", &wanted);
    let status = scene.session.nosc(&["queue", "status", "--json", "--queue", &url]);
    assert!(status.out.contains(&host) && !status.out.contains(PASSWORD), "{}", status.out);
    worker.stop();
    scene.session.set("NOSC_QUEUE", format!("nats://{host}"));
    scene.session.set("NOSC_QUEUE_USER", "alice");
    scene.session.set("NOSC_QUEUE_PASSWORD", "wrong-one");
    let said = scene.session.nosc(&["worker", "--jobs", "1"]).fails(1);
    assert!(said.contains("refuses") && !said.contains("wrong-one"), "{said}");
    scene.session.set("NOSC_QUEUE_PASSWORD", PASSWORD);
    let search =
        scene.start(&[&short()[..], &["--run", "s", "--queue", &scene.server.url()]].concat());
    let worker = scene.start(&[&["worker", "--jobs", "1"], &log[..]].concat());
    scene.check(search, "s", &wanted);
    worker.stop();
    assert_eq!(files_with(scene.session.folder(), PASSWORD), Vec::<String>::new());
    assert_eq!(files_with(&scene.server.storage(), PASSWORD), Vec::<String>::new());
}

/// A worker that may fetch tasks and tell nothing would hold them for ever.
#[test]
fn a_worker_that_may_tell_nothing_gives_its_tasks_back_and_says_why() {
    mute("nosc.v1.*.event.>");
}

/// Nor does it try for ever to tell what it has trained.
#[test]
fn a_worker_that_may_tell_no_result_gives_its_tasks_back_too() {
    mute("nosc.v1.*.event.result.>");
}

/// A worker that may not publish to these subjects, and one that may.
fn mute(denied: &str) {
    let config = format!(
        "authorization {{ users: [ {{ user: all, password: a }}, {{ user: mute, password: b, \
         permissions: {{ publish: {{ deny: [\"{denied}\"] }} }} }} ] }}"
    );
    let Some(mut scene) = Scene::with(settings(&config)) else { return };
    let wanted = local(&Session::new(), &short());
    let host = scene.server.url().replace("nats://", "");
    let url = format!("nats://all:a@{host}");
    let search = scene.start(&[&short()[..], &["--run", "r", "--queue", &url]].concat());
    let mute = scene.worker_at(&format!("nats://mute:b@{host}"), &[]);
    until("that it gives a task back", || mute.said().contains("was given back"));
    assert!(mute.said().to_lowercase().contains("permissions violation"), "{}", mute.said());
    until("that the search says so", || search.said().contains("was given back"));
    let worker = scene.worker_at(&url, &[]);
    scene.check(search, "r", &wanted);
    mute.stop();
    worker.stop();
}

#[test]
fn tokens_get_in_by_the_address_and_by_the_environment() {
    let config = format!("authorization {{ token: \"{PASSWORD}\" }}");
    let Some(mut scene) = Scene::with(settings(&config)) else { return };
    let host = scene.server.url().replace("nats://", "");
    for said in refused(&scene.session, &format!("nats://wrong-one@{host}"), 1) {
        assert!(!said.contains("wrong-one") && said.contains("refuses"), "{said}");
    }
    let by_address = format!("nats://{PASSWORD}@{host}");
    let idle = ["worker", "--jobs", "1", "--idle", "1", "--queue"];
    scene.session.nosc(&[&idle[..], &[&by_address]].concat()).ok();
    scene.session.set("NOSC_QUEUE_TOKEN", PASSWORD);
    scene.session.nosc(&[&idle[..], &[&scene.server.url()]].concat()).ok();
}

#[test]
fn a_server_that_is_not_there_or_has_no_streams_is_exit_code_3() {
    let without = ServerSettings { has_no_jetstream: true, ..ServerSettings::default() };
    let Some(mut scene) = Scene::with(without) else { return };
    let url = scene.server.url();
    for said in refused(&scene.session, &url, 3) {
        assert!(said.contains("nats-server -js"), "{said}");
    }
    scene.server.kill();
    for said in refused(&scene.session, &url, 3) {
        assert!(said.contains("cannot be reached") && said.contains(&url), "{said}");
    }
    scene.session.nosc(&["worker", "--queue", "http://h"]).fails(2);
}
