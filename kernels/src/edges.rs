//! What stands between the arithmetic of a rule, which is in f32, and the arrays.

use crate::math;
use crate::plan::{Array, ElementType, PlanBuilder, Value};

/// How a parameter of 16 bits is rounded when it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Rounding {
    /// To nearest, ties to even.
    #[default]
    Nearest,
    /// To one of the two neighbours, the nearer the likelier: a function of seed, tensor, step and element.
    Stochastic,
}

/// Site of the draws that round stochastically; those of a rule count from 0.
pub const ROUNDING_SITE: u32 = u32::MAX;

/// Types of the arrays, and what happens to elements on the way. A kernel is made for one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Edges {
    /// Type of the parameters.
    pub parameter: ElementType,
    /// Type of the gradients.
    pub gradient: ElementType,
    /// How parameters of 16 bits are rounded; others do not depend on it.
    pub rounding: Rounding,
    /// Whether gradients are multiplied by a number and clipped before the rule sees them:
    /// [`GradientGuard`].
    pub guarded: bool,
    /// Which weight decay is added; its strength is an argument of the step.
    pub weight_decay: DecayKind,
}

/// Where a weight decay of strength d is added to a rule, in f32, with w rounded to f32. It is no part of
/// the rule: its key, its states and their names are what they are without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum DecayKind {
    /// Nowhere.
    #[default]
    None,
    /// To the gradient: the rule sees `g + d*w`, after the guard. The gradient of an L2 penalty of `d/2`.
    L2,
    /// To the update: `w <- w - c*(u + d*w)`, `c` the learning rate with its schedule. Loshchilov and Hutter,
    /// *Decoupled Weight Decay Regularization*, 2019.
    Decoupled,
}

impl Edges {
    /// The same, with nothing that makes no difference: one of these for each kernel.
    #[must_use]
    pub fn normal(self) -> Edges {
        match self.parameter {
            ElementType::F32 | ElementType::F64 => Edges { rounding: Rounding::Nearest, ..self },
            ElementType::F16 | ElementType::Bf16 => self,
        }
    }
}

/// What gradients go through where [`Edges::guarded`] is set: `clip(g * scale, -limit, limit)` in f32, with
/// both numbers rounded to f32. A NaN stays NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientGuard {
    /// What gradients are multiplied by.
    pub scale: f64,
    /// The largest magnitude after that; infinite for none.
    pub limit: f64,
}

impl Default for GradientGuard {
    fn default() -> GradientGuard {
        GradientGuard { scale: 1.0, limit: f64::INFINITY }
    }
}

/// A loaded element as a float.
pub(crate) fn loaded(plan: &mut PlanBuilder, array: Array, of: ElementType) -> Value {
    let element = plan.load(array);
    match of {
        ElementType::F32 | ElementType::F64 => element,
        ElementType::F16 => math::from_f16(plan, element),
        ElementType::Bf16 => math::from_bf16(plan, element),
    }
}

/// A float as an element of 16 bits; `word` makes the random word where one is needed.
pub(crate) fn rounded(
    plan: &mut PlanBuilder,
    edges: Edges,
    value: Value,
    word: impl FnOnce(&mut PlanBuilder) -> Value,
) -> Value {
    match (edges.parameter, edges.rounding) {
        (ElementType::F32 | ElementType::F64, _) => value,
        (ElementType::F16, Rounding::Nearest) => math::to_f16(plan, value),
        (ElementType::Bf16, Rounding::Nearest) => math::to_bf16(plan, value),
        (ElementType::F16, Rounding::Stochastic) => {
            let word = word(plan);
            math::to_f16_stochastic(plan, value, word)
        }
        (ElementType::Bf16, Rounding::Stochastic) => {
            let word = word(plan);
            math::to_bf16_stochastic(plan, value, word)
        }
    }
}
