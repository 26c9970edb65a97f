//! `nosc convert`: both ways, all sources, and why not.

use crate::session::Session;

#[test]
fn a_formula_becomes_tokens_and_tokens_a_formula() {
    let session = Session::new();
    let tokens = session.nosc(&["convert", "-e", "exp(sign(g)*sign(m))*g"]).ok();
    assert_eq!(tokens, "sign_g sign_m id id mul, %0 g exp id mul\n");
    let formula = session.nosc(&["convert", "--tokens", tokens.trim()]).ok();
    assert_eq!(formula, "exp(sign(g) * sign(m)) * g\n");
    let block = session.nosc(&[
        "convert",
        "--tokens",
        "g 1 drop0.3 id left, %0 m exp id mul, %0 %1 id id add",
    ]);
    assert_eq!(block.ok(), "{\n    let x1 = drop(g, 0.3)\n    update = x1 + exp(x1) * m\n}\n");
}

#[test]
fn a_file_stays_a_file() {
    let session = Session::new();
    session.file("two.nos", "rule a = g*m\nrule b = [m v id sqrt div]\n");
    let tokens = session.nosc(&["convert", "two.nos", "--to", "tokens"]).ok();
    assert_eq!(tokens, "rule a = [g m id id mul]\nrule b = [m v id sqrt div]\n");
    session.file("tokens.nos", &tokens);
    let formulas = session.nosc(&["convert", "tokens.nos", "--to", "infix"]).ok();
    assert_eq!(formulas, "rule a = g * m\nrule b = m / (sqrt(abs(v)) + delta)\n");
    assert_eq!(session.nosc(&["convert", "two.nos:a", "--to", "tokens"]).ok(), "g m id id mul\n");
    let read = session.nosc_reading(&["convert", "-", "--to", "infix"], tokens.as_bytes()).ok();
    assert_eq!(read, formulas);
}

#[test]
fn lines_are_converted_one_by_one() {
    let session = Session::new();
    let lines = "g*m\n\n# a remark\ng m id drop0.3 mul %0 %0 exp id mul\n[g m id id mul]\r\n\
                 { let d = drop(g, 0.3); update = d * exp(d) }\n";
    let infix = session.nosc_reading(&["convert", "-", "--to", "infix"], lines.as_bytes()).ok();
    assert_eq!(
        infix,
        "g * m\n\
         { let x1 = g * drop(m, 0.3); update = exp(x1) * x1 }\n\
         g * m\n\
         { let x1 = drop(g, 0.3); update = x1 * exp(x1) }\n"
    );
    let tokens = session.nosc_reading(&["convert", "-", "--to", "tokens"], infix.as_bytes()).ok();
    let again = session.nosc_reading(&["convert", "-", "--to", "infix"], tokens.as_bytes()).ok();
    assert_eq!(again, infix);
}

#[test]
fn a_line_in_error_stops_no_other() {
    let session = Session::new();
    let lines = b"sgn(g)\nm / v\ng m id id\n\xff\ng\n";
    let done = session.nosc_reading(&["convert", "-", "--to", "tokens"], lines);
    assert_eq!(done.out, "g 1 id id left\n");
    let error = done.fails(1);
    for wanted in [
        "error: <stdin>:1:1: unknown function `sgn`\n  | sgn(g)\n  help: did you mean `sign`?",
        "error: <stdin>:2: no tokens mean `m / v`: the token `div` adds `delta` to the divisor\n  \
         help: write `m / (v + delta)` if that is meant",
        "error: <stdin>:3:1: the token string has 4 tokens",
        "error: <stdin>:4:1: not UTF-8\n  | \u{fffd}\n  help: save the list as UTF-8",
    ] {
        assert!(error.contains(wanted), "{wanted}\n{error}");
    }
    let list = session.nosc_reading(&["convert", "-", "--to", "tokens", "--json"], lines).json();
    let wanted = serde_json::json!({
        "line": 1, "column": 1, "error": "unknown function `sgn`", "help": "did you mean `sign`?"
    });
    assert_eq!(list[0], wanted);
    assert_eq!(list[4], serde_json::json!({ "line": 5, "tokens": "g 1 id id left" }));
}

#[test]
fn what_has_no_tokens_is_named() {
    let session = Session::new();
    let error = session.nosc(&["convert", "lion", "--to", "tokens"]).fails(1);
    assert!(error.contains("tokens have no parameters"), "{error}");
    session.file("two.nos", "rule a = tanh(g)\nrule b = g\n");
    let done = session.nosc(&["convert", "two.nos", "--to", "tokens"]);
    assert_eq!(done.out, "rule b = [g 1 id id left]\n");
    let error = done.fails(1);
    assert!(error.contains("rule `a`: no tokens mean `tanh(g)`: `tanh` is no token"), "{error}");
    let list = session.nosc(&["convert", "two.nos", "--to", "tokens", "--json"]).json();
    assert_eq!(list[0]["error"], "no tokens mean `tanh(g)`: `tanh` is no token");
    assert_eq!(list[1], serde_json::json!({ "name": "b", "tokens": "g 1 id id left" }));
}

#[test]
fn tokens_of_a_space_are_read() {
    let session = Session::new();
    session.file("mine.toml", "base = 'small'\n[define.unary]\nsoft = 'x / (1 + abs(x))'\n");
    let arguments = ["convert", "--space", "mine.toml", "--tokens"];
    let formula = session.nosc(&[&arguments[..], &["m g soft id mul"]].concat()).ok();
    assert_eq!(formula, "m / (1 + abs(m)) * g\n");
    let error = session.nosc(&[&arguments[..], &["m g softs drop0.1 mul"]].concat()).fails(1);
    assert!(error.contains("did you mean `soft`?"), "{error}");
    assert!(error.contains("`drop0.1` is not a unary token of the space"), "{error}");
}

#[test]
fn what_to_write_has_to_be_said_for_files() {
    let session = Session::new();
    let error = session.nosc(&["convert", "adam"]).fails(2);
    assert!(error.contains("Add `--to tokens` or `--to infix`"), "{error}");
    session.nosc(&["convert"]).fails(2);
    session.nosc(&["convert", "nothing_here", "--to", "infix"]).fails(1);
}

#[test]
fn lines_are_told_apart_whatever_signs_and_comments_they_have() {
    let session = Session::new();
    let infix = |arguments: &[&str], lines: &str| {
        let arguments = [&["convert", "-", "--to", "infix"], arguments].concat();
        session.nosc_reading(&arguments, lines.as_bytes())
    };
    let lines = "g + m + v\ng - m - v # note\ng m id id mul # note\n[g m id id mul] # x\n";
    let wanted = "g + m + v\ng - m - v\ng * m\ng * m\n";
    assert_eq!(infix(&[], lines).ok(), wanted);
    assert_eq!(
        infix(&["--space", "small"], &lines.replace('v', "w")).ok(),
        wanted.replace('v', "w")
    );
    let err = infix(&[], "g m id\n").fails(1);
    assert!(err.contains("<stdin>:1:1: the token string has 3 tokens"), "{err}");
    session.file(
        "signs.toml",
        "base = 'small'\n[define.unary]\n'up+' = 'x + 1'\n'down-1' = 'x - 1'\n",
    );
    let lines = "g m up+ down-1 mul\n[g m id up+ mul]\ng + m + 1 + g\ng m up+ down mul\n";
    let done = infix(&["--space", "signs.toml"], lines);
    assert_eq!(done.out, "(g + 1) * (m - 1)\ng * (m + 1)\ng + m + 1 + g\n");
    assert!(done.fails(1).contains("<stdin>:4:9: `down` is not"));
}

#[test]
fn a_block_of_several_lines_is_a_file_and_one_of_a_line_is_not() {
    let session = Session::new();
    let infix =
        |text: &str| session.nosc_reading(&["convert", "-", "--to", "infix"], text.as_bytes()).ok();
    let block = "{\n    param a = 2\n    update = a * g\n}\n";
    for text in [
        "{ param a = 2\n update = a*g }",
        "# a remark\n\n{ # another\n param a = 2\n update = a*g\n}\n",
    ] {
        assert_eq!(infix(text), block, "{text}");
    }
    let list = "{ param a = 2; update = a * g } # one\ng\n{ param b = 3; update = b * m }\n";
    assert_eq!(infix(list), list.replace(" # one", ""));
    assert_eq!(infix("rule\ta = g * m\n"), "g * m\n");
}

#[test]
fn a_rule_in_error_stops_no_other_of_its_file() {
    let session = Session::new();
    let text = "rule a = sgn(g)\nrule b = g*m\n";
    session.file("two.nos", text);
    let arguments = ["convert", "two.nos", "--to", "tokens"];
    let done = session.nosc(&arguments);
    assert_eq!(done.out, "rule b = [g m id id mul]\n");
    let err = done.fails(1);
    assert!(err.contains("unknown function `sgn`") && err.contains("two.nos:1:10"), "{err}");
    let list = session.nosc(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(list, serde_json::json!([{ "name": "b", "tokens": "g m id id mul" }]));
    let done = session.nosc_reading(&["convert", "-", "--to", "tokens"], text.as_bytes());
    assert_eq!((done.code, done.out), (1, "g m id id mul\n".to_owned()));
}

#[test]
fn places_count_characters_of_the_line_as_it_was_read() {
    let session = Session::new();
    let err = |arguments: &[&str], line: &str| {
        let arguments = [&["convert", "-", "--to", "infix"], arguments].concat();
        session.nosc_reading(&arguments, line.as_bytes()).fails(1)
    };
    for (line, place) in [
        ("\u{feff}  g * sgn(m) # note", "1:7: unknown function"),
        ("g m id ix mul", "1:8: `ix` is not"),
        ("  [g m id ix mul]", "1:11: `ix` is not"),
        ("\u{3b3} * sgn(m)", "1:5: unknown function"),
    ] {
        let err = err(&[], line);
        assert!(err.contains(&format!("error: <stdin>:{place}")), "{err}");
    }
    let err = err(&["--space", "small"], "g m id ix mul\n");
    assert!(err.contains("<stdin>:1:8: `ix` is not a unary token of the space"), "{err}");
}

#[test]
fn a_line_that_is_too_long_is_one_error_and_the_next_line_is_read() {
    let session = Session::new();
    let long = |text: &str, count: usize| text.repeat(count / text.len() + 1);
    let limit = 4 << 20;
    for line in
        [long("g + ", limit + 5), long("# remark ", 3 * limit), long("g m id id mul ", limit)]
    {
        let list = format!("g\n{line}\nm\nsgn(g)\n");
        let done = session.nosc_reading(&["convert", "-", "--to", "infix"], list.as_bytes());
        assert_eq!(done.out, "g\nm\n");
        let err = done.fails(1);
        let wanted = "error: <stdin>:2:1: longer than 4194304 bytes\n  help: a list has one rule a line\n\
                      error: <stdin>:4:1: unknown function";
        assert!(err.starts_with(wanted), "{}", err.chars().take(400).collect::<String>());
    }
    // At the limit it is read, as a remark is.
    let list = format!("#{}\ng\n", " ".repeat(limit - 1));
    assert_eq!(
        session.nosc_reading(&["convert", "-", "--to", "infix"], list.as_bytes()).ok(),
        "g\n"
    );
    let list = format!("g\n#{}", " ".repeat(limit));
    assert_eq!(session.nosc_reading(&["convert", "-", "--to", "infix"], list.as_bytes()).code, 1);
}
