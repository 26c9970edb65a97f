//! `nosc train`.

use serde_json::{Value, json};

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

/// The results without what differs from run to run.
#[expect(clippy::unwrap_used, reason = "a test helper may stop")]
fn results(session: &Session, arguments: &[&str]) -> Value {
    let arguments = [&["train"], arguments, &["--json", "--quiet"]].concat();
    let mut list = session.nosc(&arguments).json();
    for child in list.as_array_mut().unwrap() {
        let speed = child.as_object_mut().unwrap().remove("images_per_second").unwrap();
        assert!(speed.is_null() || speed.as_f64().unwrap() > 0.0);
    }
    list
}

#[test]
fn results_are_a_json_list_and_depend_on_the_seed_alone() {
    let session = Session::new();
    let run = |seed, jobs| {
        let arguments = "digits --rules t6_24 --epochs 2 --lr 0.1,1 --child softmax --seed";
        let arguments = arguments.split(' ').chain([seed, "--jobs", jobs]);
        results(&session, &arguments.collect::<Vec<_>>())
    };
    let list = run("3", "1");
    assert_eq!(list, run("3", "2"));
    assert_ne!(list, run("4", "2"));
    assert_eq!(list.as_array().unwrap().len(), 2);
    let child = &list[0];
    assert_eq!(child["rule"], "t6_24");
    assert_eq!(child["task"], "digits");
    assert_eq!(child["child"], "softmax");
    assert_eq!(child["learning_rate"], 0.1);
    assert!(child["validation_accuracy"].as_f64().unwrap() > 0.5);
    assert_eq!(child["curve"].as_array().unwrap().len(), 3);
    assert_eq!(child["sweep"], json!([]));
}

#[test]
fn the_papers_child_has_the_same_bits_for_any_number_of_children_and_in_a_fresh_process() {
    let session = Session::new();
    let run = |jobs| {
        let rules = "t6_24,powersign";
        let run = "--seeds 2 --epochs 2 --give-up-after 3 --jobs";
        let run = ["digits", "--rules", rules].into_iter().chain(run.split(' ')).chain([jobs]);
        results(&session, &run.collect::<Vec<_>>())
    };
    let one = run("1");
    for jobs in ["2", "4"] {
        assert_eq!(run(jobs), one);
    }
    assert_eq!(one.as_array().unwrap().len(), 4);
    let [first, second] = [&one[0], &one[1]];
    assert_eq!((&first["seed"], &second["seed"]), (&json!(0), &json!(1)));
    assert_eq!(first["learning_rate"], second["learning_rate"]);
    assert_eq!(first["sweep"].as_array().unwrap().len(), 7);
    assert_eq!(first["sweep"][0]["learning_rate"], 1e-5);
    let lost = first["sweep"][6]["diverged"].as_str().unwrap();
    assert!(lost.starts_with("diverged after"), "{lost}");
    assert!(["avx512", "avx2", "gemm"].contains(&first["path"].as_str().unwrap()));
    assert_eq!(first["data"].as_str().unwrap().len(), 64);
}

#[test]
fn a_table_has_mean_and_spread_and_files_have_every_child() {
    let session = Session::new();
    let run = "train digits --child softmax --rules sgd,adam --seeds 3 --epochs 2 --sweep-epochs 1 \
               -q -o r.csv --curves c.csv --plot r.svg";
    let run: Vec<&str> = run.split_whitespace().collect();
    let table = session.nosc(&run).ok();
    assert!(table.contains("seeds 0 to 2") && table.contains("after 13 steps each"), "{table}");
    let spreads: Vec<usize> = table.lines().map(|line| line.matches('±').count()).collect();
    assert_eq!(spreads, [0, 0, 3, 3], "{table}");
    let text = |name| String::from_utf8(session.read(name)).unwrap();
    let rows = text("r.csv");
    assert_eq!(rows.lines().count(), 1 + 2 * 3);
    assert!(rows.lines().nth(1).unwrap().starts_with("sgd,digits,softmax,"), "{rows}");
    // Two epochs and a start of three children, the ends of those short ones that were not lost.
    let curves = text("c.csv");
    let points = |stage: &str| curves.lines().filter(|line| line.contains(stage)).count();
    assert_eq!(points(",training,"), 2 * 3 * 3);
    assert!((4..=2 * 7).contains(&points(",sweep,")), "{curves}");
    assert!(text("r.svg").contains("adam"));
    let json = ["train", "digits", "--child", "softmax", "--rules", "sgd", "-q", "-o", "r.json"];
    session.nosc(&json).ok();
    let list: Value = serde_json::from_str(&text("r.json")).unwrap();
    assert_eq!(list[0]["rule"], "sgd");
}

#[test]
fn a_schedule_goes_over_every_rule() {
    let session = Session::new();
    let run = |over: &[&str]| {
        let run =
            ["digits", "--child", "softmax", "--rules", "sgd", "--lr", "0.5", "--epochs", "2"];
        results(&session, &[&run, over].concat())
    };
    let plain = run(&[]);
    let cosine = run(&["--schedule", "ld*cd"]);
    let stepwise = run(&["--schedule", "step(0.1, 50%)"]);
    assert_eq!(plain[0]["curve"][1], stepwise[0]["curve"][1]);
    assert_ne!(plain[0]["curve"][2], stepwise[0]["curve"][2]);
    assert_ne!(plain[0]["curve"][1], cosine[0]["curve"][1]);
    session.file("c.nos", "rule c { update = g\n schedule = ld * cd }\n");
    let written =
        ["digits", "--child", "softmax", "--rules", "c.nos", "--lr", "0.5", "--epochs", "2"];
    assert_eq!(results(&session, &written)[0]["curve"], cosine[0]["curve"]);
    let clipped = run(&["--clip-norm", "1e-3"]);
    assert!(clipped[0]["final_loss"].as_f64() > plain[0]["final_loss"].as_f64());
    let refused = |schedule| {
        let run = ["train", "digits", "--rules", "sgd", "--schedule", schedule];
        session.nosc(&run).fails(1)
    };
    assert!(refused("ld*g").contains("varies from element to element"));
    assert!(refused("step(0.1, 150%)").contains("below 100%"));
}

#[test]
fn each_of_several_values_is_tried() {
    let session = Session::new();
    let run =
        ["train", "rosenbrock", "--rules", "adam,sgd", "--set", "eps=1e-3,1e-8", "--steps", "9"];
    let table = session.nosc(&run).ok();
    let names: Vec<&str> =
        table.lines().skip(2).filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(names, ["adam eps=1e-3", "adam eps=1e-8", "sgd"]);
}

#[test]
fn rules_of_one_name_are_told_apart_and_rates_given_twice_train_once() {
    let session = Session::new();
    session.file("mine.nos", "rule sgd = sign(g)\n");
    let run = "train rosenbrock --rules sgd,mine.nos:sgd --lr 1e-3,1e-3 --steps 9 --json";
    let list = session.nosc(&run.split(' ').collect::<Vec<_>>()).json();
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|child| &child["rule"]).collect();
    assert_eq!(names, ["sgd", "mine.nos:sgd"]);
}

#[test]
fn lines_say_how_far_children_have_come_and_which_rates_are_lost() {
    let session = Session::new();
    let run = "train digits --rules sgd --epochs 2 --jobs 1 --give-up-after 3";
    let done = session.nosc(&run.split(' ').collect::<Vec<_>>());
    assert_eq!(done.code, 0);
    let has = |text: &str| assert!(done.err.contains(text), "no `{text}` in\n{}", done.err);
    has("sgd, lr 1e1, sweep: diverged after ");
    has("seed 0: epoch 2 of 2, loss 0.");
    has(" examples/s");
}

#[cfg(unix)]
#[test]
fn what_is_done_is_kept_when_somebody_interrupts() {
    let session = Session::new();
    let run =
        "train digits --child softmax --rules sgd,adam --lr 0.1 --epochs 20000 --jobs 1 -o r.csv";
    let done = session.interrupted(&run.split(' ').collect::<Vec<_>>(), "epoch 3 of");
    assert_eq!(done.code, 130, "{}", done.err);
    assert!(done.err.contains("stopping") && done.err.contains("wrote `r.csv`"), "{}", done.err);
    assert!(done.out.contains("(stopped)") && done.out.contains("not trained"), "{}", done.out);
    let rows = String::from_utf8(session.read("r.csv")).unwrap();
    let ends: Vec<&str> = rows.lines().skip(1).map(|row| &row[row.len() - 11..]).collect();
    // Interrupted; not begun.
    assert_eq!(ends, [",true,false", "false,false"], "{rows}");
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
    let with =
        |more: &[&str]| session.nosc(&[&["train", "digits", "--rules", "sgd"], more].concat());
    assert!(with(&["--child", "resnet"]).fails(1).contains("the children are convnet"));
    assert!(with(&["--side", "32"]).fails(1).contains("it is an option of shapes"));
    assert!(with(&["--batch", "0"]).fails(1).contains("batch must be 1 to"));
    assert!(with(&["-o", "r.txt"]).fails(2).contains("use .csv or .json"));
    assert!(with(&["--lr", "1", "--sweep-epochs", "2"]).fails(2).contains("--sweep-rates"));
    assert!(with(&["--clip-norm", "0"]).fails(2).contains("positive"));
    assert!(with(&["--give-up-after", "soon"]).fails(2).contains("never"));
    with(&["--sweep-examples", "0"]).fails(2);
    assert!(with(&["-o", "r.csv", "--curves", "./r.csv"]).fails(2).contains("given twice"));
    assert!(with(&["--lr", "1", "--full-sweep"]).fails(2).contains("to the end anyway"));
    let twice = with(&["--set", "weight_decay=0", "--set", "weight_decay=1"]).fails(2);
    assert!(twice.contains("write `--set weight_decay=V1,V2`"), "{twice}");
    let run = ["train", "rosenbrock", "--rules", "sgd", "--sweep-examples", "5"];
    assert!(session.nosc(&run).fails(2).contains("has no examples"));
    // Before anything is trained: a default run of sgd on shapes takes a minute.
    let run = ["train", "digits", "--epochs", "1000000", "--rules", "sgd,adam", "--set", "beta1=2"];
    let err = session.nosc(&run).fails(1);
    assert!(err.contains("error: adam: no optimizer") && err.contains("beta1"), "{err}");
}
