//! Why a rule has no token string, and what could be written instead.

use std::fmt;

use crate::primitive::{Binary, Operand, Unary};
use crate::tree::{Node, NodeId, Rule};

/// Longest formula in a message, in characters.
const MAX_FORMULA: usize = 72;

/// A rule that no token string means.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("no tokens mean `{formula}`: {why}")]
#[non_exhaustive]
pub struct NoTokens {
    /// The smallest part of the rule at fault, shortened if it is long.
    pub formula: String,
    /// What about it.
    pub why: WhyNot,
}

/// What no tokens can say.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WhyNot {
    /// A `schedule`.
    Schedule,
    /// An operand that is no token, by itself at least.
    Operand(Operand),
    /// A parameter; tokens have numbers only.
    Parameter,
    /// A state, or an average other than `m`, `v` and `gamma`.
    State,
    /// A number that is not put together from those of the tokens.
    Number,
    /// A function that is no token.
    Function(&'static str),
    /// `log` or `sqrt` of something that may be below 0; the tokens take the magnitude.
    Root(&'static str),
    /// The bounds of a `clip`.
    Bounds,
    /// The probability of a `drop`.
    Probability,
    /// A divisor without `+ delta`.
    Division,
    /// More groups than this.
    Groups(usize),
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::Schedule => f.write_str("tokens have an update only, no schedule"),
            WhyNot::Operand(operand) => write!(f, "`{}` is no operand token", operand.name()),
            WhyNot::Parameter => f.write_str("tokens have no parameters"),
            WhyNot::State => f.write_str("tokens have no states but m, v and gamma"),
            WhyNot::Number => f.write_str("tokens make numbers of 1, 2, 1e-3, 1e-4 and 1e-5 only"),
            WhyNot::Function(name) => write!(f, "`{name}` is no token"),
            WhyNot::Root(name) => write!(f, "the token `{name}` takes the magnitude, {name}|x|"),
            WhyNot::Bounds => f.write_str("tokens clip to 1e-5, 1e-4 and 1e-3 only"),
            WhyNot::Probability => f.write_str("tokens drop with 0.1, 0.3 and 0.5 only"),
            WhyNot::Division => f.write_str("the token `div` adds `delta` to the divisor"),
            WhyNot::Groups(limit) => write!(f, "it takes more than {limit} groups"),
        }
    }
}

impl NoTokens {
    /// The way out, where there is one: another rule, which may compute something else.
    pub fn help(&self) -> Option<String> {
        Some(match &self.why {
            WhyNot::Schedule => {
                format!(
                    "move it into the update, `({}) * (...)`, which rounds otherwise",
                    self.formula
                )
            }
            WhyNot::Operand(Operand::Weight) => {
                "write `1e-4*w`; 1e-3, 1e-2 and 1e-1 are tokens too".to_owned()
            }
            WhyNot::Operand(Operand::Step | Operand::TotalSteps) => {
                "write `ld`, `cd(n)` or `rd(n)`, the decays that are tokens".to_owned()
            }
            WhyNot::Parameter => "write a number in its place".to_owned(),
            WhyNot::State => "write `m`, `v` or `gamma` if one of these is meant".to_owned(),
            WhyNot::Number if self.formula == "e" => "write `exp(x)` in place of `e^x`".to_owned(),
            WhyNot::Root(name) => format!("write `{name}(abs(x))` if x is never below 0"),
            WhyNot::Division => {
                let mut sides = self.formula.split(" / ");
                match (sides.next(), sides.next(), sides.next()) {
                    (Some(x), Some(y), None) if !self.formula.ends_with("...") => {
                        format!("write `{x} / ({y} + delta)` if that is meant")
                    }
                    _ => "write `x / (y + delta)` if that is meant".to_owned(),
                }
            }
            _ => return None,
        })
    }

    pub(super) fn schedule(rule: &Rule, schedule: NodeId) -> NoTokens {
        NoTokens { formula: text(rule, schedule), why: WhyNot::Schedule }
    }

    pub(super) fn too_long(rule: &Rule, limit: usize) -> NoTokens {
        NoTokens { formula: text(rule, rule.update), why: WhyNot::Groups(limit) }
    }

    /// Of a node that is neither an operand nor a function of the tokens.
    pub(super) fn node(rule: &Rule, id: NodeId) -> NoTokens {
        let why = match rule.tree.node(id) {
            Node::Constant(_) | Node::Decay(..) => WhyNot::Number,
            Node::Operand(operand) => WhyNot::Operand(operand),
            Node::Parameter(_) => WhyNot::Parameter,
            Node::State(_) | Node::Previous(_) | Node::Debias(_) => WhyNot::State,
            Node::Unary(Unary::Log, _) => WhyNot::Root("log"),
            Node::Unary(Unary::Sqrt, _) => WhyNot::Root("sqrt"),
            Node::Unary(op, _) => WhyNot::Function(op.name()),
            Node::Binary(Binary::Div, ..) => WhyNot::Division,
            Node::Binary(op, ..) => WhyNot::Function(op.name()),
            Node::Clip(..) => WhyNot::Bounds,
            Node::Drop(..) => WhyNot::Probability,
            Node::Where(..) => WhyNot::Function("where"),
        };
        NoTokens { formula: text(rule, id), why }
    }
}

/// The formula of a node, shortened.
fn text(rule: &Rule, id: NodeId) -> String {
    let text = rule.node_text(id);
    match text.char_indices().nth(MAX_FORMULA) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
