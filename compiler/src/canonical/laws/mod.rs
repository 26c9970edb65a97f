//! The laws of the level `exact`: each holds bit for bit, for f32 elements and for f64 step scalars.
//!
//! A law is a function from a node with canonical operands to its rewritten form, if it applies. The
//! table names each with its statement, as the manual does (`docs/canonical.md`). The test beside each
//! group shows every law at work, and property tests compare the bits of rules before and after on
//! special values.
//!
//! Laws that look true and are not, with a witness, are in [`mod@rejected`].

mod clip;
mod draw;
mod negation;
mod power;
mod product;
pub mod rejected;
mod sign;
mod sum;

use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

use super::rewriter::Rewriter;

/// One law.
#[derive(Clone, Copy)]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub statement: &'static str,
    pub(crate) apply: fn(&mut Rewriter<'_>, Node) -> Option<NodeId>,
}

impl std::fmt::Debug for Law {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.statement)
    }
}

const fn law(
    name: &'static str,
    statement: &'static str,
    apply: fn(&mut Rewriter<'_>, Node) -> Option<NodeId>,
) -> Law {
    Law { name, statement, apply }
}

/// Laws on each kind of node, in the order in which they are tried.
///
/// A law that makes a constant of what varies by its form, as `x^0 = 1`, does not apply here: its result
/// goes to `constant`, for the users of the node to decide.
pub(super) fn apply(
    r: &mut Rewriter<'_>,
    node: Node,
    constant: &mut Option<NodeId>,
) -> Option<NodeId> {
    group(node).iter().find_map(|law| {
        let made = (law.apply)(r, node)?;
        if r.keeps_kind(node, made) {
            return Some(made);
        }
        if r.value(made).is_some() {
            *constant = Some(made);
        }
        None
    })
}

fn group(node: Node) -> &'static [Law] {
    match node {
        Node::Unary(Unary::Neg, _) => negation::NEG,
        Node::Unary(Unary::Abs, _) => negation::ABS,
        Node::Unary(Unary::Sign, _) => sign::SIGN,
        Node::Unary(Unary::Sqrt, _) => power::SQRT,
        Node::Binary(Binary::Add, ..) => sum::ADD,
        Node::Binary(Binary::Sub, ..) => sum::SUB,
        Node::Binary(Binary::Mul, ..) => product::MUL,
        Node::Binary(Binary::Div, ..) => product::DIV,
        Node::Binary(Binary::Pow, ..) => power::POW,
        Node::Clip(..) => clip::CLIP,
        Node::Drop(..) => draw::DROP,
        Node::Where(..) => clip::WHERE,
        _ => &[],
    }
}

/// All laws, for the manual and for tests.
pub fn all() -> impl Iterator<Item = &'static Law> {
    let groups = [
        negation::NEG,
        negation::ABS,
        sign::SIGN,
        power::SQRT,
        sum::ADD,
        sum::SUB,
        product::MUL,
        product::DIV,
        power::POW,
        clip::CLIP,
        draw::DROP,
        clip::WHERE,
    ];
    groups.into_iter().flatten()
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::Rule;
    use crate::canonical::CanonicalRule;

    /// The canonical text of a formula.
    pub(crate) fn canon(text: &str) -> String {
        CanonicalRule::new(&Rule::parse(text).expect(text)).text()
    }

    /// Both formulas have one key.
    #[track_caller]
    pub(crate) fn same(a: &str, b: &str) {
        assert_eq!(canon(a), canon(b), "{a} and {b} are the same bits");
    }

    /// The formulas have different keys.
    #[track_caller]
    pub(crate) fn differ(a: &str, b: &str) {
        assert_ne!(canon(a), canon(b), "{a} and {b} are different");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = super::all().map(|law| law.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
