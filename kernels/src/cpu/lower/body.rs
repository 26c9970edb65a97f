//! The table of operations: each instruction of a plan as Cranelift instructions on one or four
//! elements.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value as Clif, types};
use cranelift_frontend::FunctionBuilder;

use super::super::error::CpuError;
use super::fused;
use super::lanes::{CAST, Lanes};
use crate::plan::{BinaryOp, Instruction, Plan, ShiftOp, UnaryOp, Value};

/// A plan on its way through one block of Cranelift code.
pub(super) struct Body<'p> {
    pub(super) plan: &'p Plan,
    pub(super) lanes: Lanes,
    /// Whether the target has a fused multiply-add.
    pub(super) native_fma: bool,
    /// What has been computed, by position in the plan.
    pub(super) values: Vec<Option<Clif>>,
}

impl Body<'_> {
    /// The Cranelift value of an operand.
    pub(super) fn operand(&self, value: Value) -> Result<Clif, CpuError> {
        self.values.get(value.index()).copied().flatten().ok_or_else(|| {
            CpuError::InvalidPlan(format!("v{} is read before it is made", value.index()))
        })
    }

    /// The Cranelift values of the operands of a pick.
    pub(super) fn operands(&self, values: [Value; 4]) -> Result<[Clif; 4], CpuError> {
        let [a, b, c, d] = values.map(|value| self.operand(value));
        Ok([a?, b?, c?, d?])
    }

    /// Computes a constant or an instruction with operands; `None` for what comes from memory.
    pub(super) fn compute(
        &self,
        builder: &mut FunctionBuilder<'_>,
        instruction: &Instruction,
    ) -> Result<Option<Clif>, CpuError> {
        let result = match *instruction {
            Instruction::Unary(op, a) => self.unary(builder, op, a)?,
            Instruction::Binary(op, a, b) => {
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                self.binary(builder, op, a, b)
            }
            Instruction::FusedMultiplyAdd(a, b, c) => {
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                let c = self.operand(c)?;
                self.multiply_add(builder, a, b, c)
            }
            Instruction::Shift(op, a, by) => {
                let a = self.operand(a)?;
                let by = builder.ins().iconst(types::I32, i64::from(by));
                match op {
                    ShiftOp::Left => builder.ins().ishl(a, by),
                    ShiftOp::RightLogical => builder.ins().ushr(a, by),
                    ShiftOp::RightArithmetic => builder.ins().sshr(a, by),
                }
            }
            Instruction::Select(mask, a, b) => {
                let mask = self.operand(mask)?;
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                self.lanes.select(builder, mask, a, b)
            }
            Instruction::Float(bits) => self.lanes.float_constant(builder, bits),
            Instruction::Integer(bits) => self.lanes.integer_constant(builder, bits),
            // What depends on memory or on the place of the element.
            Instruction::Load(_)
            | Instruction::Scalar(_)
            | Instruction::Word(_)
            | Instruction::Pick(_) => return Ok(None),
        };
        Ok(Some(result))
    }

    fn unary(
        &self,
        builder: &mut FunctionBuilder<'_>,
        op: UnaryOp,
        a: Value,
    ) -> Result<Clif, CpuError> {
        // Back ends of Cranelift look through negations one call deeper for each, so a chain of them
        // must not reach it: the second undoes the first.
        if let (UnaryOp::Negate, Some(&Instruction::Unary(UnaryOp::Negate, inner))) =
            (op, self.plan.instructions.get(a.index()))
        {
            return self.operand(inner);
        }
        let a = self.operand(a)?;
        Ok(match op {
            UnaryOp::Negate => builder.ins().fneg(a),
            UnaryOp::Absolute => builder.ins().fabs(a),
            UnaryOp::SquareRoot => builder.ins().sqrt(a),
            UnaryOp::FloatBits => builder.ins().bitcast(self.lanes.integer(), CAST, a),
            UnaryOp::BitsFloat => builder.ins().bitcast(self.lanes.float(), CAST, a),
            UnaryOp::IntegerFloat => builder.ins().fcvt_from_sint(self.lanes.float(), a),
            UnaryOp::MaskNot => self.lanes.not(builder, a),
        })
    }

    fn binary(&self, builder: &mut FunctionBuilder<'_>, op: BinaryOp, a: Clif, b: Clif) -> Clif {
        use BinaryOp as B;
        match op {
            B::Add => builder.ins().fadd(a, b),
            B::Subtract => builder.ins().fsub(a, b),
            B::Multiply => builder.ins().fmul(a, b),
            B::Divide => builder.ins().fdiv(a, b),
            B::Less => builder.ins().fcmp(FloatCC::LessThan, a, b),
            B::LessEqual => builder.ins().fcmp(FloatCC::LessThanOrEqual, a, b),
            B::Equal => builder.ins().fcmp(FloatCC::Equal, a, b),
            B::IntegerAdd => builder.ins().iadd(a, b),
            B::IntegerSubtract => builder.ins().isub(a, b),
            B::IntegerMultiply => builder.ins().imul(a, b),
            B::IntegerMultiplyHigh => self.lanes.multiply_high(builder, a, b),
            B::IntegerAnd | B::MaskAnd => builder.ins().band(a, b),
            B::IntegerOr | B::MaskOr => builder.ins().bor(a, b),
            B::IntegerXor => builder.ins().bxor(a, b),
            B::IntegerEqual => builder.ins().icmp(IntCC::Equal, a, b),
            B::IntegerLess => builder.ins().icmp(IntCC::SignedLessThan, a, b),
        }
    }

    fn multiply_add(&self, builder: &mut FunctionBuilder<'_>, a: Clif, b: Clif, c: Clif) -> Clif {
        if self.native_fma {
            builder.ins().fma(a, b, c)
        } else {
            fused::emulated(builder, self.lanes, [a, b, c])
        }
    }
}
