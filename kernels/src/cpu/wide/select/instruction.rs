//! The table of instructions.

use super::super::program::{
    Base, Binary, Class, Compare, FloatCompare, MaskOp, Op, Place, Unary, Virtual, Width,
};
use super::Selector;
use crate::plan::{BinaryOp, Instruction, UnaryOp, Value, Word};

const SIGN: u32 = 0x8000_0000;

/// For `vfixupimmps`: from the lowest four bits up, what quiet and signalling NaN, zero, 1, -inf, inf,
/// other negative and other positive numbers become: 1 is the operand, 2 a NaN, 9 is -1, 10 is 1.
const SIGNS: u32 = 0xa9a9_a121;

impl Selector<'_> {
    /// Computes an instruction whose operands have been computed.
    pub(super) fn instruction(&mut self, value: Value) {
        let instruction = self.plan.instructions[value.index()];
        if let Instruction::Binary(op, a, b) = instruction {
            match op {
                BinaryOp::IntegerMultiply | BinaryOp::IntegerMultiplyHigh => {
                    return self.product(value, op, a, b);
                }
                _ => {
                    if lanewise(op).is_some_and(|op| self.on_halves(value, op, a, b)) {
                        return;
                    }
                }
            }
        }
        let register = match instruction {
            Instruction::Load(array) => self.make(Op::Load(array, 0), &[], Class::Vector),
            Instruction::Scalar(number) => self.argument(Base::Scalars, i32::from(number)),
            Instruction::Word(Word::KeyLow) => self.argument(Base::Words, 0),
            Instruction::Word(Word::KeyHigh) => self.argument(Base::Words, 1),
            Instruction::Word(Word::Step) => self.argument(Base::Words, 2),
            Instruction::Word(word) => self.block_number(word),
            Instruction::Float(bits) | Instruction::Integer(bits) => self.constant(bits),
            Instruction::Unary(op, a) => self.unary(op, a),
            Instruction::Binary(op, a, b) => self.two_operands(op, a, b),
            Instruction::FusedMultiplyAdd(a, b, c) => self.multiply_add(value, [a, b, c]),
            Instruction::Shift(op, a, by) => {
                let a = self.at(a);
                if by == 0 { a } else { self.make(Op::Shift(op, by), &[a], Class::Vector) }
            }
            Instruction::Select(mask, a, b) => self.choose(mask, a, b),
            // It has its home since the blocks.
            Instruction::Pick(_) => return,
        };
        self.values[value.index()] = Some(register);
    }

    /// A word that the kernel is called with.
    fn argument(&mut self, base: Base, number: i32) -> Virtual {
        self.home(Place { base, offset: number * 4, full: false }, Class::Vector)
    }

    fn unary(&mut self, op: UnaryOp, a: Value) -> Virtual {
        let a = self.at(a);
        let machine = |op| Op::Unary(op);
        match op {
            UnaryOp::Negate => {
                let sign = self.constant(SIGN);
                self.binary(Binary::Xor, a, sign)
            }
            UnaryOp::Absolute => {
                let rest = self.constant(!SIGN);
                self.binary(Binary::And, a, rest)
            }
            UnaryOp::SquareRoot => self.make(machine(Unary::SquareRoot), &[a], Class::Vector),
            UnaryOp::FloatBits | UnaryOp::BitsFloat => a,
            UnaryOp::IntegerFloat => self.make(machine(Unary::ToFloat), &[a], Class::Vector),
            UnaryOp::MaskNot => self.not(a),
        }
    }

    fn two_operands(&mut self, op: BinaryOp, a: Value, b: Value) -> Virtual {
        let (a, b) = (self.at(a), self.at(b));
        if let Some(op) = lanewise(op) {
            return self.binary(op, a, b);
        }
        match op {
            BinaryOp::Add => self.binary(Binary::Add, a, b),
            BinaryOp::Subtract => self.binary(Binary::Subtract, a, b),
            BinaryOp::Multiply => self.binary(Binary::Multiply, a, b),
            BinaryOp::Divide => self.binary(Binary::Divide, a, b),
            // These have been dealt with.
            BinaryOp::IntegerAdd
            | BinaryOp::IntegerSubtract
            | BinaryOp::IntegerMultiply
            | BinaryOp::IntegerMultiplyHigh
            | BinaryOp::IntegerAnd
            | BinaryOp::IntegerOr
            | BinaryOp::IntegerXor => a,
            BinaryOp::Less => self.compare(Compare::Float(FloatCompare::Less), a, b),
            BinaryOp::LessEqual => self.compare(Compare::Float(FloatCompare::LessEqual), a, b),
            BinaryOp::Equal => self.compare(Compare::Float(FloatCompare::Equal), a, b),
            BinaryOp::IntegerEqual => self.compare(Compare::IntegerEqual, a, b),
            BinaryOp::IntegerLess => self.compare(Compare::IntegerLess, a, b),
            BinaryOp::MaskAnd => self.mask(MaskOp::And, a, b),
            BinaryOp::MaskOr => self.mask(MaskOp::Or, a, b),
        }
    }

    fn mask(&mut self, op: MaskOp, a: Virtual, b: Virtual) -> Virtual {
        match (self.width, op) {
            (Width::Avx512, _) => self.make(Op::Mask(op), &[a, b], Class::Mask),
            (Width::Avx2, MaskOp::And) => self.binary(Binary::And, a, b),
            (Width::Avx2, _) => self.binary(Binary::Or, a, b),
        }
    }

    /// Complement of a mask: the opposite comparison where the mask is one of floats.
    fn not(&mut self, mask: Virtual) -> Virtual {
        if let Some(definition) = self.definitions[mask.index()]
            && let Op::Compare(compare) = definition.op
        {
            let opposite = match compare {
                Compare::Float(op) => Some(Compare::FloatNot(op)),
                Compare::FloatNot(op) => Some(Compare::Float(op)),
                Compare::IntegerEqual | Compare::IntegerLess => None,
            };
            if let (Some(opposite), [a, b]) = (opposite, definition.operands()) {
                return self.compare(opposite, *a, *b);
            }
        }
        match self.width {
            Width::Avx512 => self.make(Op::Mask(MaskOp::Not), &[mask], Class::Mask),
            Width::Avx2 => {
                let ones = self.constant(u32::MAX);
                self.binary(Binary::Xor, mask, ones)
            }
        }
    }

    /// `a * b + c`; negations of operands become part of the operation, which is exact.
    fn multiply_add(&mut self, value: Value, operands: [Value; 3]) -> Virtual {
        let mut signs = [false; 3];
        let mut registers = [Virtual(0); 3];
        for (place, operand) in operands.into_iter().enumerate() {
            let mut operand = operand;
            while let Instruction::Unary(UnaryOp::Negate, inner) =
                self.plan.instructions[operand.index()]
                && self.rates[operand.index()] == self.rates[value.index()]
            {
                signs[place] = !signs[place];
                operand = inner;
            }
            registers[place] = self.at(operand);
        }
        let [a, b, c] = signs;
        let op = Op::MultiplyAdd { negate_product: a != b, negate_addend: c };
        self.make(op, &registers, Class::Vector)
    }

    /// x if a selection is `0 < x ? 1 : (x < 0 ? -1 : x)`, or the same with the two the other way
    /// round, and there is an instruction for it.
    fn sign_of(&self, mask: Value, a: Value, b: Value) -> Option<Value> {
        let side = |mask: Value, chosen: Value| {
            let instructions = &self.plan.instructions;
            let (Instruction::Binary(BinaryOp::Less, left, right), Instruction::Float(bits)) =
                (instructions[mask.index()], instructions[chosen.index()])
            else {
                return None;
            };
            let is_zero = |v: Value| matches!(instructions[v.index()], Instruction::Float(bits) if bits & !SIGN == 0);
            match f32::from_bits(bits) {
                1.0 if is_zero(left) => Some((right, bits)),
                -1.0 if is_zero(right) => Some((left, bits)),
                _ => None,
            }
        };
        let Instruction::Select(inner, chosen, rest) = self.plan.instructions[b.index()] else {
            return None;
        };
        let ((x, bits), (y, other)) = (side(mask, a)?, side(inner, chosen)?);
        (self.width == Width::Avx512 && x == y && x == rest && bits != other).then_some(x)
    }

    /// `mask ? a : b`
    fn choose(&mut self, mask: Value, a: Value, b: Value) -> Virtual {
        if let Some(of) = self.sign_of(mask, a, b) {
            let (of, table) = (self.at(of), self.constant(SIGNS));
            return self.binary(Binary::Sign, of, table);
        }
        if let Instruction::Binary(BinaryOp::Less, left, right) =
            self.plan.instructions[mask.index()]
            && ((left, right) == (a, b) || (right, left) == (a, b))
        {
            // The second operand also for NaN and for zeros of two signs, as the selection does.
            let op = if left == a { Binary::Minimum } else { Binary::Maximum };
            let (a, b) = (self.at(a), self.at(b));
            return self.binary(op, a, b);
        }
        let [mask, a, b] = [mask, a, b].map(|v| self.at(v));
        let zero = self.constant(0);
        if b == zero {
            return self.make(Op::SelectOrZero, &[mask, a], Class::Vector);
        }
        if a == zero {
            return match self.width {
                Width::Avx2 => self.make(Op::ZeroOrSelect, &[mask, b], Class::Vector),
                Width::Avx512 => {
                    let mask = self.not(mask);
                    self.make(Op::SelectOrZero, &[mask, b], Class::Vector)
                }
            };
        }
        // The first choice may be read from memory, the second may not.
        let in_memory = |register: Virtual| self.program.homes[register.index()].is_some();
        let comparison = self.definitions[mask.index()];
        let opposed = comparison.is_some_and(|definition| {
            matches!(definition.op, Op::Compare(Compare::Float(_) | Compare::FloatNot(_)))
        });
        if in_memory(b) && !in_memory(a) && opposed {
            let mask = self.not(mask);
            return self.make(Op::Select, &[mask, b, a], Class::Vector);
        }
        self.make(Op::Select, &[mask, a, b], Class::Vector)
    }
}

/// Integer operations that treat every word alike, whatever its neighbours are.
fn lanewise(op: BinaryOp) -> Option<Binary> {
    match op {
        BinaryOp::IntegerAdd => Some(Binary::IntegerAdd),
        BinaryOp::IntegerSubtract => Some(Binary::IntegerSubtract),
        BinaryOp::IntegerAnd => Some(Binary::And),
        BinaryOp::IntegerOr => Some(Binary::Or),
        BinaryOp::IntegerXor => Some(Binary::Xor),
        _ => None,
    }
}
