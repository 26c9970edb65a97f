//! An instruction as a C expression.

use crate::plan::{BinaryOp, Instruction, ShiftOp, Type, UnaryOp, Value};

/// Type of a value in C. A mask is a `bool`.
pub(super) fn c_type(of: Type) -> &'static str {
    match of {
        Type::Float => "float",
        Type::Integer => "u32",
        Type::Mask => "bool",
    }
}

/// A constant that is clear where it stands; `None` for a float whose decimal digits are not its value.
pub(super) fn literal(instruction: &Instruction) -> Option<String> {
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
pub(super) fn float_bits(bits: u32) -> (String, String) {
    (format!("__uint_as_float(0x{bits:08x}u)"), format!("{:?}", f32::from_bits(bits)))
}

/// What an instruction with operands computes; `name` writes its operands. Leaves have names of their own
/// and no expression.
pub(super) fn expression(
    instruction: &Instruction,
    name: &impl Fn(Value) -> String,
) -> Option<String> {
    Some(match *instruction {
        Instruction::Unary(op, a) => unary(op, &name(a)),
        Instruction::Binary(op, a, b) => binary(op, &name(a), &name(b)),
        Instruction::FusedMultiplyAdd(a, b, c) => {
            format!("__fmaf_rn({}, {}, {})", name(a), name(b), name(c))
        }
        Instruction::Shift(op, a, by) => match op {
            ShiftOp::Left => format!("{} << {by}", name(a)),
            ShiftOp::RightLogical => format!("{} >> {by}", name(a)),
            ShiftOp::RightArithmetic => format!("(u32)((int){} >> {by})", name(a)),
        },
        Instruction::Select(mask, a, b) => format!("{} ? {} : {}", name(mask), name(a), name(b)),
        Instruction::Pick(of) => format!("pick(lane, {})", of.map(name).join(", ")),
        Instruction::Load(_)
        | Instruction::Scalar(_)
        | Instruction::Word(_)
        | Instruction::Float(_)
        | Instruction::Integer(_) => return None,
    })
}

fn unary(op: UnaryOp, a: &str) -> String {
    match op {
        UnaryOp::Negate => format!("-{a}"),
        UnaryOp::Absolute => format!("fabsf({a})"),
        UnaryOp::SquareRoot => format!("__fsqrt_rn({a})"),
        UnaryOp::FloatBits => format!("__float_as_uint({a})"),
        UnaryOp::BitsFloat => format!("__uint_as_float({a})"),
        UnaryOp::IntegerFloat => format!("__int2float_rn((int){a})"),
        UnaryOp::MaskNot => format!("!{a}"),
    }
}

fn binary(op: BinaryOp, a: &str, b: &str) -> String {
    let call = |function: &str| format!("{function}({a}, {b})");
    match op {
        BinaryOp::Add => call("__fadd_rn"),
        BinaryOp::Subtract => call("__fsub_rn"),
        BinaryOp::Multiply => call("__fmul_rn"),
        BinaryOp::Divide => call("__fdiv_rn"),
        BinaryOp::IntegerMultiplyHigh => call("__umulhi"),
        BinaryOp::IntegerLess => format!("(int){a} < (int){b}"),
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
