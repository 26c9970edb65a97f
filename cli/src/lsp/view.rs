//! A document as a client sees it: places in its terms.

use lsp_types::{Location, Position, Range, TextEdit};
use nosc_compiler::outline::{Lexeme, Outline, RuleOutline};
use nosc_compiler::source::Span;
use nosc_compiler::{Rule, RuleFile};
use serde_json::{Value, json};

use super::client::Client;
use super::document::Document;

/// A document and who asks about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) document: &'a Document,
    pub(super) client: &'a Client,
}

impl<'a> View<'a> {
    pub(super) fn text(self) -> &'a str {
        &self.document.text
    }

    pub(super) fn file(self) -> &'a RuleFile {
        &self.document.checked().file
    }

    pub(super) fn outline(self) -> &'a Outline {
        &self.document.checked().outline
    }

    /// The text of a place.
    pub(super) fn slice(self, at: Span) -> &'a str {
        self.text().get(at.range()).unwrap_or_default()
    }

    pub(super) fn offset(self, position: Position) -> usize {
        self.document.lines.offset(self.text(), position, self.client.encoding)
    }

    pub(super) fn position(self, offset: usize) -> Position {
        self.document.lines.position(self.text(), offset, self.client.encoding)
    }

    pub(super) fn range(self, at: Span) -> Range {
        Range { start: self.position(at.start as usize), end: self.position(at.end as usize) }
    }

    pub(super) fn location(self, at: Span) -> Location {
        Location { uri: self.document.uri.clone(), range: self.range(at) }
    }

    /// What stands at a position.
    pub(super) fn lexeme(self, position: Position) -> Option<&'a Lexeme> {
        self.outline().lexeme_at(self.offset(position))
    }

    /// The rule that a token belongs to.
    pub(super) fn rule_of(self, lexeme: &Lexeme) -> Option<&'a RuleOutline> {
        self.outline().rules.get(lexeme.rule?)
    }

    /// A rule of the outline as the checker has it, if there is no error in it.
    pub(super) fn checked_rule(self, rule: &RuleOutline) -> Option<&'a Rule> {
        let rules = &self.file().rules;
        match &rule.name {
            Some((name, _)) => rules.iter().find(|checked| checked.name == *name),
            None => rules.first(),
        }
    }

    /// Changes of this document as the protocol's `WorkspaceEdit`.
    pub(super) fn edit(self, edits: &[TextEdit]) -> Value {
        let uri = self.document.uri.as_str();
        if self.client.versioned_edits {
            let document = json!({ "uri": uri, "version": self.document.version });
            return json!({ "documentChanges": [{ "textDocument": document, "edits": edits }] });
        }
        json!({ "changes": { uri: edits } })
    }
}
