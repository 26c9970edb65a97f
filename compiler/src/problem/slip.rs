//! What was probably meant by a text that the grammar does not take.

use std::fmt;

pub(super) const CONDITIONS: &str =
    "nest `where`: `where(a < b, where(c < d, x, y), y)` is x if both hold";
pub(super) const CHOICE: &str = "write `where(a < b, x, y)`";
pub(super) const TOKENS: &str = "put the tokens in `[ ]`";

/// A common slip behind [`Problem::Expected`](super::Problem::Expected); it displays as the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slip {
    /// `2g` or `(g)(m)`: the two factors.
    Product(String, String),
    /// `g**2`
    Power,
    /// `a < b and c < d`
    Conditions,
    /// `if a < b then x else y`
    Choice,
    /// A token string without brackets.
    Tokens,
    /// Statements outside `{ }`.
    Block,
    /// Two statements on one line.
    Separator,
    /// `NAME = ...` outside a block, or `NAME { ...`: how the rule starts.
    Rule(String),
    /// `rule power-sign = ...`
    Name,
    /// `NAME = ...` in a block.
    Let(String),
    /// More than a formula, or nothing, where a schedule stands by itself.
    Schedule,
    /// A misspelt keyword: the right one.
    Keyword(&'static str),
}

impl Slip {
    /// Whether the text before it is no formula either, so that its names mean nothing.
    pub(crate) fn is_no_formula(&self) -> bool {
        matches!(self, Slip::Conditions | Slip::Choice | Slip::Tokens | Slip::Block)
    }
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slip::Product(left, right) => write!(f, "write `{left} * {right}` for a product"),
            Slip::Power => f.write_str("write `^` for a power"),
            Slip::Conditions => f.write_str(CONDITIONS),
            Slip::Choice => f.write_str(CHOICE),
            Slip::Tokens => f.write_str(TOKENS),
            Slip::Block => f.write_str("wrap the statements in `{ }`"),
            Slip::Separator => f.write_str("start a new line, or put `;` between statements"),
            Slip::Rule(start) => write!(f, "write `rule {start} ...`"),
            Slip::Name => f.write_str("write `_` for `-` in a name"),
            Slip::Let(name) => write!(f, "write `let {name} = ...`"),
            Slip::Schedule => f.write_str("write the formula alone, such as `ld * cd`"),
            Slip::Keyword(keyword) => write!(f, "did you mean `{keyword}`?"),
        }
    }
}
