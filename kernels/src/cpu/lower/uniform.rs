//! Which values of a plan are the same for all elements.
//!
//! Such a value is computed once, as a scalar, before the loops, and copied to all lanes where the
//! loop over four elements reads it. Constants are uniform too, but each loop makes its own.

use crate::plan::{Instruction, Plan, Word};

/// What one pass over the plan finds out about each value.
#[derive(Debug)]
pub(super) struct Uniformity {
    /// The value is the same for all elements.
    pub(super) uniform: Vec<bool>,
    /// The value is uniform, no constant, and something in the loops reads it.
    pub(super) read_in_loops: Vec<bool>,
}

impl Uniformity {
    /// Looks at a verified plan.
    pub(super) fn of(plan: &Plan) -> Uniformity {
        let mut uniform: Vec<bool> = Vec::with_capacity(plan.instructions.len());
        for instruction in &plan.instructions {
            let varies = match instruction {
                Instruction::Load(_) | Instruction::Word(Word::ElementLow | Word::ElementHigh) => {
                    true
                }
                other => other.operands().any(|v| !uniform[v.index()]),
            };
            uniform.push(!varies);
        }
        let mut read_in_loops = vec![false; uniform.len()];
        let varying = plan.instructions.iter().enumerate().filter(|(index, _)| !uniform[*index]);
        let operands = varying.flat_map(|(_, instruction)| instruction.operands());
        for value in operands.chain(plan.stores.iter().map(|store| store.value)) {
            let index = value.index();
            read_in_loops[index] = uniform[index] && !is_constant(&plan.instructions[index]);
        }
        Uniformity { uniform, read_in_loops }
    }
}

/// Whether an instruction is a number written in the plan.
pub(super) fn is_constant(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Float(_) | Instruction::Integer(_))
}
