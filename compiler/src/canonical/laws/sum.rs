//! Laws of `+` and `-`: order, minus signs, and small multiples that are exact.

use super::{Law, law};
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

/// Laws on `x + y`.
pub(super) const ADD: &[Law] = &[
    law("add_negative_zero", "x + (-0) = x", add_negative_zero),
    law("add_neg", "x + (-y) = x - y", add_neg),
    law("add_constant", "x + c = x - (-c) for a constant c below 0", add_constant),
    law("add_self", "x + x = 2*x", add_self),
    law("add_multiple", "x + 2*x = 3*x, x + 4*x = 5*x", add_multiple),
    law("add_order", "x + y = y + x", add_order),
];

/// Laws on `x - y`.
pub(super) const SUB: &[Law] = &[
    law("sub_zero", "x - (+0) = x, (-0) - x = -x", sub_zero),
    law("sub_constant", "x - c = x + (-c) for a constant c below 0, or NaN", sub_constant),
    law("sub_constants", "c - d = c + (-d) for constants c below 0 and d above 0", sub_constants),
    law("sub_neg", "x - (-y) = x + y", sub_neg),
    law("neg_sub", "(-x) - y = (-x) + (-y)", neg_sub),
];

fn add_negative_zero(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    let zero = |r: &Rewriter<'_>, id| r.value(id).is_some_and(|c| c == 0.0 && c.is_sign_negative());
    if zero(r, a) {
        return Some(b);
    }
    zero(r, b).then_some(a)
}

fn add_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    match (r.argument(Unary::Neg, a), r.argument(Unary::Neg, b)) {
        (Some(a), None) => Some(r.binary(Binary::Sub, b, a)),
        (None, Some(b)) => Some(r.binary(Binary::Sub, a, b)),
        _ => None,
    }
}

fn add_constant(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    let negative = |id| r.value(id).filter(|value| *value < 0.0);
    let (x, value) = match (negative(a), negative(b)) {
        (Some(value), None) => (b, value),
        (None, Some(value)) => (a, value),
        _ => return None,
    };
    let positive = r.constant(-value);
    Some(r.binary(Binary::Sub, x, positive))
}

fn add_self(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    if a != b {
        return None;
    }
    let two = r.constant(2.0);
    Some(r.binary(Binary::Mul, two, a))
}

/// One rounding on each side, since 2*x and 4*x are exact or overflow as the sum does.
fn add_multiple(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    let multiple = |r: &Rewriter<'_>, x: NodeId, y: NodeId| {
        let (factor, of) = r.scaled(y)?;
        (of == x && (factor == 2.0 || factor == 4.0)).then_some((factor, x))
    };
    let (factor, x) = multiple(r, a, b).or_else(|| multiple(r, b, a))?;
    let factor = r.constant(factor + 1.0);
    Some(r.binary(Binary::Mul, factor, x))
}

fn add_order(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    r.compare(b, a).is_lt().then(|| r.intern(Node::Binary(op, b, a)))
}

fn sub_zero(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    if r.value(a).is_some_and(|c| c == 0.0 && c.is_sign_negative()) {
        return Some(r.unary(Unary::Neg, b));
    }
    r.value(b).is_some_and(|c| c == 0.0 && c.is_sign_positive()).then_some(a)
}

fn sub_constant(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    let value = r.value(b).filter(|c| c.is_sign_negative() || c.is_nan())?;
    let positive = r.constant(-value);
    Some(r.binary(Binary::Add, a, positive))
}

/// Two constants that do not fold, as their sum is no number that is written: `add_constant` leaves their sum alone.
fn sub_constants(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    r.value(a).filter(|c| *c < 0.0)?;
    let value = r.value(b).filter(|d| *d > 0.0)?;
    let negative = r.constant(-value);
    Some(r.binary(Binary::Add, a, negative))
}

fn sub_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    let y = r.argument(Unary::Neg, b)?;
    Some(r.binary(Binary::Add, a, y))
}

fn neg_sub(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    r.argument(Unary::Neg, a)?;
    let minus = r.unary(Unary::Neg, b);
    Some(r.binary(Binary::Add, a, minus))
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{differ, same};

    #[test]
    fn operands_of_a_sum_may_be_swapped() {
        same("g + m", "m + g");
        same("1 + sign(g)", "sign(g) + 1");
        differ("(g + m) + v", "g + (m + v)");
        differ("g - m", "m - g");
    }

    #[test]
    fn minus_signs_meet() {
        same("g + -m", "g - m");
        same("-g + m", "m - g");
        same("g - -m", "g + m");
        same("-g - -m", "m - g");
        same("-g - m", "-m - g");
        same("g - (-2)", "2 + g");
        same("g + (-2)", "g - 2");
        same("g - 0/0", "g + 0/0");
        same("(0.003 - 0.75 - 1)*g", "(0.003 - 0.75 + -1)*g");
        same("(-1 - 0.747)*g", "(-0.747 - 1)*g");
        differ("-(g + m)", "-g - m");
    }

    #[test]
    fn small_multiples_are_exact() {
        same("g + g", "2*g");
        same("g + (g + g)", "3*g");
        same("(g + g) + (g + g)", "4*g");
        same("(g + g + (g + g)) + g", "5*g");
        differ("drop(g, 0.5) + drop(g, 0.5)", "2*drop(g, 0.5)");
    }

    #[test]
    fn only_the_zero_that_does_nothing_goes() {
        same("g - 0", "g");
        same("g + -0", "g");
        same("-0 - g", "-g");
        differ("g + 0", "g");
        differ("0 - g", "-g");
    }
}
