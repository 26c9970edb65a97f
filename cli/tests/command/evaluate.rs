//! `nosc evaluate`.

use serde_json::Value;

use crate::session::Session;

const SEARCH: &str = "search small --task quadratic --noise 0.1 --run r --budget 6 --sampler random --steps 50 \
                      --baselines sgd,adam -q";

/// A run of six rules.
fn searched() -> Session {
    let session = Session::new();
    session.nosc(&SEARCH.split_whitespace().collect::<Vec<_>>()).ok();
    session
}

fn nosc(session: &Session, run: &str) -> crate::session::Outcome {
    session.nosc(&run.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn the_best_rules_are_judged_beside_the_baselines_once() {
    let session = searched();
    let run = "evaluate r --top 3 --seeds 3 --jobs 1 -o e.csv";
    let done = nosc(&session, run);
    assert_eq!(done.code, 0, "{}", done.err);
    let table = done.out;
    assert!(table.contains("50 steps, seeds 0 to 2"), "{table}");
    assert!(table.contains("above ") && table.contains("reward"), "{table}");
    assert!(table.contains("those of the found rules, which were chosen by them"), "{table}");
    for name in ["sgd", "adam"] {
        assert!(table.lines().any(|line| line.ends_with(name)), "{table}");
    }
    let rows = String::from_utf8(session.read("e.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 5, "{rows}");
    let width = rows.lines().next().unwrap().split(',').count();
    assert!(rows.starts_with("round,child,steps,rank,trial,kind") && width == 24);
    // With more children at once, and from the ledger: nothing is trained, so nobody can interrupt it.
    let again = nosc(&session, "evaluate r --top 3 --seeds 3 --jobs 4");
    assert_eq!((again.code, again.out.as_str()), (0, table.as_str()));
    let list = nosc(&session, "evaluate r --top 3 --seeds 3 --json -q").json();
    let rules = list[0]["rules"].as_array().unwrap();
    assert_eq!((list.as_array().unwrap().len(), rules.len()), (1, 5));
    let means = rules.iter().map(|rule| rule["reward"]["mean"].as_f64().unwrap());
    assert!(means.is_sorted_by(|better, worse| better >= worse));
    for rule in rules {
        assert_eq!(rule["seeds"].as_array().unwrap().len(), 3);
        assert_eq!(rule["comparison"].is_null(), rule["kind"] == "baseline");
    }
    // One rule more: the others are known.
    let best = |list: &Value, trial: u64| -> Value {
        let rules = list[0]["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["trial"] == trial).unwrap()["seeds"].clone()
    };
    let four = nosc(&session, "evaluate r --top 4 --seeds 3 --json -q").json();
    assert_eq!(four[0]["rules"].as_array().unwrap().len(), 6);
    for rule in rules {
        let trial = rule["trial"].as_u64().unwrap();
        assert_eq!(best(&four, trial), rule["seeds"]);
    }
}

#[test]
fn a_funnel_says_where_each_rule_dropped_out() {
    let session = searched();
    let run = "evaluate r --top 4 --seeds 2 --funnel --coarse --json";
    let done = nosc(&session, run);
    assert!(done.err.contains("round 1, as in the search: 4 rules, 50 steps"), "{}", done.err);
    let rounds = done.json();
    let rounds = rounds.as_array().unwrap();
    let mut entered = 4;
    for (number, round) in (1_u64..).zip(rounds) {
        assert_eq!(round["round"], number);
        let steps = round["conditions"]["protocol"]["steps"].as_u64().unwrap();
        assert_eq!(steps, 50 * 3_u64.pow(number as u32 - 1));
        let rules = round["rules"].as_array().unwrap();
        let found: Vec<&Value> = rules.iter().filter(|rule| rule["kind"] == "sampled").collect();
        assert_eq!((rules.len(), found.len()), (entered + 2, entered));
        let going = found.iter().filter(|rule| rule["fate"]["goes_on"] == true).count();
        for rule in &found {
            assert!(rule["fate"]["goes_on"] == true || rule["fate"]["words"].is_string(), "{rule}");
        }
        assert!(number == 3 || going <= entered.div_ceil(2));
        entered = going;
    }
    assert!(rounds.len() == 3 || entered == 0);
    let table = nosc(&session, "evaluate r --top 4 --seeds 2 --funnel --coarse -q").ok();
    assert_eq!(table.matches("Round ").count(), rounds.len(), "{table}");
    assert!(table.contains("goes on"), "{table}");
}

#[cfg(unix)]
#[test]
fn what_is_complete_is_kept_when_somebody_interrupts() {
    let session = Session::new();
    let search = "search small --task digits --child softmax --run r --budget 2 --sampler random \
                  --epochs 1 --baselines sgd --sweep-rates 1e-2 -q";
    nosc(&session, search).ok();
    let run = "evaluate r --top 2 --seeds 1 --coarse --jobs 1 --epochs 300";
    let run: Vec<&str> = run.split(' ').collect();
    // The baseline is done when the first rule begins.
    let stopped = session.interrupted(&run, "trial ");
    assert_eq!(stopped.code, 130, "{}", stopped.err);
    assert!(stopped.err.contains("the same command goes on from here"), "{}", stopped.err);
    assert!(stopped.err.contains("sgd, lr 1e-2, seed 0: epoch 300 of 300"), "{}", stopped.err);
    assert_eq!(stopped.out.lines().filter(|line| line.contains("1.0e-2")).count(), 1);
    let rest = session.nosc(&run);
    assert_eq!(rest.code, 0, "{}", rest.err);
    assert!(rest.err.contains("trial ") && !rest.err.contains("sgd"), "{}", rest.err);
    assert_eq!(rest.out.lines().filter(|line| line.contains("1.0e-2")).count(), 3);
    let again = session.nosc(&run);
    assert_eq!((again.out, again.err.as_str()), (rest.out, ""));
}

#[test]
fn mistakes_name_the_way_out() {
    let session = searched();
    let fails = |run: &str, code| nosc(&session, run).fails(code);
    assert!(fails("evaluate nowhere", 1).contains("there is no folder nowhere"));
    assert!(fails("evaluate r -o e.txt", 2).contains("use .csv or .json"));
    assert!(fails("evaluate r --steps 5 --epochs 5", 2).contains("cannot be used with"));
    assert!(fails("evaluate r --seeds 0", 2).contains("--seeds"));
    let none = "search small --task quadratic --run none --budget 0 --sampler random --steps 5 -q";
    nosc(&session, none).ok();
    let error = fails("evaluate none", 1);
    assert!(error.contains("nosc search --resume none"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_searched_is_not_evaluated() {
    let session = searched();
    let lock = std::fs::File::open(session.path("r/lock")).unwrap();
    lock.try_lock().unwrap();
    let error = nosc(&session, "evaluate r").fails(1);
    assert!(error.contains("another process works on the run in r; wait for it"), "{error}");
}
