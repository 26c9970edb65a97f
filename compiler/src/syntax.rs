//! A rule file as it is written: statements and formulas with places, names not yet resolved.

use crate::primitive::{Binary, Comparison};
use crate::source::Span;

/// A formula node in [`Syntax::expressions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExprId(pub(crate) u32);

/// One node of a formula.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    /// A number; `integer` if it was written as digits only.
    Number { value: f64, integer: Option<u32> },
    /// A plain name.
    Name,
    /// `-x`
    Neg(ExprId),
    /// An infix operator.
    Binary(Binary, ExprId, ExprId),
    /// `a < b`; `>` and `>=` have their sides swapped.
    Compare(Comparison, ExprId, ExprId),
    /// `f(x, ...)`; the name is at the span.
    Call(Span, Vec<ExprId>),
    /// What could not be read; it has had its message.
    Broken,
}

/// One statement of a block.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    /// The name, or the keyword of `update` and `schedule`.
    pub(crate) name: Span,
    pub(crate) value: ExprId,
}

/// What a statement declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementKind {
    Param,
    Let,
    State { init: Option<ExprId> },
    Update,
    Schedule,
}

/// The right-hand side of a rule.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// `rule x = FORMULA`
    Formula(ExprId),
    /// `rule x { ... }`
    Block(Vec<Statement>),
    /// `rule x = [ ... ]`: the words and the commas, with the place of the bracket.
    Tokens(Vec<(bool, Span)>, Span),
}

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct RuleSyntax {
    /// Place of the name; empty for a file that is one anonymous rule.
    pub(crate) name: Option<Span>,
    pub(crate) body: Body,
    pub(crate) at: Span,
    /// The text that may have been meant for the rule, up to the separator after it.
    pub(crate) reach: Span,
}

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Syntax {
    pub(crate) rules: Vec<RuleSyntax>,
    pub(crate) expressions: Vec<(Expr, Span)>,
}

impl Syntax {
    pub(crate) fn expr(&self, id: ExprId) -> &Expr {
        &self.expressions[id.0 as usize].0
    }

    pub(crate) fn span(&self, id: ExprId) -> Span {
        self.expressions[id.0 as usize].1
    }
}
