//! What every instruction of a plan computes, on 32-bit words.
//!
//! The interpreter, the constant folder and the tests of the math library all call these functions;
//! a back end is right when it returns the same bits.

use super::ir::{BinaryOp, ShiftOp, UnaryOp};

/// The mask that stands for true.
pub const TRUE: u32 = u32::MAX;

fn mask(condition: bool) -> u32 {
    if condition { TRUE } else { 0 }
}

/// Result of a unary operation.
#[inline(always)]
pub fn unary(op: UnaryOp, a: u32) -> u32 {
    match op {
        UnaryOp::Negate => a ^ 0x8000_0000,
        UnaryOp::Absolute => a & 0x7fff_ffff,
        UnaryOp::SquareRoot => f32::from_bits(a).sqrt().to_bits(),
        UnaryOp::FloatBits | UnaryOp::BitsFloat => a,
        UnaryOp::IntegerFloat => (a as i32 as f32).to_bits(),
        UnaryOp::MaskNot => !a,
    }
}

/// Result of a binary operation.
#[inline(always)]
pub fn binary(op: BinaryOp, a: u32, b: u32) -> u32 {
    let (x, y) = (f32::from_bits(a), f32::from_bits(b));
    match op {
        BinaryOp::Add => (x + y).to_bits(),
        BinaryOp::Subtract => (x - y).to_bits(),
        BinaryOp::Multiply => (x * y).to_bits(),
        BinaryOp::Divide => (x / y).to_bits(),
        BinaryOp::Less => mask(x < y),
        BinaryOp::LessEqual => mask(x <= y),
        BinaryOp::Equal => mask(x == y),
        BinaryOp::IntegerAdd => a.wrapping_add(b),
        BinaryOp::IntegerSubtract => a.wrapping_sub(b),
        BinaryOp::IntegerMultiply => a.wrapping_mul(b),
        BinaryOp::IntegerMultiplyHigh => ((u64::from(a) * u64::from(b)) >> 32) as u32,
        BinaryOp::IntegerAnd | BinaryOp::MaskAnd => a & b,
        BinaryOp::IntegerOr | BinaryOp::MaskOr => a | b,
        BinaryOp::IntegerXor => a ^ b,
        BinaryOp::IntegerEqual => mask(a == b),
        BinaryOp::IntegerLess => mask((a as i32) < (b as i32)),
    }
}

/// `a * b + c` rounded once.
#[inline(always)]
#[expect(clippy::disallowed_methods, reason = "this is the one place that may fuse")]
pub fn fused_multiply_add(a: u32, b: u32, c: u32) -> u32 {
    f32::from_bits(a).mul_add(f32::from_bits(b), f32::from_bits(c)).to_bits()
}

/// Shift of an integer by a constant below 32.
#[inline(always)]
pub fn shift(op: ShiftOp, a: u32, by: u8) -> u32 {
    match op {
        ShiftOp::Left => a << by,
        ShiftOp::RightLogical => a >> by,
        ShiftOp::RightArithmetic => ((a as i32) >> by) as u32,
    }
}

/// `mask ? a : b`, bit by bit.
#[inline(always)]
pub fn select(mask: u32, a: u32, b: u32) -> u32 {
    (mask & a) | (!mask & b)
}
