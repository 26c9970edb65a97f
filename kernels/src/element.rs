//! What the language's operations compute on f32, written once for the plan and for the host.
//!
//! With [`crate::plan::PlanBuilder`] they become instructions of an element's step; with
//! [`crate::math::Direct`] they are carried out at once. So a value that is moved from the element to
//! the host keeps its bits.

use nosc_compiler::primitive::{Binary, Comparison, Unary};

use crate::math::{self, Ops};

/// A function of one argument.
pub(crate) fn unary<O: Ops>(o: &mut O, op: Unary, x: O::Float) -> O::Float {
    match op {
        Unary::Neg => o.neg(x),
        Unary::Abs => o.abs(x),
        Unary::Sqrt => o.sqrt(x),
        Unary::Exp => math::exp(o, x),
        Unary::Log => math::log(o, x),
        Unary::Sigmoid => math::sigmoid(o, x),
        Unary::Tanh => math::tanh(o, x),
        Unary::Sign => {
            let (zero, one, minus) = (o.float(0.0), o.float(1.0), o.float(-1.0));
            let (below, above) = (o.lt(x, zero), o.lt(zero, x));
            let kept = o.select(below, minus, x);
            o.select(above, one, kept)
        }
    }
}

/// A function of two arguments.
pub(crate) fn binary<O: Ops>(o: &mut O, op: Binary, a: O::Float, b: O::Float) -> O::Float {
    match op {
        Binary::Add => o.add(a, b),
        Binary::Sub => o.sub(a, b),
        Binary::Mul => o.mul(a, b),
        Binary::Div => o.div(a, b),
        Binary::Pow => math::pow(o, a, b),
        Binary::Min | Binary::Max => {
            let first = if op == Binary::Min { o.lt(a, b) } else { o.lt(b, a) };
            let a_is_number = o.eq(a, a);
            let otherwise = o.select(a_is_number, b, a);
            o.select(first, a, otherwise)
        }
    }
}

/// `clip(x, lo, hi)` for each bound a value and whether it may be a NaN: a NaN compares false with
/// both bounds and so x stays; a NaN bound has to be asked for.
pub(crate) fn clip<O: Ops>(
    o: &mut O,
    x: O::Float,
    (lo, lo_may_be_nan): (O::Float, bool),
    (hi, hi_may_be_nan): (O::Float, bool),
) -> O::Float {
    let (below, above) = (o.lt(x, lo), o.lt(hi, x));
    let capped = o.select(above, hi, x);
    let mut clipped = o.select(below, lo, capped);
    for (bound, may_be_nan) in [(lo, lo_may_be_nan), (hi, hi_may_be_nan)] {
        if may_be_nan {
            let is_number = o.eq(bound, bound);
            clipped = o.select(is_number, clipped, bound);
        }
    }
    clipped
}

/// Whether a comparison holds.
pub(crate) fn holds<O: Ops>(o: &mut O, op: Comparison, a: O::Float, b: O::Float) -> O::Mask {
    match op {
        Comparison::Less => o.lt(a, b),
        Comparison::LessEqual => o.le(a, b),
        Comparison::Equal => o.eq(a, b),
        Comparison::NotEqual => {
            let equal = o.eq(a, b);
            o.not(equal)
        }
    }
}
