//! The function around the operations: arguments, the entry, the two loops.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind,
    UserFuncName, Value as Clif, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::super::abi::{self, Arguments};
use super::super::error::CpuError;
use super::super::options::MAX_INSTRUCTIONS;
use super::body::Body;
use super::lanes::{Lanes, broadcast};
use super::memory;
use super::uniform::{Uniformity, is_constant};
use crate::plan::{Array, Instruction, Plan, Rate, Value, Word, Written, verify};

/// How a plan is lowered for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Strategy {
    /// Whether there is a loop over four elements.
    pub(in super::super) simd: bool,
    /// Whether the target's fused multiply-add is used.
    pub(in super::super) native_fma: bool,
    /// How many constants are made before the loop over quads rather than in it. Where a constant is an
    /// operand in memory, none: loading it costs less than keeping it in one of 16 registers, and less
    /// than a spill. Where it takes three instructions and there are 32 registers, some.
    pub(in super::super) early_constants: usize,
}

/// Bytes of four binary32 numbers.
const QUAD: i64 = 16;
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
            if !self.uniformity.is_uniform(index) {
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
            Word::Step | Word::BlockLow | Word::BlockHigh => 8,
        };
        builder.ins().load(types::I32, CONSTANT, self.arguments.words, offset)
    }

    /// Loops over as many elements at a time as there are, `tail` over the rest.
    fn loops(&mut self, builder: &mut FunctionBuilder<'_>) -> Result<(), CpuError> {
        let end = builder.ins().ishl_imm_u(self.arguments.count, 2);
        let exit = builder.create_block();
        let start = builder.ins().iconst(types::I64, 0);
        if self.strategy.simd {
            let tail = builder.create_block();
            let whole = if Uniformity::has_blocks(self.plan) {
                let whole = builder.ins().band_imm_s(end, -4 * QUAD);
                self.loop_over_blocks(builder, (start, whole), tail)?;
                whole
            } else {
                let whole = builder.ins().band_imm_s(end, -QUAD);
                self.one_loop(builder, Lanes::Four, (start, whole), tail)?;
                whole
            };
            builder.switch_to_block(tail);
            self.one_loop(builder, Lanes::One, (whole, end), exit)?;
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
        range: (Clif, Clif),
        next: Block,
    ) -> Result<(), CpuError> {
        let Loop { block, offset, values } = self.begin(builder, lanes, range, next);
        let mut body = self.body(lanes, values);
        self.elements(builder, &mut body, offset, None)?;
        Loop::end(builder, (block, offset), lanes.stride(), range.1, next);
        Ok(())
    }

    /// One loop over 16 elements at a time: first what belongs to their four blocks, with a block in each
    /// lane, then a loop over the four quads.
    fn loop_over_blocks(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        range: (Clif, Clif),
        next: Block,
    ) -> Result<(), CpuError> {
        let outer = self.begin(builder, Lanes::Four, range, next);
        let mut body = self.body(Lanes::Four, outer.values.clone());
        let picks = self.blocks(builder, &mut body, outer.offset)?;

        let (quads, after) = (builder.create_block(), builder.create_block());
        let zero = builder.ins().iconst(types::I64, 0);
        builder.ins().jump(quads, &[BlockArg::Value(zero)]);
        let place = builder.append_block_param(quads, types::I64);
        builder.switch_to_block(quads);
        let offset = builder.ins().iadd(outer.offset, place);
        let mut body = self.body(Lanes::Four, outer.values);
        self.elements(builder, &mut body, offset, Some((&picks, place)))?;
        let sixteen = builder.ins().iconst(types::I64, 4 * QUAD);
        Loop::end(builder, (quads, place), QUAD, sixteen, after);

        builder.switch_to_block(after);
        Loop::end(builder, (outer.block, outer.offset), 4 * QUAD, range.1, next);
        Ok(())
    }

    /// The head of a loop: a jump to `next` if there is nothing to do, and the uniform values in lanes.
    fn begin(
        &self,
        builder: &mut FunctionBuilder<'_>,
        lanes: Lanes,
        (from, to): (Clif, Clif),
        next: Block,
    ) -> Loop {
        let (head, block) = (builder.create_block(), builder.create_block());
        let any = builder.ins().icmp(IntCC::UnsignedLessThan, from, to);
        builder.ins().brif(any, head, &[], next, &[]);

        builder.switch_to_block(head);
        let values = match lanes {
            Lanes::One => self.uniforms.clone(),
            Lanes::Four => {
                let mut values = self.broadcasts(builder);
                self.early_constants(builder, &mut values);
                values
            }
        };
        builder.ins().jump(block, &[BlockArg::Value(from)]);

        let offset = builder.append_block_param(block, types::I64);
        builder.switch_to_block(block);
        Loop { block, offset, values }
    }

    fn body(&self, lanes: Lanes, values: Vec<Option<Clif>>) -> Body<'p> {
        Body { plan: self.plan, lanes, native_fma: self.strategy.native_fma, values }
    }

    /// The uniform values that the loop reads, in all four lanes.
    fn broadcasts(&self, builder: &mut FunctionBuilder<'_>) -> Vec<Option<Clif>> {
        let values = self.uniforms.iter().zip(&self.uniformity.read_in_loops);
        values.map(|(value, read)| value.filter(|_| *read).map(|v| broadcast(builder, v))).collect()
    }

    /// The constants that are made before the loop.
    fn early_constants(&self, builder: &mut FunctionBuilder<'_>, values: &mut [Option<Clif>]) {
        let constants = self.plan.instructions.iter().zip(values);
        let constants = constants.filter(|(instruction, _)| is_constant(instruction));
        for (instruction, value) in constants.take(self.strategy.early_constants) {
            *value = match *instruction {
                Instruction::Float(bits) => Some(Lanes::Four.float_constant(builder, bits)),
                Instruction::Integer(bits) => Some(Lanes::Four.integer_constant(builder, bits)),
                _ => None,
            };
        }
    }

    /// What belongs to the four blocks at a byte offset; the picks of their 16 elements go to the stack.
    fn blocks(
        &self,
        builder: &mut FunctionBuilder<'_>,
        body: &mut Body<'_>,
        offset: Clif,
    ) -> Result<StackSlot, CpuError> {
        let count = self.picks().count() as u32;
        let bytes = count * 4 * QUAD as u32;
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
        let slot = builder.create_sized_stack_slot(data);
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            body.values[index] = match *instruction {
                Instruction::Word(word) if self.uniformity.rates[index] == Rate::Block => {
                    let first = self.block(builder, offset);
                    Some(memory::blocks(builder, first, word == Word::BlockHigh))
                }
                _ if is_constant(instruction) && body.values[index].is_some() => continue,
                _ if self.uniformity.rates[index] == Rate::Block || is_constant(instruction) => {
                    body.compute(builder, instruction)?
                }
                _ => continue,
            };
        }
        for (place, (_, operands)) in self.picks().enumerate() {
            let operands = body.operands(operands)?;
            for (quad, vector) in memory::transposed(builder, operands).into_iter().enumerate() {
                let at = (place * 4 + quad) as i32 * QUAD as i32;
                let at = builder.ins().stack_addr(types::I64, slot, at);
                builder.ins().store(MemFlagsData::trusted(), vector, at, 0);
            }
        }
        Ok(slot)
    }

    /// The picks of the plan, by position.
    fn picks(&self) -> impl Iterator<Item = (usize, [Value; 4])> {
        let plan: &'p Plan = self.plan;
        plan.instructions.iter().enumerate().filter_map(|(index, instruction)| match instruction {
            Instruction::Pick(operands) => Some((index, *operands)),
            _ => None,
        })
    }

    /// The plan for the elements at one byte offset. `picks` is where their picks are on the stack, and
    /// the offset of these elements there; without it they are worked out.
    fn elements(
        &self,
        builder: &mut FunctionBuilder<'_>,
        body: &mut Body<'_>,
        offset: Clif,
        picks: Option<(&StackSlot, Clif)>,
    ) -> Result<(), CpuError> {
        let mut pick = 0;
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            // Constants are made in the loop, but for the early ones.
            let there = body.lanes == Lanes::Four && body.values[index].is_some();
            if self.uniformity.is_uniform(index) && (there || !is_constant(instruction)) {
                continue;
            }
            let of_block = self.uniformity.rates[index] == Rate::Block;
            body.values[index] = match (*instruction, picks) {
                (Instruction::Pick(_), Some((slot, place))) => {
                    let at = builder.ins().stack_addr(types::I64, *slot, pick * 4 * QUAD as i32);
                    pick += 1;
                    let at = builder.ins().iadd(at, place);
                    Some(builder.ins().load(types::I32X4, MemFlagsData::trusted(), at, 0))
                }
                (Instruction::Pick(operands), None) => {
                    let operands = body.operands(operands)?;
                    Some(memory::picked(builder, offset, operands))
                }
                _ if of_block && picks.is_some() => continue,
                (Instruction::Load(array), _) => {
                    let of = self.plan.element_type(array);
                    let address = memory::address(builder, of, self.base(array)?, offset);
                    Some(memory::load(builder, body.lanes, of, address))
                }
                (Instruction::Word(word), _) => {
                    let block = self.block(builder, offset);
                    let high = word == Word::BlockHigh;
                    let half = if high { builder.ins().ushr_imm_u(block, 32) } else { block };
                    Some(builder.ins().ireduce(types::I32, half))
                }
                _ => body.compute(builder, instruction)?,
            };
        }
        // All values first: a store may not stand before a load of the same element.
        for store in &self.plan.stores {
            let of = self.plan.element_type(store.array);
            let address = memory::address(builder, of, self.base(store.array)?, offset);
            match store.value {
                Written::Value(value) => {
                    let value = body.operand(value)?;
                    memory::store(builder, body.lanes, of, address, value);
                }
                Written::Descent { scale, update } => {
                    let factors = [body.operand(scale)?, body.operand(update)?];
                    memory::descend(builder, body.lanes, address, factors);
                }
            }
        }
        Ok(())
    }

    /// Start of an array.
    fn base(&self, array: Array) -> Result<Clif, CpuError> {
        match array {
            Array::Parameter => Ok(self.arguments.parameters),
            Array::Gradient => Ok(self.arguments.gradients),
            Array::State(slot) => self.states.get(usize::from(slot)).copied().ok_or_else(|| {
                CpuError::InvalidPlan(format!("state {slot} of {}", self.plan.states))
            }),
        }
    }

    /// The 64-bit number of the block of the element at a byte offset.
    fn block(&self, builder: &mut FunctionBuilder<'_>, offset: Clif) -> Clif {
        let first = builder.ins().ushr_imm_u(self.arguments.first_element, 2);
        let before = builder.ins().ushr_imm_u(offset, 4);
        builder.ins().iadd(first, before)
    }
}

/// A loop that has begun.
struct Loop {
    block: Block,
    /// Of the elements in bytes of binary32.
    offset: Clif,
    /// Uniform values in the loop's lanes, by position in the plan.
    values: Vec<Option<Clif>>,
}

impl Loop {
    /// Goes on with the next elements, or to `next` at the end.
    fn end(
        builder: &mut FunctionBuilder<'_>,
        (block, offset): (Block, Clif),
        stride: i64,
        to: Clif,
        next: Block,
    ) {
        let after = builder.ins().iadd_imm_s(offset, stride);
        let more = builder.ins().icmp(IntCC::UnsignedLessThan, after, to);
        builder.ins().brif(more, block, &[BlockArg::Value(after)], next, &[]);
    }
}
