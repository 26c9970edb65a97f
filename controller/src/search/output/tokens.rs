//! The places of token strings: groups of five, `op1 op2 u1 u2 b`.

use nosc_compiler::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};

/// Kinds of tokens: operands, functions of one argument, functions of two.
pub(super) const KINDS: [&[&str]; 3] = [OPERAND_TOKENS, UNARY_TOKENS, BINARY_TOKENS];

/// Names of the places in a group.
pub(super) const PLACES: [&str; 5] = ["op1", "op2", "u1", "u2", "b"];

/// A place in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of its group, counted from 0.
    pub(super) group: usize,
    /// Which of [`PLACES`] it is.
    pub(super) index: usize,
}

impl Place {
    /// Which of [`KINDS`] stands here.
    pub(super) fn kind(self) -> usize {
        match self.index {
            0 | 1 => 0,
            2 | 3 => 1,
            _ => 2,
        }
    }
}

/// Tokens of the paper's space of this kind; none of another number.
pub(super) fn known(kind: usize) -> &'static [&'static str] {
    KINDS.get(kind).copied().unwrap_or_default()
}

/// Tokens of a string with their places; commas and brackets are no tokens.
pub(super) fn words(string: &str) -> impl Iterator<Item = (Place, &str)> {
    let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']');
    let words = string.split(is_between).filter(|word| !word.is_empty());
    words.enumerate().map(|(number, word)| {
        let place = Place { group: number / PLACES.len(), index: number % PLACES.len() };
        (place, word)
    })
}
