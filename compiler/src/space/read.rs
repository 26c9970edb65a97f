//! A space file to a [`SearchSpace`]: finds every mistake on the way.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use indexmap::IndexSet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::{Definition, Refused};
use super::problem::{SpaceErrors, SpaceProblem};
use super::{Constraints, Kind, MAX_GROUPS, MAX_TOKENS, SearchSpace};
use crate::file::MAX_PROBLEMS;
use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};
use crate::source::Span;
use crate::suggest::nearest;
use crate::tokens::decay_token;

const KEYS: &[&str] = &["base", "operands", "unary", "binary", "groups", "constraints", "define"];
const DEFINED: &[&str] = &["operands", "unary", "binary"];

type Table<'i> = DeTable<'i>;
type Value<'i> = Spanned<DeValue<'i>>;

pub(super) fn read(name: &str, text: &str) -> Result<SearchSpace, SpaceErrors> {
    let mut reader = Reader { text, problems: Vec::new(), space: SearchSpace::of(name, [&[]; 3]) };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.into_iter().take(MAX_PROBLEMS) {
        let at = error.span().map_or_else(Span::default, span);
        let message = error.message().trim().replace('\n', ", ");
        reader.problems.push(SpaceProblem::NotToml { message, at });
    }
    // Of a text that is not TOML no more than that is known.
    if reader.problems.is_empty() {
        reader.space(table.get_ref());
    }
    let Reader { mut problems, space, .. } = reader;
    problems.sort_by_key(SpaceProblem::span);
    problems.truncate(MAX_PROBLEMS);
    if problems.is_empty() {
        return Ok(space);
    }
    Err(SpaceErrors { text: text.to_owned(), problems })
}

fn span(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

/// The entries in the order of the file.
fn entries<'t, 'i>(table: &'t Table<'i>) -> Vec<(&'t Spanned<Cow<'i, str>>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The tokens of the language that a space may list.
fn built_in(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Operand => OPERAND_TOKENS,
        Kind::Unary => UNARY_TOKENS,
        Kind::Binary => BINARY_TOKENS,
    }
}

fn is_built_in(kind: Kind, token: &str) -> bool {
    built_in(kind).contains(&token) || kind == Kind::Operand && decay_token(token).is_some()
}

struct Reader<'a> {
    text: &'a str,
    problems: Vec<SpaceProblem>,
    space: SearchSpace,
}

impl Reader<'_> {
    fn space(&mut self, table: &Table<'_>) {
        self.keys(table, KEYS);
        if let Some(base) = table.get("base") {
            self.base(base);
        }
        for kind in Kind::ALL {
            if let Some(list) = table.get(kind.key()) {
                self.list(kind, list);
            }
        }
        if let Some(define) = table.get("define") {
            self.define(define);
        }
        self.counts(table);
        if let Some(groups) = table.get("groups") {
            self.space.groups = self.groups(groups);
        }
        if let Some(constraints) = table.get("constraints") {
            self.space.constraints = Some(self.constraints(constraints));
        }
    }

    /// Each kind needs a token; where one may have been meant by what has had a message, that is enough.
    fn counts(&mut self, table: &Table<'_>) {
        for kind in Kind::ALL {
            let list = table.get(kind.key()).map(|list| span(list.span()));
            let count = self.space.tokens(kind).len();
            let at = list.unwrap_or_default();
            let is_meant = self.problems.iter().any(|problem| match problem {
                SpaceProblem::UnknownBase { .. } => true,
                SpaceProblem::WrongType { key, .. } if key == "base" => true,
                SpaceProblem::UnknownKey { nearest, .. } => *nearest == Some(kind.key()),
                other => list.is_some_and(|list| list.holds(other.span())),
            });
            if count == 0 && !is_meant {
                self.problems.push(SpaceProblem::Missing { kind, at });
            } else if count > MAX_TOKENS {
                self.problems.push(SpaceProblem::TooMany { kind, at });
            }
        }
    }

    fn keys(&mut self, table: &Table<'_>, known: &'static [&'static str]) {
        for (key, _) in entries(table) {
            let at = span(key.span());
            let key = key.get_ref().to_string();
            if !known.contains(&key.as_str()) {
                let nearest = nearest(&key, known.iter().copied());
                self.problems.push(SpaceProblem::UnknownKey { key, nearest, known, at });
            }
        }
    }

    fn wrong_type(&mut self, key: &str, expected: &'static str, value: &Value<'_>) {
        let (found, at) = (type_of(value.get_ref()), span(value.span()));
        let key = key.to_owned();
        self.problems.push(SpaceProblem::WrongType { key, expected, found, at });
    }

    fn base(&mut self, value: &Value<'_>) {
        let Some(name) = value.get_ref().as_str() else {
            return self.wrong_type("base", "the name of a space", value);
        };
        if let Some(base) = SearchSpace::built_in(name) {
            self.space.tokens = base.tokens;
        } else {
            let (name, at) = (name.to_owned(), span(value.span()));
            self.problems.push(SpaceProblem::UnknownBase { name, at });
        }
    }

    /// Whether there are as many problems as are shown.
    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// A list replaces that of the base.
    fn list(&mut self, kind: Kind, value: &Value<'_>) {
        const EXPECTED: &str = "a list of tokens";
        let Some(list) = value.get_ref().as_array() else {
            return self.wrong_type(kind.key(), EXPECTED, value);
        };
        let mut tokens: IndexSet<String> = IndexSet::new();
        for item in list {
            if self.is_full() {
                break;
            }
            let Some(token) = item.get_ref().as_str() else {
                self.wrong_type(kind.key(), EXPECTED, item);
                continue;
            };
            let at = span(item.span());
            if tokens.contains(token) {
                self.problems.push(SpaceProblem::Twice { token: token.to_owned(), at });
            } else if !is_built_in(kind, token) {
                let nearest = nearest(token, built_in(kind).iter().copied()).map(str::to_owned);
                let token = token.to_owned();
                self.problems.push(SpaceProblem::UnknownToken { kind, token, nearest, at });
            } else {
                tokens.insert(token.to_owned());
            }
        }
        self.space.tokens[kind as usize] = tokens.into_iter().collect();
    }

    fn define(&mut self, value: &Value<'_>) {
        let Some(table) = value.get_ref().as_table() else {
            return self.wrong_type("define", "a table of formulas", value);
        };
        self.keys(table, DEFINED);
        for kind in Kind::ALL {
            let Some(value) = table.get(kind.key()) else { continue };
            let Some(table) = value.get_ref().as_table() else {
                self.wrong_type(kind.key(), "a table of formulas", value);
                continue;
            };
            for (name, formula) in entries(table) {
                if self.is_full() {
                    break;
                }
                self.definition(kind, name, formula);
            }
        }
    }

    fn definition(&mut self, kind: Kind, name: &Spanned<Cow<'_, str>>, value: &Value<'_>) {
        let (token, at) = (name.get_ref().to_string(), span(name.span()));
        if let Some((rest, _)) = value.get_ref().as_table().and_then(|table| table.iter().next()) {
            // TOML reads `a.b = ...` as a table `a`.
            let token = format!("{token}.{}", rest.get_ref());
            return self.problems.push(SpaceProblem::DottedName { token, at });
        }
        if Kind::ALL.into_iter().any(|kind| is_built_in(kind, &token)) {
            return self.problems.push(SpaceProblem::Reserved { token, at });
        }
        if !is_name(&token) {
            return self.problems.push(SpaceProblem::BadName { token, at });
        }
        if self.space.own.contains_key(&token) {
            return self.problems.push(SpaceProblem::Twice { token, at });
        }
        let Some(formula) = value.get_ref().as_str() else {
            return self.wrong_type(&token, "a formula in quotes", value);
        };
        match Definition::new(kind, formula) {
            Ok(definition) => {
                self.space.own.insert(token.clone(), definition);
                self.space.tokens[kind as usize].push(token);
            }
            Err(refused) => self.refused(kind, &token, formula, refused, span(value.span())),
        }
    }

    fn refused(&mut self, kind: Kind, token: &str, formula: &str, refused: Refused, at: Span) {
        let token = token.to_owned();
        match refused {
            Refused::NotFormula(found) => {
                self.problems.push(SpaceProblem::NotFormula { token, found, at });
            }
            Refused::IgnoresArguments => {
                self.problems.push(SpaceProblem::IgnoresArguments { kind, token, at });
            }
            Refused::Problems(problems) => {
                // Where the string has no escapes, places in the formula are places in the file.
                let start = self.text[at.range()].find(formula).map(|from| at.range().start + from);
                for (problem, inner) in problems {
                    let at = start.map_or(at, |start| {
                        Span::new(start + inner.range().start, start + inner.range().end)
                    });
                    self.problems.push(SpaceProblem::Formula { token: token.clone(), problem, at });
                }
            }
        }
    }

    fn constraints(&mut self, value: &Value<'_>) -> Constraints {
        const EXPECTED: &str = "a list of constraints";
        let mut constraints = Constraints::NONE;
        let items: Vec<&Value<'_>> = match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => vec![value],
        };
        for item in items {
            let Some(names) = item.get_ref().as_str() else {
                self.wrong_type("constraints", EXPECTED, item);
                continue;
            };
            for name in names.split(',') {
                if let Err(problem) = constraints.add(name.trim()) {
                    let at = span(item.span());
                    self.problems.push(SpaceProblem::Constraint { problem, at });
                }
            }
        }
        constraints
    }

    fn groups(&mut self, value: &Value<'_>) -> Option<RangeInclusive<usize>> {
        let text = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::String(text) => text.as_ref(),
            _ => {
                self.wrong_type("groups", "a number or a range", value);
                return None;
            }
        };
        let groups = groups(text);
        if groups.is_none() {
            let (text, at) = (text.to_owned(), span(value.span()));
            self.problems.push(SpaceProblem::Groups { text, at });
        }
        groups
    }
}

/// `N`, or `N..M` with both ends, within 1 to [`MAX_GROUPS`].
fn groups(text: &str) -> Option<RangeInclusive<usize>> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
        None => (number(text)?, number(text)?),
    };
    (1 <= first && first <= last && last <= MAX_GROUPS).then_some(first..=last)
}

/// Whether a text can stand in a token string as a token of its own.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c))
        && !text.starts_with("cd_")
        && !text.starts_with("rd_")
}
