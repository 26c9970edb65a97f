//! `nosc transfer`.

use serde_json::Value;

use crate::session::Session;

#[test]
fn found_rules_are_ranked_beside_tuned_baselines() {
    let session = Session::new();
    session.file("mine.nos", "rule mine = exp(sign(g)*sign(m)) * g\n");
    let run = "transfer mine.nos:mine --to deep,residual,text --baselines sgd --steps 2 \
               --sweep-rates 1e-3,1e-2 --sweep-examples 100 -q -o r.json";
    let run: Vec<&str> = run.split_whitespace().collect();
    let done = session.nosc(&run);
    assert_eq!((done.code, done.err.as_str()), (0, "wrote `r.json`\n"));
    let tables = done.out;
    let titles =
        ["a deeper net of convolutions", "a small residual net", "Characters of a novel, LSTM"];
    for title in titles {
        assert!(tables.contains(title), "{tables}");
    }
    assert_eq!(tables.matches("mine*").count(), 3, "{tables}");
    assert!(tables.contains("* found rules, at a third, one and three times 1e-"), "{tables}");
    let list: Value = serde_json::from_slice(&session.read("r.json")).unwrap();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 3 * 2);
    let of = |rule: &str| list.iter().find(|judged| judged["rule"] == rule).unwrap();
    // Three rates; one or two rates with two weight decays.
    assert_eq!((&of("mine")["settings"], &of("mine")["baseline"]), (&3.into(), &false.into()));
    assert_eq!(
        (&of("sgd")["settings"], &of("sgd")["baseline"]),
        (&of("sgd")["planned"], &true.into())
    );
    assert!([2, 4].contains(&of("sgd")["settings"].as_u64().unwrap()));
    let ranks: Vec<u64> = list.iter().map(|judged| judged["rank"].as_u64().unwrap()).collect();
    assert_eq!(ranks, [1, 2].repeat(3));
    let accuracies = list[..2].iter().map(|judged| judged["validation_accuracy"].as_f64().unwrap());
    assert!(accuracies.is_sorted_by(|better, worse| better >= worse));
    assert_eq!(list[0]["children"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn only_what_was_trained_is_judged_when_somebody_interrupts() {
    let session = Session::new();
    let run = "transfer sgd --to deep --around 1e-2 --baselines adam --weight-decays 0 --epochs 2000 \
               --sweep-rates 1e-3,1e-2 --sweep-examples 100 --jobs 1 -o r.json";
    let run: Vec<&str> = run.split_whitespace().collect();
    let done = session.interrupted(&run, "epoch 1 of 2000");
    assert_eq!(done.code, 130, "{}", done.err);
    assert_eq!(done.out.matches("not trained").count(), 2, "{}", done.out);
    let list: Value = serde_json::from_slice(&session.read("r.json")).unwrap();
    let of = |rule: &str| list.as_array().unwrap().iter().find(|judged| judged["rule"] == rule);
    let sgd = of("sgd").unwrap();
    assert_eq!((&sgd["settings"], &sgd["planned"]), (&0.into(), &3.into()));
    let run = [&run[..], &["--sweep-epochs", "100000"]].concat();
    let early = session.interrupted(&run, "Handwritten digits, a deeper net");
    assert_eq!((early.code, early.out.as_str()), (130, ""));
    assert!(early.err.contains("no rule is judged yet"), "{}", early.err);
}

#[test]
fn mistakes_name_the_way_out() {
    let session = Session::new();
    let fails =
        |arguments: &[&str], code| session.nosc(&[&["transfer"], arguments].concat()).fails(code);
    fails(&[], 2);
    assert!(fails(&["nosuch"], 1).contains("nosc rules"));
    assert!(fails(&["sgd", "--to", "speech"], 2).contains("deep"));
    assert!(fails(&["sgd", "--on", "rosenbrock"], 2).contains("expected one of digits, shapes"));
    assert!(fails(&["sgd", "--on", "digits", "--side", "8"], 1).contains("an option of shapes"));
    assert!(fails(&["sgd", "--around", "1e308"], 2).contains("room around it"));
    assert!(fails(&["sgd", "--sweep-rates", "1,-1"], 2).contains("`--sweep-rates -1`"));
    assert!(fails(&["adam", "--clip-norm", "nan"], 2).contains("never"));
    assert!(fails(&["sgd", "--around", "-1"], 2).contains("positive"));
    assert!(fails(&["sgd", "--clip-norm", "-1"], 2).contains("positive"));
    assert!(fails(&["sgd", "--weight-decays", "nan"], 2).contains("weight decay NaN"));
    assert!(fails(&["sgd", "-o", "r.csv"], 2).contains("use .json"));
    assert!(fails(&["sgd", "-o", "no/r.json"], 1).contains("could not write"));
}
