//! What a document holds: rules with their parts, and what can be folded.

use lsp_types::{FoldingRange, FoldingRangeKind, SymbolKind};
use nosc_compiler::outline::{BodyKind, Kind, RuleOutline, Statement, StatementKind};
use serde_json::{Value, json};

use super::view::View;

/// Longest formula that is shown beside a name.
const MAX_DETAIL: usize = 80;

/// Rules and their statements, as trees or as a list.
pub(super) fn symbols(view: View<'_>) -> Value {
    let mut all = Vec::new();
    for rule in &view.outline().rules {
        let parts = rule.statements.iter().map(|statement| part(view, statement));
        let (name, at) = match &rule.name {
            Some((name, at)) => (name.clone(), *at),
            None => (view.file().name.clone(), rule.at),
        };
        let mut symbol = json!({ "name": name, "kind": SymbolKind::CLASS });
        if view.client.symbol_trees {
            symbol["detail"] = json!(detail_of_rule(view, rule));
            symbol["range"] = json!(view.range(rule.at));
            symbol["selectionRange"] = json!(view.range(at));
            symbol["children"] = Value::Array(parts.collect());
            all.push(symbol);
            continue;
        }
        symbol["location"] = json!(view.location(rule.at));
        all.push(symbol);
        all.extend(rule.statements.iter().map(|statement| {
            json!({
                "name": statement.name,
                "kind": kind(statement.kind),
                "location": view.location(statement.at),
                "containerName": name,
            })
        }));
    }
    Value::Array(all)
}

fn part(view: View<'_>, statement: &Statement) -> Value {
    json!({
        "name": statement.name,
        "detail": statement.value.map(|value| shortened(view.slice(value))).unwrap_or_default(),
        "kind": kind(statement.kind),
        "range": view.range(statement.at),
        "selectionRange": view.range(statement.name_at),
    })
}

fn kind(kind: StatementKind) -> SymbolKind {
    match kind {
        StatementKind::Parameter => SymbolKind::CONSTANT,
        StatementKind::Let => SymbolKind::VARIABLE,
        StatementKind::State => SymbolKind::FIELD,
        StatementKind::Update | StatementKind::Schedule => SymbolKind::METHOD,
    }
}

fn detail_of_rule(view: View<'_>, rule: &RuleOutline) -> String {
    if rule.body == BodyKind::Block {
        return String::new();
    }
    let text = view.slice(rule.at);
    shortened(text.split_once('=').map_or(text, |(_, formula)| formula))
}

/// A formula on one line, cut if it is long.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

/// Rules of several lines, and comments that stand below each other.
pub(super) fn folds(view: View<'_>) -> Vec<FoldingRange> {
    let outline = view.outline();
    let fold = |start_line, end_line, kind| FoldingRange {
        start_line,
        end_line,
        kind,
        ..FoldingRange::default()
    };
    let mut folds = Vec::new();
    for rule in &outline.rules {
        let range = view.range(rule.at);
        if range.start.line < range.end.line {
            folds.push(fold(range.start.line, range.end.line, None));
        }
    }
    let mut block: Option<(u32, u32)> = None;
    for lexeme in outline.lexemes.iter().filter(|lexeme| lexeme.kind == Kind::Comment) {
        let line = view.range(lexeme.at).start.line;
        block = match block {
            Some((first, last)) if last + 1 == line => Some((first, line)),
            other => {
                folds.extend(
                    other
                        .filter(|(first, last)| first < last)
                        .map(|(first, last)| fold(first, last, Some(FoldingRangeKind::Comment))),
                );
                Some((line, line))
            }
        };
    }
    let last = block.filter(|(first, last)| first < last);
    folds.extend(last.map(|(first, last)| fold(first, last, Some(FoldingRangeKind::Comment))));
    folds
}
