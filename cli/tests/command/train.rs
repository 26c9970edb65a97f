//! `nosc train`.

use crate::session::Session;

#[test]
fn rules_are_compared_in_a_table_and_a_picture() {
    let session = Session::new();
    session.file("mine.nos", "rule mine = sign(m)*sqrt(abs(g))\n");
    let run = [
        "train",
        "rosenbrock",
        "--rules",
        "sgd,adam,mine.nos:mine",
        "--steps",
        "200",
        "--plot",
        "r.svg",
    ];
    let table = session.nosc(&run).ok();
    for name in ["sgd", "adam", "mine"] {
        assert!(table.lines().any(|line| line.starts_with(name)), "{table}");
    }
    let picture = String::from_utf8(session.read("r.svg")).unwrap();
    assert!(picture.starts_with("<svg") || picture.starts_with("<?xml"));
    assert!(picture.contains("mine"));
}

#[test]
fn results_are_a_json_list_and_depend_on_the_seed_alone() {
    let session = Session::new();
    let run = |seed| {
        let run = [
            "train", "digits", "--rules", "t6_24", "--epochs", "2", "--lr", "0.1,1", "--seed",
            seed, "--json",
        ];
        session.nosc(&run).ok()
    };
    let first = run("3");
    assert_eq!(first, run("3"));
    assert_ne!(first, run("4"));
    let list: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let child = &list[0];
    assert_eq!(child["rule"], "t6_24");
    assert_eq!(child["task"], "digits");
    assert_eq!(child["learning_rate"], 0.1);
    assert!(child["validation_accuracy"].as_f64().unwrap() > 0.5);
    assert!(child["curve"].as_array().unwrap().len() >= 2);
}

#[test]
fn a_child_that_diverges_says_so() {
    let run = ["train", "rosenbrock", "--rules", "sgd", "--lr", "1000", "--steps", "50"];
    assert!(Session::new().nosc(&run).ok().contains("diverged at step"));
}

#[test]
fn mistakes_name_the_way_out() {
    let session = Session::new();
    let err = session.nosc(&["train", "mnist", "--rules", "sgd"]).fails(1);
    assert!(err.contains("the tasks are rosenbrock, quadratic, digits"), "{err}");
    session.nosc(&["train", "digits"]).fails(2);
    let plot = |file| session.nosc(&["train", "digits", "--rules", "sgd", "--plot", file]);
    assert!(plot("a.png").fails(2).contains("use .svg"));
    assert!(plot("no/folder/a.svg").fails(1).contains("could not write `no/folder/a.svg`"));
    assert!(
        session.nosc(&["train", "digits", "--rules", "sgd", "--lr", "-1"]).fails(1).contains("-1")
    );
    let err = session.nosc(&["train", "digits", "--rules", "sgd", "--set", "x=1"]).fails(1);
    assert!(err.contains("none of the rules has a parameter `x`"), "{err}");
    session.nosc(&["train", "digits", "--rules", "sgd", "--lr", "fast"]).fails(2);
}
