//! `nosc sample`: strings, sizes, spaces, mistakes.

use std::io::Read;
use std::process::Stdio;

use crate::session::Session;

const MINE: &str = r#"
base = "small"
groups = 2
constraints = ["operands-differ", "reuse"]

[define.operands]
slow_m = "debias(ema(g, 0.99))"

[define.unary]
softsign = "x / (1 + abs(x))"
"drop0.2" = "drop(x, 0.2)"

[define.binary]
mean = "(x + y) / 2"
"#;

#[test]
fn the_same_seed_gives_the_same_strings_and_another_does_not() {
    let session = Session::new();
    let arguments = ["sample", "--space", "paper", "-n", "2", "--count", "3", "--seed", "7"];
    let first = session.nosc(&arguments).ok();
    assert_eq!(first.lines().count(), 3);
    assert!(first.lines().all(|line| line.split(' ').count() == 10), "{first}");
    assert_eq!(session.nosc(&arguments).ok(), first);
    let list = session.nosc(&[&arguments[..], &["--json"]].concat()).json();
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(list, serde_json::json!(lines));
    let longer = session.nosc(&["sample", "-n", "2", "--count", "9", "--seed", "7"]).ok();
    assert!(longer.starts_with(&first), "{longer}");
    let other = session.nosc(&["sample", "-n", "2", "--count", "3", "--seed", "8"]).ok();
    assert_ne!(other, first);
}

#[test]
fn lengths_are_a_number_or_a_range_with_both_ends() {
    let session = Session::new();
    let text = session.nosc(&["sample", "-n", "1..3", "--count", "60"]).ok();
    let lengths: Vec<usize> = text.lines().map(|line| line.split(' ').count()).collect();
    for length in [5, 10, 15] {
        assert!(lengths.iter().filter(|found| **found == length).count() > 5, "{lengths:?}");
    }
    assert!(lengths.iter().all(|length| [5, 10, 15].contains(length)));
    assert_eq!(session.nosc(&["sample", "--count", "0"]).ok(), "");
    assert_eq!(session.nosc(&["sample", "--count", "0", "--json"]).ok(), "[]\n");
}

#[test]
fn sizes_are_exact() {
    let session = Session::new();
    let text = session.nosc(&["sample", "--size"]).ok();
    assert_eq!(
        text,
        "space        paper: 22 operands, 12 unary, 6 binary\n\
         constraints  operands-differ,last-not-add,reuse\n\
         \n\
         groups                strings      without constraints\n     \
         1                 332640                   418176\n     \
         2            12645642240             191129849856\n     \
         3        983325140582400        95118445598736384\n     \
         4  117243823161920716800  51363960623317647360000\n"
    );
    let sizes = session.nosc(&["sample", "--size", "--space", "small", "-n", "2", "--json"]).json();
    assert_eq!(sizes["space"], "small");
    assert_eq!(sizes["constraints"], "operands-differ,last-not-add,reuse");
    assert_eq!(sizes["sizes"][0]["groups"], 2);
    assert_eq!(sizes["sizes"][0]["strings"], "6720000");
    assert_eq!(sizes["sizes"][0]["without_constraints"], "51840000");
    assert_eq!(sizes["tokens"]["unary"], serde_json::json!(["id", "neg", "exp", "sqrt", "sign"]));
}

#[test]
fn a_space_file_brings_tokens_groups_and_constraints() {
    let session = Session::new();
    session.file("mine.toml", MINE);
    let text = session.nosc(&["sample", "--space", "mine.toml", "--count", "200"]).ok();
    for own in ["slow_m", "softsign", "drop0.2", "mean"] {
        assert!(text.split_whitespace().any(|word| word == own), "{own}");
    }
    assert!(text.lines().all(|line| line.split(' ').count() == 10 && line.contains("%0")));
    session.file("list.txt", &text);
    let formulas = session
        .nosc_reading(&["convert", "-", "--space", "mine.toml", "--to", "infix"], text.as_bytes())
        .ok();
    assert_eq!(formulas.lines().count(), 200);
    let size = session.nosc(&["sample", "--space", "mine.toml", "--size"]).ok();
    assert!(size.contains("mine: 9 operands, 7 unary, 5 binary"), "{size}");
    assert!(size.contains("77792400"), "{size}");
}

#[test]
fn distinct_strings_are_all_of_them_if_asked_for() {
    let session = Session::new();
    session.file("tiny.toml", "operands = ['g', 'm']\nunary = ['id']\nbinary = ['add', 'mul']\n");
    let all = ["sample", "--space", "tiny.toml", "-n", "1", "--constraints", "none", "--distinct"];
    let text = session.nosc(&[&all[..], &["--count", "8"]].concat()).ok();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 8);
    let error = session.nosc(&[&all[..], &["--count", "9"]].concat()).fails(1);
    assert!(error.contains("there are 8 such strings"), "{error}");
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let session = Session::new();
    let mut child = session
        .command()
        .args(["sample", "--count", "100000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut some = [0; 64];
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut some).expect("some strings");
    drop(out);
    let done = child.wait_with_output().expect("the command ends");
    assert_eq!(done.status.code(), Some(0));
    assert!(done.stderr.is_empty());
}

#[test]
fn mistakes_in_the_arguments_are_usage() {
    let session = Session::new();
    for (arguments, wanted) in [
        (["-n", "0"], "expected 1 to 32 groups, found 0"),
        (["-n", "4..1"], "4 is more than 1; write 1..4"),
        (["-n", "four"], "`four` is not a number of groups; write N, or N..M with both ends"),
        (["--constraints", "reus"], "unknown constraint `reus`; did you mean `reuse`?"),
        (["--constraints", "papr"], "unknown constraint `papr`; did you mean `paper`?"),
    ] {
        let error = session.nosc(&[&["sample"], &arguments[..]].concat()).fails(2);
        assert!(error.contains(wanted), "{error}");
    }
    session.nosc(&["sample", "--size", "--count", "3"]).fails(2);
}

#[test]
fn mistakes_in_a_space_are_shown_with_their_places() {
    let session = Session::new();
    let error = session.nosc(&["sample", "--space", "papr"]).fails(1);
    assert!(error.contains("no file and no search space is named `papr`; did you mean `paper`?"));
    let error = session.nosc(&["sample", "--space", "none.toml"]).fails(1);
    assert!(error.contains("could not read `none.toml`"), "{error}");
    session.file("bad.toml", &MINE.replace("\"small\"", "\"smal\"").replace("(x + y)", "(x + z)"));
    let error = session.nosc(&["sample", "--space", "bad.toml"]).fails(1);
    for wanted in [
        "unknown space `smal`",
        "bad.toml:2:8",
        "in the definition of `mean`: unknown name `z`",
        "bad.toml:14:14",
        "`bad.toml` is not a search space: 2 errors",
    ] {
        assert!(error.contains(wanted), "{wanted}\n{error}");
    }
    session.file("add.toml", "operands = ['g', 'm']\nunary = ['id']\nbinary = ['add']\n");
    let error = session.nosc(&["sample", "--space", "add.toml", "-n", "2"]).fails(1);
    assert!(error.contains("no string with 2 groups meets the constraints"), "{error}");
}

#[test]
fn a_space_file_above_the_limit_is_refused() {
    let session = Session::new();
    let refused = |text: &[u8]| {
        std::fs::write(session.path("big.toml"), text).expect("a file");
        session.nosc(&["sample", "--space", "big.toml", "--size"]).fails(1)
    };
    let limit = 4 << 20;
    let wanted = "`big.toml` is not a search space: the file has more than 4194304 bytes";
    let mut text = format!("{MINE}#{}", " ".repeat(limit)).into_bytes();
    assert!(refused(&text).contains(wanted));
    // The limit lies within a character.
    text.truncate(limit);
    text.extend("é".as_bytes());
    assert!(refused(&text).contains(wanted));
    assert!(refused(b"groups = 2\n# \xff").contains("line 2 is not UTF-8; save the file as UTF-8"));
    text.truncate(limit);
    std::fs::write(session.path("big.toml"), &text).expect("a file");
    session.nosc(&["sample", "--space", "big.toml", "--size"]).ok();
}

#[test]
fn a_mistake_in_a_long_line_is_shown_without_the_line() {
    let session = Session::new();
    let names: Vec<String> = (10..310).map(|n| format!("'rd_{n}'")).collect();
    let text = format!("base = 'small'\noperands = [{}, 'gg']\n", names.join(", "));
    session.file("long.toml", &text);
    let error = session.nosc(&["sample", "--space", "long.toml"]).fails(1);
    assert!(
        error.contains(
            "error: `gg` is not an operand token (nosc::space_unknown_token)\n  at long.toml:2:"
        ),
        "{error}"
    );
    assert!(error.lines().all(|line| line.len() < 400), "{error}");
}

#[test]
fn one_is_one_and_not_several() {
    let session = Session::new();
    session.file("one.toml", "operands = ['g']\nunary = ['id']\nbinary = ['mul']\n");
    let one = ["sample", "--space", "one.toml", "-n", "1", "--constraints", "none"];
    let size = session.nosc(&[&one[..], &["--size"]].concat()).ok();
    assert!(size.contains("one: 1 operand, 1 unary, 1 binary\n"), "{size}");
    let error = session.nosc(&["sample", "--space", "one.toml"]).fails(1);
    assert!(
        error.contains("meets the constraints operands-differ,last-not-add,reuse; give fewer"),
        "{error}"
    );
    let error = session.nosc(&[&one[..], &["--distinct", "--count", "2"]].concat()).fails(1);
    assert!(error.contains("there is 1 such string, and"), "{error}");
}
