//! A canonical rule in the words of the token strings.
//!
//! A guess at the spelling: whoever uses it compares keys.

use crate::primitive::{Binary, Operand, Unary};
use crate::tree::{Node, NodeId, Number, Rule, Tree};

use super::token_string::is_built_in;

/// Largest odd factor of a number that is put together from 1 and 2.
const MAX_ODD: f64 = 4_096.0;
/// Largest power of 2 in such a number, and of its reciprocal.
const MAX_POWER: i32 = 64;
/// What the tokens make of 1 by clipping it.
const CLIPPED: [f64; 3] = [1e-5, 1e-4, 1e-3];
const WEIGHT: Node = Node::Operand(Operand::Weight);

/// The rule with `x + delta` in place of `delta + x`, numbers made of 1 and 2, `sign(x)*x` in place of
/// `abs(x)`, and without `abs` in `sqrt` and `log`.
///
/// Also the new place of each node.
pub(super) fn respelt(rule: &Rule) -> (Rule, Vec<NodeId>) {
    let mut spelt = Rule { tree: Tree::default(), ..rule.clone() };
    let mut moved: Vec<NodeId> = Vec::new();
    for (_, node) in rule.tree.iter() {
        let at = |id: NodeId| moved[id.index()];
        let tree = &mut spelt.tree;
        let id = match node {
            Node::Binary(Binary::Add, d, x) if is_built_in(rule, d, "delta") => {
                tree.binary(Binary::Add, at(x), at(d))
            }
            Node::Binary(Binary::Sub, d, x) if is_built_in(rule, d, "delta") => {
                let negative = tree.unary(Unary::Neg, at(x));
                tree.binary(Binary::Add, negative, at(d))
            }
            // These numbers are parts of tokens.
            Node::Clip(x, low, high) => {
                let [low, high] = [low, high].map(|bound| part(rule, tree, bound, &moved));
                tree.add(Node::Clip(at(x), low, high))
            }
            Node::Binary(Binary::Mul, factor, w) if rule.tree.node(w) == WEIGHT => {
                let factor = part(rule, tree, factor, &moved);
                tree.binary(Binary::Mul, factor, at(w))
            }
            Node::Unary(Unary::Abs, x) => {
                let sign = tree.unary(Unary::Sign, at(x));
                tree.binary(Binary::Mul, sign, at(x))
            }
            // Here `sqrt` and `log` are those of the tokens, which take the magnitude themselves.
            Node::Unary(op @ (Unary::Sqrt | Unary::Log), x) => {
                let x = match rule.tree.node(x) {
                    Node::Unary(Unary::Abs, x) => x,
                    _ => x,
                };
                tree.unary(op, at(x))
            }
            Node::Constant(value) => constant(tree, value),
            other => tree.add(other.map(at)),
        };
        moved.push(id);
    }
    let at = |id: NodeId| moved[id.index()];
    for state in &mut spelt.states {
        state.kind = state.kind.map(at);
    }
    spelt.update = at(rule.update);
    spelt.schedule = rule.schedule.map(at);
    (spelt, moved)
}

/// A number as it is, any other node where it has moved.
fn part(rule: &Rule, tree: &mut Tree, id: NodeId, moved: &[NodeId]) -> NodeId {
    match rule.tree.as_constant(id) {
        Some(value) => tree.constant(value),
        None => moved[id.index()],
    }
}

/// A number as sums, doubles and powers of 1 and 2, if it is made of few.
fn constant(tree: &mut Tree, number: Number) -> NodeId {
    let value = number.value();
    if CLIPPED.contains(&value.abs()) {
        let (one, low, high) =
            (tree.constant(1.0), tree.constant(-value.abs()), tree.constant(value.abs()));
        let clipped = tree.add(Node::Clip(one, low, high));
        return if value < 0.0 { tree.unary(Unary::Neg, clipped) } else { clipped };
    }
    let (mut odd, mut power) = (value.abs(), 0);
    while odd != 0.0 && odd % 2.0 == 0.0 && power < MAX_POWER {
        (odd, power) = (odd / 2.0, power + 1);
    }
    while odd.fract() != 0.0 && power > -MAX_POWER {
        (odd, power) = (odd * 2.0, power - 1);
    }
    let is_made = odd <= MAX_ODD && odd.fract() == 0.0 && number != Number::new(-0.0);
    if !is_made || value.abs() == 1.0 || value.abs() == 2.0 {
        return tree.add(Node::Constant(number));
    }
    let (one, two) = (tree.constant(1.0), tree.constant(2.0));
    let mut made = whole(tree, odd as u32);
    if odd == 0.0 {
        made = tree.binary(Binary::Sub, one, one);
    }
    let exponent = whole(tree, power.unsigned_abs());
    let factor = match power {
        0 => None,
        1 => Some(two),
        2.. => Some(tree.binary(Binary::Pow, two, exponent)),
        ..0 => {
            let exponent = negative(tree, exponent);
            Some(tree.binary(Binary::Pow, two, exponent))
        }
    };
    made = match factor {
        Some(factor) if odd == 1.0 => factor,
        Some(factor) => tree.binary(Binary::Mul, factor, made),
        None => made,
    };
    if value < 0.0 { negative(tree, made) } else { made }
}

fn negative(tree: &mut Tree, x: NodeId) -> NodeId {
    match tree.as_constant(x) {
        Some(value) => tree.constant(-value),
        None => tree.unary(Unary::Neg, x),
    }
}

/// A whole number above 0 by doubling and adding 1.
fn whole(tree: &mut Tree, value: u32) -> NodeId {
    let (one, two) = (tree.constant(1.0), tree.constant(2.0));
    let digits = 32 - value.leading_zeros();
    let mut made = one;
    for digit in (0..digits.saturating_sub(1)).rev() {
        made = if made == one { two } else { tree.binary(Binary::Mul, two, made) };
        if value >> digit & 1 != 0 {
            made = tree.binary(Binary::Add, one, made);
        }
    }
    made
}
