//! The plan: one element's step as a straight-line program in single-assignment form.
//!
//! Every back end sees only this. An instruction is exact in IEEE 754 binary32 or in 32-bit integer
//! terms, so two back ends that carry out the same plan return the same bits (any NaN stands for
//! any other). What each instruction means is written once, in [`super::semantics`].
//!
//! ```text
//! canonical rule ─► [plan] ─► interpreter | Cranelift | wide vectors | CUDA source
//! ```

use std::fmt;

/// A 32-bit value of the plan: the index of the instruction that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(crate) u32);

impl Value {
    /// Position of the instruction in [`Plan::instructions`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the 32 bits of a [`Value`] stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// An IEEE 754 binary32 number.
    Float,
    /// A 32-bit integer; signed or unsigned is a property of the operation.
    Integer,
    /// The result of a comparison: all ones or all zeros.
    Mask,
}

/// One of the arrays that a kernel walks over, all of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Array {
    /// `w`, read and written.
    Parameter,
    /// `g`, read only.
    Gradient,
    /// A state slot, read and written.
    State(u16),
}

/// A number type of an array. Arithmetic is in binary32 whatever the arrays hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ElementType {
    /// IEEE binary32.
    #[default]
    F32,
    /// IEEE binary64.
    F64,
    /// IEEE binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
}

impl ElementType {
    /// All of them.
    pub const ALL: [ElementType; 4] =
        [ElementType::F32, ElementType::F64, ElementType::F16, ElementType::Bf16];

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            ElementType::F64 => 8,
            ElementType::F32 => 4,
            ElementType::F16 | ElementType::Bf16 => 2,
        }
    }

    /// `f32`, `f64`, `f16` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            ElementType::F32 => "f32",
            ElementType::F64 => "f64",
            ElementType::F16 => "f16",
            ElementType::Bf16 => "bf16",
        }
    }

    /// Type of a loaded element. Those of 16 bits are loaded as they are and converted by
    /// instructions of the plan.
    pub fn loaded(self) -> Type {
        match self {
            ElementType::F32 | ElementType::F64 => Type::Float,
            ElementType::F16 | ElementType::Bf16 => Type::Integer,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A 32-bit integer that the kernel is called with, or the place of the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// Philox key, first word: the low half of the seed.
    KeyLow,
    /// Philox key, second word: tensor id xor the high half of the seed.
    KeyHigh,
    /// Step number modulo 2^32.
    Step,
    /// Low half of the number of the block of four that the element is in: its index in the tensor
    /// divided by 4.
    BlockLow,
    /// High half of that number.
    BlockHigh,
}

/// Operations of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnaryOp {
    /// Flips the sign bit, of a NaN too. Float to float.
    Negate,
    /// Clears the sign bit. Float to float.
    Absolute,
    /// Square root, correctly rounded; NaN below zero, -0 for -0. Float to float.
    SquareRoot,
    /// The bits of a float as an integer.
    FloatBits,
    /// A float with the bits of the integer.
    BitsFloat,
    /// The signed integer as a float, rounded to nearest even.
    IntegerFloat,
    /// Complement of a mask.
    MaskNot,
}

/// Operations of two operands of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOp {
    /// Float sum, rounded to nearest even.
    Add,
    /// Float difference.
    Subtract,
    /// Float product.
    Multiply,
    /// Float quotient.
    Divide,
    /// Mask: `a < b`, false with a NaN.
    Less,
    /// Mask: `a <= b`, false with a NaN.
    LessEqual,
    /// Mask: `a == b`, false with a NaN; -0 equals +0.
    Equal,
    /// Integer sum modulo 2^32.
    IntegerAdd,
    /// Integer difference modulo 2^32.
    IntegerSubtract,
    /// Low 32 bits of the integer product.
    IntegerMultiply,
    /// High 32 bits of the unsigned 64-bit product.
    IntegerMultiplyHigh,
    /// Bitwise and.
    IntegerAnd,
    /// Bitwise or.
    IntegerOr,
    /// Bitwise exclusive or.
    IntegerXor,
    /// Mask: integers are equal.
    IntegerEqual,
    /// Mask: signed `a < b`.
    IntegerLess,
    /// Both masks.
    MaskAnd,
    /// Either mask.
    MaskOr,
}

/// Shifts of an integer by a constant 0..=31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShiftOp {
    /// Towards the high bits.
    Left,
    /// Towards the low bits, zeros come in.
    RightLogical,
    /// Towards the low bits, copies of the sign bit come in.
    RightArithmetic,
}

/// One instruction; its operands stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// The element of an array, as it was before the step. Float, a binary64 element rounded to nearest
    /// even; the bits of a 16-bit element, zero-extended, as an integer.
    Load(Array),
    /// Step scalar number `i`, the same for every element. Float.
    Scalar(u16),
    /// An integer argument of the kernel or the element's place. Integer.
    Word(Word),
    /// A float constant, by its bits.
    Float(u32),
    /// An integer constant.
    Integer(u32),
    /// One operand.
    Unary(UnaryOp, Value),
    /// Two operands.
    Binary(BinaryOp, Value, Value),
    /// `a * b + c` rounded once.
    FusedMultiplyAdd(Value, Value, Value),
    /// Shift by a constant.
    Shift(ShiftOp, Value, u8),
    /// `mask ? a : b`; a and b are both floats or both integers.
    Select(Value, Value, Value),
    /// The integer operand that stands at the place of the element in its block of four: the way from
    /// what is computed once a block to the elements.
    Pick([Value; 4]),
}

/// A value that becomes the element of an array at the end of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Store {
    /// Where it goes: the parameter or a state.
    pub array: Array,
    /// What is written.
    pub value: Written,
}

/// The new element of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Written {
    /// A float for an array of binary32; for one of 16-bit elements an integer, of which the low half
    /// is written.
    Value(Value),
    /// For a binary64 parameter: the old element less `scale * update`, all three widened; one product
    /// and one difference, each rounded to binary64.
    Descent {
        /// A float.
        scale: Value,
        /// A float.
        update: Value,
    },
}

impl Written {
    /// The values that are read.
    pub fn operands(self) -> impl Iterator<Item = Value> {
        let list = match self {
            Written::Value(value) => [Some(value), None],
            Written::Descent { scale, update } => [Some(scale), Some(update)],
        };
        list.into_iter().flatten()
    }
}

/// One element's step. [`super::verify()`] states what holds for every plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Plan {
    /// In order of evaluation; operands come before their users.
    pub instructions: Vec<Instruction>,
    /// All loads of an element happen before any store of that element.
    pub stores: Vec<Store>,
    /// Number of state arrays.
    pub states: u16,
    /// Number of step scalars that the kernel is called with.
    pub scalars: u16,
    /// Type of the parameters.
    pub parameter: ElementType,
    /// Type of the gradients. States are binary32.
    pub gradient: ElementType,
}

impl UnaryOp {
    /// Type of the operand and of the result.
    pub fn signature(self) -> (Type, Type) {
        match self {
            UnaryOp::Negate | UnaryOp::Absolute | UnaryOp::SquareRoot => (Type::Float, Type::Float),
            UnaryOp::FloatBits => (Type::Float, Type::Integer),
            UnaryOp::BitsFloat | UnaryOp::IntegerFloat => (Type::Integer, Type::Float),
            UnaryOp::MaskNot => (Type::Mask, Type::Mask),
        }
    }

    /// Name in a printed plan.
    pub fn name(self) -> &'static str {
        match self {
            UnaryOp::Negate => "fneg",
            UnaryOp::Absolute => "fabs",
            UnaryOp::SquareRoot => "fsqrt",
            UnaryOp::FloatBits => "bits",
            UnaryOp::BitsFloat => "from_bits",
            UnaryOp::IntegerFloat => "to_float",
            UnaryOp::MaskNot => "not",
        }
    }
}

impl BinaryOp {
    /// Type of both operands and of the result.
    pub fn signature(self) -> (Type, Type) {
        use BinaryOp as B;
        match self {
            B::Add | B::Subtract | B::Multiply | B::Divide => (Type::Float, Type::Float),
            B::Less | B::LessEqual | B::Equal => (Type::Float, Type::Mask),
            B::IntegerAdd
            | B::IntegerSubtract
            | B::IntegerMultiply
            | B::IntegerMultiplyHigh
            | B::IntegerAnd
            | B::IntegerOr
            | B::IntegerXor => (Type::Integer, Type::Integer),
            B::IntegerEqual | B::IntegerLess => (Type::Integer, Type::Mask),
            B::MaskAnd | B::MaskOr => (Type::Mask, Type::Mask),
        }
    }

    /// Name in a printed plan.
    pub fn name(self) -> &'static str {
        use BinaryOp as B;
        match self {
            B::Add => "fadd",
            B::Subtract => "fsub",
            B::Multiply => "fmul",
            B::Divide => "fdiv",
            B::Less => "flt",
            B::LessEqual => "fle",
            B::Equal => "feq",
            B::IntegerAdd => "iadd",
            B::IntegerSubtract => "isub",
            B::IntegerMultiply => "imul",
            B::IntegerMultiplyHigh => "umulhi",
            B::IntegerAnd => "iand",
            B::IntegerOr => "ior",
            B::IntegerXor => "ixor",
            B::IntegerEqual => "ieq",
            B::IntegerLess => "ilt",
            B::MaskAnd => "and",
            B::MaskOr => "or",
        }
    }
}

impl ShiftOp {
    /// Name in a printed plan.
    pub fn name(self) -> &'static str {
        match self {
            ShiftOp::Left => "shl",
            ShiftOp::RightLogical => "ushr",
            ShiftOp::RightArithmetic => "sshr",
        }
    }
}

impl Instruction {
    /// The values that this instruction reads.
    pub fn operands(&self) -> impl Iterator<Item = Value> + use<> {
        let list = match *self {
            Instruction::Load(_)
            | Instruction::Scalar(_)
            | Instruction::Word(_)
            | Instruction::Float(_)
            | Instruction::Integer(_) => [None; 4],
            Instruction::Unary(_, a) | Instruction::Shift(_, a, _) => [Some(a), None, None, None],
            Instruction::Binary(_, a, b) => [Some(a), Some(b), None, None],
            Instruction::FusedMultiplyAdd(a, b, c) | Instruction::Select(a, b, c) => {
                [Some(a), Some(b), Some(c), None]
            }
            Instruction::Pick(values) => values.map(Some),
        };
        list.into_iter().flatten()
    }
}

impl Plan {
    /// Whether the plan has an explicit fused multiply-add.
    pub fn uses_fma(&self) -> bool {
        self.instructions.iter().any(|i| matches!(i, Instruction::FusedMultiplyAdd(..)))
    }

    /// Whether any value depends on the place of the element, that is, on random draws.
    pub fn is_random(&self) -> bool {
        self.instructions.iter().any(|i| matches!(i, Instruction::Word(_) | Instruction::Pick(_)))
    }

    /// Type of the elements of an array.
    pub fn element_type(&self, array: Array) -> ElementType {
        match array {
            Array::Parameter => self.parameter,
            Array::Gradient => self.gradient,
            Array::State(_) => ElementType::F32,
        }
    }
}
