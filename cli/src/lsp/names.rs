//! Names: where they are declared and used, and giving them another.

use lsp_types::{DocumentHighlight, DocumentHighlightKind, Location, Position, TextEdit};
use nosc_compiler::outline::{Kind, Lexeme, Role, is_name, plain_name};
use nosc_compiler::primitive::{KEYWORDS, Meaning, Primitive, primitive};
use nosc_compiler::source::Span;
use serde_json::{Value, json};

use super::message::Failure;
use super::view::View;

/// Where a name is declared; of `%k` the group that it names.
pub(super) fn definition(view: View<'_>, position: Position) -> Option<Location> {
    let lexeme = view.lexeme(position)?;
    let rule = view.rule_of(lexeme)?;
    let at = match lexeme.kind {
        Kind::Name(Role::Declares(index) | Role::Uses(index)) => rule.statements[index].name_at,
        Kind::Name(Role::Rule) => lexeme.at,
        Kind::Word { .. } => rule.groups.get(banked(view, lexeme)?).copied()?,
        _ => return None,
    };
    Some(view.location(at))
}

/// The group that a token `%k` names.
fn banked(view: View<'_>, lexeme: &Lexeme) -> Option<usize> {
    view.slice(lexeme.at).strip_prefix('%')?.parse().ok()
}

fn occurrences(view: View<'_>, position: Position) -> Option<Vec<&Lexeme>> {
    let lexeme = view.lexeme(position)?;
    if let Kind::Word { .. } = lexeme.kind {
        let text = view.slice(lexeme.at);
        let same = |other: &&Lexeme| {
            matches!(other.kind, Kind::Word { .. })
                && other.rule == lexeme.rule
                && view.slice(other.at) == text
        };
        return Some(view.outline().lexemes.iter().filter(same).collect());
    }
    Some(view.outline().occurrences(lexeme)).filter(|found| !found.is_empty())
}

fn declares(lexeme: &Lexeme) -> bool {
    matches!(lexeme.kind, Kind::Name(Role::Declares(_) | Role::Rule))
}

/// All places of a name in its rule.
pub(super) fn references(
    view: View<'_>,
    position: Position,
    with_declaration: bool,
) -> Option<Vec<Location>> {
    let found = occurrences(view, position)?.into_iter();
    let wanted = found.filter(|lexeme| with_declaration || !declares(lexeme));
    Some(wanted.map(|lexeme| view.location(lexeme.at)).collect())
}

/// The same, to be marked in the text.
pub(super) fn highlights(view: View<'_>, position: Position) -> Option<Vec<DocumentHighlight>> {
    let marked = occurrences(view, position)?.into_iter().map(|lexeme| DocumentHighlight {
        range: view.range(lexeme.at),
        kind: Some(if declares(lexeme) {
            DocumentHighlightKind::WRITE
        } else {
            DocumentHighlightKind::READ
        }),
    });
    Some(marked.collect())
}

/// What can be renamed there.
pub(super) fn prepare_rename(view: View<'_>, position: Position) -> Result<Value, Failure> {
    let at = renamed(view, position)?.at;
    Ok(json!({ "range": view.range(at), "placeholder": view.slice(at) }))
}

fn renamed(view: View<'_>, position: Position) -> Result<&Lexeme, Failure> {
    let lexeme = view.lexeme(position).ok_or_else(|| Failure::request("there is no name"))?;
    let text = view.slice(lexeme.at);
    match lexeme.kind {
        Kind::Name(Role::Rule | Role::Declares(_) | Role::Uses(_)) => Ok(lexeme),
        Kind::Name(Role::BuiltIn(_)) => {
            Err(Failure::request(format!("`{text}` is a name of the language")))
        }
        Kind::Name(Role::Unknown) => Err(Failure::request(format!("`{text}` is not declared"))),
        _ => Err(Failure::request(format!("`{text}` is not a name"))),
    }
}

/// A name and all its uses under another, if the rules mean the same then.
pub(super) fn rename(view: View<'_>, position: Position, new: &str) -> Result<Value, Failure> {
    let lexeme = renamed(view, position)?;
    if let Some(reason) = refused(view, lexeme, new) {
        return Err(Failure::request(reason));
    }
    let places = view.outline().occurrences(lexeme).into_iter();
    let edit = |at: Span| TextEdit { range: view.range(at), new_text: new.to_owned() };
    let edits: Vec<TextEdit> = places.map(|lexeme| edit(lexeme.at)).collect();
    Ok(view.edit(&edits))
}

/// Why a name cannot be given.
fn refused(view: View<'_>, lexeme: &Lexeme, new: &str) -> Option<String> {
    if !is_name(new) {
        return Some(format!("`{new}` is not a name: write letters, digits and `_`"));
    }
    let plain = plain_name(new);
    if plain == plain_name(view.slice(lexeme.at)) {
        return None;
    }
    if KEYWORDS.iter().any(|keyword| keyword.name == plain) {
        return Some(format!("`{new}` is a keyword"));
    }
    if lexeme.kind == Kind::Name(Role::Rule) {
        let mut names = view.outline().rules.iter().filter_map(|rule| rule.name.as_ref());
        let is_taken = names.any(|(name, _)| name == plain);
        return is_taken.then(|| format!("there is a rule `{new}` already"));
    }
    if primitive(plain).is_some_and(Primitive::is_function) {
        return Some(format!("`{new}` is a function and cannot be declared"));
    }
    for name in [plain, plain_name(view.slice(lexeme.at))] {
        if matches!(primitive(name).map(|row| row.meaning), Some(Meaning::Parameter(_))) {
            return Some(format!(
                "averages take their decay or constant from `{name}`, which means it by its name"
            ));
        }
    }
    let rule = view.rule_of(lexeme)?;
    if rule.declaration(plain).is_some() {
        return Some(format!("`{new}` is declared in this rule already"));
    }
    let mut others = view.outline().lexemes.iter().filter(|other| other.rule == lexeme.rule);
    let is_used = others.any(|other| {
        matches!(other.kind, Kind::Name(Role::BuiltIn(_) | Role::Unknown))
            && plain_name(view.slice(other.at)) == plain
    });
    is_used.then(|| format!("this rule uses `{new}`, which would mean something else then"))
}
