//! How often a value of a plan changes: never, once a block of four elements, with every element.
//!
//! A random draw is made for a block ([`crate::math::philox`] returns four words), so what only
//! depends on the block is computed once for four elements.

use super::ir::{Instruction, Plan, Word};

/// How often a value changes along an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// The same for all elements of a call.
    Uniform,
    /// The same for the four elements of a block.
    Block,
    /// One for each element.
    Element,
}

/// The rate of each instruction, in order.
pub fn rates(plan: &Plan) -> Vec<Rate> {
    let mut known: Vec<Rate> = Vec::with_capacity(plan.instructions.len());
    for instruction in &plan.instructions {
        let rate = match instruction {
            Instruction::Load(_) | Instruction::Pick(_) => Rate::Element,
            Instruction::Word(Word::BlockLow | Word::BlockHigh) => Rate::Block,
            other => {
                let operands = other.operands();
                operands
                    .filter_map(|v| known.get(v.index()).copied())
                    .max()
                    .unwrap_or(Rate::Uniform)
            }
        };
        known.push(rate);
    }
    known
}
