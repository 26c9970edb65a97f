//! What the messages say: the way out of common slips, one message for one mistake, and visible places.

use nosc_compiler::problem::Problem;
use nosc_compiler::source::{MAX_SOURCE_BYTES, place};
use nosc_compiler::{Rule, RuleFile};

use crate::support::problems;

/// The only problem of a text.
#[track_caller]
fn only(text: &str) -> Problem {
    let mut found = RuleFile::parse("rule", text).problems;
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.remove(0)
}

#[track_caller]
fn help(text: &str) -> String {
    only(text).help().unwrap_or_default()
}

#[test]
fn a_common_slip_has_its_way_out() {
    let choice = "write `where(a < b, x, y)`";
    let conditions = "nest `where`: `where(a < b, where(c < d, x, y), y)` is x if both hold";
    let tokens = "put the tokens in `[ ]`";
    let block = "wrap the statements in `{ }`";
    for (text, way_out) in [
        ("2g", "write `2 * g` for a product"),
        ("m + 2(g)", "write `2 * (...)` for a product"),
        ("rule a = (g + m)(g - m)", "write `(...) * (...)` for a product"),
        ("{ update = sign(g) m }", "write `(...) * m` for a product"),
        ("exp(2 g)", "write `2 * g` for a product"),
        ("g**2", "write `^` for a power"),
        ("|g|", "write `abs(x)` for a magnitude"),
        ("rule a = |g| * |m|", "write `abs(x)` for a magnitude"),
        ("update = g", block),
        ("let x = g\nupdate = x", block),
        ("rule a = g\nupdate = m", block),
        ("rule a = let x = g; update = x", block),
        ("g m id id mul", tokens),
        ("rule a = sign_g sign_m id id mul, %0 g exp id mul", tokens),
        ("w1e-4 m id id mul\n%0 g exp id mul", tokens),
        ("%0 g exp id mul", tokens),
        ("where(g > 0 and m > 0, g, m)", conditions),
        ("where(g > 0 && m > 0, g, m)", conditions),
        ("where(g > 0 || m > 0, g, m)", conditions),
        ("if g > 0 then m else v", choice),
        ("m if g > 0 else v", choice),
        ("g > 0 ? m : v", choice),
        ("if(g > 0, m, v)", "did you mean `where`?"),
        ("{ x = 3\n update = x * g }", "write `let x = ...`"),
        ("{ updat = g }", "did you mean `update`?"),
        ("{ let x = 3 update = x * g }", "start a new line, or put `;` between statements"),
        ("rule x: g", "write `=`"),
        ("rule x := g", "write `=`"),
        ("rule power-sign = g", "write `_` for `-` in a name"),
        ("x = g", "write `rule x = ...`"),
        ("x {\n update = g\n}", "write `rule x { ...`"),
    ] {
        assert_eq!(help(text), way_out, "{text}");
    }
}

#[test]
fn a_word_of_another_system_is_translated() {
    for (text, meant) in [
        ("grad", "g"),
        ("g + theta", "w"),
        ("g * momentum", "m"),
        ("g * eta", "lr"),
        ("g / (sqrt(v) + epsilon)", "delta"),
        ("ln(g)", "log"),
        ("clamp(g, 1)", "clip"),
        ("pow(g, 2)", "x^y"),
        ("square(g)", "x^2"),
        ("relu(g)", "max(x, 0)"),
        ("g * relu", "max(x, 0)"),
    ] {
        assert_eq!(help(text), format!("did you mean `{meant}`?"), "{text}");
    }
    assert!(help("g * alpha").starts_with("declare it with"));
}

#[test]
fn one_mistake_is_one_message() {
    for (text, found) in [
        ("rule a = g $ m", "nosc::unexpected_character at 1:12"),
        ("{ let exp = 2; update = exp * g }", "nosc::shadows_function at 1:7"),
        ("{\n let x = g *\n update = x\n}", "nosc::expected at 2:13"),
        ("{\n let x = g * ()\n let y = 2\n update = x * y\n}", "nosc::expected at 2:15"),
        ("{\n let y = 2\n update = g * y +\n}", "nosc::expected at 3:18"),
        ("{\n let x = exp(g\n update = x\n}", "nosc::unclosed at 2:13"),
        ("rule a = 2g", "nosc::expected at 1:11"),
        ("{ update = exp(g }", "nosc::unclosed at 1:15"),
        ("{ state s init 3 3 = s + g; update = s }", "nosc::expected at 1:18"),
        ("{ let x = g; x = 2; update = x }", "nosc::expected at 1:14"),
        ("rule a {\n update = g\nrule b = m", "nosc::unclosed at 1:8"),
    ] {
        assert_eq!(problems(text), [found], "{text}");
    }
    // A second mistake is a second message.
    let found = problems("rule a = g $ m\nrule b = g @ m; rule c = sgn(g)");
    let odd = "nosc::unexpected_character at";
    assert_eq!(
        found,
        [&format!("{odd} 1:12"), &format!("{odd} 2:12"), "nosc::unknown_function at 2:26"]
    );
}

#[test]
fn a_rule_that_was_not_read_to_its_end_is_never_used() {
    for text in [
        "rule a = |g|; rule b = |m|; rule c = g\nrule d = m",
        "rule a = g $ m\nrule b = g $\nrule c = g # $\nrule d = m",
        "rule a = 2g\nrule b = m 2\nrule c = g\nrule d = m",
    ] {
        let file = RuleFile::parse("rule", text);
        let names: Vec<&str> = file.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["c", "d"], "{text}");
    }
    assert!(RuleFile::parse("rule", "g $").rules.is_empty());
}

#[test]
fn what_is_missing_at_the_end_of_a_line_is_marked_there() {
    for (text, found) in [
        ("g * ", "nosc::expected at 1:4"),
        ("rule a = g * \n\n", "nosc::expected at 1:13"),
        ("rule a = g * # more\n", "nosc::expected at 1:13"),
        ("rule a =\nrule b = m", "nosc::expected at 1:9"),
        ("rule a = g *\nrule b = m", "nosc::expected at 1:13"),
        ("# only\n# remarks\n", "nosc::no_rule at 2:10"),
    ] {
        assert_eq!(problems(text), [found], "{text}");
    }
    let file = RuleFile::parse("rule", "rule a = g *\nrule b = m");
    assert_eq!(file.rules.len(), 1);
    let both = "rule a = g\nrule b = m\n\n";
    let error = Rule::parse(both).expect_err("two rules");
    assert_eq!(place(both, error.problems[0].span().start as usize).to_string(), "2:11");
}

#[test]
fn numbers_of_things_agree_with_their_nouns() {
    assert_eq!(only("sqrt(g, m)").to_string(), "`sqrt` takes 1 argument, found 2");
    assert_eq!(only("max(g)").to_string(), "`max` takes 2 arguments, found 1");
    assert_eq!(only("cd(1, 2) * g").to_string(), "`cd` takes 1 argument, found 2");
    assert_eq!(only("clip(g)").to_string(), "`clip` takes 2 or 3 arguments, found 1");
    assert_eq!(only("[g]").to_string(), "the token string has 1 token, expected a multiple of 5");
    let error = Rule::parse("sgn(g) + sgn(m)").expect_err("two errors");
    assert_eq!(error.to_string(), "unknown function `sgn` (and 1 more error)");
}

#[test]
fn each_way_to_write_has_its_own_marks() {
    assert_eq!(help("clip(g)"), "write `clip(x, c)` or `clip(x, lo, hi)`");
    assert_eq!(help("cd(1, 2) * g"), "write `cd` or `cd(n)`");
}

#[test]
fn a_limit_is_named_with_its_number() {
    let smile = "\u{1f642}".repeat(MAX_SOURCE_BYTES / 4 + 1);
    for bytes in [smile.as_bytes(), &smile.as_bytes()[..=MAX_SOURCE_BYTES]] {
        let file = RuleFile::from_bytes("rule", bytes);
        assert_eq!(file.problems.len(), 1);
        assert_eq!(file.problems[0].to_string(), "the file has more than 4194304 bytes");
    }
    assert_eq!(help("g * 1e60"), "the largest f32 is 3.4028235e38");
    assert_eq!(help("g * 1e600"), "the largest f64 is 1.7976931348623157e308");
    assert_eq!(help("drop(g, 2)"), "write a number from 0 to 1");
    assert_eq!(help("cd(0) * g"), "write a positive finite number");
}

#[test]
fn a_warning_has_its_way_out() {
    assert_eq!(
        help("{ let beta1 = 0.5; update = m }"),
        "built-in operands read the parameter: write `param beta1 = ...`"
    );
    assert_eq!(help("{ let x = 0.5; update = m }"), "remove it, or use it in `update`");
    assert_eq!(help("w * ld"), "use `g`, or an average of it, in `update`");
}

#[test]
fn a_rule_named_after_a_file_has_a_name_of_the_language() {
    for (file, name) in [
        ("power-sign", "power_sign"),
        ("2nd try.v1", "_2nd_try_v1"),
        ("\u{e9}t\u{e9}", "_t_"),
        ("", "rule"),
        ("lion", "lion"),
    ] {
        let rule = RuleFile::parse(file, "g").rules.remove(0);
        assert_eq!(rule.name, name);
        let again = Rule::parse(&rule.to_text()).expect(name);
        assert_eq!(again.name, name);
    }
}

#[test]
fn numbers_of_tokens_are_numbers_of_the_language() {
    for token in ["cd_1_000", "rd_.5", "cd_1.", "cd_1e1_0", "rd_2_.5_"] {
        assert!(Rule::from_tokens(&format!("{token} g id id mul")).is_ok(), "{token}");
    }
    for token in ["cd_", "cd__1", "cd_-1", "cd_0", "rd_inf", "rd_1e999", "rd_._5", "cd_1_e"] {
        assert!(Rule::from_tokens(&format!("{token} g id id mul")).is_err(), "{token}");
    }
}

#[test]
fn a_comparison_of_step_scalars_has_no_f32_limits() {
    for text in ["where(t > 1e39, g, w)", "where(t > 1e-46, g, m)"] {
        let file = RuleFile::parse("rule", text);
        assert_eq!(file.problems, [], "{text}");
    }
    assert!(RuleFile::parse("rule", "where(g > 1e39, g, w)").has_errors());
}

#[test]
fn a_start_that_reads_a_state_says_so() {
    let text = "rule a { state q = q + 1; state s init prev(q) = s + g; update = s }";
    let file = RuleFile::parse("rule", text);
    assert_eq!(file.problems[0].code(), "nosc::start_reads_state");
    // A start that shares its parts is checked in time that grows with their number.
    let lets = (0..60).map(|i| format!("let x{} = x{i} * x{i}; ", i + 1));
    let doubled = lets.collect::<Vec<_>>().concat();
    let text = format!("rule a {{ let x0 = lr; {doubled} state s init x60 = s + g; update = s }}");
    assert!(!RuleFile::parse("rule", &text).has_errors());
}

#[test]
fn a_constant_decay_out_of_range_is_an_error_of_the_rule() {
    for decay in ["1", "2", "-0.1"] {
        let file = RuleFile::parse("rule", &format!("ema(g, {decay})"));
        assert_eq!(file.problems[0].code(), "nosc::out_of_range", "{decay}");
    }
    assert!(!RuleFile::parse("rule", "ema(g, 0) + ema(g, beta1)").has_errors());
}
