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
    let tables = session.nosc(&run).ok();
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
    // Three rates; one rate with two weight decays.
    assert_eq!((&of("mine")["settings"], &of("mine")["baseline"]), (&3.into(), &false.into()));
    assert_eq!((&of("sgd")["settings"], &of("sgd")["baseline"]), (&2.into(), &true.into()));
    let ranks: Vec<u64> = list.iter().map(|judged| judged["rank"].as_u64().unwrap()).collect();
    assert_eq!(ranks, [1, 2].repeat(3));
    let accuracies = list[..2].iter().map(|judged| judged["validation_accuracy"].as_f64().unwrap());
    assert!(accuracies.is_sorted_by(|better, worse| better >= worse));
    assert_eq!(list[0]["children"].as_array().unwrap().len(), 1);
}

#[test]
fn mistakes_name_the_way_out() {
    let session = Session::new();
    let fails =
        |arguments: &[&str], code| session.nosc(&[&["transfer"], arguments].concat()).fails(code);
    fails(&[], 2);
    assert!(fails(&["nosuch"], 1).contains("nosc rules"));
    assert!(fails(&["sgd", "--to", "speech"], 2).contains("deep"));
    assert!(fails(&["sgd", "--on", "mnist"], 1).contains("the tasks are"));
    assert!(fails(&["sgd", "--around", "-1"], 2).contains("positive"));
    assert!(fails(&["sgd", "--clip-norm", "-1"], 2).contains("positive"));
    assert!(fails(&["sgd", "--weight-decays", "nan"], 2).contains("weight decay NaN"));
    assert!(fails(&["sgd", "-o", "r.csv"], 2).contains("use .json"));
    assert!(fails(&["sgd", "-o", "no/r.json"], 1).contains("could not write"));
}
