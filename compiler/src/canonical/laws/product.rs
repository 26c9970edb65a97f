//! Laws of `*` and `/`: order, minus signs, and chains of signs.
//!
//! A factor that is a sign (±1, ±0 or NaN) multiplies exactly, so a product with at most one other
//! factor may be put in any order and its signs counted.

use super::{Law, law};
use crate::canonical::rewriter::Rewriter;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

use super::negation::unsigned;

/// Laws on `x * y`.
pub(super) const MUL: &[Law] = &[
    law("mul_one", "1*x = x, (-1)*x = -x", mul_one),
    law("mul_neg", "(-x)*y = -(x*y)", mul_neg),
    law("mul_doubles", "2*(2*x) = 4*x", mul_doubles),
    law("square_of_difference", "(x-y)*(x-y) = (y-x)*(y-x)", square_of_difference),
    law("mul_magnitudes", "abs(x)*y = abs(x*y) where y is never below 0 nor -0", mul_magnitudes),
    law("sign_chain", "signs in a product are sorted and counted; sign(x)*x = abs(x)", sign_chain),
    law("mul_order", "x*y = y*x", mul_order),
];

/// Laws on `x / y`.
pub(super) const DIV: &[Law] = &[law("div_neg", "(-x)/y = -(x/y)", div_neg)];

fn mul_one(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    for (c, x) in [(a, b), (b, a)] {
        match r.value(c) {
            Some(1.0) => return Some(x),
            Some(-1.0) => return Some(r.unary(Unary::Neg, x)),
            _ => {}
        }
    }
    None
}

fn mul_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    let (p, q) = (positive(r, a), positive(r, b));
    let negative = p.is_some() != q.is_some();
    if p.is_none() && q.is_none() {
        return None;
    }
    let product = r.binary(op, p.unwrap_or(a), q.unwrap_or(b));
    Some(if negative { r.unary(Unary::Neg, product) } else { product })
}

/// The x of `-x`, and of a constant below 0.
fn positive(r: &mut Rewriter<'_>, x: NodeId) -> Option<NodeId> {
    match r.value(x) {
        Some(value) if value.is_sign_negative() => Some(r.constant(-value)),
        _ => r.argument(Unary::Neg, x),
    }
}

fn mul_doubles(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    for (c, x) in [(a, b), (b, a)] {
        if let (Some(2.0), Some((2.0, inner))) = (r.value(c), r.scaled(x)) {
            let four = r.constant(4.0);
            return Some(r.binary(op, four, inner));
        }
    }
    None
}

fn square_of_difference(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    if a != b {
        return None;
    }
    let turned = unsigned(r, a)?;
    Some(r.binary(op, turned, turned))
}

fn mul_magnitudes(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    let (p, q) = (r.facts(a), r.facts(b));
    if !p.nonnegative || !q.nonnegative || p.sign_like() || q.sign_like() {
        return None;
    }
    let (x, y) = (r.argument(Unary::Abs, a), r.argument(Unary::Abs, b));
    if x.is_none() && y.is_none() {
        return None;
    }
    let product = r.binary(op, x.unwrap_or(a), y.unwrap_or(b));
    Some(r.unary(Unary::Abs, product))
}

fn mul_order(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    (in_order(r, a, b) != (a, b)).then(|| r.intern(Node::Binary(op, b, a)))
}

/// The factors as they stand in a canonical product: a cube is `(x*x)*x`, as `x^3` is read.
fn in_order(r: &Rewriter<'_>, a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    let is_square = |of: NodeId, id: NodeId| r.operands(Binary::Mul, id) == Some((of, of));
    let swap = is_square(a, b) || (!is_square(b, a) && r.compare(b, a).is_lt());
    if swap { (b, a) } else { (a, b) }
}

fn div_neg(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(op, a, b) = node else { return None };
    let x = r.argument(Unary::Neg, a)?;
    let quotient = r.binary(op, x, b);
    Some(r.unary(Unary::Neg, quotient))
}

/// Most different signs of one product that are sorted and counted. Beyond it a product stays as it is
/// written, which loses a merge but never makes one: sorting every start of a long one would take a time,
/// and nodes, that grow with its square.
const MAX_SIGNS: usize = 64;

/// The factors of a product: signs, and at most one other.
#[derive(Default)]
struct Chain {
    /// Each sign with how often it is a factor; `abs(s)` counts as two.
    signs: Vec<(NodeId, u32)>,
    rest: Option<NodeId>,
}

impl Chain {
    fn sign(&mut self, base: NodeId, times: u32) -> Option<()> {
        let full = self.signs.len() == MAX_SIGNS;
        match self.signs.iter_mut().find(|(known, _)| *known == base) {
            Some((_, count)) => *count += times,
            None if full => return None,
            None => self.signs.push((base, times)),
        }
        Some(())
    }

    /// Takes in a factor; `None` if it is a second one that is not a sign, or one sign too many.
    fn factor(&mut self, r: &Rewriter<'_>, id: NodeId) -> Option<()> {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let product = r.operands(Binary::Mul, id);
            let sign = r.facts(id).sign_like();
            match product {
                Some((a, b)) if r.facts(a).sign_like() || r.facts(b).sign_like() => {
                    open.extend([a, b]);
                }
                _ if sign => match r.argument(Unary::Abs, id) {
                    Some(base) => self.sign(base, 2)?,
                    None => self.sign(id, 1)?,
                },
                _ if self.rest.is_none() => self.rest = Some(id),
                _ => return None,
            }
        }
        Some(())
    }
}

fn sign_chain(r: &mut Rewriter<'_>, node: Node) -> Option<NodeId> {
    let Node::Binary(_, a, b) = node else { return None };
    if !r.facts(a).sign_like() && !r.facts(b).sign_like() {
        return None;
    }
    let mut chain = Chain::default();
    chain.factor(r, a)?;
    chain.factor(r, b)?;
    if let Some(rest) = chain.rest {
        // A step scalar is rounded where it meets an element; a sign may move past that point only if
        // the scalar stays finite there.
        let mixed = chain.signs.iter().any(|(sign, _)| r.varies(*sign));
        if mixed && !r.varies(rest) && !r.facts(rest).fits_f32() {
            return None;
        }
        chain.rest = Some(absorb(r, &mut chain.signs, rest));
    }
    let product = multiply(r, chain);
    let is_same = match r.operands(Binary::Mul, product) {
        Some((p, q)) => (p, q) == (a, b),
        None => false,
    };
    (!is_same).then_some(product)
}

/// Signs of the other factor itself: `sign(x)*x = abs(x)`, `sign(x)*abs(x) = x`, `sign(x)*(x*x) = x*abs(x)`.
fn absorb(r: &mut Rewriter<'_>, signs: &mut Vec<(NodeId, u32)>, rest: NodeId) -> NodeId {
    let mut take = |base: NodeId| {
        let at = signs.iter().position(|(sign, _)| *sign == base)?;
        Some(signs.remove(at).1 % 2 == 1)
    };
    let own = r.unary(Unary::Sign, rest);
    if let Some(odd) = take(own) {
        return if odd { r.unary(Unary::Abs, rest) } else { rest };
    }
    if let Some(x) = r.argument(Unary::Abs, rest) {
        let sign = r.unary(Unary::Sign, x);
        return if take(sign) == Some(true) { x } else { rest };
    }
    let Some((x, y)) = r.operands(Binary::Mul, rest) else { return rest };
    let inner = [(x, y), (y, x)].into_iter().find(|(x, y)| r.argument(Unary::Abs, *y) == Some(*x));
    if let Some((x, _)) = inner {
        let sign = r.unary(Unary::Sign, x);
        return if take(sign) == Some(true) { r.binary(Binary::Mul, x, x) } else { rest };
    }
    if x != y {
        return rest;
    }
    let sign = r.unary(Unary::Sign, x);
    if take(sign) == Some(true) {
        let magnitude = r.unary(Unary::Abs, x);
        return r.binary(Binary::Mul, x, magnitude);
    }
    rest
}

/// Sorted signs, then the other factor; `s*s = abs(s)`, `s*s*s = s`.
fn multiply(r: &mut Rewriter<'_>, chain: Chain) -> NodeId {
    let mut factors = Vec::new();
    for (sign, times) in chain.signs {
        factors.push(if times % 2 == 1 { sign } else { r.unary(Unary::Abs, sign) });
    }
    factors.sort_by(|a, b| r.compare(*a, *b));
    let mut product = None;
    for factor in factors.into_iter().chain(chain.rest) {
        product = Some(match product {
            Some(left) => ordered(r, left, factor),
            None => factor,
        });
    }
    product.unwrap_or_else(|| r.constant(1.0))
}

/// A product to which the laws above no longer apply.
fn ordered(r: &mut Rewriter<'_>, a: NodeId, b: NodeId) -> NodeId {
    let (a, b) = in_order(r, a, b);
    r.intern(Node::Binary(Binary::Mul, a, b))
}

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::{canon, differ, same};

    #[test]
    fn factors_may_be_swapped_but_not_regrouped() {
        same("g*m", "m*g");
        differ("(g*m)*w", "g*(m*w)");
        differ("2*(g*m)", "(2*g)*m");
    }

    #[test]
    fn minus_signs_leave_products() {
        same("(-g)*m", "-(g*m)");
        same("(-g)*(-m)", "g*m");
        same("(-g)/m", "-(g/m)");
        same("(-2)*g", "-(2*g)");
        same("1*g", "g");
        same("(-1)*g", "-g");
        differ("g/(-m + delta)", "-(g/(m + delta))");
    }

    #[test]
    fn squares_forget_the_order_of_a_difference() {
        same("(g - m)^2", "(m - g)^2");
        same("2*(2*g)", "4*g");
        same("abs(g)*abs(m)", "abs(g*m)");
        same("v*abs(m)", "abs(v*m)");
    }

    #[test]
    fn signs_are_sorted_and_counted() {
        same("(sign(g)*sign(m))*w", "sign(g)*(sign(m)*w)");
        same("sign(m)*w*sign(g)", "sign(g)*sign(m)*w");
        same("sign(g)*sign(g)", "abs(sign(g))");
        same("sign(g)*sign(g)*sign(g)", "sign(g)");
        same("sign(g)*m*sign(g)", "abs(sign(g))*m");
        same("sign(g)*g", "abs(g)");
        same("sign(g)*abs(g)", "g");
        same("sign(g)*(sign(g)*g)", "g");
        same("(sign(g)*sign(m))*g", "sign(m)*abs(g)");
        same("sign(g)*(g*g)", "g*abs(g)");
        same("sign(g)*clip(g, 0.1)", "clip(abs(g), 0.1)");
        same("ld*sign(g)*sign(m)", "sign(m)*ld*sign(g)");
        same("sign(v)*v", "v");
        same("sign(v)*sign(v)", "sign(v)");
        differ("sign(g)*sign(g)", "1");
        differ("(sign(g)*w)*m", "sign(g)*(w*m)");
        assert_eq!(canon("sign(g)*sign(m)*m"), "abs(m) * sign(g)");
    }

    #[test]
    fn a_step_scalar_that_may_overflow_stays_where_it_is_rounded() {
        differ("sign(g)*(sign(t)*lr)", "(sign(g)*sign(t))*lr");
    }
}
