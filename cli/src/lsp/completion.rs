//! What can stand at a place: names of the table, declared names, keywords, tokens.

use std::collections::BTreeSet;

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InsertTextFormat,
    Position, Range, TextEdit,
};
use nosc_compiler::outline::{BodyKind, Kind, Lexeme, Role, RuleOutline, StatementKind};
use nosc_compiler::primitive::{
    BINARY_TOKENS, KEYWORDS, Meaning, OPERAND_TOKENS, PRIMITIVES, Primitive, UNARY_TOKENS,
};
use nosc_compiler::source::Span;
use nosc_runtime::library;

use super::hover::{built_in, meaning_of_token};
use super::signature::{Way, call_at, ways};
use super::view::View;

/// Groups of a token string that are offered as `%k`, the last ones.
const MAX_BANK: usize = 32;
/// Most declared names that are offered: more than anyone writes by hand.
const MOST_DECLARED: usize = 1_000;

/// What stands at a place, in the words of the grammar.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Nothing is to be completed: a comment, a number, a new name.
    Nothing,
    /// Outside of rules, at the start of a line.
    File,
    /// At the start of a statement.
    Statement,
    /// Behind the name of a state.
    AfterState,
    /// Behind `param`, whose names may be built in.
    Parameter,
    /// In a token string, at this place of a group.
    Token { group: usize, place: usize },
    /// In the argument of `prev`.
    State,
    /// In a formula.
    Formula,
}

/// A place in a document, and what has been written of the word there.
struct At<'a> {
    view: View<'a>,
    /// All that is replaced: the word up to the cursor.
    word: Span,
    /// Tokens before the word, comments left out.
    before: Vec<Lexeme>,
    rule: Option<&'a RuleOutline>,
}

/// What can stand at a position.
pub(super) fn completions(view: View<'_>, position: Position) -> Vec<CompletionItem> {
    let offset = view.offset(position);
    let Some(at) = At::new(view, offset) else { return Vec::new() };
    match at.place() {
        Place::Nothing => Vec::new(),
        Place::File => {
            let mut items = at.keywords(&["rule"]);
            items.extend(at.standard_rules());
            items.extend(at.formula());
            items
        }
        Place::Statement => at.statements(),
        Place::AfterState => at.keywords(&["init"]),
        Place::Parameter => at.parameters(),
        Place::Token { group, place } => at.tokens(group, place),
        Place::State => at.states(),
        Place::Formula => at.formula(),
    }
}

impl<'a> At<'a> {
    /// `None` inside a comment or a number.
    fn new(view: View<'a>, offset: usize) -> Option<At<'a>> {
        let outline = view.outline();
        let here = outline.lexeme_at(offset).filter(|lexeme| (lexeme.at.start as usize) < offset);
        let word = match here.map(|lexeme| lexeme.kind) {
            Some(Kind::Comment | Kind::Number) => return None,
            Some(Kind::Name(_) | Kind::Keyword | Kind::Word { .. }) => {
                Span::new(here?.at.start as usize, offset)
            }
            _ => Span::new(offset, offset),
        };
        let before = &outline.lexemes[..outline.lexemes_before(word.start as usize)];
        // What was before the rule does not matter.
        let is_rule =
            |lexeme: &Lexeme| lexeme.kind == Kind::Keyword && view.slice(lexeme.at) == "rule";
        let before = &before[before.iter().rposition(is_rule).unwrap_or(0)..];
        let rule = outline.rule_at(offset).or_else(|| {
            // What is being written at the end of a block that is not closed belongs to it.
            let last = before.iter().rev().find_map(|lexeme| lexeme.rule)?;
            let is_closed = before.iter().any(|lexeme| lexeme.kind == Kind::CloseBrace);
            let is_block = outline.rules[last].body == BodyKind::Block;
            (is_block && !is_closed).then_some(last)
        });
        let before = before.iter().filter(|lexeme| lexeme.kind != Kind::Comment).copied();
        let rule = rule.map(|rule| &outline.rules[rule]);
        Some(At { view, word, before: before.collect(), rule })
    }

    fn place(&self) -> Place {
        let back = |count: usize| self.before.iter().nth_back(count);
        let text = |count| back(count).map_or("", |lexeme| self.view.slice(lexeme.at));
        if let Some((group, place)) = self.token_place() {
            return Place::Token { group, place };
        }
        let (in_block, goes_on) = (self.in_block(), self.goes_on());
        match (back(0).map(|lexeme| lexeme.kind), text(0)) {
            (Some(Kind::Keyword), "param") => Place::Parameter,
            (Some(Kind::Name(Role::Declares(_))), _) if text(1) == "state" => Place::AfterState,
            (Some(Kind::Keyword), "rule" | "let" | "state" | "update" | "schedule")
            | (Some(Kind::Name(_) | Kind::Number | Kind::CloseParen), _) => Place::Nothing,
            (Some(Kind::OpenBrace), _) => Place::Statement,
            (Some(Kind::Separator), _) if in_block && !goes_on => Place::Statement,
            (None | Some(Kind::Separator | Kind::CloseBrace), _) if !in_block && !goes_on => {
                Place::File
            }
            _ if matches!(call_at(&self.before), Some((row, 0)) if row.name == "prev") => {
                Place::State
            }
            _ => Place::Formula,
        }
    }

    fn in_block(&self) -> bool {
        let mut braces = self.before.iter().rev().map(|lexeme| lexeme.kind);
        braces.find(|kind| matches!(kind, Kind::OpenBrace | Kind::CloseBrace))
            == Some(Kind::OpenBrace)
    }

    /// Whether a formula goes on over the newline before the word.
    fn goes_on(&self) -> bool {
        let last = self.before.iter().rev().find(|lexeme| lexeme.kind != Kind::Separator);
        matches!(
            last.map(|last| last.kind),
            Some(Kind::Operator | Kind::Assign | Kind::Comma | Kind::OpenParen)
        )
    }

    /// The group and place of the next word, inside brackets.
    fn token_place(&self) -> Option<(usize, usize)> {
        let mut words = 0;
        for lexeme in self.before.iter().rev() {
            match lexeme.kind {
                Kind::Word { .. } => words += 1,
                Kind::OpenBracket => return Some((words / 5, words % 5)),
                Kind::Comma | Kind::Separator => {}
                _ => return None,
            }
        }
        None
    }

    /// An item that puts a text in the place of the word.
    fn item(&self, label: &str, kind: CompletionItemKind, rank: u8) -> CompletionItem {
        let range = Range {
            start: self.view.position(self.word.start as usize),
            end: self.view.position(self.word.end as usize),
        };
        let edit = TextEdit { range, new_text: label.to_owned() };
        CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            sort_text: Some(format!("{rank}{label}")),
            text_edit: Some(CompletionTextEdit::Edit(edit)),
            ..CompletionItem::default()
        }
    }

    /// The item with another text, a snippet if the client has them.
    fn with_snippet(&self, mut item: CompletionItem, snippet: &str, plain: &str) -> CompletionItem {
        let is_snippet = self.view.client.snippets;
        if let Some(CompletionTextEdit::Edit(edit)) = &mut item.text_edit {
            (if is_snippet { snippet } else { plain }).clone_into(&mut edit.new_text);
        }
        item.insert_text_format = is_snippet.then_some(InsertTextFormat::SNIPPET);
        item
    }

    fn keywords(&self, wanted: &[&str]) -> Vec<CompletionItem> {
        let mut items = Vec::new();
        for keyword in KEYWORDS.iter().filter(|keyword| wanted.contains(&keyword.name)) {
            let item = CompletionItem {
                detail: Some(keyword.usage.to_owned()),
                documentation: Some(Documentation::String(keyword.about.to_owned())),
                ..self.item(keyword.name, CompletionItemKind::KEYWORD, 0)
            };
            let name = keyword.name;
            let snippet = match name {
                "rule" => "rule ${1:name} = ${0:g}",
                "param" => "param ${1:name} = ${0:1}",
                "let" => "let ${1:name} = $0",
                "state" => "state ${1:name} = $0",
                "init" => "init ${1:0} = $0",
                "update" => "update = $0",
                _ => "schedule = $0",
            };
            let plain = match name {
                "update" | "schedule" => format!("{name} = "),
                _ => format!("{name} "),
            };
            items.push(self.with_snippet(item, snippet, &plain));
            if name == "rule" && self.view.client.snippets {
                let block = CompletionItem {
                    detail: Some("rule NAME { ... }".to_owned()),
                    filter_text: Some(name.to_owned()),
                    ..self.item("rule { }", CompletionItemKind::KEYWORD, 0)
                };
                let snippet = "rule ${1:name} {\n    update = ${0:g}\n}";
                items.push(self.with_snippet(block, snippet, snippet));
            }
        }
        items
    }

    /// Keywords of a block; `update` and `schedule` stand once.
    fn statements(&self) -> Vec<CompletionItem> {
        let has =
            |kind| self.rule.is_some_and(|rule| rule.statements.iter().any(|s| s.kind == kind));
        let mut wanted = vec!["param", "let", "state"];
        if !has(StatementKind::Update) {
            wanted.push("update");
        }
        if !has(StatementKind::Schedule) {
            wanted.push("schedule");
        }
        self.keywords(&wanted)
    }

    /// Texts of the standard rules, to start from.
    fn standard_rules(&self) -> Vec<CompletionItem> {
        let is_named = |name: &str| {
            let mut rules = self.view.outline().rules.iter();
            rules.any(|rule| rule.name.as_ref().is_some_and(|(own, _)| own == name))
        };
        let files = library::files().iter().filter(|(name, _)| !is_named(name));
        let items = files.map(|(name, text)| {
            let mut item = self.item(&format!("rule {name}"), CompletionItemKind::FILE, 3);
            if let Some(CompletionTextEdit::Edit(edit)) = &mut item.text_edit {
                text.trim_end().clone_into(&mut edit.new_text);
            }
            let about = text.lines().next().and_then(|line| line.strip_prefix('#'));
            CompletionItem {
                detail: Some("a standard rule: its text".to_owned()),
                documentation: about.map(|about| Documentation::String(about.trim().to_owned())),
                ..item
            }
        });
        items.collect()
    }

    /// Parameters that every rule has, whose defaults a `param` may replace.
    fn parameters(&self) -> Vec<CompletionItem> {
        let is_parameter = |row: &&Primitive| matches!(row.meaning, Meaning::Parameter(_));
        PRIMITIVES.iter().filter(is_parameter).map(|row| self.plain(row)).collect()
    }

    fn tokens(&self, group: usize, place: usize) -> Vec<CompletionItem> {
        let (list, kind) = match place {
            0 | 1 => (OPERAND_TOKENS, CompletionItemKind::VARIABLE),
            2 | 3 => (UNARY_TOKENS, CompletionItemKind::FUNCTION),
            _ => (BINARY_TOKENS, CompletionItemKind::OPERATOR),
        };
        let mut items: Vec<CompletionItem> = list
            .iter()
            .map(|word| CompletionItem {
                detail: meaning_of_token(word, place),
                ..self.item(word, kind, 1)
            })
            .collect();
        if place < 2 {
            let bank = (group.saturating_sub(MAX_BANK)..group).map(|k| CompletionItem {
                detail: self
                    .rule
                    .and_then(|rule| rule.groups.get(k))
                    .map(|at| self.view.slice(*at).to_owned()),
                ..self.item(&format!("%{k}"), CompletionItemKind::REFERENCE, 0)
            });
            items.extend(bank);
        }
        items
    }

    fn states(&self) -> Vec<CompletionItem> {
        self.declared(|kind, _| kind == StatementKind::State)
    }

    /// Names that may stand in a formula: declared before it, or the state that it is about.
    fn formula(&self) -> Vec<CompletionItem> {
        let start = self.word.start;
        let mut items = self.declared(|kind, at| {
            at.end <= start || kind == StatementKind::State && at.start <= start
        });
        for row in PRIMITIVES {
            let is_taken = items.iter().any(|item| item.label == row.name);
            for way in ways(row) {
                match way.arguments.is_empty() {
                    true if is_taken => {}
                    true => items.push(self.plain(row)),
                    false => items.push(self.call(row, &way)),
                }
            }
        }
        items
    }

    /// The first declared names for whose kind and place a condition holds.
    fn declared(&self, holds: impl Fn(StatementKind, Span) -> bool) -> Vec<CompletionItem> {
        let statements = self.rule.map_or(&[][..], |rule| &rule.statements);
        let own = self.word.start;
        let (mut items, mut names) = (Vec::new(), BTreeSet::new());
        for statement in statements.iter().filter(|s| s.declares() && holds(s.kind, s.at)) {
            // The statement that is being written: of these only a state knows itself.
            let is_own = statement.name_at.start == own;
            if is_own || !names.insert(statement.name.as_str()) {
                continue;
            }
            if items.len() == MOST_DECLARED {
                break;
            }
            let kind = match statement.kind {
                StatementKind::Parameter => CompletionItemKind::CONSTANT,
                StatementKind::State => CompletionItemKind::FIELD,
                _ => CompletionItemKind::VARIABLE,
            };
            let text: String = self.view.slice(statement.at).chars().take(120).collect();
            items.push(CompletionItem {
                detail: Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
                ..self.item(&statement.name, kind, 0)
            });
        }
        items
    }

    fn plain(&self, row: &Primitive) -> CompletionItem {
        let kind = match row.meaning {
            Meaning::Constant(_) | Meaning::Parameter(_) => CompletionItemKind::CONSTANT,
            _ => CompletionItemKind::VARIABLE,
        };
        CompletionItem {
            detail: Some(row.about.to_owned()),
            documentation: Some(self.documentation(row)),
            ..self.item(row.name, kind, 1)
        }
    }

    /// A call with a place for each argument.
    fn call(&self, row: &Primitive, way: &Way) -> CompletionItem {
        let item = CompletionItem {
            detail: Some(row.about.to_owned()),
            documentation: Some(self.documentation(row)),
            filter_text: Some(row.name.to_owned()),
            ..self.item(way.text, CompletionItemKind::FUNCTION, 2)
        };
        let places = way.arguments.iter().enumerate();
        let places = places
            .map(|(index, (start, end))| format!("${{{}:{}}}", index + 1, &way.text[*start..*end]));
        let snippet = format!("{}({})", row.name, places.collect::<Vec<_>>().join(", "));
        self.with_snippet(item, &snippet, row.name)
    }

    fn documentation(&self, row: &Primitive) -> Documentation {
        let markdown = self.view.client.markdown_completion;
        Documentation::MarkupContent(built_in(row).markup(markdown, "nos"))
    }
}
