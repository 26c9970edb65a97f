//! An instruction as an expression of C, for both that are written: C99 and CUDA's C++.

use std::collections::BTreeSet;

use crate::plan::{BinaryOp, ElementType, Instruction, Plan, ShiftOp, Type, UnaryOp, Value, Word};

/// Which C is written. They differ in how an operation is kept from being contracted: CUDA has intrinsics that
/// round once, C99 a pragma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// CUDA C++ without headers.
    Cuda,
    /// C99 with `<math.h>`, `<stdint.h>` and the functions of [`super::PRELUDE`].
    C99,
}

/// Type of a value in C.
pub(crate) fn c_type(dialect: Dialect, of: Type) -> &'static str {
    match (of, dialect) {
        (Type::Float, _) => "float",
        (Type::Integer, Dialect::Cuda) => "u32",
        (Type::Integer, Dialect::C99) => "uint32_t",
        (Type::Mask, Dialect::Cuda) => "bool",
        (Type::Mask, Dialect::C99) => "int",
    }
}

/// How a value is called where it is made.
pub(crate) fn own_name(plan: &Plan, value: Value) -> String {
    let instruction = &plan.instructions[value.index()];
    match instruction {
        Instruction::Load(array) => array.to_string(),
        Instruction::Scalar(number) => format!("c{number}"),
        Instruction::Word(word) => match word {
            Word::KeyLow => "key_low",
            Word::KeyHigh => "key_high",
            Word::Step => "step",
            Word::BlockLow => "block_low",
            Word::BlockHigh => "block_high",
        }
        .to_owned(),
        Instruction::Float(_) | Instruction::Integer(_) => {
            literal(instruction).unwrap_or_else(|| format!("k{}", value.0))
        }
        _ => format!("v{}", value.0),
    }
}

/// Whether an instruction is a constant, which stands where it is read.
pub(crate) fn is_constant(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Float(_) | Instruction::Integer(_))
}

/// A constant that is clear where it stands; `None` for a float whose decimal digits are not its value.
pub(crate) fn literal(instruction: &Instruction) -> Option<String> {
    match *instruction {
        Instruction::Integer(number @ 0..=9_999) => Some(format!("{number}u")),
        Instruction::Integer(bits) => Some(format!("0x{bits:08x}u")),
        Instruction::Float(bits) => {
            let value = f32::from_bits(bits);
            let digits = format!("{value:?}");
            // No compiler can round what needs no rounding.
            let exact = digits.parse() == Ok(f64::from(value));
            let short = value.is_finite() && digits.len() <= 8 && !digits.contains('e');
            let zero_below = value == 0.0 && value.is_sign_negative();
            (exact && short && !zero_below).then(|| format!("{digits}f"))
        }
        _ => None,
    }
}

/// A float by its bits, and what it is for people.
fn float_bits(dialect: Dialect, bits: u32) -> (String, String) {
    let function = from_bits(dialect);
    (format!("{function}(0x{bits:08x}u)"), format!("{:?}", f32::from_bits(bits)))
}

/// The floats among some values that no literal is exact for: each with its bits in C and its number for people.
pub(crate) fn floats_by_bits(
    dialect: Dialect,
    plan: &Plan,
    read: impl Iterator<Item = Value>,
) -> Vec<(Value, String, String)> {
    let read: BTreeSet<Value> = read.collect();
    let mut found = Vec::new();
    for value in read {
        let instruction = &plan.instructions[value.index()];
        if let (Instruction::Float(bits), None) = (instruction, literal(instruction)) {
            let (bits, number) = float_bits(dialect, *bits);
            found.push((value, bits, number));
        }
    }
    found
}

/// The type of an element in memory; 16-bit floats are their bits.
pub(crate) fn element_type(dialect: Dialect, of: ElementType) -> &'static str {
    match (of, dialect) {
        (ElementType::F32, _) => "float",
        (ElementType::F64, _) => "double",
        (ElementType::F16 | ElementType::Bf16, Dialect::C99) => "uint16_t",
        (ElementType::F16 | ElementType::Bf16, Dialect::Cuda) => "u16",
    }
}

fn from_bits(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Cuda => "__uint_as_float",
        Dialect::C99 => "noscf_from_bits",
    }
}

/// What an instruction with operands computes; `name` writes its operands. Leaves have names of their own
/// and no expression.
pub(crate) fn expression(
    dialect: Dialect,
    instruction: &Instruction,
    name: &impl Fn(Value) -> String,
) -> Option<String> {
    Some(match *instruction {
        Instruction::Unary(op, a) => unary(dialect, op, &name(a)),
        Instruction::Binary(op, a, b) => binary(dialect, op, &name(a), &name(b)),
        Instruction::FusedMultiplyAdd(a, b, c) => {
            let function = if dialect == Dialect::Cuda { "__fmaf_rn" } else { "fmaf" };
            format!("{function}({}, {}, {})", name(a), name(b), name(c))
        }
        Instruction::Shift(op, a, by) => match (op, dialect) {
            (ShiftOp::Left, _) => format!("{} << {by}", name(a)),
            (ShiftOp::RightLogical, _) => format!("{} >> {by}", name(a)),
            (ShiftOp::RightArithmetic, Dialect::Cuda) => format!("(u32)((int){} >> {by})", name(a)),
            (ShiftOp::RightArithmetic, Dialect::C99) => {
                format!("(uint32_t)((int32_t){} >> {by})", name(a))
            }
        },
        Instruction::Select(mask, a, b) => format!("{} ? {} : {}", name(mask), name(a), name(b)),
        Instruction::Pick(of) => {
            let function = if dialect == Dialect::Cuda { "pick" } else { "noscf_pick" };
            format!("{function}(lane, {})", of.map(name).join(", "))
        }
        Instruction::Load(_)
        | Instruction::Scalar(_)
        | Instruction::Word(_)
        | Instruction::Float(_)
        | Instruction::Integer(_) => return None,
    })
}

fn unary(dialect: Dialect, op: UnaryOp, a: &str) -> String {
    match (op, dialect) {
        (UnaryOp::Negate, _) => format!("-{a}"),
        (UnaryOp::Absolute, _) => format!("fabsf({a})"),
        (UnaryOp::SquareRoot, Dialect::Cuda) => format!("__fsqrt_rn({a})"),
        (UnaryOp::SquareRoot, Dialect::C99) => format!("sqrtf({a})"),
        (UnaryOp::FloatBits, Dialect::Cuda) => format!("__float_as_uint({a})"),
        (UnaryOp::FloatBits, Dialect::C99) => format!("noscf_bits({a})"),
        (UnaryOp::BitsFloat, _) => format!("{}({a})", from_bits(dialect)),
        (UnaryOp::IntegerFloat, Dialect::Cuda) => format!("__int2float_rn((int){a})"),
        (UnaryOp::IntegerFloat, Dialect::C99) => format!("(float)(int32_t){a}"),
        (UnaryOp::MaskNot, _) => format!("!{a}"),
    }
}

fn binary(dialect: Dialect, op: BinaryOp, a: &str, b: &str) -> String {
    let cuda = |function: &str, operator: &str| match dialect {
        Dialect::Cuda => format!("{function}({a}, {b})"),
        Dialect::C99 => format!("{a} {operator} {b}"),
    };
    match op {
        BinaryOp::Add => cuda("__fadd_rn", "+"),
        BinaryOp::Subtract => cuda("__fsub_rn", "-"),
        BinaryOp::Multiply => cuda("__fmul_rn", "*"),
        BinaryOp::Divide => cuda("__fdiv_rn", "/"),
        BinaryOp::IntegerMultiplyHigh => match dialect {
            Dialect::Cuda => format!("__umulhi({a}, {b})"),
            Dialect::C99 => format!("(uint32_t)((uint64_t){a} * {b} >> 32)"),
        },
        BinaryOp::IntegerLess => match dialect {
            Dialect::Cuda => format!("(int){a} < (int){b}"),
            Dialect::C99 => format!("(int32_t){a} < (int32_t){b}"),
        },
        BinaryOp::Less => format!("{a} < {b}"),
        BinaryOp::LessEqual => format!("{a} <= {b}"),
        BinaryOp::Equal | BinaryOp::IntegerEqual => format!("{a} == {b}"),
        BinaryOp::IntegerAdd => format!("{a} + {b}"),
        BinaryOp::IntegerSubtract => format!("{a} - {b}"),
        BinaryOp::IntegerMultiply => format!("{a} * {b}"),
        // On masks too: both sides are known already, so there is nothing to branch about.
        BinaryOp::IntegerAnd | BinaryOp::MaskAnd => format!("{a} & {b}"),
        BinaryOp::IntegerOr | BinaryOp::MaskOr => format!("{a} | {b}"),
        BinaryOp::IntegerXor => format!("{a} ^ {b}"),
    }
}
