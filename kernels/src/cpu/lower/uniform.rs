//! Which values of a plan are the same for all elements.
//!
//! Such a value is computed once, as a scalar, before the loops, and copied to all lanes where the
//! loop over four elements reads it. Constants are uniform too, but each loop makes its own.

use crate::plan::{Instruction, Plan, Rate, rates};

/// What one pass over the plan finds out about each value.
#[derive(Debug)]
pub(super) struct Uniformity {
    /// How often each value changes.
    pub(super) rates: Vec<Rate>,
    /// The value is uniform, no constant, and something in the loops reads it.
    pub(super) read_in_loops: Vec<bool>,
}

impl Uniformity {
    /// Looks at a verified plan.
    pub(super) fn of(plan: &Plan) -> Uniformity {
        let rates = rates(plan);
        let uniform = |index: usize| rates[index] == Rate::Uniform;
        let mut read_in_loops = vec![false; rates.len()];
        let varying = plan.instructions.iter().enumerate().filter(|(index, _)| !uniform(*index));
        let operands = varying.flat_map(|(_, instruction)| instruction.operands());
        for value in operands.chain(plan.stores.iter().flat_map(|store| store.value.operands())) {
            let index = value.index();
            read_in_loops[index] = uniform(index) && !is_constant(&plan.instructions[index]);
        }
        Uniformity { rates, read_in_loops }
    }

    /// Whether a value is the same for all elements.
    pub(super) fn is_uniform(&self, index: usize) -> bool {
        self.rates[index] == Rate::Uniform
    }

    /// Whether elements take what belongs to their block of four.
    pub(super) fn has_blocks(plan: &Plan) -> bool {
        plan.instructions.iter().any(|i| matches!(i, Instruction::Pick(_)))
    }
}

/// Whether an instruction is a number written in the plan.
pub(super) fn is_constant(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Float(_) | Instruction::Integer(_))
}
