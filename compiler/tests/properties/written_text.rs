//! What a text means and where its mistakes stand: signs and powers, numbers, line ends and odd bytes.

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::problem::{Problem, Severity};
use nosc_compiler::{Rule, RuleFile};

use crate::support::problems;

#[track_caller]
fn same(a: &str, b: &str) {
    let [x, y] = [a, b].map(|text| Rule::parse(text).expect(text));
    assert!(x.same_as(&y), "{a} and {b}: {} and {}", x.to_text(), y.to_text());
}

fn canon(text: &str) -> String {
    CanonicalRule::new(&Rule::parse(text).expect(text)).text()
}

#[test]
fn a_minus_sign_binds_less_than_a_power() {
    same("-g^2", "-(g*g)");
    same("-2^2", "-(2*2)");
    same("2^-g", "2^(-g)");
    same("2^3^2", "2^(3^2)");
    same("-g^-m", "-(g^(-m))");
    same("-g^-2", "-(1/(g*g))");
    same("-g * m", "(-g) * m");
    same("(-g)^2", "(-g)*(-g)");
}

#[test]
fn folding_never_takes_a_negative_number_apart() {
    assert_eq!(canon("g + (-1)^0"), "1 + g");
    assert_eq!(canon("g + (-1)^(1 - 1)"), "1 + g");
    assert_eq!(canon("g + (-2)^2"), "4 + g");
    assert_eq!(canon("g + (1 - 3)^(1 + 1)"), "4 + g");
    assert_eq!(canon("g + -2^2"), "g - 4");
}

#[test]
fn a_number_too_large_is_an_error_where_it_stands() {
    assert_eq!(problems("g + 1e39"), ["nosc::number_overflow at 1:5"]);
    assert_eq!(problems("g *\n  -3.5e38"), ["nosc::number_overflow at 2:3"]);
    assert_eq!(problems("g + 1e400"), ["nosc::number_overflow at 1:5"]);
    assert_eq!(
        problems("{ state s init 1e39 = s/2 + g; update = s }"),
        ["nosc::number_overflow at 1:16"]
    );
    assert!(Rule::parse("g + 3.4e38").is_ok());
}

#[test]
fn a_number_too_large_for_an_element_is_fine_in_a_step_scalar() {
    assert!(Rule::parse("g * (1e39 / 1e39)").is_ok());
    assert!(Rule::parse("{ param a = 1e300; update = g * min(a / 1e299, 1) }").is_ok());
    assert!(Rule::parse("{ update = g; schedule = (ld + eps) * 1e39 }").is_ok());
    assert!(Rule::parse("{ state s init 1e39 = s/2; update = s*g }").is_ok());
}

#[test]
fn a_number_that_rounds_to_zero_is_a_warning_and_a_subnormal_is_not() {
    for (text, warns) in [
        ("1e-400", true),
        ("5e-324", true),
        ("1e-46", true),
        ("1e-45", false),
        ("1e-40", false),
        ("0.0", false),
        ("0e-999", false),
    ] {
        let file = RuleFile::parse("rule", &format!("g + {text}"));
        assert_eq!(file.rules.len(), 1, "{text}");
        assert_eq!(!file.problems.is_empty(), warns, "{text}: {:?}", file.problems);
        assert!(file.problems.iter().all(|p| p.code() == "nosc::number_underflow"));
        assert!(file.problems.iter().all(|p| p.severity() == Severity::Warning));
        let printed = canon(&format!("g + {text}"));
        assert_eq!(canon(&printed), printed);
    }
}

#[test]
fn a_decimal_sign_is_a_point() {
    assert_eq!(problems("g * 1,5"), ["nosc::expected at 1:6"]);
    assert_eq!(canon("g * 1.5"), "1.5 * g");
}

#[test]
fn line_ends_marks_and_tabs_do_not_change_a_rule() {
    let plain = "rule a {\n  let s = sign(g)\n  update = s * m\n}\n";
    let key = |text: &str| CanonicalRule::new(&Rule::parse(text).expect(text)).key;
    for other in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        plain.replace("  ", "\t"),
        plain.trim_end().to_owned(),
        plain.replace('\n', " # why\r\n"),
    ] {
        assert_eq!(key(&other), key(plain), "{other:?}");
    }
}

#[test]
fn odd_characters_are_errors_where_they_stand() {
    assert_eq!(problems("g +\r m"), ["nosc::unexpected_character at 1:4"]);
    assert_eq!(problems("g +\u{a0}m"), ["nosc::unexpected_character at 1:4"]);
    assert_eq!(
        problems("g\n + \u{feff}m"),
        ["nosc::expected at 2:2", "nosc::unexpected_character at 2:4"]
    );
    assert_eq!(problems("g + \0"), ["nosc::unexpected_character at 1:5"]);
    assert_eq!(problems(""), ["nosc::no_rule at 1:1"]);
    assert_eq!(problems("# only\n# remarks\n"), ["nosc::no_rule at 2:10"]);
}

#[test]
fn bytes_that_are_not_utf8_are_one_error() {
    let utf16: Vec<u8> = "g * m".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16.clone()).collect();
    for (bytes, what) in [
        (&marked[..], "the text is UTF-16, not UTF-8"),
        (&utf16, "the text is UTF-16, not UTF-8"),
        (b"\x93NUMPY\x01\0\x76\0", "the file is no text"),
        (b"\x40\0\0\0\0\0\0\0{}", "the file is no text"),
        (b"g * \xff", "the text is not UTF-8"),
    ] {
        let file = RuleFile::from_bytes("rule", bytes);
        let codes: Vec<_> = file.problems.iter().map(Problem::code).collect();
        assert_eq!(codes, ["nosc::not_utf8"]);
        assert_eq!(file.problems[0].to_string(), what);
    }
}

#[test]
fn a_parameter_replaces_the_default_wherever_it_stands() {
    let early = Rule::parse("{ param delta = 1e-3; update = adam }").expect("a rule");
    let late = Rule::parse("{ let a = adam; param delta = 1e-3; update = a }").expect("a rule");
    assert!(early.same_as(&late), "{}", late.to_text());
}

#[test]
fn a_decay_that_varies_by_element_is_refused() {
    assert_eq!(problems("ema(g, w)"), ["nosc::varies_by_element at 1:8"]);
    assert_eq!(problems("ema(g, drop(0.5, 0.5))"), ["nosc::varies_by_element at 1:8"]);
    assert!(Rule::parse("ema(g, 1 - 1/(t + 2))").is_ok());
}

#[test]
fn text_names_what_a_parameter_hides_by_another_name() {
    for text in [
        "{ param g = 2; update = rmsprop * adam * g }",
        "{ param g = 2; param m = 1; param v = 3; update = adam - rmsprop^2 * m * v * g }",
        "{ param cd = 2; update = cd * cd(0.5) * g }",
        "{ param e = 2; update = e * g * 2.718281828459045 }",
        "{ param beta1 = 0.5; param t = 1; update = m * t }",
        "{ let d = debias(ema(drop(g, 0.5), 0.9)); update = d * (d + 1) }",
    ] {
        let rule = Rule::parse(text).expect(text);
        let again = Rule::parse(&rule.to_text()).expect(text);
        assert!(again.same_as(&rule), "{text}\n{}", rule.to_text());
        let canonical = CanonicalRule::new(&rule);
        assert_eq!(canon(&canonical.text()), canonical.text(), "{text}");
    }
}

#[test]
fn a_folded_constant_that_overflows_an_element_is_written_as_it_can_be_read() {
    for text in
        ["g + 3e38*1.5", "g - 1e30*1e30*1e200", "g^(-1e38*1e3) * (1e38*1e38)", "g + 1/0 - 0/0"]
    {
        let canonical = CanonicalRule::new(&Rule::parse(text).expect(text));
        let printed = canonical.text();
        let again = Rule::parse(&printed).expect(&printed);
        assert_eq!(CanonicalRule::new(&again).key, canonical.key, "{printed}");
    }
}

#[test]
fn a_banked_number_as_an_exponent_stays_a_power() {
    for tokens in
        ["2 1 id id left, g %0 id id pow", "1 1 id id left, m %0 id id pow, %1 2 id neg pow"]
    {
        let rule = Rule::from_tokens(tokens).expect(tokens);
        let written = rule.to_tokens().expect(tokens);
        assert!(Rule::from_tokens(&written).expect(&written).same_as(&rule), "{written}");
    }
}

#[test]
fn a_state_that_is_declared_twice_is_one_error() {
    let found = problems("{ state s = g; state s = w; update = s }");
    assert_eq!(found, ["nosc::duplicate_name at 1:22"]);
    assert_eq!(problems("{ state exp = g; update = g }"), ["nosc::shadows_function at 1:9"]);
    assert_eq!(
        problems("{ let s = g; state s = g; update = s }"),
        ["nosc::duplicate_name at 1:20"]
    );
    assert_eq!(
        problems("{ state s = g; let s = g; update = s }"),
        ["nosc::duplicate_name at 1:20"]
    );
}

#[test]
fn an_error_after_a_hundred_warnings_is_still_an_error() {
    let warnings: Vec<String> = (0..150).map(|k| format!("param p{k} = 1")).collect();
    let file = RuleFile::parse("rule", &format!("{{ {}\n update = gg }}", warnings.join("\n")));
    assert!(file.has_errors());
    assert_eq!(file.problems.len(), 100);
    assert_eq!(file.problems.last().map(Problem::code), Some("nosc::unknown_name"));
    assert!(file.into_result().is_err());
}
