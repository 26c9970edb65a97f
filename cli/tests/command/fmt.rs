//! `nosc fmt`.

use crate::session::Session;

const ODD: &str = "rule a{update=g*m} # why\n";
const GOOD: &str = "rule a {\n    update = g * m\n}  # why\n";

fn text(session: &Session, name: &str) -> String {
    String::from_utf8(session.read(name)).expect("text")
}

#[test]
fn files_are_formatted_in_place_and_only_those_that_need_it() {
    let session = Session::new();
    session.file("odd.nos", ODD);
    session.file("good.nos", GOOD);
    let before = std::fs::metadata(session.path("good.nos")).unwrap().modified().unwrap();
    let outcome = session.nosc(&["fmt", "odd.nos", "good.nos"]);
    assert_eq!(outcome.err, "formatted `odd.nos`\n");
    assert_eq!(outcome.ok(), "");
    assert_eq!(text(&session, "odd.nos"), GOOD);
    assert_eq!(std::fs::metadata(session.path("good.nos")).unwrap().modified().unwrap(), before);
    assert_eq!(std::fs::read_dir(session.folder()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn check_names_files_and_changes_nothing() {
    let session = Session::new();
    session.file("odd.nos", ODD);
    session.file("good.nos", GOOD);
    let outcome = session.nosc(&["fmt", "--check", "good.nos", "odd.nos"]);
    assert_eq!(outcome.out, "odd.nos\n");
    assert_eq!(outcome.fails(1), "");
    assert_eq!(text(&session, "odd.nos"), ODD);
    assert_eq!(session.nosc(&["fmt", "--check", "good.nos"]).ok(), "");
}

#[test]
fn diff_shows_what_would_change() {
    let session = Session::new();
    session.file("odd.nos", "rule a = g\nrule b = g*m\n");
    let outcome = session.nosc(&["fmt", "--diff", "odd.nos"]);
    let wanted = "--- odd.nos\n+++ odd.nos (formatted)\n@@ -1,2 +1,2 @@\n rule a = g\n-rule b = g*m\n+rule b = g * m\n";
    assert_eq!(outcome.out, wanted);
    outcome.fails(1);
    session.file("good.nos", GOOD);
    assert_eq!(session.nosc(&["fmt", "--diff", "good.nos"]).ok(), "");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let session = Session::new();
    assert_eq!(session.nosc_reading(&["fmt", "-"], ODD.as_bytes()).ok(), GOOD);
    let err = session.nosc_reading(&["fmt", "-", "-"], ODD.as_bytes()).fails(2);
    assert!(err.contains("`-` can be given once"), "{err}");
    let outcome = session.nosc_reading(&["fmt", "--check", "-"], ODD.as_bytes());
    assert_eq!((outcome.code, outcome.out.as_str()), (1, "<stdin>\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_left_alone_and_the_others_are_done() {
    let session = Session::new();
    session.file("broken.nos", "rule a = (g\n");
    session.file("odd.nos", ODD);
    std::fs::write(session.path("bytes.nos"), b"rule a=g\n# \xff\n").unwrap();
    let err = session.nosc(&["fmt", "broken.nos", "bytes.nos", "no.nos", "odd.nos"]).fails(1);
    assert!(err.contains("`(` is never closed"), "{err}");
    assert!(err.contains("not UTF-8") && err.contains("could not read `no.nos`"), "{err}");
    assert_eq!(text(&session, "broken.nos"), "rule a = (g\n");
    assert_eq!(session.read("bytes.nos"), b"rule a=g\n# \xff\n");
    assert_eq!(text(&session, "odd.nos"), GOOD);
}

#[test]
fn a_name_that_is_not_known_yet_is_no_reason() {
    let session = Session::new();
    assert_eq!(session.nosc_reading(&["fmt", "-"], b"foo+g").ok(), "foo + g\n");
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let session = Session::new();
    session.file("odd.nos", ODD);
    let path = session.path("odd.nos");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("odd.nos", session.path("link.nos")).unwrap();
    session.nosc(&["fmt", "link.nos"]).ok();
    assert!(session.path("link.nos").is_symlink());
    assert_eq!(text(&session, "odd.nos"), GOOD);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    session.file("fixed.nos", ODD);
    let fixed = session.path("fixed.nos");
    std::fs::set_permissions(&fixed, std::fs::Permissions::from_mode(0o440)).unwrap();
    session.nosc(&["fmt", "fixed.nos"]).fails(1);
    assert_eq!(text(&session, "fixed.nos"), ODD);
}
