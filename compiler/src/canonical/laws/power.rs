//! Laws of `sqrt(x)` and `x^y`.

use super::{Law, law};
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

/// Laws on `sqrt(x)`.
pub(super) const SQRT: &[Law] = &[
    law("sqrt_sign", "sqrt(abs(s)) = abs(s) for a sign s", sqrt_sign),
    law("sqrt_sign_product", "sqrt(abs(s)*x) = abs(s)*sqrt(x) for x never below 0", sqrt_product),
];

/// Laws on `x^y` that is not expanded.
pub(super) const POW: &[Law] = &[
    law("pow_zero", "x^0 = 1, for NaN too", pow_zero),
    law("pow_of_one", "1^x = 1, for NaN too", pow_of_one),
];

fn sqrt_sign(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let facts = r.facts(x);
    (facts.sign_like() && facts.nonnegative).then_some(x)
}

fn sqrt_product(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (a, b) = r.operands(Binary::Mul, x)?;
    let splits = |r: &Rewriter<'_>, s: NodeId, x: NodeId| {
        let (sign, rest) = (r.facts(s), r.facts(x));
        // The root of a step scalar would be taken in f64.
        sign.sign_like() && sign.nonnegative && rest.nonnegative && !rest.uniform
    };
    let (sign, rest) = if splits(r, a, b) {
        (a, b)
    } else if splits(r, b, a) {
        (b, a)
    } else {
        return None;
    };
    let root = r.unary(Unary::Sqrt, rest);
    Some(r.binary(Binary::Mul, sign, root))
}

fn pow_zero(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, _, y) = node else { return None };
    (r.value(y) == Some(0.0)).then(|| r.constant(1.0))
}

fn pow_of_one(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, x, _) = node else { return None };
    (r.value(x) == Some(1.0)).then(|| r.constant(1.0))
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{differ, same};

    #[test]
    fn roots_of_signs_are_signs() {
        same("sqrt(abs(sign(g)))", "abs(sign(g))");
        same("sqrt(abs(sign(m)*g))", "abs(sign(m))*sqrt(abs(g))");
        differ("sqrt(abs(g*m))", "sqrt(abs(g))*sqrt(abs(m))");
    }

    #[test]
    fn powers_that_are_one() {
        same("g^(1 - 1)", "1 + 0*0");
        same("(2 - 1)^g", "1 + 0*0");
        same("sign(g)^2", "abs(sign(g))");
        differ("g^(1 + 1)", "g^2");
        differ("2^sign(g)", "exp(sign(g)*log(2))");
    }
}
