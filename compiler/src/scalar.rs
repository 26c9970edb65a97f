//! What the primitives compute on step scalars: IEEE f64 operations, functions from the `libm` crate.
//!
//! The version of `libm` is pinned in the workspace, because these results are part of what a rule
//! means (`docs/numerics.md`). Constant folding and the step-scalar program both call this module.

use crate::primitive::{Binary, Comparison, Cosine, Unary};
use crate::tree::{Node, NodeId, Tree};

/// A function of one argument.
pub fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Exp => libm::exp(x),
        Unary::Log => libm::log(x),
        Unary::Sqrt => libm::sqrt(x),
        Unary::Abs => x.abs(),
        Unary::Sign if x > 0.0 => 1.0,
        Unary::Sign if x < 0.0 => -1.0,
        Unary::Sign => x,
        Unary::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        Unary::Tanh => libm::tanh(x),
    }
}

/// A function of two arguments.
pub fn binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => libm::pow(a, b),
        Binary::Min | Binary::Max if a.is_nan() => a,
        Binary::Min => {
            if a < b {
                a
            } else {
                b
            }
        }
        Binary::Max => {
            if a > b {
                a
            } else {
                b
            }
        }
    }
}

/// `clip(x, lo, hi)`: NaN if any argument is; x itself within the bounds.
pub fn clip(x: f64, lo: f64, hi: f64) -> f64 {
    if x.is_nan() || lo.is_nan() || hi.is_nan() {
        f64::NAN
    } else if x < lo {
        lo
    } else if x > hi {
        hi
    } else {
        x
    }
}

/// Whether a comparison holds; false with a NaN, but for `!=`.
pub fn holds(op: Comparison, a: f64, b: f64) -> bool {
    match op {
        Comparison::Less => a < b,
        Comparison::LessEqual => a <= b,
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
    }
}

/// `ld = 1 - t/T`; t is clamped to T.
pub fn linear_decay(step: f64, total: f64) -> f64 {
    1.0 - step.min(total) / total
}

/// `cd(n)` or `rd(n)`; t is clamped to T.
pub fn cosine(kind: Cosine, n: f64, step: f64, total: f64) -> f64 {
    let t = step.min(total);
    let angle = match kind {
        Cosine::Cosine => 2.0 * std::f64::consts::PI * n * t / total,
        Cosine::Restart => std::f64::consts::PI * libm::fmod(t * n, total) / total,
    };
    0.5 * (1.0 + libm::cos(angle))
}

/// The value of a node whose operands have the given values; `None` for leaves other than constants
/// and for draws.
pub fn apply(node: Node, value: impl Fn(NodeId) -> Option<f64>) -> Option<f64> {
    Some(match node {
        Node::Constant(number) => number.value(),
        Node::Unary(op, a) => unary(op, value(a)?),
        Node::Binary(op, a, b) => binary(op, value(a)?, value(b)?),
        Node::Clip(x, lo, hi) => clip(value(x)?, value(lo)?, value(hi)?),
        Node::Where(op, [a, b, x, y]) => {
            let (x, y) = (value(x)?, value(y)?);
            if holds(op, value(a)?, value(b)?) { x } else { y }
        }
        _ => return None,
    })
}

/// The value of a node that is made of constants only.
pub fn constant_value(tree: &Tree, root: NodeId) -> Option<f64> {
    constants_up_to(tree, root.index() + 1).pop().flatten()
}

/// By node: its value if it is made of constants only.
pub fn constant_values(tree: &Tree) -> Vec<Option<f64>> {
    constants_up_to(tree, tree.len())
}

fn constants_up_to(tree: &Tree, count: usize) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = Vec::with_capacity(count);
    for (id, node) in tree.iter().take(count) {
        debug_assert_eq!(id.index(), values.len());
        let value = apply(node, |operand| values[operand.index()]);
        values.push(value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_keeps_zeros_and_nan() {
        assert_eq!(unary(Unary::Sign, -0.0).to_bits(), (-0.0f64).to_bits());
        assert!(unary(Unary::Sign, f64::NAN).is_nan());
        assert_eq!(unary(Unary::Sign, -1e-300), -1.0);
    }

    #[test]
    fn decays_run_from_one_to_zero_and_stop_there() {
        assert_eq!(linear_decay(0.0, 10.0), 1.0);
        assert_eq!(linear_decay(25.0, 10.0), 0.0);
        assert_eq!(cosine(Cosine::Cosine, 0.5, 0.0, 10.0), 1.0);
        assert_eq!(cosine(Cosine::Cosine, 0.5, 10.0, 10.0), 0.0);
        assert_eq!(cosine(Cosine::Restart, 1.0, 10.0, 10.0), 1.0);
    }

    #[test]
    fn min_and_max_return_the_second_of_two_zeros() {
        assert_eq!(binary(Binary::Min, 0.0, -0.0).to_bits(), (-0.0f64).to_bits());
        assert_eq!(binary(Binary::Max, -0.0, 0.0).to_bits(), 0.0f64.to_bits());
        assert!(binary(Binary::Min, 1.0, f64::NAN).is_nan());
    }
}
