//! `nosc bench`.

use crate::session::Session;

#[test]
fn results_are_a_json_list_in_the_order_of_the_rules() {
    let session = Session::new();
    session.file("mine.nos", "rule mine = sign(m)*sqrt(abs(g))\nrule other = g*exp(v)\n");
    let run = [
        "bench",
        "--rules",
        "sgd,mine.nos:mine",
        "--sizes",
        "2e2,1000",
        "--threads",
        "1,2",
        "--backend",
        "interpreter,cranelift",
        "--rounds",
        "2",
        "--json",
    ];
    let list = session.nosc(&run).json();
    let list = list.as_array().unwrap();
    let names: Vec<&str> = list.iter().map(|row| row["rule"].as_str().unwrap()).collect();
    assert_eq!(names[..8], ["sgd"; 8]);
    assert_eq!(names[8..], ["mine"; 8]);
    let row = list[15].as_object().unwrap();
    let fields: Vec<&str> = row.keys().map(String::as_str).take(8).collect();
    assert_eq!(
        fields,
        [
            "rule",
            "n",
            "threads",
            "backend",
            "ns_per_parameter",
            "gigabytes_per_second",
            "plain_loop_ratio",
            "compile_us"
        ]
    );
    assert_eq!((&row["n"], &row["threads"], &row["states"]), (&1000.into(), &2.into(), &1.into()));
    assert_eq!(row["bytes_per_parameter"], 20);
    for row in list {
        let number = |field: &str| row[field].as_f64().unwrap();
        for field in
            [&fields[4..], &["compile_from_text_us", "plain_loop_ns_per_parameter"]].concat()
        {
            assert!(number(field) > 0.0 && number(field).is_finite(), "{field}: {row}");
        }
        assert_eq!(row["rounds"], 2);
        let moved = number("gigabytes_per_second") * number("ns_per_parameter");
        assert!((moved - number("bytes_per_parameter")).abs() < 1e-9, "{row}");
        let [low, high] = [0, 1].map(|i| row["ns_per_parameter_quartiles"][i].as_f64().unwrap());
        assert!(low <= high && (low..=high).contains(&number("ns_per_parameter")), "{row}");
    }
}

#[test]
fn results_are_a_table_and_a_picture() {
    let session = Session::new();
    let run = [
        "bench",
        "--rules",
        "sgd,adam",
        "--sizes",
        "100,1000",
        "--threads",
        "1",
        "--rounds",
        "1",
        "--plot",
        "times.svg",
    ];
    let table = session.nosc(&run).ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "medians of 1 round");
    assert!(lines[1].starts_with("rule "), "{table}");
    assert_eq!(lines.len(), 2 + 4, "{table}");
    let cells: Vec<&str> = lines[5].split_whitespace().collect();
    assert_eq!(cells[..3], ["adam", "1000", "1"], "{table}");
    let picture = String::from_utf8(session.read("times.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains(">adam</text>"), "{picture}");
    assert_eq!(picture.matches("<polyline").count(), 2);
}

#[test]
fn one_rule_may_be_given_in_any_form() {
    let session = Session::new();
    let quick = ["--sizes", "64", "--threads", "1", "--rounds", "1", "--json"];
    let rules = |rule: &[&str]| {
        let run = [&["bench"], rule, &quick].concat();
        let list = session.nosc(&run).json();
        let names = list.as_array().unwrap().iter().map(|row| row["rule"].to_string());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(rules(&["lion"]), r#""lion""#);
    assert_eq!(rules(&["-e", "g*m"]), r#""expression""#);
    assert_eq!(rules(&["--tokens", "g m id sign mul"]), r#""tokens""#);
    assert_eq!(rules(&["lion", "--rules", "sgd,lion"]), r#""lion" "sgd""#);
    assert!(rules(&[]).starts_with(r#""sgd" "momentum" "adam_rule""#));
}

#[test]
fn what_auto_stands_for_is_timed_once() {
    let session = Session::new();
    let backends = |asked: &str| {
        let run = ["bench", "lion", "--sizes", "64", "--threads", "1", "--rounds", "1", "--json"];
        let list = session.nosc(&[&run[..], &["--backend", asked]].concat()).json();
        let names = list.as_array().unwrap().iter().map(|row| row["backend"].as_str().unwrap());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let [auto] = backends("auto").try_into().unwrap();
    assert_ne!(auto, "auto");
    assert_eq!(backends(&format!("auto,{auto}")), [auto]);
}

#[test]
fn mistakes_name_the_way_out() {
    let session = Session::new();
    let fails = |options: &[&str], code, text: &str| {
        let run = [&["bench", "--rounds", "1"], options].concat();
        let err = session.nosc(&run).fails(code);
        assert!(err.contains(text), "{options:?}: {err}");
    };
    fails(&["--rules", "sgdd"], 1, "did you mean `sgd`?");
    fails(&["-e", "sgn(g)"], 1, "did you mean `sign`?");
    fails(&["lion", "--sizes", "0"], 1, "size 0: expected at least 1 parameter");
    fails(&["lion", "--sizes", "0"], 1, "help: give numbers of parameters");
    for size in ["1e12", "1e17"] {
        let options = ["lion", "--sizes", "100", "--sizes", size];
        fails(&options, 1, "the arrays of `lion` take");
        fails(&options, 1, "80 % of the memory that is free");
        fails(&options, 1, "help: give smaller `--sizes`");
    }
    fails(&["lion", "--threads", "0"], 1, "0 threads: expected 1 to 1024");
    fails(&["lion", "--threads", "1,5000"], 1, "5000 threads: expected 1 to 1024");
    fails(&["lion", "--sizes", "many"], 2, "no number of parameters");
    fails(&["lion", "--backend", "gpu"], 2, "unknown back end `gpu`");
    fails(&["lion", "--plot", "a.png"], 2, "use .svg");
    fails(&["lion", "--plot", "no/folder/a.svg"], 1, "could not write `no/folder/a.svg`");
    fails(&["lion", "-e", "g"], 2, "cannot be used with");
    let err = session.nosc(&["bench", "lion", "--rounds", "0"]).fails(1);
    assert!(err.contains("0 rounds: expected 1 to"), "{err}");
}
