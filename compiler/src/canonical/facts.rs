//! What is known of a node's value for every input: the grounds on which laws apply.

use crate::primitive::{Binary, Operand, Unary};
use crate::tree::{Node, NodeId};

/// Facts about a value, each true of NaN as well.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Facts {
    /// Never below 0 and never -0.
    pub(crate) nonnegative: bool,
    /// A whole number (or ±0), and as an f32 exactly so.
    pub(crate) whole: bool,
    /// The magnitude is at most this; infinite where nothing is known.
    pub(crate) bound: f64,
    /// One value for all elements: f64 arithmetic, rounded once.
    pub(crate) uniform: bool,
    /// Varies by more than what states held before the step. Such a node makes the state that it defines
    /// vary; one that only reads varying states may not.
    pub(crate) grounded: bool,
}

/// Whole numbers up to here are exact in f32, as are their sums and products.
const EXACT: f64 = 16_777_216.0;

impl Facts {
    /// Nothing is known.
    pub(crate) fn unknown(uniform: bool) -> Facts {
        Facts { nonnegative: false, whole: false, bound: f64::INFINITY, uniform, grounded: false }
    }

    /// The value is -1, +1, ±0 or NaN.
    pub(crate) fn sign_like(self) -> bool {
        self.whole && self.bound <= 1.0
    }

    /// As a step scalar it is finite after rounding to f32.
    pub(crate) fn fits_f32(self) -> bool {
        self.bound <= f64::from(f32::MAX)
    }
}

/// Facts of a node from those of its operands. `state` has the facts of a state's value.
pub(crate) fn of(
    node: Node,
    at: impl Fn(NodeId) -> Facts,
    state: impl Fn(crate::tree::StateId) -> Facts,
) -> Facts {
    let grounded = match node {
        Node::Operand(
            Operand::Gradient | Operand::Weight | Operand::Noise | Operand::DecayingNoise,
        )
        | Node::Drop(..) => true,
        Node::State(s) | Node::Debias(s) => state(s).grounded,
        _ => node.operands().any(|operand| at(operand).grounded),
    };
    Facts { grounded, ..value(node, at, state) }
}

/// All facts but [`Facts::grounded`].
fn value(
    node: Node,
    at: impl Fn(NodeId) -> Facts,
    state: impl Fn(crate::tree::StateId) -> Facts,
) -> Facts {
    let uniform = node.operands().all(|operand| at(operand).uniform);
    let unknown = Facts::unknown(uniform);
    match node {
        Node::Constant(number) => {
            let value = number.value();
            let magnitude = if value.is_nan() { 0.0 } else { value.abs() };
            Facts {
                nonnegative: !value.is_sign_negative() || value.is_nan(),
                whole: value.is_nan() || (value.fract() == 0.0 && magnitude <= EXACT),
                bound: magnitude,
                ..Facts::unknown(true)
            }
        }
        Node::Operand(
            Operand::Gradient | Operand::Weight | Operand::Noise | Operand::DecayingNoise,
        ) => Facts::unknown(false),
        Node::Operand(Operand::LinearDecay) | Node::Decay(..) => {
            Facts { nonnegative: true, bound: 1.0, ..Facts::unknown(true) }
        }
        Node::Operand(Operand::Step | Operand::TotalSteps | Operand::LearningRate) => {
            Facts { nonnegative: true, ..Facts::unknown(true) }
        }
        Node::Parameter(_) => Facts::unknown(true),
        Node::State(s) => state(s),
        Node::Debias(s) => Facts { bound: f64::INFINITY, whole: false, ..state(s) },
        Node::Previous(s) => Facts::unknown(state(s).uniform),
        Node::Unary(op, x) => unary(op, at(x)),
        Node::Binary(op, a, b) => binary(op, at(a), at(b), a == b),
        Node::Clip(x, lo, hi) => {
            let (x, lo, hi) = (at(x), at(lo), at(hi));
            Facts {
                // lo is returned only where it is above x.
                nonnegative: x.nonnegative && hi.nonnegative,
                whole: x.whole && lo.whole && hi.whole,
                bound: lo.bound.max(hi.bound),
                ..unknown
            }
        }
        Node::Drop(_, x, _) => Facts { uniform: false, ..at(x) },
        Node::Where(_, [_, _, x, y]) => {
            let (x, y) = (at(x), at(y));
            Facts {
                nonnegative: x.nonnegative && y.nonnegative,
                whole: x.whole && y.whole,
                bound: x.bound.max(y.bound),
                ..unknown
            }
        }
    }
}

fn unary(op: Unary, x: Facts) -> Facts {
    let unknown = Facts::unknown(x.uniform);
    match op {
        Unary::Neg => Facts { nonnegative: false, ..x },
        Unary::Abs => Facts { nonnegative: true, ..x },
        Unary::Sign => Facts { nonnegative: x.nonnegative, whole: true, bound: 1.0, ..unknown },
        Unary::Exp => Facts { nonnegative: true, ..unknown },
        Unary::Sigmoid => Facts { nonnegative: true, bound: 1.0, ..unknown },
        Unary::Tanh => Facts { bound: 1.0, ..unknown },
        Unary::Sqrt => Facts { nonnegative: x.nonnegative, ..unknown },
        Unary::Log => unknown,
    }
}

fn binary(op: Binary, a: Facts, b: Facts, same: bool) -> Facts {
    let unknown = Facts::unknown(a.uniform && b.uniform);
    let nonnegative = a.nonnegative && b.nonnegative;
    let whole = |bound: f64| a.whole && b.whole && bound <= EXACT;
    match op {
        Binary::Add | Binary::Sub => {
            let bound = a.bound + b.bound;
            // A rounded sum may pass the sum of the bounds; whole numbers are exact.
            let bound = if whole(bound) { bound } else { f64::INFINITY };
            Facts {
                nonnegative: nonnegative && op == Binary::Add,
                whole: whole(bound),
                bound,
                ..unknown
            }
        }
        Binary::Mul => {
            let product = a.bound * b.bound;
            let exact = whole(product);
            // A rounded product may pass the product of the bounds, but a factor of at most 1 does not
            // make the other one larger.
            let bound = if exact {
                product
            } else if a.bound <= 1.0 && b.bound <= 1.0 {
                a.bound.min(b.bound)
            } else {
                f64::INFINITY
            };
            Facts { nonnegative: nonnegative || same, whole: exact, bound, ..unknown }
        }
        Binary::Div => Facts { nonnegative, ..unknown },
        Binary::Pow => Facts { nonnegative: a.nonnegative, ..unknown },
        Binary::Min | Binary::Max => {
            Facts { nonnegative, whole: a.whole && b.whole, bound: a.bound.max(b.bound), ..unknown }
        }
    }
}
