//! Laws of `clip(x, l)` with a constant bound, and of `where`.

use super::{Law, law};
use crate::canonical::decimal;
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::scalar;
use crate::tree::{Node, NodeId};

/// Laws on `clip`.
pub(super) const CLIP: &[Law] = &[
    law("clip_within", "clip(x, l) = x where abs(x) <= l", clip_within),
    law("clip_clip", "clip(clip(x, a), b) = clip(x, min(a, b))", clip_clip),
    law("clip_neg", "clip(-x, l) = -clip(x, l)", clip_neg),
    law("clip_sign", "clip(s, l) = l*s for a sign s and l <= 1", clip_sign),
    law("clip_double", "clip(2*x, l) = 2*clip(x, l/2)", clip_double),
];

/// Laws on `where`.
pub(super) const WHERE: &[Law] = &[
    law("where_known", "where(c, x, y) = x or y for a constant comparison c", where_known),
    law("where_same", "where(c, x, x) = x", where_same),
];

fn clip_within(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let (x, bound) = r.clip_bound(node)?;
    (r.facts(x).bound <= bound).then_some(x)
}

fn clip_clip(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let (x, outer) = r.clip_bound(node)?;
    let (inner, bound) = r.clip_bound(r.node(x))?;
    Some(r.clip(inner, bound.min(outer)))
}

fn clip_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let (x, bound) = r.clip_bound(node)?;
    let inner = r.argument(Unary::Neg, x)?;
    let clipped = r.clip(inner, bound);
    Some(r.unary(Unary::Neg, clipped))
}

fn clip_sign(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let (x, bound) = r.clip_bound(node)?;
    if !r.facts(x).sign_like() || bound > 1.0 {
        return None;
    }
    let factor = r.constant(bound);
    Some(r.binary(Binary::Mul, factor, x))
}

fn clip_double(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let (x, bound) = r.clip_bound(node)?;
    let (factor, inner) = r.scaled(x)?;
    let half = bound / 2.0;
    // Half of the bound must be exact as an f32 and as a decimal, and the bound itself finite.
    if factor != 2.0
        || !(1e-30..=1e30).contains(&bound)
        || !decimal::binary(Binary::Mul, 2.0, half, bound)
    {
        return None;
    }
    let clipped = r.clip(inner, half);
    let two = r.constant(2.0);
    Some(r.binary(Binary::Mul, two, clipped))
}

fn where_known(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Where(op, [a, b, x, y]) = node else { return None };
    // Two step scalars are compared in f64, also where x and y vary.
    let (a, b) = (r.value(a)?, r.value(b)?);
    // Over the reals a choice by what is undefined is undefined.
    if a.is_nan() || b.is_nan() {
        return None;
    }
    Some(if scalar::holds(op, a, b) { x } else { y })
}

fn where_same(_: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Where(_, [_, _, x, y]) = node else { return None };
    (x == y).then_some(x)
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{differ, same};

    #[test]
    fn clips_meet() {
        same("clip(clip(g, 0.1), 0.2)", "clip(g, 0.1)");
        same("clip(clip(g, 0.2), 0.1)", "clip(g, 0.1)");
        same("clip(-g, 0.1)", "-clip(g, 0.1)");
        same("clip(sign(g), 0.1)", "0.1*sign(g)");
        same("clip(sign(g)*sign(m), 0.1)", "sign(g)*clip(sign(m), 0.1)");
        same("clip(sign(g), 2)", "sign(g)");
        same("clip(0.1*sign(g), 0.5)", "0.1*sign(g)");
        same("clip(2*g, 0.5)", "2*clip(g, 0.25)");
        differ("clip(3*g, 0.3)", "3*clip(g, 0.1)");
        same("clip(2*g, 0.3)", "2*clip(g, 0.15)");
        // Half of the bound is 0.166666666666666665, which is not the decimal of its half in f64.
        differ("clip(2*g, 0.33333333333333333)", "2*clip(g, 0.16666666666666666)");
        differ("clip(0.1*clip(g, 0.1), 0.01)", "0.1*clip(g, 0.1)");
        differ("clip(g + m, 0.1)", "clip(g, 0.1) + clip(m, 0.1)");
        differ("clip(sign(m)*g, 0.1)", "sign(m)*clip(g, 0.1)");
    }

    #[test]
    fn a_choice_that_is_none_goes() {
        same("where(1 < 2, g, m)", "g");
        same("where(g < m, w, w)", "w");
        same("where(1 < 1 + 1e-10, g, m)", "g");
        differ("where(1 < 1 + 1e-17, g, m)", "m");
        differ("where(0/0 != 1, g, m)", "g");
        // An element that is always 0 is compared in f32, a step scalar in f64.
        differ("where(drop(g, 1) >= lr, g, m)", "where(0 >= lr, g, m)");
        differ("where(g < m, g, m)", "min(g, m)");
    }
}
