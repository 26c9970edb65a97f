//! Formulas to token strings and back: nothing is lost on the way.

use nosc_compiler::Rule;
use nosc_compiler::arbitrary::{rule_text_from_seed, token_text_from_seed};
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::print::WhyNot;

use crate::support::seeds;

fn key(rule: &Rule) -> String {
    CanonicalRule::new(rule).key.to_string()
}

/// Tokens to formula to tokens, at every depth: the same tree, and so the same string once written.
#[test]
fn a_token_string_survives_the_way_through_a_formula() {
    for seed in seeds() {
        let tokens = token_text_from_seed(seed, 1 + seed as usize % 10);
        let rule = Rule::from_tokens(&tokens).expect(&tokens);
        let formula = rule.body_text();
        let read = Rule::parse(&formula).unwrap_or_else(|e| panic!("{tokens}: {e}\n{formula}"));
        assert!(read.same_as(&rule), "{tokens}\n{formula}");
        let written = read.token_string().unwrap_or_else(|e| panic!("{tokens}: {e}\n{formula}"));
        let again = Rule::from_tokens(&written).expect(&written);
        assert!(again.same_as(&rule), "{tokens}\n{formula}\n{written}");
    }
}

/// The canonical form of a string may need tokens that the string has not.
#[test]
fn most_canonical_forms_of_token_strings_have_a_string() {
    let (mut found, mut all) = (0, 0);
    for seed in seeds() {
        let tokens = token_text_from_seed(seed, 1 + seed as usize % 4);
        let canonical = CanonicalRule::new(&Rule::from_tokens(&tokens).expect(&tokens));
        all += 1;
        if let Ok(written) = Rule::parse(&canonical.text()).expect("a rule").token_string() {
            let again = Rule::from_tokens(&written).expect(&written);
            assert_eq!(CanonicalRule::new(&again).key, canonical.key, "{tokens}\n{written}");
            found += 1;
        }
    }
    assert!(found * 100 >= all * 98, "{found} of {all}");
}

#[test]
fn a_string_that_is_found_computes_the_same_bits_and_else_it_is_said_why_not() {
    for seed in seeds() {
        let text = rule_text_from_seed(seed, 10 + (seed as usize * 37) % 300);
        let rule = Rule::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        match rule.token_string() {
            Ok(tokens) => {
                let again = Rule::from_tokens(&tokens).expect(&tokens);
                assert_eq!(key(&again), key(&rule), "{text}\n{tokens}");
            }
            Err(why) => {
                assert!(rule.to_tokens().is_none() && !why.formula.is_empty(), "{text}");
                drop((why.to_string(), why.help()));
            }
        }
    }
}

#[test]
fn formulas_as_people_write_them_have_strings() {
    for (formula, tokens) in [
        ("exp(sign(g)*sign(m))*g", "sign_g sign_m id id mul, %0 g exp id mul"),
        ("exp(sign(g))", "sign_g 1 exp id left"),
        ("-1 * g", "1 g neg id mul"),
        ("g^2 + g^3 - g^4", "g2 g3 id id add, g2 g2 id id mul, %0 %1 id id sub"),
        ("w*1e-4 + g", "g w1e-4 id id add"),
        ("sqrt(v)", "v 1 sqrt id left"),
        ("abs(g)", "sign_g g id id mul"),
        (
            "(1 + sign(g)*sign(m)) * adam",
            "sign_g sign_m id id mul, 1 %0 id id add, %1 adam id id mul",
        ),
        ("m / (sqrt(v) + delta)", "adam 1 id id left"),
        ("m / (delta + sqrt(v))", "adam 1 id id left"),
        ("0.5 * g", "2 1 id neg pow, %0 g id id mul"),
        ("1e-3 - g", "1 g clip1e-3 id sub"),
        (
            "0*g - 7",
            "1 1 id id sub, %0 g id id mul, 1 2 id id add, 2 %2 id id mul, 1 %3 id id add, %1 %4 id id sub",
        ),
        ("{ let d = drop(g, 0.3); update = d * d }", "g 1 drop0.3 id left, %0 %0 id id mul"),
        ("drop(g, 0.3) * drop(g, 0.3)", "g g drop0.3 drop0.3 mul"),
        ("clip(m, -1e-4, 1e-4) * exp(v)", "m v clip1e-4 exp mul"),
        ("log(abs(g)) / (exp(exp(m)) + delta)", "m 1 exp id left, g %0 log exp div"),
        ("g * rd(20) * cd(0.5) * cd(3)", "g rd_20 id id mul, %0 cd id id mul, %1 cd_3 id id mul"),
        ("g ^ 1.0", "1 1 id id left, g %0 id id pow"),
        ("2^(sign(g)*sign(m)) * g", "sign_g sign_m id id mul, 2 %0 id id pow, %1 g id id mul"),
    ] {
        let rule = Rule::parse(formula).expect(formula);
        let written = rule.token_string().unwrap_or_else(|why| panic!("{formula}: {why}"));
        assert_eq!(written, tokens, "{formula}");
        assert_eq!(key(&Rule::from_tokens(&written).expect(&written)), key(&rule), "{formula}");
    }
}

#[test]
fn what_has_no_string_is_named_with_the_way_out() {
    for (text, message, help) in [
        ("3*(tanh(g) + m)", "no tokens mean `tanh(g)`: `tanh` is no token", ""),
        (
            "g * (m / v)",
            "no tokens mean `m / v`: the token `div` adds `delta` to the divisor",
            "write `m / (v + delta)` if that is meant",
        ),
        (
            "{ update = g; schedule = ld*cd }",
            "no tokens mean `ld * cd`: tokens have an update only, no schedule",
            "move it into the update, `(ld * cd) * (...)`, which rounds otherwise",
        ),
        (
            "g + 0.1",
            "no tokens mean `0.1`: tokens make numbers of 1, 2, 1e-3, 1e-4 and 1e-5 only",
            "",
        ),
        (
            "{ param a = 2; update = a * g }",
            "no tokens mean `a`: tokens have no parameters",
            "write a number in its place",
        ),
        (
            "{ param beta1 = 0.5; update = m }",
            "no tokens mean `m`: tokens have no states but m, v and gamma",
            "write `m`, `v` or `gamma` if one of these is meant",
        ),
        (
            "g + w",
            "no tokens mean `w`: `w` is no operand token",
            "write `1e-4*w`; 1e-3, 1e-2 and 1e-1 are tokens too",
        ),
        ("clip(g, 1)", "no tokens mean `clip(g, 1)`: tokens clip to 1e-5, 1e-4 and 1e-3 only", ""),
        (
            "sqrt(g)",
            "no tokens mean `sqrt(g)`: the token `sqrt` takes the magnitude, sqrt|x|",
            "write `sqrt(abs(x))` if x is never below 0",
        ),
        (
            "e^(sign(g)) * g",
            "no tokens mean `e`: tokens make numbers of 1, 2, 1e-3, 1e-4 and 1e-5 only",
            "write `exp(x)` in place of `e^x`",
        ),
    ] {
        let why = Rule::parse(text).expect(text).token_string().expect_err(text);
        assert_eq!(why.to_string(), message, "{text}");
        assert_eq!(why.help().unwrap_or_default(), help, "{text}");
    }
    let schedule = Rule::parse("{ update = g; schedule = ld }").expect("a rule").token_string();
    assert_eq!(schedule.expect_err("no string").why, WhyNot::Schedule);
}
