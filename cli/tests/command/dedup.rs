//! `nosc dedup`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use crate::session::Session;

/// Each row as count and line.
fn rows(out: &str) -> Vec<(u64, String)> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.splitn(3, '\t').collect();
        assert_eq!(columns[1].len(), 32, "{line}");
        (columns[0].parse().unwrap(), columns[2].to_owned())
    };
    out.lines().map(row).collect()
}

fn row(count: u64, line: &str) -> (u64, String) {
    (count, line.to_owned())
}

const LIST: &str = "# three classes\n\
    g m id id mul\n\
    \n\
    m * g   # the same\n\
    g g id id add\r\n\
    [m g id id mul]\n\
    m g id id div\n\
    rule x = g*m";

/// Token strings with few classes, enough for several batches.
fn long_list(lines: u64) -> String {
    const OPERANDS: [&str; 6] = ["g", "m", "v", "1", "adam", "w1e-3"];
    let mut text = String::new();
    for line in 0..lines {
        let number = line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let (a, b) = (OPERANDS[(number % 6) as usize], OPERANDS[(number / 6 % 6) as usize]);
        let (u, f) = (
            ["id", "exp"][(number / 36 % 2) as usize],
            ["add", "mul", "left"][(line % 3) as usize],
        );
        writeln!(text, "{a} {b} {u} id {f}").unwrap();
    }
    text
}

#[test]
fn classes_have_counts_and_the_first_line_as_it_was_read() {
    let session = Session::new();
    session.file("list.txt", LIST);
    let outcome = session.nosc(&["dedup", "list.txt"]);
    assert!(outcome.err.contains("6 rules, 3 classes, 50.0 % duplicates"), "{}", outcome.err);
    let wanted = [row(4, "g m id id mul"), row(1, "g g id id add"), row(1, "m g id id div")];
    assert_eq!(rows(&outcome.ok()), wanted);
}

#[test]
fn a_pipe_gives_the_same_rows_as_a_file() {
    let session = Session::new();
    let list = long_list(60_000);
    session.file("list.txt", &list);
    let file = session.nosc(&["dedup", "list.txt", "--jobs", "1"]).ok();
    assert!(rows(&file).len() > 40);
    assert_eq!(rows(&file).iter().map(|(count, _)| count).sum::<u64>(), 60_000);
    for jobs in ["1", "2", "5"] {
        let arguments = ["dedup", "-", "--jobs", jobs];
        assert_eq!(session.nosc_reading(&arguments, list.as_bytes()).ok(), file, "{jobs} jobs");
        let arguments = ["dedup", "list.txt", "--jobs", jobs];
        assert_eq!(session.nosc(&arguments).ok(), file, "{jobs} jobs");
    }
}

#[test]
fn levels_merge_more_and_more() {
    let session = Session::new();
    session.file("list.txt", "g + m + v\nv + m + g\ng*m + g*v\ng*(m + v)\n2*g*(m + v)\n");
    let classes = |level| {
        let json = session.nosc(&["dedup", "list.txt", "--json", "--level", level]).json();
        assert_eq!(json["level"], level);
        json["classes"].as_u64().unwrap()
    };
    let (exact, real, scale) = (classes("exact"), classes("real"), classes("scale"));
    assert!(exact >= real && real >= scale && scale >= 2, "{exact} {real} {scale}");
}

#[test]
fn rows_can_be_sorted_and_cut() {
    let session = Session::new();
    session.file("list.txt", "g\nm\nm\ng*m\nm*g\ng*m\n");
    let out = session.nosc(&["dedup", "list.txt", "--sort", "count", "--top", "2"]).ok();
    assert_eq!(rows(&out), [row(3, "g*m"), row(2, "m")]);
    let out = session.nosc_reading(&["dedup", "-", "--top", "1"], b"g\nm\nm\n").ok();
    assert_eq!(rows(&out), [row(1, "g")]);
    let summary = session.nosc(&["dedup", "list.txt", "--summary"]).ok();
    assert!(summary.starts_with("6 rules, 3 classes, 50.0 % duplicates; "), "{summary}");
}

#[test]
fn counts_are_json_and_rows_go_to_a_file() {
    let session = Session::new();
    session.file("list.txt", LIST);
    let json = session.nosc(&["dedup", "list.txt", "--json", "-o", "rows.tsv"]).json();
    let wanted = [("rules", 6), ("classes", 3), ("duplicates", 3), ("bad_lines", 0)];
    assert!(wanted.iter().all(|(name, count)| json[name] == *count), "{json}");
    assert_eq!((&json["level"], &json["duplicate_share"]), (&"real".into(), &0.5.into()));
    assert!(json["seconds"].as_f64().unwrap() > 0.0 && json["rules_per_second"].is_number());
    let rows = String::from_utf8(session.read("rows.tsv")).unwrap();
    assert_eq!(rows.lines().count(), 3);
}

#[test]
fn several_lists_are_one() {
    let session = Session::new();
    session.file("a.txt", "g\nm");
    session.file("empty.txt", "");
    session.file("b.txt", "m\nv\n");
    let arguments = ["dedup", "a.txt", "empty.txt", "-", "b.txt"];
    let out = session.nosc_reading(&arguments, b"g*g\nv*v").ok();
    let wanted = [row(1, "g"), row(2, "m"), row(1, "g*g"), row(1, "v*v"), row(1, "v")];
    assert_eq!(rows(&out), wanted);
    session.nosc(&["dedup", "-", "-"]).fails(2);
}

#[test]
fn a_bad_line_is_named_and_stops_the_work() {
    let session = Session::new();
    session.file("list.txt", "g\n\n  g m sgn_g id mul\ng +\nm\n");
    let err = session.nosc(&["dedup", "list.txt"]).fails(1);
    assert!(err.contains("error: list.txt:3:7: ") && err.contains("| "), "{err}");
    assert!(err.contains("list.txt:4:4: ") && err.contains("`--skip-bad`"), "{err}");
}

#[test]
fn bad_lines_can_be_left_out_and_are_counted() {
    let session = Session::new();
    let mut list = String::new();
    (0..20).for_each(|line| writeln!(list, "g\noops{line}").unwrap());
    session.file("list.txt", &list);
    let outcome = session.nosc(&["dedup", "list.txt", "--skip-bad"]);
    assert!(outcome.err.contains("warning: list.txt:2:1: "), "{}", outcome.err);
    assert!(!outcome.err.contains("list.txt:12:"), "the first five are shown");
    assert!(outcome.err.contains("20 lines that are no rules were left out"), "{}", outcome.err);
    assert_eq!(rows(&outcome.ok()), [row(20, "g")]);
}

#[test]
fn the_first_bad_line_does_not_depend_on_threads() {
    let session = Session::new();
    let mut list = long_list(40_000);
    list.push_str("bad one\n");
    list.push_str(&long_list(30_000));
    list.push_str("bad two\n");
    session.file("list.txt", &list);
    for jobs in ["1", "2", "7"] {
        let err = session.nosc(&["dedup", "list.txt", "--jobs", jobs]).fails(1);
        assert!(err.contains("list.txt:40001:"), "{err}");
        assert!(!err.contains("list.txt:70002:"), "{err}");
    }
}

#[test]
fn bytes_that_are_no_text_and_endless_lines_are_bad_lines() {
    let session = Session::new();
    let list =
        [&b"g\ng \xff\nm\n"[..], &vec![b'('; 3 << 20], b"\nm\n", &vec![b'x'; 2 << 20]].concat();
    std::fs::write(session.path("list.txt"), &list).unwrap();
    for (name, arguments) in [
        ("list.txt", ["dedup", "list.txt", "--skip-bad"]),
        ("<stdin>", ["dedup", "-", "--skip-bad"]),
    ] {
        let outcome = session.nosc_reading(&arguments, &list);
        let err = &outcome.err;
        assert!(err.contains(&format!("{name}:2:3: not UTF-8")), "{err}");
        assert!(err.contains(&format!("{name}:4:1: longer than 1048576 bytes")), "{err}");
        assert!(err.contains(&format!("{name}:6:1: longer than 1048576 bytes")), "{err}");
        assert_eq!(rows(&outcome.ok()), [row(1, "g"), row(2, "m")]);
    }
}

#[test]
fn a_saved_set_goes_on_with_the_next_list() {
    let session = Session::new();
    session.file("a.txt", "g\ng*m\n");
    session.file("b.txt", "m*g\nv\nv\ng*g\n");
    session.nosc(&["dedup", "a.txt", "--save", "seen.set"]).ok();
    let arguments = ["dedup", "b.txt", "--load", "seen.set", "--save", "seen.set"];
    let outcome = session.nosc(&arguments);
    assert!(outcome.err.contains("1 rule of 2 known before"), "{}", outcome.err);
    assert_eq!(rows(&outcome.ok()), [row(2, "v"), row(1, "g*g")]);
    let json = session.nosc(&["dedup", "a.txt", "--load", "seen.set", "--json"]).json();
    assert_eq!((&json["classes"], &json["known_rules"]), (&0.into(), &2.into()));
    assert_eq!(json["known_classes"], 4);
}

#[test]
fn a_set_that_does_not_fit_is_refused() {
    let session = Session::new();
    session.file("a.txt", "g\ng*m\n");
    session.nosc(&["dedup", "a.txt", "--save", "seen.set"]).ok();
    let load = |name: &str, level: &str| {
        session.nosc(&["dedup", "a.txt", "--load", name, "--level", level]).fails(1)
    };
    assert!(load("seen.set", "scale").contains("`--level real` reads it"));
    assert!(load("a.txt", "real").contains("`a.txt` is no saved set"));
    let mut bytes = session.read("seen.set");
    bytes[12] ^= 1;
    std::fs::write(session.path("other.set"), &bytes).unwrap();
    assert!(load("other.set", "real").contains("form version"));
    std::fs::write(session.path("cut.set"), &session.read("seen.set")[..70]).unwrap();
    assert!(load("cut.set", "real").contains("cut short: it ends within class 2 of 2"));
    assert!(load("cut.set", "real").contains("make it again from its lists with `--save`"));
}

#[test]
fn what_cannot_be_read_or_written_is_said_before_the_work() {
    let session = Session::new();
    session.file("a.txt", "g\n");
    assert!(session.nosc(&["dedup", "no.txt"]).fails(1).contains("could not read `no.txt`"));
    assert!(session.nosc(&["dedup", "."]).fails(1).contains("could not read `.`"));
    let err = session.nosc(&["dedup", "a.txt", "-o", "no/rows.tsv"]).fails(1);
    assert!(err.contains("could not write `no/rows.tsv`: there is no folder `no`"), "{err}");
    session.nosc(&["dedup"]).fails(2);
    session.nosc(&["dedup", "a.txt", "--jobs", "0"]).fails(2);
    session.nosc(&["dedup", "a.txt", "--level", "loose"]).fails(2);
}

#[test]
fn an_empty_list_has_no_classes() {
    let session = Session::new();
    let outcome = session.nosc_reading(&["dedup", "-"], b"# nothing\n\n");
    assert!(outcome.err.contains("0 rules, 0 classes, 0.0 % duplicates"), "{}", outcome.err);
    assert_eq!(outcome.ok(), "");
}

#[test]
fn rows_of_its_own_output_are_known_for_what_they_are() {
    let session = Session::new();
    session.file("list.txt", "g m id id mul\ng\n");
    let rows = session.nosc(&["dedup", "list.txt"]).ok();
    let err = session.nosc_reading(&["dedup", "-"], rows.as_bytes()).fails(1);
    assert!(err.contains("`cut -f 3-` leaves the rule"), "{err}");
    let rows = session.nosc(&["canon", "list.txt", "--tsv"]).ok();
    let err = session.nosc_reading(&["dedup", "-"], rows.as_bytes()).fails(1);
    assert!(err.contains("`cut -f 2-` leaves the rule"), "{err}");
}

#[test]
fn lines_are_told_apart_by_what_they_hold() {
    let session = Session::new();
    let out =
        session.nosc_reading(&["dedup", "-"], "g × m · v × g · m\ng m id id mul\n".as_bytes());
    assert_eq!(out.ok().lines().count(), 2);
    let err = session.nosc_reading(&["dedup", "-"], b"g m id\n").fails(1);
    assert!(err.contains("the token string has 3 tokens"), "{err}");
    let err = session.nosc_reading(&["dedup", "-"], b"rule a {\n  update = g\n}\n").fails(1);
    assert!(err.contains("a list has one rule a line"), "{err}");
}

#[test]
fn a_set_is_saved_when_nobody_reads_the_rows() {
    let session = Session::new();
    let mut child = session
        .command()
        .args(["dedup", "-", "--save", "seen.set"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"g\nm\nm\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    session.file("list.txt", "m\ng\n");
    let json = session.nosc(&["dedup", "list.txt", "--load", "seen.set", "--json"]).json();
    assert_eq!((&json["known_rules"], &json["classes"]), (&2.into(), &0.into()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_set_is_not_saved_when_its_rows_are_lost() {
    let session = Session::new();
    session.file("list.txt", "g\nm\n");
    let arguments = ["dedup", "list.txt", "--save", "seen.set"];
    session.nosc(&[&arguments[..], &["-o", "/dev/full"]].concat()).fails(1);
    assert!(!session.path("seen.set").exists());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let done = session.command().args(arguments).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(!session.path("seen.set").exists());
}

#[test]
fn no_file_is_written_over_another_that_is_read_or_written() {
    let session = Session::new();
    session.file("list.txt", "g\nm\n");
    session.nosc(&["dedup", "list.txt", "--save", "seen.set"]).ok();
    std::fs::create_dir(session.path("sub")).unwrap();
    let set = session.read("seen.set");
    let same = "sub/../x";
    for (arguments, wanted) in [
        (&["-o", "x", "--save", "x"][..], "`--output` and `--save` both name `x`"),
        (&["-o", "x", "--save", same], "both name `sub/../x`; give each a file of its own"),
        (&["--save", "./list.txt"], "`--save` would replace `./list.txt`, which is read"),
        (&["-o", "list.txt"], "`--output` would replace `list.txt`, which is read"),
        (&["-o", "x", "--save", "list.txt"], "`--save` would replace `list.txt`"),
        (&["--load", "seen.set", "-o", "seen.set"], "`--output` would replace `seen.set`"),
    ] {
        let err = session.nosc(&[&["dedup", "list.txt"], arguments].concat()).fails(2);
        assert!(err.contains(wanted), "{err}");
    }
    assert_eq!(session.read("list.txt"), b"g\nm\n");
    assert_eq!(session.read("seen.set"), set);
    assert!(!session.path("x").exists());
    session.nosc(&["dedup", "list.txt", "-o", "x", "--save", "sub/x"]).ok();
}
