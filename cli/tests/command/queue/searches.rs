//! Searches that die, go on elsewhere, begin again, and meet others.

use nosc_controller::random::Random;
use nosc_tests::nats::NatsClient;

use super::scene::{OTHER, SEARCH, Scene, attempts, ended, local, until, wanted};

#[test]
fn two_searches_of_one_name_share_their_trials() {
    let Some(mut scene) = Scene::new() else { return };
    for folder in ["a", "b"] {
        std::fs::create_dir(scene.path(folder)).unwrap();
    }
    let searches = ["a/r", "b/r"].map(|run| (run, scene.search(run, SEARCH)));
    let workers = [scene.worker(&[]), scene.worker(&[])];
    for (run, search) in searches {
        scene.check(search, run, wanted());
        assert!(attempts(&scene.path(run)).values().all(|results| results.len() == 1));
    }
    let done: u64 = workers.into_iter().map(|worker| worker.stop().done).sum();
    assert_eq!(done, 10);
}

#[test]
fn searches_of_other_names_or_settings_do_not_meet() {
    let Some(mut scene) = Scene::new() else { return };
    let short = [OTHER, &["--steps", "5000", "--budget", "6"]].concat();
    let other = [OTHER, &["--steps", "5001", "--budget", "6"]].concat();
    let wants = [("a/r", &short), ("b", &short), ("c/r", &other)].map(|(run, arguments)| {
        let session = crate::session::Session::new();
        (run, local(&session, arguments), arguments)
    });
    for folder in ["a", "c"] {
        std::fs::create_dir(scene.path(folder)).unwrap();
    }
    let worker = scene.worker(&[]);
    let searches: Vec<_> = wants
        .iter()
        .map(|(run, wanted, arguments)| (run, wanted, scene.search(run, arguments)))
        .collect();
    for (run, wanted, search) in searches {
        scene.check(search, run, wanted);
    }
    assert_eq!(worker.stop().done, 18);
}

/// Kills the search itself, with the signal that nothing can answer, and takes it up again.
#[test]
fn a_search_that_is_killed_again_and_again_ends_like_one_that_is_not() {
    let arguments = [
        "search",
        "small",
        "--task",
        "quadratic",
        "--seed",
        "3",
        "--sampler",
        "ppo",
        "--with",
        "hidden=16",
        "--quiet",
        "--steps",
        "5000",
        "--budget",
        "40",
    ];
    let Some(mut scene) = Scene::new() else { return };
    let wanted = local(&scene.session, &arguments);
    let _workers = [scene.worker(&[]), scene.worker(&[])];
    let url = scene.server.url();
    let mut random = Random::new(7, 0);
    let resume = ["search", "--resume", "r", "--quiet"];
    let queue = ["--queue", &url, "--lease", "1"];
    for kill in 0..6 {
        let is_there = nosc_controller::search::ledger::Ledger::open(&scene.path("r")).is_ok();
        // Once on this machine alone, in between.
        let mut search = match (is_there, kill) {
            (false, _) => scene.search("r", &arguments),
            (true, 3) => scene.start(&resume),
            (true, _) => scene.start(&[&resume[..], &queue].concat()),
        };
        let (folder, wanted) = (scene.path("r"), ended(&scene.path("r")) as u64 + random.below(8));
        until("some trials more", || ended(&folder) as u64 >= wanted || search.has_ended());
        std::thread::sleep(std::time::Duration::from_micros(random.below(100_000)));
        if search.has_ended() {
            break;
        }
        search.kill();
    }
    let search = scene.start(&[&resume[..], &queue].concat());
    scene.check(search, "r", &wanted);
}

#[test]
fn a_search_goes_on_without_its_server() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let worker = scene.worker(&[]);
    scene.until_ended("r", 3);
    search.kill();
    worker.kill();
    scene.server.kill();
    scene.session.nosc(&["search", "--resume", "r", "--quiet"]).ok();
    scene.check_run("r", wanted());
}

/// Results that came while no search was there wait for it.
#[test]
fn workers_go_on_while_the_search_is_away() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let worker = scene.worker(&[]);
    scene.until_ended("r", 1);
    search.kill();
    let there = ended(&scene.path("r"));
    // Eight are ahead at a time.
    for _ in 0..3 {
        heard.next_of("result");
    }
    assert_eq!(ended(&scene.path("r")), there);
    let url = scene.server.url();
    let search = scene.start(&["search", "--resume", "r", "--quiet", "--queue", &url]);
    scene.check(search, "r", wanted());
    assert_eq!(worker.stop().done, 10);
}

/// A folder that is deleted is begun again under the same name. What the server has of it is shared, and what it has
/// forgotten is forgotten altogether: a beginning that is left would count as a worker that was lost.
#[test]
fn a_run_of_the_same_name_begins_again() {
    let Some(mut scene) = Scene::new() else { return };
    let port = scene.server.port();
    let of_events = || NatsClient::subjects(port, "nosc_v1_events", ">");
    let search = scene.search("r", SEARCH);
    let worker = scene.worker(&[]);
    scene.until_ended("r", 4);
    worker.stop();
    // Ten leases of a second after the results are on disk.
    until("that results are thrown away", || of_events().is_empty());
    let worker = scene.worker(&[]);
    scene.check(search, "r", wanted());
    for _ in 0..2 {
        std::fs::remove_dir_all(scene.path("r")).unwrap();
        let search = scene.search("r", SEARCH);
        scene.check(search, "r", wanted());
        let all = attempts(&scene.path("r"));
        assert!(all.values().all(|results| results.len() == 1), "{all:?}");
    }
    worker.stop();
}
