//! Laws of `sign(x)`, which keeps ±0 and NaN and so is odd bit for bit.

use super::{Law, law};
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

/// Laws on `sign(x)`.
pub(super) const SIGN: &[Law] = &[
    law("sign_sign", "sign(s) = s for a sign s", sign_sign),
    law("sign_neg", "sign(-x) = -sign(x)", sign_neg),
    law("sign_clip", "sign(clip(x, l)) = sign(x)", sign_clip),
    law("sign_multiple", "sign(c*x) = sign(x) for a constant c of at least 1", sign_multiple),
    law("sign_sqrt", "sign(sqrt(x)) = sign(x) where x is never below 0", sign_sqrt),
    law("sign_abs", "sign(abs(x)) = abs(sign(x))", sign_abs),
    law("sign_of_signs", "sign(s + t) = clip(s + t, 1) for signs s, t", sign_of_signs),
];

fn sign_sign(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    r.facts(x).sign_like().then_some(x)
}

fn sign_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let inner = r.argument(Unary::Neg, x)?;
    let sign = r.unary(Unary::Sign, inner);
    Some(r.unary(Unary::Neg, sign))
}

fn sign_clip(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (inner, bound) = r.clip_bound(r.node(x))?;
    // A bound that is 0 as an f32 clips everything to 0.
    (bound as f32 > 0.0).then(|| r.unary(Unary::Sign, inner))
}

/// A product with a factor of at least 1 does not underflow.
fn sign_multiple(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (factor, inner) = r.scaled(x)?;
    // A factor that overflows f32 would make NaN of 0.
    (factor >= 1.0 && factor <= f64::from(f32::MAX)).then(|| r.unary(Unary::Sign, inner))
}

fn sign_sqrt(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let inner = r.argument(Unary::Sqrt, x)?;
    r.facts(inner).nonnegative.then(|| r.unary(Unary::Sign, inner))
}

fn sign_abs(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let inner = r.argument(Unary::Abs, x)?;
    let sign = r.unary(Unary::Sign, inner);
    Some(r.unary(Unary::Abs, sign))
}

fn sign_of_signs(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Unary(_, x) = node else { return None };
    let (a, b) = r.operands(Binary::Add, x).or_else(|| r.operands(Binary::Sub, x))?;
    (r.facts(a).sign_like() && r.facts(b).sign_like()).then(|| r.clip(x, 1.0))
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{differ, same};

    #[test]
    fn sign_sees_through_what_keeps_the_sign() {
        same("sign(sign(g))", "sign(g)");
        same("sign(sign(g)*sign(m))", "sign(g)*sign(m)");
        same("sign(-g)", "-sign(g)");
        same("sign(clip(g, 1e-4))", "sign(g)");
        same("sign(2*g)", "sign(g)");
        same("sign(g + g)", "sign(g)");
        same("sign(sqrt(abs(g)))", "sqrt(abs(sign(g)))");
        same("sign(abs(g))", "abs(sign(g))");
        same("sign(sign(g) + sign(m))", "clip(sign(g) + sign(m), 1)");
    }

    #[test]
    fn sign_does_not_see_through_underflow() {
        differ("sign(1e-4*g)", "sign(g)");
        differ("sign(g*m)", "sign(g)*sign(m)");
        differ("sign(g^2)", "sign(g)^2");
        differ("sign(exp(g))", "1");
        differ("sign((1e30*1e30)*g)", "sign(g)");
        differ("sign(clip(g, 1e-60))", "sign(g)");
    }
}
