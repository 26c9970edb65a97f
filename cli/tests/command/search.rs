//! `nosc search`, and what is made of a run: `best`, `export`, `report`.
#![cfg(feature = "search")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nosc_controller::random::Random;
use nosc_controller::search::ledger::{Content, Ledger, LedgerReader};

use crate::session::Session;

/// A search that takes a second.
const SEARCH: &[&str] =
    &["search", "small", "--task", "quadratic", "--steps", "500", "--budget", "40", "--seed", "3"];

#[expect(clippy::unwrap_used, reason = "a test helper may stop")]
fn content(folder: &Path) -> Content {
    Ledger::open(folder).unwrap().content().unwrap()
}

fn searched(session: &Session, run: &str, arguments: &[&str]) -> Content {
    let arguments = [SEARCH, &["--run", run, "--quiet"], arguments].concat();
    session.nosc(&arguments).ok();
    content(&session.path(run))
}

#[test]
fn a_run_is_the_same_for_any_number_of_workers_and_every_sampler_has_its_own() {
    let session = Session::new();
    let hidden: &[&str] = &["--with", "hidden=16"];
    let mut last_strings = BTreeSet::new();
    for (sampler, with) in [("random", &[][..]), ("evolution", &[]), ("ppo", hidden)] {
        let mut wanted = None;
        for jobs in ["1", "2", "4"] {
            let run = format!("{sampler}-{jobs}");
            let arguments = [&["--sampler", sampler, "--jobs", jobs], with].concat();
            let found = searched(&session, &run, &arguments);
            assert!(found.trials.len() >= 40, "{}", found.trials.len());
            assert_eq!(wanted.get_or_insert_with(|| found.clone()), &found, "{run}");
        }
        let last = |content: Content| content.samples.last().map(|sample| sample.tokens.clone());
        last_strings.insert(wanted.and_then(last));
    }
    assert_eq!(last_strings.len(), 3);
}

/// Kills the search itself, with the signal that nothing can answer, and takes it up again.
#[test]
fn a_run_that_is_killed_again_and_again_ends_like_one_that_is_not() {
    let session = Session::new();
    let sampler = ["--sampler", "ppo", "--with", "hidden=16"];
    let wanted = searched(&session, "whole", &sampler);
    let mut random = Random::new(11, 0);
    let begin = [SEARCH, &["--run", "killed"], &sampler].concat();
    let resume = ["search", "--resume", "killed"];
    let mut kills = 0;
    while kills < 8 {
        let is_there = Ledger::open(&session.path("killed")).is_ok();
        let arguments: &[&str] = if is_there { &resume } else { &begin };
        let mut command = session.command();
        let child = command.args(arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut child = child.unwrap();
        let wanted = ended(&session.path("killed")) + random.below(9);
        while ended(&session.path("killed")) < wanted && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // At any moment after that.
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 1);
    session.nosc(&resume).ok();
    assert_eq!(content(&session.path("killed")), wanted);
    let ledger = Ledger::open(&session.path("killed")).unwrap();
    let attempts = ledger.rows().attempts().unwrap();
    let done = attempts.iter().filter(|(.., result)| result.as_deref() == Some("done"));
    let done: Vec<u64> = done.map(|(trial, ..)| *trial).collect();
    assert_eq!(done.len(), done.iter().collect::<BTreeSet<_>>().len());
    drop(ledger);
    // There is nothing more to do.
    session.nosc(&resume).ok();
    assert_eq!(content(&session.path("killed")), wanted);
}

#[cfg(unix)]
#[test]
fn ctrl_c_drains_and_a_budget_can_grow() {
    let session = Session::new();
    let slow = ["search", "small", "--task", "quadratic", "--steps", "5000", "--budget", "40"];
    let slow = [&slow[..], &["--sampler", "random"]].concat();
    session.nosc(&[&slow[..], &["--run", "whole", "-q"]].concat()).ok();
    let wanted = content(&session.path("whole"));
    let arguments = [&slow[..], &["--run", "r"]].concat();
    let err = session.interrupted(&arguments, "5 of 40").fails(130);
    assert!(err.contains("nosc search --resume r"), "{err}");
    let trials = content(&session.path("r")).trials;
    assert!((5..40).contains(&trials.iter().filter(|trial| trial.reward.is_some()).count()));
    session.nosc(&["search", "--resume", "r", "-q", "--budget", "20"]).ok();
    session.nosc(&["search", "--resume", "r", "-q", "--budget", "40"]).ok();
    assert_eq!(content(&session.path("r")), wanted);
    let json = session.nosc(&["search", "--resume", "r", "-q", "--json"]).json();
    assert_eq!((&json["evaluations"], &json["ending"]), (&40.into(), &"budget".into()));
    assert_eq!(json["best"].as_array().unwrap().len(), 5);
}

/// Evolution keeps no state of its own: all of it is worked out again from the ledger.
#[test]
fn a_budget_that_grows_is_the_budget_that_was_there_from_the_start() {
    let session = Session::new();
    let evolution = ["--sampler", "evolution", "--with", "population=10"];
    let wanted = searched(&session, "whole", &evolution);
    let begin = ["search", "small", "--task", "quadratic", "--steps", "500", "--seed", "3", "-q"];
    session.nosc(&[&begin[..], &evolution, &["--run", "r", "--budget", "9"]].concat()).ok();
    for budget in ["10", "25", "26", "40"] {
        session.nosc(&["search", "--resume", "r", "--budget", budget, "-q"]).ok();
    }
    assert!(content(&session.path("r")) == wanted);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_trained() {
    let session = Session::new();
    let search =
        |arguments: &[&str], code| session.nosc(&[&["search"], arguments].concat()).fails(code);
    let says = |arguments: &[&str], code, text: &str| {
        let message = search(arguments, code);
        assert!(message.contains(text), "{message}");
    };
    says(&["--task", "digits"], 2, "--run");
    says(&["--run", "r"], 2, "--task digits");
    says(&["--run", "r", "--task", "digit"], 1, "digits");
    says(&["smal", "--run", "r", "--task", "digits"], 1, "did you mean `small`?");
    says(&["--run", "r", "--task", "digits", "-n", "1..3"], 2, "-n 1");
    says(&["--run", "r", "--task", "digits", "-n", "40"], 2, "1 to 32");
    says(&["--run", "r", "--task", "digits", "--with", "hiden=3"], 2, "did you mean `hidden`?");
    says(&["--run", "r", "--task", "digits", "--with", "hidden=-3"], 2, "`hidden`: invalid value");
    says(&["--run", "r", "--task", "digits", "--with", "clip=7"], 2, "clip is 7");
    says(&["--run", "r", "--task", "digits", "--with", "screen.most_left=7"], 2, "most_left");
    says(
        &["--run", "r", "--task", "digits", "--sampler", "random", "--with", "x=1"],
        2,
        "no setting",
    );
    says(&["--run", "r", "--task", "quadratic", "--baselines", "adan"], 2, "adan");
    says(&["--run", "r", "--task", "quadratic", "--update-every", "0"], 2, "1 to 65536");
    says(&["--run", "r", "--task", "quadratic", "--steps", "0"], 2, "0 steps");
    says(&["--run", "r", "--task", "quadratic", "--time", "5"], 2, "90s");
    says(&["--run", "r", "--task", "quadratic", "--sweep-rates", "0.1,-1"], 1, "-1");
    says(&["--run", "r", "--preset", "paper"], 1, "--data DIR");
    assert!(!session.path("r").exists());
    says(&["--resume", "r"], 1, "there is no folder r");
    says(&["--resume", "r", "--seed", "3"], 2, "settings of the run");
    session.file("ledger.sqlite", "not a database, but long enough to look at");
    says(&["--resume", "."], 1, "is not a ledger of nosc");
    searched(&session, "r", &["--sampler", "random"]);
    says(&["--run", "r", "--task", "digits"], 1, "nosc search --resume r");
    let _held = Ledger::open(&session.path("r")).unwrap();
    says(&["--resume", "r"], 1, "another process");
}

#[test]
fn the_best_rules_are_files_that_compile_and_train_to_what_was_found() {
    let session = Session::new();
    let found = searched(&session, "r", &["--sampler", "random"]);
    let list = session.nosc(&["best", "r", "-n", "3", "--json"]).json();
    session.nosc(&["best", "r", "-n", "3", "--emit", "rules"]).ok();
    let table = session.nosc(&["best", "r", "-n", "3"]).ok();
    assert_eq!(table.lines().count(), 4);
    session.nosc(&["best", "r", "-n", "0"]).fails(2);
    for best in list.as_array().unwrap() {
        let (trial, seed) = (&best["trial"], best["seed"].to_string());
        let rate = best["learning_rate"].to_string();
        let file = format!("rules/trial_{trial}.nos");
        session.nosc(&["check", &file]).ok();
        let train = ["train", "quadratic", "--rules", &file, "--steps", "500"];
        let train = [&train[..], &["--lr", &rate, "--seed", &seed, "--json", "-q"]].concat();
        let trained = session.nosc(&train).json();
        assert_eq!(trained[0]["final_loss"], best["final_loss"], "{file}");
        let row = &found.trials[trial.as_u64().unwrap() as usize];
        assert_eq!(row.reward, best["reward"].as_f64());
    }
}

#[test]
fn a_run_is_exported_in_every_format() {
    let session = Session::new();
    let found = searched(&session, "r", &["--sampler", "random"]);
    let columns = "trial,state,reward";
    let csv = session.nosc(&["export", "r", "--columns", columns]).ok();
    assert_eq!(csv.lines().next(), Some(columns));
    assert_eq!(csv.lines().count(), found.trials.len() + 1);
    let lines = session.nosc(&["export", "r", "--format", "jsonl", "--best-first"]).ok();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let most = found.trials.iter().filter_map(|trial| trial.reward).fold(0.0, f64::max);
    assert_eq!(first["reward"].as_f64(), Some(most));
    session.nosc(&["export", "r", "--format", "tensorboard"]).ok();
    let events = std::fs::read_dir(session.path("r/tensorboard")).unwrap().count();
    assert_eq!(events, 1);
    session.nosc(&["export", "r", "--format", "optuna", "-o", "journal.log"]).ok();
    let journal = String::from_utf8(session.read("journal.log")).unwrap();
    assert!(journal.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    let message = session.nosc(&["export", "r", "--columns", "trail"]).fails(2);
    assert!(message.contains("did you mean `trial`?"), "{message}");
    session.nosc(&["export", "r", "--format", "optuna", "--columns", "trial"]).fails(2);
    // What is there is not lost: other studies, and the run itself.
    session.nosc(&["export", "r", "--format", "optuna", "-o", "journal.log"]).fails(1);
    for file in ["r/ledger.sqlite", "r/../r/lock"] {
        session.nosc(&["export", "r", "-o", file]).fails(2);
        session.nosc(&["report", "r", "-o", file]).fails(2);
    }
    assert_eq!(content(&session.path("r")), found);
    session.nosc(&["export", "nowhere"]).fails(1);
    let parquet = session.nosc(&["export", "r", "--format", "parquet", "-o", "r.parquet"]);
    if cfg!(feature = "parquet") {
        parquet.ok();
        assert!(session.read("r.parquet").starts_with(b"PAR1"));
    } else {
        assert!(parquet.fails(3).contains("--features parquet"));
    }
}

#[test]
fn a_report_is_one_page() {
    let session = Session::new();
    searched(&session, "r", &["--sampler", "evolution"]);
    session.nosc(&["report", "r", "--no-times"]).ok();
    let page = String::from_utf8(session.read("r/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("<svg") && page.contains("momentum"));
    session.nosc(&["report", "r", "--no-times", "-o", "again.html"]).ok();
    assert_eq!(session.read("again.html"), page.into_bytes());
    session.nosc(&["report", "r", "--timed", "2", "-o", "timed.html"]).ok();
    session.nosc(&["report", "r", "-o", "no/such/folder.html"]).fails(1);
}

/// A worker that is killed costs its trial an attempt, and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn workers_that_are_killed_lose_nothing() {
    let session = Session::new();
    let wanted = searched(&session, "whole", &["--sampler", "random"]);
    let arguments =
        [SEARCH, &["--run", "r", "--sampler", "random", "--quiet", "--attempts", "100"]];
    let mut command = session.command();
    let mut search = command.args(arguments.concat()).stdout(Stdio::null()).spawn().unwrap();
    let children = format!("/proc/{0}/task/{0}/children", search.id());
    let mut kills = 0;
    while search.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(60));
        let workers = std::fs::read_to_string(&children).unwrap_or_default();
        // Those that have not begun yet are left alone: too many of them would end the search.
        let is_ready = ended(&session.path("r")) > 2 * kills;
        if let Some(worker) = workers.split_whitespace().next().filter(|_| is_ready && kills < 6) {
            let kill = std::process::Command::new("kill").args(["-9", worker]).status();
            kills += u64::from(kill.unwrap().success());
        }
    }
    assert!(search.wait().unwrap().success() && kills > 0);
    let found = content(&session.path("r"));
    assert_eq!(found.trials, wanted.trials);
    assert_eq!(found.outcomes, wanted.outcomes);
}

/// How many trials have been trained to their end.
fn ended(folder: &Path) -> u64 {
    let Ok(reader) = LedgerReader::open(folder) else { return 0 };
    let trials = reader.rows().trials().unwrap_or_default();
    trials.iter().filter(|trial| trial.seconds.is_some()).count() as u64
}
