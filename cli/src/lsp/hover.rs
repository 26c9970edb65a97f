//! What stands at a place: a row of the table, a declared name and what is known of it, a rule as `nosc explain`
//! says it.

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position};
use nosc_compiler::Rule;
use nosc_compiler::outline::{Kind, Lexeme, Role, RuleOutline, Statement, StatementKind};
use nosc_compiler::primitive::{KEYWORDS, Meaning, Primitive, primitive};
use nosc_compiler::print::number;
use nosc_compiler::scalar::constant_value;
use nosc_compiler::source::Span;
use nosc_runtime::explain::Explanation;
use nosc_runtime::{Backend, CompiledRule};

use super::view::View;

/// Longest text of a declaration that is shown.
const MAX_SHOWN: usize = 2000;

/// A text with code in it, for clients that show Markdown and for those that do not.
pub(super) struct Shown {
    code: String,
    words: String,
}

impl Shown {
    pub(super) fn new(code: impl Into<String>, words: impl Into<String>) -> Shown {
        Shown { code: code.into(), words: words.into() }
    }

    pub(super) fn markup(&self, markdown: bool, language: &str) -> MarkupContent {
        let Shown { code, words } = self;
        let (kind, code) = if markdown {
            (MarkupKind::Markdown, format!("```{language}\n{code}\n```"))
        } else {
            (MarkupKind::PlainText, code.clone())
        };
        let parts = [code, words.clone()];
        let value = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        MarkupContent { kind, value: value.join("\n\n") }
    }
}

/// What stands at a position.
pub(super) fn hover(view: View<'_>, position: Position) -> Option<Hover> {
    let lexeme = view.lexeme(position)?;
    let (shown, language) = match lexeme.kind {
        Kind::Name(Role::Rule) => (of_rule(view, lexeme)?, "text"),
        Kind::Keyword if view.slice(lexeme.at) == "rule" => (of_rule(view, lexeme)?, "text"),
        Kind::Keyword => (of_keyword(view.slice(lexeme.at))?, "nos"),
        Kind::Name(Role::Declares(index) | Role::Uses(index)) => {
            let rule = view.rule_of(lexeme)?;
            (declared(view, rule, rule.statements.get(index)?), "nos")
        }
        Kind::Name(Role::BuiltIn(row)) => (built_in(row), "nos"),
        Kind::Word { place, .. } => (token(view, lexeme, place)?, "nos"),
        _ => return None,
    };
    let contents = HoverContents::Markup(shown.markup(view.client.markdown_hover, language));
    Some(Hover { contents, range: Some(view.range(lexeme.at)) })
}

/// A row of the table.
pub(super) fn built_in(row: &Primitive) -> Shown {
    let default = match row.meaning {
        Meaning::Parameter(default) => format!(", {}", number(default)),
        _ => String::new(),
    };
    Shown::new(row.usage.replace(" or ", "\n"), format!("{}{default}", row.about))
}

fn of_keyword(word: &str) -> Option<Shown> {
    let keyword = KEYWORDS.iter().find(|keyword| keyword.name == word)?;
    Some(Shown::new(keyword.usage.replace(" or ", "\n"), keyword.about))
}

/// What `nosc explain` says, and the comment above the rule.
fn of_rule(view: View<'_>, lexeme: &Lexeme) -> Option<Shown> {
    let outline = view.rule_of(lexeme)?;
    let comment = comment_above(view.text(), outline.at);
    let Some(rule) = view.checked_rule(outline) else {
        let name = outline.name.as_ref().map_or("", |(name, _)| name);
        let words = "It has errors: what it is will stand here when they are mended.";
        return Some(Shown::new(format!("rule        {name}"), words));
    };
    let told = match Explanation::new(rule) {
        Ok(explanation) => explanation.text(),
        Err(error) => format!("rule        {}\n{error}", rule.name),
    };
    let lines = told.lines().map(|line| cut(line, 400)).collect::<Vec<_>>();
    Some(Shown::new(lines.join("\n"), comment))
}

/// The comment lines right above a rule, without their signs.
fn comment_above(text: &str, at: Span) -> String {
    let before = text.get(..at.start as usize).unwrap_or_default();
    let lines = before.lines().rev().map(str::trim).map_while(|line| line.strip_prefix('#'));
    let mut lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.reverse();
    cut(&lines.join("  \n"), MAX_SHOWN)
}

/// A declaration as it stands, and what is known of its value.
fn declared(view: View<'_>, rule: &RuleOutline, statement: &Statement) -> Shown {
    let mut words = vec![match statement.kind {
        StatementKind::Parameter => {
            "A hyper-parameter: it can be set without compiling again.".to_owned()
        }
        StatementKind::State => "A state: memory that is updated once a step.".to_owned(),
        _ => "A name for a formula.".to_owned(),
    }];
    words.extend(comment_behind(view.text(), statement.at));
    words.extend(known(view, rule, statement));
    Shown::new(cut(view.slice(statement.at), MAX_SHOWN), words.join("\n\n"))
}

/// The comment at the end of a statement's line.
fn comment_behind(text: &str, at: Span) -> Option<String> {
    let line = text.get(at.end as usize..)?.lines().next()?.trim();
    Some(cut(line.strip_prefix('#')?.trim(), MAX_SHOWN))
}

/// What the compiler knows of a declared value, if its block can be read so far.
fn known(view: View<'_>, rule: &RuleOutline, statement: &Statement) -> Option<String> {
    let alone = alone(view, rule, statement)?;
    let mut known = Vec::new();
    if let Some(value) = constant_value(&alone.tree, alone.update) {
        known.push(format!("`{}`", number(value)));
    }
    if let Some(parameter) = alone.parameters.iter().find(|p| p.name == statement.name)
        && statement.kind == StatementKind::Parameter
    {
        known.push(format!("default `{}`", number(parameter.default)));
    }
    let is_uniform = alone.uniform(true).nodes[alone.update.index()];
    let varies = if is_uniform {
        "the same for all elements: computed once a step"
    } else {
        "a value for each element"
    };
    known.push(varies.to_owned());
    let compiled = CompiledRule::new(&alone, Backend::Interpreter).ok()?;
    let bytes = compiled.lowered().bytes_per_parameter();
    if bytes > 0 {
        known.push(format!("{bytes} bytes of state a parameter"));
    }
    Some(known.join("; "))
}

/// The declarations of a block with one of their names as the update.
fn alone(view: View<'_>, rule: &RuleOutline, statement: &Statement) -> Option<Rule> {
    let declarations = rule.statements.iter().filter(|statement| statement.declares());
    let mut text = "{\n".to_owned();
    for declaration in declarations {
        text += view.slice(declaration.at);
        text.push('\n');
    }
    text += &format!("update = {}\n}}", statement.name);
    Rule::parse(&text).ok()
}

/// A token of a token string as a formula.
fn token(view: View<'_>, lexeme: &Lexeme, place: usize) -> Option<Shown> {
    let word = view.slice(lexeme.at);
    if let Some(group) = word.strip_prefix('%').and_then(|k| k.parse::<usize>().ok()) {
        let at = view.rule_of(lexeme)?.groups.get(group)?;
        return Some(Shown::new(view.slice(*at), format!("The result of group {group}.")));
    }
    let meaning = meaning_of_token(word, place)?;
    let about = primitive(word).map(|row| format!(": {}", row.about)).unwrap_or_default();
    let words = match place {
        0 | 1 => format!("An operand token{about}."),
        2 | 3 => "A unary token, here of `g`.".to_owned(),
        _ => "A binary token, here of `g` and `m`.".to_owned(),
    };
    Some(Shown::new(meaning, words))
}

/// The formula of a token, by the smallest string that has it.
pub(super) fn meaning_of_token(word: &str, place: usize) -> Option<String> {
    let tokens = match place {
        0 | 1 => format!("{word} 1 id id left"),
        2 | 3 => format!("g 1 {word} id left"),
        _ => format!("g m id id {word}"),
    };
    Rule::from_tokens(&tokens).ok().map(|rule| rule.body_text())
}

/// The text without what is beyond a number of characters.
fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}
