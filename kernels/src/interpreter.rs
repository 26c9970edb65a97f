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

use half::{bf16, f16};

use crate::floats::{Floats, FloatsMut};
use crate::kernel::{CallError, Demands, Elements, Kernel, Uniforms};
use crate::plan::{
    Array, BinaryOp, Instruction, Plan, ShiftOp, UnaryOp, Value, Word, Written, semantics,
};

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
    fn run(
        &self,
        elements: &mut Elements<'_, '_>,
        uniforms: Uniforms<'_>,
    ) -> Result<(), CallError> {
        Demands::of(&self.plan).check(elements, &uniforms)?;
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
                match store.value {
                    Written::Value(value) => {
                        block.store(store.array, &registers[value.index()], elements);
                    }
                    Written::Descent { scale, update } => {
                        let (scale, update) =
                            (&registers[scale.index()], &registers[update.index()]);
                        block.descend(scale, update, elements);
                    }
                }
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
    fn load(self, array: Array, elements: &Elements<'_, '_>, result: &mut Lanes) {
        let source = match array {
            Array::Parameter => elements.parameters.as_floats(),
            Array::Gradient => elements.gradients,
            Array::State(slot) => Floats::F32(elements.states[usize::from(slot)]),
        };
        let to = result.iter_mut();
        match source.part(self.start..self.start + self.length) {
            Floats::F32(from) => to.zip(from).for_each(|(to, from)| *to = from.to_bits()),
            Floats::F64(from) => to.zip(from).for_each(|(to, from)| *to = (*from as f32).to_bits()),
            Floats::F16(from) => to.zip(from).for_each(|(to, from)| *to = from.to_bits().into()),
            Floats::Bf16(from) => to.zip(from).for_each(|(to, from)| *to = from.to_bits().into()),
        }
    }

    fn store(self, array: Array, value: &Lanes, elements: &mut Elements<'_, '_>) {
        let target = match array {
            Array::Parameter => elements.parameters.reborrow(),
            Array::State(slot) => FloatsMut::F32(elements.states[usize::from(slot)]),
            // No verified plan writes the gradient.
            Array::Gradient => return,
        };
        let from = value[..self.length].iter();
        match target.split_at(self.start).1 {
            FloatsMut::F32(to) => to.iter_mut().zip(from).for_each(|(to, from)| {
                *to = f32::from_bits(*from);
            }),
            FloatsMut::F16(to) => to.iter_mut().zip(from).for_each(|(to, from)| {
                *to = f16::from_bits(*from as u16);
            }),
            FloatsMut::Bf16(to) => to.iter_mut().zip(from).for_each(|(to, from)| {
                *to = bf16::from_bits(*from as u16);
            }),
            // A verified plan descends there.
            FloatsMut::F64(_) => {}
        }
    }

    /// Moves parameters of binary64, in binary64.
    fn descend(self, scale: &Lanes, update: &Lanes, elements: &mut Elements<'_, '_>) {
        let FloatsMut::F64(parameters) = &mut elements.parameters else { return };
        let factors = scale.iter().zip(update);
        let target = &mut parameters[self.start..self.start + self.length];
        for (to, (scale, update)) in target.iter_mut().zip(factors) {
            *to -= f64::from(f32::from_bits(*scale)) * f64::from(f32::from_bits(*update));
        }
    }

    fn word(self, word: Word, first_element: u64, uniforms: &Uniforms<'_>, result: &mut Lanes) {
        let first = first_element.wrapping_add(self.start as u64);
        match word {
            Word::KeyLow => result.fill(uniforms.key[0]),
            Word::KeyHigh => result.fill(uniforms.key[1]),
            Word::Step => result.fill(uniforms.step),
            Word::BlockLow => fill(result, |i| (first.wrapping_add(i as u64) / 4) as u32),
            Word::BlockHigh => fill(result, |i| (first.wrapping_add(i as u64) >> 34) as u32),
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
        // Runs and blocks of lanes start at multiples of 4.
        Instruction::Pick(values) => fill(result, |i| at(values[i % 4])[i]),
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
    use crate::plan::{PlanBuilder, verify};

    /// Moves `count` elements by a plan that writes the element's place: its block, of which the halves
    /// are xored, times 4 and its number in the block.
    fn places(count: usize, first_element: u64) -> Vec<u32> {
        let mut plan = PlanBuilder::new();
        let low = plan.word(Word::BlockLow);
        let high = plan.word(Word::BlockHigh);
        let block = plan.ixor(low, high);
        let block = plan.shl(block, 2);
        let numbers = [0, 1, 2, 3].map(|number| plan.integer(number));
        let places = numbers.map(|number| plan.iadd(block, number));
        let place = plan.pick((), places);
        let value = plan.from_bits(place);
        plan.store(Array::Parameter, value);
        let mut parameters = vec![0.0_f32; count];
        let gradients = vec![0.0_f32; count];
        let mut elements = Elements {
            parameters: (&mut parameters).into(),
            gradients: (&gradients).into(),
            states: &mut [],
            first_element,
        };
        let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
        let plan = plan.finish();
        verify(&plan).unwrap();
        Interpreter::new(plan).run(&mut elements, uniforms).unwrap();
        parameters.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn places_count_across_blocks() {
        assert_eq!(places(67, 8), (8..75).collect::<Vec<u32>>());
    }

    #[test]
    fn blocks_carry_into_the_high_half() {
        let first = (1 << 34) - 36;
        let wanted = (0..40_u64).map(|i| first + i).map(|place| {
            let block = place / 4;
            ((block ^ (block >> 32)) << 2) as u32 + (place % 4) as u32
        });
        assert_eq!(places(40, first), wanted.collect::<Vec<u32>>());
    }

    #[test]
    fn loads_stand_before_stores() {
        let mut plan = PlanBuilder::new();
        let (w, m) = (plan.load(Array::Parameter), plan.load(Array::State(0)));
        plan.store(Array::Parameter, m);
        plan.store(Array::State(0), w);
        let (mut parameters, mut state) = (vec![1.0_f32; 40], vec![2.0_f32; 40]);
        let mut elements = Elements {
            parameters: (&mut parameters).into(),
            gradients: (&[0.0_f32; 40]).into(),
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
        let mut parameters = [1.0_f32, 2.0];
        let mut elements = Elements {
            parameters: (&mut parameters).into(),
            gradients: (&[0.0_f32]).into(),
            states: &mut [],
            first_element: 0,
        };
        let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
        let error = Interpreter::new(plan.finish()).run(&mut elements, uniforms).unwrap_err();
        assert!(matches!(error, CallError::Length { found: 1, expected: 2, .. }), "{error}");
        assert_eq!(parameters, [1.0, 2.0]);
    }
}
