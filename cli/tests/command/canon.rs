//! `nosc canon`.
#![expect(clippy::unwrap_used, clippy::format_collect, reason = "a test that cannot go on fails")]

use crate::session::Session;

fn keys(out: &str) -> Vec<&str> {
    out.lines().map(|line| line.split('\t').next().unwrap()).collect()
}

#[test]
fn one_rule_has_text_and_key_at_a_level() {
    let session = Session::new();
    let out = session.nosc(&["canon", "-e", "m + g", "--level", "exact"]).ok();
    assert!(out.starts_with("rule        expression\nexact       g + m\nkey         "), "{out}");
    let json = session.nosc(&["canon", "adam", "--json"]).json();
    assert_eq!((&json["name"], &json["level"]), (&"adam".into(), &"real".into()));
    let key = json["key"].as_str().unwrap();
    assert_eq!(key.len(), 32);
    let tokens = session.nosc(&["canon", "--tokens", "m v id sqrt div", "--json"]).json();
    assert!(tokens["text"].is_string() && tokens["form_version"].is_number());
}

#[test]
fn a_rule_file_gives_all_its_rules() {
    let session = Session::new();
    session.file("two.nos", "rule a = g\nrule b {\n  param c = 2\n  update = c*g\n}\n");
    let out = session.nosc(&["canon", "two.nos"]).ok();
    assert_eq!(out.lines().filter(|line| line.starts_with("key ")).count(), 2, "{out}");
    assert_eq!(session.nosc(&["canon", "two.nos", "--json"]).json().as_array().unwrap().len(), 2);
    assert_eq!(session.nosc(&["canon", "two.nos:b", "--json"]).json()["name"], "b");
}

#[test]
fn a_stream_has_a_key_a_line_in_order() {
    let session = Session::new();
    let input = "g m id id mul\n# a comment\nm*g\n\n[g 1 id id left]\r\ng";
    let tsv = session.nosc_reading(&["canon", "--tsv"], input.as_bytes()).ok();
    let lines: Vec<&str> = tsv.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(lines, ["g m id id mul", "m*g", "[g 1 id id left]", "g"], "as they were read");
    let text = session.nosc_reading(&["canon", "-", "--level", "exact"], input.as_bytes()).ok();
    let texts: Vec<&str> = text.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(texts, ["g * m", "g * m", "g", "g"]);
    let (a, b) = (keys(&text), keys(&tsv));
    assert!(a[0] == a[1] && a[2] == a[3] && a[0] != a[2]);
    assert!(b[0] == b[1] && b[2] == b[3] && b[0] != b[2]);
}

#[test]
fn canonical_texts_of_a_stream_are_lines_with_the_same_keys() {
    let session = Session::new();
    let input = "{ param c = 2; state s = c*s + g; update = s - prev(s); schedule = ld }\n\
        drop(g, 0.3) * eps\nrule x = cd * m\n";
    let out = session.nosc_reading(&["canon", "--level", "exact"], input.as_bytes()).ok();
    assert_eq!(out.lines().count(), 3, "{out}");
    let texts: String =
        out.lines().map(|line| format!("{}\n", line.split_once('\t').unwrap().1)).collect();
    let again = session.nosc_reading(&["canon", "--level", "exact"], texts.as_bytes()).ok();
    assert_eq!(again, out);
}

#[test]
fn json_of_a_stream_is_an_object_a_line() {
    let out = Session::new().nosc_reading(&["canon", "--json"], b"m + g\ng\n").ok();
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["rule"], "m + g");
    assert!(objects[0]["key"].is_string() && objects[0]["text"].is_string());
}

#[test]
fn order_is_kept_whatever_the_threads() {
    let session = Session::new();
    let list: String = (0..30_000).map(|n| format!("cd_{} g id id mul\n", n % 97 + 1)).collect();
    session.file("list.txt", &list);
    let one = session.nosc(&["canon", "list.txt", "--tsv", "--jobs", "1"]).ok();
    let lines: Vec<&str> = one.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(lines, list.lines().collect::<Vec<_>>());
    let many = session.nosc_reading(&["canon", "--tsv", "--jobs", "6"], list.as_bytes()).ok();
    assert!(many == one);
}

#[test]
fn output_ends_at_the_first_line_that_is_no_rule() {
    let session = Session::new();
    let input = b"g\nm\nhello\nv\n";
    let outcome = session.nosc_reading(&["canon", "--tsv"], input);
    assert_eq!(outcome.out.lines().count(), 2, "{}", outcome.out);
    assert!(outcome.fails(1).contains("<stdin>:3:1: unknown name `hello`"));
    let outcome = session.nosc_reading(&["canon", "--tsv", "--skip-bad"], input);
    assert!(outcome.err.contains("1 line that is no rule was left out"), "{}", outcome.err);
    assert_eq!(outcome.ok().lines().count(), 3);
}

#[test]
fn a_format_takes_nothing_else() {
    let session = Session::new();
    let reading = |format: &str, line: &str| {
        let arguments = ["canon", "--format", format];
        session.nosc_reading(&arguments, line.as_bytes())
    };
    reading("tokens", "g m id id mul").ok();
    reading("tokens", "[g m id id mul]").ok();
    assert!(reading("tokens", "g * m").fails(1).contains("<stdin>:1:"));
    reading("infix", "g*m").ok();
    reading("infix", "[g m id id mul]").ok();
    assert!(reading("infix", "g m id id mul").fails(1).contains("<stdin>:1:"));
}

#[test]
fn what_is_for_lists_is_refused_elsewhere() {
    let session = Session::new();
    let err = session.nosc(&["canon", "-e", "g", "--tsv"]).fails(2);
    assert!(err.contains("`--tsv` is for lists"), "{err}");
    for arguments in [&["--format", "auto"][..], &["--jobs", "2"], &["--skip-bad"]] {
        let err = session.nosc(&[&["canon", "-e", "g"], arguments].concat()).fails(2);
        assert!(err.contains(&format!("`{}` is for lists", arguments[0])), "{err}");
        session.nosc_reading(&[&["canon", "-"], arguments].concat(), b"g\n").ok();
    }
    session.nosc(&["canon", "--tsv", "--json"]).fails(2);
    assert!(session.nosc(&["canon", "list.txt"]).fails(1).contains("could not read `list.txt`"));
    assert!(session.nosc(&["canon", "g*0.5"]).fails(1).contains("write a formula after `-e`"));
    assert!(session.nosc(&["canon", "adma"]).fails(1).contains("did you mean `adam`?"));
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_line() {
    let out = Session::new().nosc_reading(&["canon", "--tsv"], "\u{feff}g\n".as_bytes()).ok();
    assert!(out.ends_with("\tg\n"), "{out:?}");
}
