//! The function around the operations: arguments, the entry, the two loops.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, InstBuilder, MemFlagsData, UserFuncName, Value as Clif, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::super::abi::{self, Arguments};
use super::super::error::CpuError;
use super::super::options::MAX_INSTRUCTIONS;
use super::body::Body;
use super::lanes::{Lanes, broadcast, vector_constant};
use super::uniform::{Uniformity, is_constant};
use crate::plan::{Array, Instruction, Plan, Word, verify};

/// How a plan is lowered for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Strategy {
    /// Whether there is a loop over four elements.
    pub(in super::super) simd: bool,
    /// Whether the target's fused multiply-add is used.
    pub(in super::super) native_fma: bool,
}

/// Memory of the arrays: there, but aligned as floats are.
const ARRAY: MemFlagsData = MemFlagsData::new().with_notrap();
/// Memory that nothing writes during the call.
const CONSTANT: MemFlagsData = MemFlagsData::trusted().with_readonly();

/// The Cranelift function of a plan, which is verified first: whoever runs the code relies on it.
pub(in super::super) fn lower(
    plan: &Plan,
    strategy: Strategy,
    isa: &dyn TargetIsa,
) -> Result<Function, CpuError> {
    let found = plan.instructions.len();
    if found > MAX_INSTRUCTIONS {
        return Err(CpuError::PlanTooLong { found, limit: MAX_INSTRUCTIONS });
    }
    verify(plan).map_err(CpuError::InvalidPlan)?;
    let signature = abi::signature(isa.default_call_conv());
    let mut function = Function::with_name_signature(UserFuncName::default(), signature);
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut function, &mut context);
    let mut frame = Frame::enter(plan, strategy, &mut builder)?;
    frame.loops(&mut builder)?;
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
    Ok(function)
}

/// What the entry leaves for the loops.
struct Frame<'p> {
    plan: &'p Plan,
    strategy: Strategy,
    arguments: Arguments<Clif>,
    /// Start of each state array.
    states: Vec<Clif>,
    uniformity: Uniformity,
    /// Scalars that are the same for all elements, by position in the plan.
    uniforms: Vec<Option<Clif>>,
}

impl<'p> Frame<'p> {
    fn enter(
        plan: &'p Plan,
        strategy: Strategy,
        builder: &mut FunctionBuilder<'_>,
    ) -> Result<Frame<'p>, CpuError> {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let arguments = Arguments::new(builder.block_params(entry))
            .ok_or_else(|| CpuError::InvalidPlan("the signature has changed".to_owned()))?;
        let states = (0..i32::from(plan.states))
            .map(|slot| builder.ins().load(types::I64, CONSTANT, arguments.states, slot * 8))
            .collect();
        let uniformity = Uniformity::of(plan);
        let uniforms = vec![None; plan.instructions.len()];
        let mut frame = Frame { plan, strategy, arguments, states, uniformity, uniforms };
        frame.uniforms(builder)?;
        Ok(frame)
    }

    /// Computes what no element changes.
    fn uniforms(&mut self, builder: &mut FunctionBuilder<'_>) -> Result<(), CpuError> {
        let values = std::mem::take(&mut self.uniforms);
        let mut body = self.body(Lanes::One, values);
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            if !self.uniformity.uniform[index] {
                continue;
            }
            body.values[index] = match *instruction {
                Instruction::Scalar(number) => {
                    let offset = i32::from(number) * 4;
                    let scalars = self.arguments.scalars;
                    Some(builder.ins().load(types::F32, CONSTANT, scalars, offset))
                }
                Instruction::Word(word) => Some(self.uniform_word(builder, word)),
                _ => body.compute(builder, instruction)?,
            };
        }
        self.uniforms = body.values;
        Ok(())
    }

    fn uniform_word(&self, builder: &mut FunctionBuilder<'_>, word: Word) -> Clif {
        let offset = match word {
            Word::KeyLow => 0,
            Word::KeyHigh => 4,
            Word::Step | Word::ElementLow | Word::ElementHigh => 8,
        };
        builder.ins().load(types::I32, CONSTANT, self.arguments.words, offset)
    }

    /// `quads` over the first multiple of four elements, `tail` over the rest.
    fn loops(&mut self, builder: &mut FunctionBuilder<'_>) -> Result<(), CpuError> {
        let end = builder.ins().ishl_imm_u(self.arguments.count, 2);
        let exit = builder.create_block();
        let start = builder.ins().iconst(types::I64, 0);
        if self.strategy.simd {
            let quads_end = builder.ins().band_imm_s(end, -16);
            let tail = builder.create_block();
            self.one_loop(builder, Lanes::Four, (start, quads_end), tail)?;
            builder.switch_to_block(tail);
            self.one_loop(builder, Lanes::One, (quads_end, end), exit)?;
        } else {
            self.one_loop(builder, Lanes::One, (start, end), exit)?;
        }
        builder.switch_to_block(exit);
        builder.ins().return_(&[]);
        Ok(())
    }

    /// One loop over the byte offsets `from..to`, then a jump to `next`.
    fn one_loop(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        lanes: Lanes,
        (from, to): (Clif, Clif),
        next: Block,
    ) -> Result<(), CpuError> {
        let (head, block) = (builder.create_block(), builder.create_block());
        let any = builder.ins().icmp(IntCC::UnsignedLessThan, from, to);
        builder.ins().brif(any, head, &[], next, &[]);

        builder.switch_to_block(head);
        let values = match lanes {
            Lanes::One => self.uniforms.clone(),
            Lanes::Four => self.broadcasts(builder),
        };
        builder.ins().jump(block, &[BlockArg::Value(from)]);

        let offset = builder.append_block_param(block, types::I64);
        builder.switch_to_block(block);
        let mut body = self.body(lanes, values);
        self.elements(builder, &mut body, offset)?;
        let after = builder.ins().iadd_imm_s(offset, lanes.stride());
        let more = builder.ins().icmp(IntCC::UnsignedLessThan, after, to);
        builder.ins().brif(more, block, &[BlockArg::Value(after)], next, &[]);
        Ok(())
    }

    fn body(&self, lanes: Lanes, values: Vec<Option<Clif>>) -> Body<'p> {
        Body { plan: self.plan, lanes, native_fma: self.strategy.native_fma, values }
    }

    /// The uniform values that the loop reads, in all four lanes.
    fn broadcasts(&self, builder: &mut FunctionBuilder<'_>) -> Vec<Option<Clif>> {
        let values = self.uniforms.iter().zip(&self.uniformity.read_in_loops);
        values.map(|(value, read)| value.filter(|_| *read).map(|v| broadcast(builder, v))).collect()
    }

    /// The plan for the elements at one byte offset.
    fn elements(
        &self,
        builder: &mut FunctionBuilder<'_>,
        body: &mut Body<'_>,
        offset: Clif,
    ) -> Result<(), CpuError> {
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            // Constants are made in the loop: loading one costs less than keeping it in one of 16
            // registers, and less than a spill.
            if self.uniformity.uniform[index] && !is_constant(instruction) {
                continue;
            }
            body.values[index] = match *instruction {
                Instruction::Load(array) => {
                    let address = self.address(builder, array, offset)?;
                    Some(builder.ins().load(body.lanes.float(), ARRAY, address, 0))
                }
                Instruction::Word(word) => Some(self.place(builder, body.lanes, word, offset)),
                _ => body.compute(builder, instruction)?,
            };
        }
        // All values first: a store may not stand before a load of the same element.
        for store in &self.plan.stores {
            let value = body.operand(store.value)?;
            let address = self.address(builder, store.array, offset)?;
            builder.ins().store(ARRAY, value, address, 0);
        }
        Ok(())
    }

    fn address(
        &self,
        builder: &mut FunctionBuilder<'_>,
        array: Array,
        offset: Clif,
    ) -> Result<Clif, CpuError> {
        let base = match array {
            Array::Parameter => self.arguments.parameters,
            Array::Gradient => self.arguments.gradients,
            Array::State(slot) => *self.states.get(usize::from(slot)).ok_or_else(|| {
                CpuError::InvalidPlan(format!("state {slot} of {}", self.plan.states))
            })?,
        };
        Ok(builder.ins().iadd(base, offset))
    }

    /// A half of the element's index. Four elements start at a multiple of 4, so they share the high
    /// half and there is no carry out of the low ones.
    fn place(
        &self,
        builder: &mut FunctionBuilder<'_>,
        lanes: Lanes,
        word: Word,
        offset: Clif,
    ) -> Clif {
        let elements = builder.ins().ushr_imm_u(offset, 2);
        let first = builder.ins().iadd(self.arguments.first_element, elements);
        let high = word == Word::ElementHigh;
        let half = if high { builder.ins().ushr_imm_u(first, 32) } else { first };
        let half = builder.ins().ireduce(types::I32, half);
        match lanes {
            Lanes::One => half,
            Lanes::Four => {
                let all = broadcast(builder, half);
                let steps = if high { [0; 4] } else { [0, 1, 2, 3] };
                let steps = vector_constant(builder, types::I32X4, steps);
                builder.ins().iadd(all, steps)
            }
        }
    }
}
