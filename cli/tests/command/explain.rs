//! `nosc explain` and `nosc rules`.

use crate::session::Session;

#[test]
fn one_rule_is_an_object_with_the_documented_fields() {
    let session = Session::new();
    let about = session.nosc(&["explain", "--json", "powersign_ld"]).json();
    assert_eq!(about["name"], "powersign_ld");
    assert_eq!(about["canonical"], "g * exp(ld * (sign(g) * sign(m)))");
    assert_eq!(about["key"].as_str().unwrap().len(), 32);
    assert_eq!(about["bytes_per_parameter"], 4);
    assert_eq!(about["states"][0]["name"], "m");
    assert_eq!(about["states"][0]["formula"], "ema(g, beta1)");
    assert_eq!(about["needs_total_steps"], true);
}

#[test]
fn a_whole_file_is_a_list() {
    let session = Session::new();
    session.file("two.nos", "rule a = g\nrule b = m\n");
    let list = session.nosc(&["explain", "--json", "two.nos"]).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let text = session.nosc(&["explain", "two.nos:b"]).ok();
    assert!(text.starts_with("rule        b\n"), "{text}");
    assert!(text.contains("memory      4 bytes a parameter"));
}

#[test]
fn a_known_rule_is_recognised_in_another_spelling() {
    let text = Session::new().nosc(&["explain", "-e", "g * exp(sign(m) * sign(g))"]).ok();
    assert!(text.contains("powersign"), "{text}");
}

#[test]
fn tokens_are_those_that_convert_writes() {
    let session = Session::new();
    for formula in ["exp(sign(g)*sign(m))*g", "sqrt(v)", "3 * sqrt(v) * (w*1e-4)", "m / v"] {
        let about = session.nosc(&["explain", "--json", "-e", formula]).json();
        let converted = session.nosc(&["convert", "-e", formula]);
        let tokens = (converted.code == 0).then(|| converted.out.trim().to_owned());
        assert_eq!(about["tokens"].as_str(), tokens.as_deref(), "{formula}");
    }
}

#[test]
fn a_misspelt_name_says_where_to_look() {
    let session = Session::new();
    let err = session.nosc(&["explain", "powersing"]).fails(1);
    assert!(err.contains("did you mean `powersign`?"), "{err}");
    assert!(session.nosc(&["explain", "zzzzzz"]).fails(1).contains("`nosc rules`"));
    session.file("two.nos", "rule a = g\nrule b = m\n");
    let err = session.nosc(&["explain", "two.nos:c"]).fails(1);
    assert!(err.contains("has no rule `c`; it has a, b"), "{err}");
}

#[test]
fn the_language_is_listed_from_its_table() {
    let text = Session::new().nosc(&["language"]).ok();
    for name in ["sigmoid(x)", "debias(ema(x, beta))", "clip1e-5", "cd or cd(n)"] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn the_standard_rules_are_listed_and_shown() {
    let session = Session::new();
    let list = session.nosc(&["rules"]).ok();
    for name in ["sgd ", "adamw ", "lion ", "t6_28 ", "powersign_cd "] {
        assert!(list.contains(&format!("\n{name}")) || list.starts_with(name), "{name}");
    }
    assert!(session.nosc(&["rules", "lion"]).ok().contains("rule lion"));
    session.nosc(&["rules", "lyon"]).fails(1);
}

#[test]
fn lists_of_token_strings_are_told_from_formulas() {
    let session = Session::new();
    let names = |text: &str| {
        let list = session.nosc_reading(&["explain", "-", "--json"], text.as_bytes()).json();
        match list.as_array() {
            Some(list) => list.iter().map(|about| about["name"].to_string()).collect(),
            None => vec![list["name"].to_string()],
        }
    };
    for text in ["g - m - w", "g + m + v", "g * m # a b c d", "[g m id id mul]"] {
        assert_eq!(names(text), ["\"stdin\""], "{text}");
    }
    let list = "# two\ng m id id mul # note\n\nm v id sqrt div\n";
    assert_eq!(names(list), ["\"line2\"", "\"line4\""]);
}

#[test]
fn a_list_above_the_limit_is_not_cut() {
    let list = format!("g m id id mul\n{}", "# a remark\n".repeat(400_000));
    let err = Session::new().nosc_reading(&["explain", "-"], list.as_bytes()).fails(1);
    assert!(err.contains("the file has more than 4194304 bytes"), "{err}");
}
