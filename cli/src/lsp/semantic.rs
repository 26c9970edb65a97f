//! Semantic tokens: what each name is, for colours.

use lsp_types::{Range, SemanticTokenModifier, SemanticTokenType, SemanticTokensLegend};
use nosc_compiler::outline::{Kind, Lexeme, Role, StatementKind};
use nosc_compiler::primitive::Meaning;

use super::view::View;

const TYPES: [SemanticTokenType; 9] = [
    SemanticTokenType::KEYWORD,
    SemanticTokenType::COMMENT,
    SemanticTokenType::NUMBER,
    SemanticTokenType::OPERATOR,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::CLASS,
];
const MODIFIERS: [SemanticTokenModifier; 3] = [
    SemanticTokenModifier::DECLARATION,
    SemanticTokenModifier::READONLY,
    SemanticTokenModifier::DEFAULT_LIBRARY,
];
const DECLARATION: u32 = 1;
const READONLY: u32 = 2;
const DEFAULT_LIBRARY: u32 = 4;

/// The names of types and modifiers, in the order of their numbers.
pub(super) fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend { token_types: TYPES.to_vec(), token_modifiers: MODIFIERS.to_vec() }
}

fn number(wanted: &SemanticTokenType) -> u32 {
    TYPES.iter().position(|known| known == wanted).unwrap_or(0) as u32
}

/// Five numbers a token: lines and characters since the last one, length, type, modifiers.
pub(super) fn tokens(view: View<'_>, range: Option<Range>) -> Vec<u32> {
    let (start, end) = match range {
        Some(range) => (view.offset(range.start), view.offset(range.end)),
        None => (0, view.text().len()),
    };
    let mut data = Vec::new();
    let mut last = lsp_types::Position::default();
    let lexemes = &view.outline().lexemes;
    let first = view.outline().lexemes_before(start);
    for lexeme in lexemes[first..].iter().take_while(|l| (l.at.start as usize) < end) {
        let Some((kind, modifiers)) = kind(view, lexeme) else { continue };
        let at = view.range(lexeme.at);
        let line = at.start.line - last.line;
        let character = at.start.character - if line == 0 { last.character } else { 0 };
        let length = at.end.character - at.start.character;
        data.extend([line, character, length, number(&kind), modifiers]);
        last = at.start;
    }
    data
}

fn kind(view: View<'_>, lexeme: &Lexeme) -> Option<(SemanticTokenType, u32)> {
    use SemanticTokenType as Type;
    let plain = |kind| Some((kind, 0));
    match lexeme.kind {
        Kind::Keyword => plain(Type::KEYWORD),
        Kind::Comment => plain(Type::COMMENT),
        Kind::Number => plain(Type::NUMBER),
        Kind::Operator | Kind::Assign => plain(Type::OPERATOR),
        Kind::Word { place, .. } => {
            let kind = if place < 2 { Type::VARIABLE } else { Type::FUNCTION };
            Some((kind, DEFAULT_LIBRARY))
        }
        Kind::Name(role) => match role {
            Role::Rule => Some((Type::CLASS, DECLARATION)),
            Role::Declares(index) => Some((declared(view, lexeme, index)?, DECLARATION)),
            Role::Uses(index) => plain(declared(view, lexeme, index)?),
            Role::BuiltIn(row) => Some(match row.meaning {
                Meaning::Parameter(_) => (Type::PARAMETER, DEFAULT_LIBRARY),
                Meaning::Constant(_) => (Type::VARIABLE, DEFAULT_LIBRARY | READONLY),
                _ if row.is_function() => (Type::FUNCTION, DEFAULT_LIBRARY),
                _ => (Type::VARIABLE, DEFAULT_LIBRARY),
            }),
            Role::Unknown => None,
        },
        _ => None,
    }
}

fn declared(view: View<'_>, lexeme: &Lexeme, index: usize) -> Option<SemanticTokenType> {
    let statement = view.rule_of(lexeme)?.statements.get(index)?;
    Some(match statement.kind {
        StatementKind::Parameter => SemanticTokenType::PARAMETER,
        StatementKind::State => SemanticTokenType::PROPERTY,
        _ => SemanticTokenType::VARIABLE,
    })
}
