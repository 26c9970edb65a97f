//! `nosc eq`.

use crate::session::Session;

fn text(a: &str, b: &str) -> String {
    Session::new().nosc(&["eq", a, b]).ok()
}

#[test]
fn equal_rules_are_equal_at_every_level() {
    let out = text("g*m", "m*g");
    assert_eq!(out, "A      g * m\nB      m * g\n\nexact  equal\nreal   equal\nscale  equal\n");
    assert!(text("adam_rule", "[m v id sqrt div]").contains("exact  equal"));
    assert!(text("m v id sqrt div", "m/(sqrt(v) + delta)").contains("exact  equal"));
}

#[test]
fn a_difference_has_a_point_with_both_values() {
    let out = text("sign(g)^2", "1");
    assert!(out.contains("real   different\nscale  different\n"), "{out}");
    assert!(out.contains("The update differs at g = 0:\n  A  0\n  B  1\n"), "{out}");
    let out = text("log(abs(drop(g, 0.5)))", "drop(log(abs(g)), 0.5)");
    assert!(out.contains("every drop dropped:\n  A  -infinity\n  B  0\n"), "{out}");
}

#[test]
fn a_factor_is_a_difference_but_not_at_scale() {
    let out = text("2*g", "g");
    assert!(out.contains("real   different\nscale  equal\n"), "{out}");
    let out = text("powersign", "addsign");
    assert!(out.contains("No factor makes the updates one at g = -1, m = 1:"), "{out}");
    let out = text("g", "g^3");
    assert!(out.contains("No factor makes the updates one: A and B are\n"), "{out}");
}

#[test]
fn rules_that_differ_by_rounding_have_an_input_with_both_bits() {
    let out = text("(g + m) + w", "g + (m + w)");
    assert!(out.contains("exact  different\nreal   equal\n"), "{out}");
    assert!(out.contains("The update's bits differ at g = "), "{out}");
    assert!(out.contains("(0x"), "{out}");
    let json = Session::new().nosc(&["eq", "--json", "g + 0", "g"]).json();
    let found = &json["exact"]["counterexample"];
    assert_eq!(found["bits"][0], "0x00000000");
    assert_eq!(found["bits"][1], "0x80000000");
    assert_eq!(json["real"]["counterexample"], serde_json::Value::Null);
}

#[test]
fn states_run_from_the_start() {
    let a = "{ state s = s + g; update = s }";
    let out = text(a, "{ state s init 1 = s + g; update = s }");
    assert!(out.contains("in step 0:"), "{out}");
    let out =
        text("{ state s = (s + g) + w; update = s }", "{ state s = s + (g + w); update = s }");
    assert!(out.contains("exact  different\nreal   equal"), "{out}");
    assert!(out.contains("bits differ at g = ") && out.contains("in step 1"), "{out}");
}

#[test]
fn schedules_count() {
    let out = text("{ update = g; schedule = ld }", "{ update = g; schedule = cd }");
    assert!(out.contains("The schedule differs at t = "), "{out}");
}

#[test]
fn the_exit_code_tells_if_it_is_asked_to() {
    let session = Session::new();
    session.nosc(&["eq", "g", "m"]).ok();
    session.nosc(&["eq", "g", "m", "--exit-code"]).fails(1);
    session.nosc(&["eq", "g", "g*1", "--exit-code"]).ok();
    session.nosc(&["eq", "2*g", "g", "--exit-code", "--level", "scale"]).ok();
}

#[test]
fn rules_come_from_files_names_and_text() {
    let session = Session::new();
    session.file("two.nos", "rule a = g*m\nrule b = m\n");
    let out = session.nosc(&["eq", "two.nos:a", "m*g"]).ok();
    assert!(out.contains("exact  equal"), "{out}");
    let out = session.nosc(&["eq", "--tokens", "g m id id mul", "[m g id id mul]"]).ok();
    assert!(out.contains("exact  equal"), "{out}");
    let out = session.nosc(&["eq", "-g", "0 - g"]).ok();
    assert!(out.contains("real   equal"), "{out}");
    let err = session.nosc(&["eq", "two.nos", "g"]).fails(1);
    assert!(err.contains("write `two.nos:NAME`"), "{err}");
    let err = session.nosc(&["eq", "two.nos:c", "g"]).fails(1);
    assert!(err.contains("has no rule `c`"), "{err}");
    let err = session.nosc(&["eq", "adma", "g"]).fails(1);
    assert!(err.contains("token string; did you mean the standard rule `adam`?"), "{err}");
    let err = session.nosc(&["eq", "-", "-"]).fails(2);
    assert!(err.contains("`-` can be given once"), "{err}");
    let err = session.nosc(&["eq", "gg*m", "g"]).fails(1);
    assert!(err.contains("unknown name `gg`"), "{err}");
}

#[test]
fn json_has_keys_verdicts_and_places() {
    let session = Session::new();
    let json = session.nosc(&["eq", "--json", "log(abs(g))", "g"]).json();
    assert_eq!(json["a"]["formula"], "log(abs(g))");
    assert_eq!(json["real"]["equal"], false);
    assert_eq!(json["real"]["keys"][0].as_str().map(str::len), Some(32));
    let place = &json["real"]["counterexample"]["places"][0];
    assert!(place["inputs"]["g"].is_number(), "{json}");
    assert_eq!(place["values"].as_array().map(Vec::len), Some(2));
}
