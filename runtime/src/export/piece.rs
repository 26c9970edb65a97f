//! Pieces of a program's text, and what a language has to know to write them.

use nosc_compiler::primitive::{Binary, Comparison, Cosine, Unary};

/// How tightly a piece binds; a looser one in a tighter place gets brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binds {
    /// A conditional, or another form that is bracketed wherever it is an operand.
    Loosest,
    Sum,
    Product,
    Sign,
    Atom,
}

/// What a piece stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One number a step.
    Scalar,
    /// A number for each element.
    Element,
}

/// An expression.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) binds: Binds,
    pub(super) kind: Kind,
    /// The number that it is, if it is the digits of one: a name may read like `inf` or `nan`.
    pub(super) literal: Option<f64>,
}

/// An operation of the language of rules that has operands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Unary(Unary),
    Binary(Binary),
    Clip,
    /// Operands: both sides of the comparison, and what is chosen from.
    Where(Comparison),
}

/// The language that a rule is written out in.
pub(super) trait Language {
    /// A number, as a scalar.
    fn number(&mut self, value: f64) -> Piece;

    /// What an operation computes; the result is an element's if an operand is one.
    fn operation(&mut self, operation: Operation, operands: &[Piece]) -> Piece;

    /// `ld` at a step.
    fn linear_decay(&mut self, step: &Piece) -> Piece;

    /// `cd(n)` or `rd(n)` at a step.
    fn cosine(&mut self, kind: Cosine, n: f64, step: &Piece) -> Piece;

    /// `1 / (1 - decay^(t+1))`
    fn debias(&mut self, decay: &Piece) -> Piece;

    /// A normal draw of a site, of the deviation 0.1, or with `decaying` of that of `eps_t`.
    fn noise(&mut self, site: u32, decaying: bool, kind: Kind) -> Piece;

    /// `x`, or 0 with probability `p`, by the draw of a site.
    fn drop(&mut self, site: u32, x: &Piece, p: f64, kind: Kind) -> Piece;

    /// A copy of the memory that a name stands for, where a name is not one.
    fn copied(&mut self, name: Piece) -> Piece {
        name
    }
}

impl Piece {
    pub(super) fn new(text: impl Into<String>, binds: Binds, kind: Kind) -> Piece {
        Piece { text: text.into(), binds, kind, literal: None }
    }

    /// A name or a call.
    pub(super) fn atom(text: impl Into<String>, kind: Kind) -> Piece {
        Piece::new(text, Binds::Atom, kind)
    }

    /// A scalar's name or call.
    pub(super) fn scalar(text: impl Into<String>) -> Piece {
        Piece::atom(text, Kind::Scalar)
    }

    pub(super) fn is_element(&self) -> bool {
        self.kind == Kind::Element
    }

    /// The text where at least such a binding is needed.
    pub(super) fn at(&self, place: Binds) -> String {
        if self.binds < place { format!("({})", self.text) } else { self.text.clone() }
    }

    /// `function(operand, ...)`
    pub(super) fn call(function: &str, operands: &[Piece]) -> Piece {
        let list: Vec<&str> = operands.iter().map(|operand| operand.text.as_str()).collect();
        Piece::atom(format!("{function}({})", list.join(", ")), kind(operands))
    }

    /// `-operand`
    pub(super) fn negated(operand: &Piece) -> Piece {
        let text = format!("-{}", operand.at(Binds::Atom));
        Piece::new(text, Binds::Sign, operand.kind)
    }

    /// `a + b`, `a - b`, `a * b` or `a / b`, evaluated as the tree says.
    pub(super) fn infix(op: Binary, a: &Piece, b: &Piece) -> Piece {
        let (own, right) = match op {
            Binary::Add | Binary::Sub => (Binds::Sum, Binds::Product),
            _ => (Binds::Product, Binds::Sign),
        };
        let text = format!("{} {} {}", a.at(own), op.name(), b.at(right));
        Piece::new(text, own, kind(&[a.clone(), b.clone()]))
    }

    /// `a < b`
    pub(super) fn comparison(op: Comparison, a: &Piece, b: &Piece) -> Piece {
        let text = format!("{} {} {}", a.at(Binds::Sum), op.name(), b.at(Binds::Sum));
        Piece::new(text, Binds::Loosest, kind(&[a.clone(), b.clone()]))
    }

    /// Whether it is nothing but a name or a number of digits.
    pub(super) fn is_name(&self) -> bool {
        self.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }
}

/// An element's, if an operand is one.
pub(super) fn kind(operands: &[Piece]) -> Kind {
    let element = operands.iter().any(Piece::is_element);
    if element { Kind::Element } else { Kind::Scalar }
}

/// The digits of a finite number, which Python and C read back to the same bits.
pub(super) fn finite(value: f64) -> Piece {
    let binds = if value.is_sign_negative() { Binds::Sign } else { Binds::Atom };
    Piece { literal: Some(value), ..Piece::new(format!("{value:?}"), binds, Kind::Scalar) }
}

/// Whether a name stands in a text.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word)
}
