//! Laws of `drop(x, p)`: its mask chooses between x and +0, so what keeps +0 moves outside.

use super::{Law, law};
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

/// Laws on `drop`.
pub(super) const DROP: &[Law] = &[
    law("drop_never", "drop(x, 0) = x, drop(x, 1) = 0", drop_never),
    law("drop_zero", "drop(+0, p) = +0", drop_zero),
    law("drop_inward", "drop(f(x)) = f(drop(x)) for f of sign, abs, sqrt, clip, 2*x", drop_inward),
    law("drop_square", "drop(x*x) = drop(x)*drop(x), the same draw", drop_square),
    law("drop_order", "drop(drop(x, p), q) = drop(drop(x, q), p), the same draws", drop_order),
];

fn drop_never(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Drop(_, x, p) = node else { return None };
    match p.value() {
        0.0 => Some(x),
        1.0 => Some(r.constant(0.0)),
        _ => None,
    }
}

fn drop_zero(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Drop(_, x, _) = node else { return None };
    r.value(x).is_some_and(|c| c == 0.0 && c.is_sign_positive()).then_some(x)
}

/// Only for what varies: a function of a step scalar is computed in f64, of a drop in f32.
fn drop_inward(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Drop(site, x, p) = node else { return None };
    if !r.varies(x) {
        return None;
    }
    if let Some((bound_of, bound)) = r.clip_bound(r.node(x)) {
        let dropped = r.make(Node::Drop(site, bound_of, p));
        return Some(r.clip(dropped, bound));
    }
    match r.node(x) {
        Node::Unary(op @ (Unary::Sign | Unary::Abs | Unary::Sqrt), inner) => {
            let dropped = r.make(Node::Drop(site, inner, p));
            Some(r.unary(op, dropped))
        }
        Node::Binary(Binary::Mul, two, inner) if r.value(two) == Some(2.0) => {
            let dropped = r.make(Node::Drop(site, inner, p));
            Some(r.binary(Binary::Mul, two, dropped))
        }
        _ => None,
    }
}

fn drop_square(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Drop(site, x, p) = node else { return None };
    let (a, b) = r.operands(Binary::Mul, x)?;
    if a != b || !r.varies(a) {
        return None;
    }
    let dropped = r.make(Node::Drop(site, a, p));
    Some(r.binary(Binary::Mul, dropped, dropped))
}

/// The drop with the smaller probability stands inside; equal ones by the colour of their draws.
fn drop_order(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Drop(outer, x, p) = node else { return None };
    let Node::Drop(inner, y, q) = r.node(x) else { return None };
    if !r.share_nest(outer, inner) {
        return None;
    }
    let order = p.value().total_cmp(&q.value());
    let order = order.then_with(|| r.site_colour(outer).cmp(&r.site_colour(inner)));
    order.is_lt().then(|| {
        let inside = r.make(Node::Drop(outer, y, p));
        r.make(Node::Drop(inner, inside, q))
    })
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{canon, differ, same};

    #[test]
    fn what_keeps_zero_moves_outside() {
        same("drop(sign(g), 0.5)", "sign(drop(g, 0.5))");
        same("drop(abs(g), 0.5)", "abs(drop(g, 0.5))");
        same("drop(sqrt(abs(g)), 0.5)", "sqrt(abs(drop(g, 0.5)))");
        same("drop(clip(g, 0.1), 0.5)", "clip(drop(g, 0.5), 0.1)");
        same("drop(2*g, 0.5)", "2*drop(g, 0.5)");
        same("{ let d = drop(g, 0.5); update = d*d }", "drop(g*g, 0.5)");
        differ("exp(drop(g, 0.5))", "drop(exp(g), 0.5)");
        differ("-drop(g, 0.5)", "drop(-g, 0.5)");
        differ("drop(g, 0.5)*drop(g, 0.5)", "drop(g*g, 0.5)");
    }

    #[test]
    fn drops_that_never_or_always_happen() {
        same("drop(g, 0)", "g");
        same("drop(g, 1) + m", "0 + m");
        same("drop(0, 0.5) + m", "0 + m");
    }

    #[test]
    fn two_drops_may_be_swapped() {
        same("drop(drop(g, 0.1), 0.3)", "drop(drop(g, 0.3), 0.1)");
        differ("drop(drop(g, 0.1), 0.3)", "drop(g, 0.37)");
    }

    #[test]
    fn a_drop_that_is_read_twice_keeps_its_argument() {
        let text = "{ let d = drop(g, 0.5); update = d + drop(d, 0.1) }";
        assert_eq!(canon(&canon(text)), canon(text));
        differ(text, "drop(g, 0.5) + drop(drop(g, 0.1), 0.5)");
        let text = "{ let d = drop(drop(g, 0.3), 0.1); update = d*drop(d, 1/4) }";
        assert_eq!(canon(&canon(text)), canon(text));
        assert_eq!(canon(text).matches("0.3").count(), 1, "{}", canon(text));
        differ(
            "{ let d = abs(drop(g, 0.5)); update = d + drop(d, 0.1) }",
            "abs(drop(g, 0.5)) + drop(abs(drop(g, 0.1)), 0.5)",
        );
    }

    #[test]
    fn what_varies_stays_an_element() {
        differ("drop(t, 0)*lr", "t*lr");
        differ("where(g < 0, t, t)*lr", "t*lr");
        differ("(g^(1 - 1) + 1e-10) - 1", "1e-10");
        differ(
            "{ state a = prev(a)/3 + drop(t, 0); update = a }",
            "{ state a = prev(a)/3 + t; update = a }",
        );
        differ(
            "{ state a = prev(a)/3 + g^(1 - 1); update = a }",
            "{ state a = prev(a)/3 + 1; update = a }",
        );
        same("g^(1 - 1) + m", "1 + m");
    }
}
