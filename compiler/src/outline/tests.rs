//! Outlines beside what parser and checker say.

use super::*;
use crate::RuleFile;
use crate::primitive::KEYWORDS;
use crate::syntax::{Body, Expr, ExprId, StatementKind as Parsed};
use crate::{arbitrary, lexer, parser};

fn names(text: &str) -> Vec<(&str, Role)> {
    let named = Outline::new(text).lexemes.into_iter().filter_map(|lexeme| match lexeme.kind {
        Kind::Name(role) => Some((&text[lexeme.at.range()], role)),
        _ => None,
    });
    named.collect()
}

/// Where the parser has names: of rules, declared ones, and those in formulas.
fn parsed_names(text: &str) -> Vec<Span> {
    let tokens = lexer::lex(text).tokens;
    let syntax = parser::parse(text, &tokens, &mut Vec::new());
    let mut found: Vec<Span> = syntax.rules.iter().filter_map(|rule| rule.name).collect();
    for rule in &syntax.rules {
        let Body::Block(statements) = &rule.body else { continue };
        let declared = statements
            .iter()
            .filter(|s| !matches!(s.kind, Parsed::Update | Parsed::Schedule))
            .map(|s| s.name);
        found.extend(declared);
    }
    for index in 0..syntax.expressions.len() {
        match syntax.expr(ExprId(index as u32)) {
            Expr::Name => found.push(syntax.span(ExprId(index as u32))),
            Expr::Call(name, _) => found.push(*name),
            _ => {}
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn an_outline_has_the_names_and_statements_that_the_parser_has() {
    for seed in 0..400 {
        let text = arbitrary::rule_text_from_seed(seed, 300);
        let outline = Outline::new(&text);
        let own: Vec<Span> = outline
            .lexemes
            .iter()
            .filter(|lexeme| matches!(lexeme.kind, Kind::Name(_)))
            .map(|lexeme| lexeme.at)
            .collect();
        assert_eq!(own, parsed_names(&text), "{text}");
        let tokens = lexer::lex(&text).tokens;
        let syntax = parser::parse(&text, &tokens, &mut Vec::new());
        for (rule, parsed) in outline.rules.iter().zip(&syntax.rules) {
            let Body::Block(statements) = &parsed.body else { continue };
            let own: Vec<_> = rule.statements.iter().map(|s| s.name_at).collect();
            let theirs: Vec<_> = statements.iter().map(|s| s.name).collect();
            assert_eq!(own, theirs, "{text}");
            for (own, parsed) in rule.statements.iter().zip(statements) {
                // Spans of the tree leave out parentheses.
                let value = own.value.expect("a formula");
                assert!(value.holds(syntax.span(parsed.value)), "{text}");
                let parsed_start = matches!(parsed.kind, Parsed::State { init: Some(_) });
                assert_eq!(own.start.is_some(), parsed_start, "{text}");
            }
        }
    }
}

/// A name that is replaced wherever the outline says, and nowhere else, is the same rule.
#[test]
fn renaming_by_an_outline_keeps_the_rule() {
    let mut renamed = 0;
    for seed in 0..400 {
        let text = arbitrary::rule_text_from_seed(seed, 300);
        let file = RuleFile::parse("a", &text);
        let outline = Outline::new(&text);
        for (index, statement) in outline.rules[0].statements.iter().enumerate() {
            if !matches!(statement.kind, StatementKind::Let | StatementKind::State) {
                continue;
            }
            let lexeme = outline.lexeme_at(statement.name_at.start as usize).expect("a name");
            assert_eq!(lexeme.kind, Kind::Name(Role::Declares(index)));
            let places = outline.occurrences(lexeme);
            let edits = places.iter().map(|l| Edit { at: l.at, text: "fresh_name".to_owned() });
            let fix = Fix { title: String::new(), edits: edits.collect() };
            let new = RuleFile::parse("a", &fix.apply(&text));
            let same = new.rules.len() == 1 && new.rules[0].same_as(&file.rules[0]);
            assert!(same, "{text}\n{}", fix.apply(&text));
            renamed += 1;
        }
    }
    assert!(renamed > 100, "only {renamed}");
}

#[test]
fn names_keep_their_meaning_in_a_broken_formula() {
    let text = "rule a {\n let x = sign(g\n state s init 2 = (x +\n update = s * ema(";
    let found = names(text);
    let is = |index: usize, name, role| assert_eq!(found[index], (name, role), "{found:?}");
    is(1, "x", Role::Declares(0));
    is(4, "s", Role::Declares(1));
    is(5, "x", Role::Uses(0));
    is(6, "s", Role::Uses(1));
    assert!(matches!(found[7], ("ema", Role::BuiltIn(row)) if row.name == "ema"));
    let outline = Outline::new(text);
    let statements = &outline.rules[0].statements;
    assert_eq!(&text[statements[1].start.expect("a start").range()], "2");
    assert_eq!(&text[statements[0].at.range()], "let x = sign(g");
    assert_eq!(statements[2].value.map(|at| &text[at.range()]), Some("s * ema("));
}

#[test]
fn a_declaration_takes_an_operand_but_no_function() {
    let text = "rule a { let cd = 2; let m̂ = g; let exp = 1; update = cd * cd(3) * m * exp(g) }";
    let found = names(text);
    assert_eq!(found[5], ("cd", Role::Uses(0)), "{found:?}");
    assert!(matches!(found[6], ("cd", Role::BuiltIn(_))), "a call is the function");
    assert_eq!(found[7], ("m", Role::Uses(1)), "in its plain spelling");
    assert!(matches!(found[8], ("exp", Role::BuiltIn(_))));
}

#[test]
fn keywords_are_those_of_the_parser() {
    let text =
        "rule a { param a = 1; let b = a; state c init b = c + g; update = c; schedule = b }";
    assert!(RuleFile::parse("a", text).problems.is_empty());
    let outline = Outline::new(text);
    let found = outline.lexemes.iter().filter(|lexeme| lexeme.kind == Kind::Keyword);
    let found: Vec<&str> = found.map(|lexeme| &text[lexeme.at.range()]).collect();
    let table: Vec<&str> = KEYWORDS.iter().map(|keyword| keyword.name).collect();
    assert_eq!(found, table);
}

#[test]
fn comments_and_words_have_their_places() {
    let text = "# one\r\nrule a = [g m id id mul, # two\n %0 g id id add] # three";
    let outline = Outline::new(text);
    let comments = outline.lexemes.iter().filter(|lexeme| lexeme.kind == Kind::Comment);
    let comments: Vec<&str> = comments.map(|lexeme| &text[lexeme.at.range()]).collect();
    assert_eq!(comments, ["# one", "# two", "# three"]);
    let bank = outline.lexeme_at(text.find('%').expect("a token")).expect("a word");
    assert_eq!(bank.kind, Kind::Word { group: 1, place: 0 });
    assert_eq!(outline.rules[0].body, BodyKind::Tokens);
    assert_eq!(&text[outline.rules[0].groups[1].range()], "%0 g id id add");
}

#[test]
fn a_fix_mends_its_problem() {
    for (text, mended) in [
        ("rule a = sgn(g)", "rule a = sign(g)"),
        ("rule a = g * rmsprob", "rule a = g * rmsprop"),
        ("rule a = g**2", "rule a = g^2"),
        ("rule a = 2g", "rule a = 2 * g"),
        ("rule a = (g) (m)", "rule a = (g) * (m)"),
        ("rule power-sign = g", "rule power_sign = g"),
        ("a = g", "rule a = g"),
        ("rule a { updte = g }", "rule a { update = g }"),
        ("rule a { x = g\n update = x }", "rule a { let x = g\n update = x }"),
        ("rule a { let x = g update = x }", "rule a { let x = g; update = x }"),
        ("rule a { let x = g\n update = x", "rule a { let x = g\n update = x\n}"),
        (
            "rule a {\r\n update = m # last\r\n\r\nrule b = g",
            "rule a {\r\n update = m # last\r\n}\r\n\r\nrule b = g",
        ),
        ("rule a = g $", "rule a = g "),
        ("rule a { let x : g\n update = x }", "rule a { let x = g\n update = x }"),
        ("rule a = 1e-60 * g + m", "rule a = 0 * g + m"),
        ("rule a = g * m(2)", "rule a = g * m * (2)"),
        ("rule a { update = s; state s = g }", "rule a { update = prev(s); state s = g }"),
        ("[g m id id mul, %1 g id id add]", "[g m id id mul, %0 g id id add]"),
        ("[g, m id id mul]", "[g m id id mul]"),
        ("[g m id idd mul]", "[g m id id mul]"),
        ("rule a {\n param x = 1  # no use\n update = g\n}", "rule a {\n update = g\n}"),
        ("rule a { let x = 1; update = g }", "rule a { update = g }"),
        ("rule a { let beta1 = 0.5; update = m }", "rule a { param beta1 = 0.5; update = m }"),
    ] {
        let problems = RuleFile::parse("a", text).problems;
        let outline = Outline::new(text);
        let fix = problems.iter().find_map(|problem| outline.fix(text, problem));
        let fix = fix.unwrap_or_else(|| panic!("no fix: {text} {problems:?}"));
        assert_eq!(fix.apply(text), mended, "{}", fix.title);
        assert!(RuleFile::parse("a", mended).problems.is_empty(), "{mended}");
    }
}

#[test]
fn related_places_are_the_other_ones() {
    for (text, places) in [
        ("rule a = g\nrule a = m", vec![5]),
        ("rule a { let x = g; let x = m; update = x }", vec![13]),
        ("rule a { update = x; let x = g }", vec![25]),
        ("rule a { update = g; update = m; update = v }", vec![9, 21]),
        ("rule a { let x = g }", vec![]),
    ] {
        let problems = RuleFile::parse("a", text).problems;
        let related = Outline::new(text).related(&problems[0]);
        let found: Vec<u32> = related.iter().map(|related| related.at.start).collect();
        assert_eq!(found, places, "{text}: {problems:?}");
    }
}

/// Whatever the text: no panic, tokens in their order, and fixes that stay in the text.
#[test]
fn an_outline_of_any_text_is_in_order() {
    for seed in 0..600 {
        let mut text = arbitrary::rule_text_from_seed(seed, 200);
        let bytes = arbitrary::bytes_from_seed(seed, 40);
        for pair in bytes.chunks(2) {
            let mut at = pair[0] as usize * text.len() / 256;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let odd = [
                "(", ")", "{", "}", "[", "]", "=", "\n", "rule x ", "let y", "#", "é𝛽", "\r", ";",
                "state ", "%9",
            ];
            text.insert_str(at, odd[pair[1] as usize % odd.len()]);
        }
        let outline = Outline::new(&text);
        assert!(outline.lexemes.is_sorted_by(|a, b| a.at.end <= b.at.start), "{text}");
        assert!(outline.rules.is_sorted_by(|a, b| a.at.end <= b.at.start), "{text}");
        for lexeme in &outline.lexemes {
            assert!(!text[lexeme.at.range()].is_empty());
            outline.occurrences(lexeme);
        }
        for problem in RuleFile::parse("a", &text).problems {
            outline.related(&problem);
            if let Some(fix) = outline.fix(&text, &problem) {
                fix.edits.iter().for_each(|edit| assert!(text.get(edit.at.range()).is_some()));
            }
        }
    }
}
