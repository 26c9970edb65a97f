//! The grammar of `docs/editors` for colours beside the table of the language.

use std::collections::BTreeSet;
use std::path::Path;

use nosc_compiler::outline::plain_name;
use nosc_compiler::primitive::{
    BINARY_TOKENS, KEYWORDS, Meaning, OPERAND_TOKENS, PRIMITIVES, Primitive, UNARY_TOKENS,
};
use serde_json::Value;

#[expect(clippy::unwrap_used, reason = "a test helper may stop")]
fn grammar() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/editors/nos.tmLanguage.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every pattern with a name or captures, wherever it stands: its scopes and its expression.
fn patterns(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for key in ["match", "begin", "end"] {
                if let Some(expression) = map.get(key).and_then(Value::as_str) {
                    let name = map.get("name").and_then(Value::as_str).unwrap_or_default();
                    found.push((name.to_owned(), expression.to_owned()));
                }
            }
            map.values().for_each(|value| patterns(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| patterns(value, found)),
        _ => {}
    }
}

/// The words that an expression names: classes, groups and escapes left out.
fn words(expression: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    let mut rest = expression.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                // `\p{L}`, `\s` and the like are no words.
                if rest.next() == Some('.') {
                    plain.push('.');
                    continue;
                }
                if rest.peek() == Some(&'{') {
                    rest.by_ref().find(|c| *c == '}');
                }
                plain.push(' ');
            }
            '[' => {
                // A class may hold `\p{..}` and `\[`, no class.
                while let Some(inner) = rest.next() {
                    match inner {
                        '\\' => drop(rest.next()),
                        ']' => break,
                        _ => {}
                    }
                }
                plain.push(' ');
            }
            '(' | ')' | '|' | '^' | '$' | '?' | '*' | '+' | '=' | '<' | '>' | '!' | ':' | ','
            | '#' | '%' | '/' | '{' | '}' | ' ' | '.' => plain.push(' '),
            other => plain.push(other),
        }
    }
    let words = plain.split(' ').map(|word| word.trim_matches('_'));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words of all patterns of a scope.
fn of_scope(scope: &str) -> BTreeSet<String> {
    let mut all = Vec::new();
    patterns(&grammar(), &mut all);
    all.iter().filter(|(name, _)| name == scope).flat_map(|(_, e)| words(e)).collect()
}

fn primitives(is: impl Fn(&Primitive) -> bool) -> BTreeSet<String> {
    PRIMITIVES.iter().filter(|row| is(row)).map(|row| row.name.to_owned()).collect()
}

/// Greek letters, hats and what stands for them count as the names that they mean.
fn plain(words: BTreeSet<String>) -> BTreeSet<String> {
    words.into_iter().map(|word| plain_name(&word).to_owned()).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn the_grammar_has_the_names_of_the_table_in_their_kinds() {
    let is_decay = |row: &Primitive| matches!(row.meaning, Meaning::Decay(_));
    let is_parameter = |row: &Primitive| matches!(row.meaning, Meaning::Parameter(_));
    let is_constant = |row: &Primitive| matches!(row.meaning, Meaning::Constant(_));
    let functions = primitives(|row| row.is_function() || is_decay(row));
    assert_eq!(of_scope("support.function.nos"), functions);
    let operands = primitives(|row| {
        !row.is_function() && !is_decay(row) && !is_parameter(row) && !is_constant(row)
    });
    assert_eq!(plain(of_scope("variable.language.nos")), operands);
    assert_eq!(plain(of_scope("variable.parameter.nos")), primitives(is_parameter));
    assert_eq!(plain(of_scope("constant.language.nos")), primitives(is_constant));
    assert_eq!(of_scope("support.function.token.nos"), set(UNARY_TOKENS));
    assert_eq!(of_scope("keyword.operator.word.token.nos"), set(BINARY_TOKENS));
    // `cd_N` and `rd_N` are patterns of their own.
    let operand_tokens = &(&set(OPERAND_TOKENS) | &set(&["cd", "rd"]));
    assert_eq!(of_scope("variable.language.token.nos"), *operand_tokens);
}

/// A name of no table, in any pattern, would be coloured as if it meant something.
#[test]
fn the_grammar_names_nothing_else() {
    let mut all = Vec::new();
    patterns(&grammar(), &mut all);
    let named: BTreeSet<String> = all.iter().flat_map(|(_, e)| words(e)).collect();
    let known =
        KEYWORDS.iter().map(|keyword| keyword.name).chain(PRIMITIVES.iter().map(|r| r.name));
    let tokens = [OPERAND_TOKENS, UNARY_TOKENS, BINARY_TOKENS].concat();
    let known: BTreeSet<String> = known.chain(tokens).map(str::to_owned).collect();
    let is_sign = |word: &String| !word.chars().any(char::is_alphanumeric);
    let named: BTreeSet<String> = plain(named).into_iter().filter(|word| !is_sign(word)).collect();
    assert_eq!(named, known);
}

#[test]
fn words_of_an_expression_are_found() {
    let found = words(r"(?<![\p{L}_])(exp|drop0\.1|w1e-4|m̂)(?:\s+(init)(?![^\s,\]]))?\bx\p{L}");
    assert_eq!(found, set(&["exp", "drop0.1", "w1e-4", "m̂", "init", "x"]));
}
