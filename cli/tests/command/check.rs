//! `nosc check`.

use crate::session::Session;

#[test]
fn all_mistakes_of_a_file_are_shown_at_once() {
    let session = Session::new();
    session.file("bad.nos", "rule a = sgn(g)\nrule b = g + qq\nrule c = g\n");
    let outcome = session.nosc(&["check", "bad.nos"]);
    assert_eq!(outcome.out, "bad.nos: 1 good rule, 2 errors, 0 warnings\n");
    let err = outcome.fails(1);
    assert!(err.contains("unknown function `sgn`") && err.contains("did you mean `sign`?"));
    assert!(err.contains("unknown name `qq`"));
    assert!(!err.contains('\u{1b}'), "no colour where nobody sees it");
}

#[test]
fn problems_are_a_json_list_with_places() {
    let session = Session::new();
    session.file("bad.nos", "rule a = g\nrule b = exp(g, m)\n");
    let outcome = session.nosc(&["check", "--json", "bad.nos"]);
    assert_eq!(outcome.code, 1);
    let list = outcome.json();
    let problem = &list[0];
    assert_eq!(problem["code"], "nosc::argument_count");
    assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &10.into()));
    assert_eq!(problem["help"], "write `exp(x)`");
    assert_eq!(problem["message"], "`exp` takes 1 argument, found 2");
}

#[test]
fn standard_input_is_read_once() {
    let session = Session::new();
    let outcome = session.nosc_reading(&["check", "-", "-"], b"rule a = g\n");
    assert!(outcome.fails(2).contains("`-` can be given once"));
}

#[test]
fn a_file_that_cannot_be_read_has_the_fields_of_the_others() {
    let session = Session::new();
    session.file("bad.nos", "rule a = sgn(g)\n");
    let list = session.nosc(&["check", "--json", "none.nos", "bad.nos"]).json();
    let fields = |at: usize| list[at].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(0), fields(1));
    assert_eq!(list[0]["code"], "nosc::unreadable");
}

#[test]
fn a_good_file_has_an_empty_list_and_exit_code_0() {
    let session = Session::new();
    session.file("good.nos", "g");
    assert_eq!(session.nosc(&["check", "--json", "good.nos"]).ok().trim(), "[]");
}

#[test]
fn a_warning_is_shown_and_is_no_failure() {
    let session = Session::new();
    session.file("odd.nos", "rule a { let x = g\n update = 1e-50 * g }");
    let outcome = session.nosc(&["check", "odd.nos"]);
    assert!(outcome.err.contains("never used") && outcome.err.contains("rounds to 0 as f32"));
    outcome.ok();
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let session = Session::new();
    std::fs::write(session.path("utf16.nos"), b"g\n\xff\xfeg\0").unwrap();
    let err = session.nosc(&["check", "utf16.nos"]).fails(1);
    assert!(err.contains("no text") && err.contains("[utf16.nos:2:1]"), "{err}");
    std::fs::write(session.path("latin.nos"), b"g # \xe9").unwrap();
    assert!(session.nosc(&["check", "latin.nos"]).fails(1).contains("not UTF-8"));
    std::fs::write(session.path("nul.nos"), b"g + \0").unwrap();
    assert!(session.nosc(&["check", "nul.nos"]).fails(1).contains("unexpected character '\\0'"));
}

#[test]
fn a_very_long_line_is_not_shown_whole() {
    let session = Session::new();
    let deep = format!("rule a = {}g{}\n", "(".repeat(100_000), ")".repeat(100_000));
    session.file("deep.nos", &deep);
    let err = session.nosc(&["check", "deep.nos"]).fails(1);
    assert!(err.contains("nesting deeper than 128") && err.contains("deep.nos:1:138"), "{err}");
    assert!(err.len() < 1000);
}

#[test]
fn a_missing_file_is_named() {
    let session = Session::new();
    session.file("good.nos", "g");
    let outcome = session.nosc(&["check", "nowhere.nos", "good.nos"]);
    assert!(outcome.out.contains("good.nos: 1 good rule"), "the others are checked");
    let err = outcome.fails(1);
    assert!(err.contains("could not read `nowhere.nos`"), "{err}");
    let list = session.nosc(&["check", "--json", "nowhere.nos"]).json();
    assert_eq!(list[0]["code"], "nosc::unreadable");
}

#[test]
fn standard_input_is_a_dash() {
    let outcome = Session::new().nosc_reading(&["check", "-"], b"rule a = tnah(g)");
    assert!(outcome.fails(1).contains("did you mean `tanh`?"));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let session = Session::new();
    session.nosc(&["check"]).fails(2);
    session.nosc(&["chekc", "x"]).fails(2);
    session.nosc(&["compile", "-e", "g", "--target", "abacus"]).fails(2);
    session.nosc(&["compile", "-e", "g", "--tokens", "g 1 id id left"]).fails(2);
}

#[test]
fn colour_follows_the_flag_and_the_environment() {
    let session = Session::new();
    session.file("bad.nos", "sgn(g)");
    let coloured = session.nosc(&["--color", "always", "check", "bad.nos"]).fails(1);
    assert!(coloured.contains('\u{1b}'));
    let done = session.command().env("NO_COLOR", "1").args(["check", "bad.nos"]).output().unwrap();
    assert!(!done.stderr.contains(&0x1b));
}
