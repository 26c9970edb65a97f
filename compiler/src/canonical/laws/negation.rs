//! Laws of `-x` and `abs(x)`: sign bits move freely through products.

use super::{Law, law};
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

/// Laws on `-x`.
pub(super) const NEG: &[Law] = &[law("neg_neg", "-(-x) = x", neg_neg)];

/// Laws on `abs(x)`.
pub(super) const ABS: &[Law] = &[
    law("abs_nonnegative", "abs(x) = x where x is never below 0 nor -0", abs_nonnegative),
    law("abs_neg", "abs(-x) = abs(x)", abs_neg),
    law("abs_difference", "abs(x - y) = abs(y - x), abs(-x + -y) = abs(x + y)", abs_difference),
    law("abs_sign_product", "abs(s*x) = abs(s)*abs(x) for a sign s", abs_sign_product),
    law("abs_product", "abs(abs(x)*y) = abs(x*y)", abs_product),
    law("abs_clip", "abs(clip(x, l)) = clip(abs(x), l)", abs_clip),
];

fn neg_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    r.argument(Unary::Neg, x)
}

fn abs_nonnegative(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    r.facts(x).nonnegative.then_some(x)
}

fn abs_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let inner = r.argument(Unary::Neg, x)?;
    Some(r.unary(Unary::Abs, inner))
}

fn abs_difference(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let turned = unsigned(r, x)?;
    Some(r.unary(Unary::Abs, turned))
}

/// A sum or difference that equals `x` but for its sign, and stands before it.
pub(super) fn unsigned(r: &mut Rewriter<'_>, x: NodeId) -> Option<NodeId> {
    if let Some((a, b)) = r.operands(Binary::Sub, x) {
        return r.compare(b, a).is_lt().then(|| r.binary(Binary::Sub, b, a));
    }
    let (a, b) = r.operands(Binary::Add, x)?;
    let (a, b) = (r.argument(Unary::Neg, a)?, r.argument(Unary::Neg, b)?);
    Some(r.binary(Binary::Add, a, b))
}

fn abs_sign_product(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (a, b) = r.operands(Binary::Mul, x)?;
    if !r.facts(a).sign_like() && !r.facts(b).sign_like() {
        return None;
    }
    let (a, b) = (r.unary(Unary::Abs, a), r.unary(Unary::Abs, b));
    Some(r.binary(Binary::Mul, a, b))
}

fn abs_product(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (a, b) = r.operands(Binary::Mul, x)?;
    let (p, q) = (r.argument(Unary::Abs, a), r.argument(Unary::Abs, b));
    if p.is_none() && q.is_none() {
        return None;
    }
    let product = r.binary(Binary::Mul, p.unwrap_or(a), q.unwrap_or(b));
    Some(r.unary(Unary::Abs, product))
}

fn abs_clip(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (inner, bound) = r.clip_bound(r.node(x))?;
    let magnitude = r.unary(Unary::Abs, inner);
    Some(r.clip(magnitude, bound))
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{differ, same};

    #[test]
    fn two_minuses_cancel() {
        same("-(-g)", "g");
    }

    #[test]
    fn magnitude_forgets_the_sign() {
        same("abs(-g)", "abs(g)");
        same("abs(abs(g))", "abs(g)");
        same("abs(g - m)", "abs(m - g)");
        same("abs(-g - m)", "abs(g + m)");
        same("sqrt(abs(-g*m))", "sqrt(abs(g*m))");
        same("log(abs(abs(g)*m))", "log(abs(g*m))");
        same("abs(sign(g)*m)", "abs(sign(g))*abs(m)");
        same("abs(clip(g, 0.1))", "clip(abs(g), 0.1)");
    }

    #[test]
    fn what_is_never_negative_is_its_own_magnitude() {
        same("abs(g*g)", "g^2");
        same("abs(v)", "v");
        same("abs(exp(g))", "exp(g)");
        same("sqrt(abs(v))", "sqrt(v)");
        same("abs(cd*g^2)", "cd*g^2");
        differ("abs(m)", "m");
        differ("abs(w) * g", "w * g");
    }
}
