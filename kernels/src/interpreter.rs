//! Carries out a plan instruction by instruction: what it returns is what a rule means.
//!
//! Every back end is judged against it, bit for bit. It is short and has no case of its own for any
//! operation, since [`semantics`] has them all; only the walk over the elements is here. A block of
//! [`LANES`] elements goes through the whole program before the next block is loaded, so an
//! instruction is decoded once for a block and each register stays in cache.
//!
//! What holds:
//! 1. All loads of an element stand before its stores, because stores follow the last instruction.
//! 2. Registers belong to one call of [`Kernel::run`]: threads share nothing but the plan.

use std::sync::Arc;

use crate::kernel::{CallError, Elements, Kernel, Uniforms, check_call};
use crate::plan::{Array, BinaryOp, Instruction, Plan, ShiftOp, UnaryOp, Value, Word, semantics};

/// Elements that go through the program together.
const LANES: usize = 32;

/// One register: the 32 bits of a value for each element of a block.
type Lanes = [u32; LANES];

/// A plan that runs without being compiled.
#[derive(Debug, Clone)]
pub struct Interpreter {
    plan: Arc<Plan>,
}

impl Interpreter {
    /// An interpreter of a plan that satisfies [`crate::plan::verify`].
    pub fn new(plan: impl Into<Arc<Plan>>) -> Interpreter {
        Interpreter { plan: plan.into() }
    }

    /// The plan that it carries out.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl Kernel for Interpreter {
    fn run(&self, elements: &mut Elements<'_>, uniforms: Uniforms<'_>) -> Result<(), CallError> {
        let (states, scalars) = (usize::from(self.plan.states), usize::from(self.plan.scalars));
        check_call(states, scalars, elements, &uniforms)?;
        let mut registers = vec![[0; LANES]; self.plan.instructions.len()];
        let count = elements.parameters.len();
        for start in (0..count).step_by(LANES) {
            let block = Block { start, length: LANES.min(count - start) };
            for (index, instruction) in self.plan.instructions.iter().enumerate() {
                let (before, rest) = registers.split_at_mut(index);
                let result = &mut rest[0];
                match *instruction {
                    Instruction::Load(array) => block.load(array, elements, result),
                    Instruction::Word(word) => {
                        block.word(word, elements.first_element, &uniforms, result);
                    }
                    Instruction::Scalar(number) => {
                        result.fill(uniforms.scalars[usize::from(number)].to_bits());
                    }
                    Instruction::Float(bits) | Instruction::Integer(bits) => result.fill(bits),
                    _ => compute(instruction, before, result),
                }
            }
            for store in &self.plan.stores {
                block.store(store.array, &registers[store.value.index()], elements);
            }
        }
        Ok(())
    }
}

/// Some neighbouring elements of the run.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: usize,
    length: usize,
}

impl Block {
    fn load(self, array: Array, elements: &Elements<'_>, result: &mut Lanes) {
        let source: &[f32] = match array {
            Array::Parameter => elements.parameters,
            Array::Gradient => elements.gradients,
            Array::State(slot) => elements.states[usize::from(slot)],
        };
        let source = &source[self.start..self.start + self.length];
        result.iter_mut().zip(source).for_each(|(to, from)| *to = from.to_bits());
    }

    fn store(self, array: Array, value: &Lanes, elements: &mut Elements<'_>) {
        let target: &mut [f32] = match array {
            Array::Parameter => elements.parameters,
            Array::State(slot) => elements.states[usize::from(slot)],
            // No verified plan writes the gradient.
            Array::Gradient => return,
        };
        let target = &mut target[self.start..self.start + self.length];
        target.iter_mut().zip(value).for_each(|(to, from)| *to = f32::from_bits(*from));
    }

    fn word(self, word: Word, first_element: u64, uniforms: &Uniforms<'_>, result: &mut Lanes) {
        let first = first_element.wrapping_add(self.start as u64);
        match word {
            Word::KeyLow => result.fill(uniforms.key[0]),
            Word::KeyHigh => result.fill(uniforms.key[1]),
            Word::Step => result.fill(uniforms.step),
            Word::ElementLow => fill(result, |i| first.wrapping_add(i as u64) as u32),
            Word::ElementHigh => fill(result, |i| (first.wrapping_add(i as u64) >> 32) as u32),
        }
    }
}

/// An instruction whose operands are registers.
fn compute(instruction: &Instruction, registers: &[Lanes], result: &mut Lanes) {
    let at = |value: Value| &registers[value.index()];
    match *instruction {
        Instruction::Unary(op, a) => unary(op, at(a), result),
        Instruction::Binary(op, a, b) => binary(op, at(a), at(b), result),
        Instruction::Shift(op, a, by) => shift(op, at(a), by, result),
        Instruction::FusedMultiplyAdd(a, b, c) => {
            let (a, b, c) = (at(a), at(b), at(c));
            fill(result, |i| semantics::fused_multiply_add(a[i], b[i], c[i]));
        }
        Instruction::Select(mask, a, b) => {
            let (mask, a, b) = (at(mask), at(a), at(b));
            fill(result, |i| semantics::select(mask[i], a[i], b[i]));
        }
        Instruction::Load(_)
        | Instruction::Scalar(_)
        | Instruction::Word(_)
        | Instruction::Float(_)
        | Instruction::Integer(_) => {}
    }
}

#[inline]
fn fill(result: &mut Lanes, value: impl Fn(usize) -> u32) {
    result.iter_mut().enumerate().for_each(|(lane, to)| *to = value(lane));
}

/// Calls `$meaning` with the operation as a constant, so that the loop over lanes has no branch.
macro_rules! with_constant_op {
    ($op:expr, $kind:ident { $($name:ident)+ }, |$constant:ident| $body:expr) => {
        match $op {
            $($kind::$name => {
                const OP: $kind = $kind::$name;
                let $constant = OP;
                $body
            })+
        }
    };
}

fn unary(op: UnaryOp, a: &Lanes, result: &mut Lanes) {
    with_constant_op!(
        op,
        UnaryOp { Negate Absolute SquareRoot FloatBits BitsFloat IntegerFloat MaskNot },
        |op| fill(result, |i| semantics::unary(op, a[i]))
    );
}

fn binary(op: BinaryOp, a: &Lanes, b: &Lanes, result: &mut Lanes) {
    with_constant_op!(
        op,
        BinaryOp {
            Add Subtract Multiply Divide Less LessEqual Equal
            IntegerAdd IntegerSubtract IntegerMultiply IntegerMultiplyHigh
            IntegerAnd IntegerOr IntegerXor IntegerEqual IntegerLess MaskAnd MaskOr
        },
        |op| fill(result, |i| semantics::binary(op, a[i], b[i]))
    );
}

fn shift(op: ShiftOp, a: &Lanes, by: u8, result: &mut Lanes) {
    with_constant_op!(op, ShiftOp { Left RightLogical RightArithmetic }, |op| {
        fill(result, |i| semantics::shift(op, a[i], by));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Ops;
    use crate::plan::PlanBuilder;

    /// Moves `count` elements by a plan with one state that remembers the element's place.
    fn places(count: usize, first_element: u64) -> Vec<u32> {
        let mut plan = PlanBuilder::new();
        let low = plan.word(Word::ElementLow);
        let high = plan.word(Word::ElementHigh);
        let place = plan.ixor(low, high);
        let value = plan.from_bits(place);
        plan.store(Array::Parameter, value);
        let mut parameters = vec![0.0; count];
        let gradients = vec![0.0; count];
        let mut elements = Elements {
            parameters: &mut parameters,
            gradients: &gradients,
            states: &mut [],
            first_element,
        };
        let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
        Interpreter::new(plan.finish()).run(&mut elements, uniforms).unwrap();
        parameters.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn element_words_count_across_blocks() {
        assert_eq!(places(67, 8), (8..75).collect::<Vec<u32>>());
    }

    #[test]
    fn element_words_carry_into_the_high_half() {
        let first = (1 << 32) - 36;
        let wanted: Vec<u32> =
            (0..40_u64).map(|i| first + i).map(|p| (p ^ (p >> 32)) as u32).collect();
        assert_eq!(places(40, first), wanted);
    }

    #[test]
    fn loads_stand_before_stores() {
        let mut plan = PlanBuilder::new();
        let (w, m) = (plan.load(Array::Parameter), plan.load(Array::State(0)));
        plan.store(Array::Parameter, m);
        plan.store(Array::State(0), w);
        let (mut parameters, mut state) = (vec![1.0_f32; 40], vec![2.0_f32; 40]);
        let mut elements = Elements {
            parameters: &mut parameters,
            gradients: &[0.0; 40],
            states: &mut [&mut state],
            first_element: 0,
        };
        let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
        Interpreter::new(plan.finish()).run(&mut elements, uniforms).unwrap();
        assert_eq!((parameters, state), (vec![2.0; 40], vec![1.0; 40]));
    }

    #[test]
    fn a_call_that_does_not_fit_writes_nothing() {
        let mut plan = PlanBuilder::new();
        let zero = plan.float(0.0);
        plan.store(Array::Parameter, zero);
        let mut parameters = [1.0, 2.0];
        let mut elements = Elements {
            parameters: &mut parameters,
            gradients: &[0.0],
            states: &mut [],
            first_element: 0,
        };
        let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
        let error = Interpreter::new(plan.finish()).run(&mut elements, uniforms).unwrap_err();
        assert!(matches!(error, CallError::Length { found: 1, expected: 2, .. }), "{error}");
        assert_eq!(parameters, [1.0, 2.0]);
    }
}
