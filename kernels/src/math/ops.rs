//! The operations that the math library is written in.
//!
//! Each function of the library is generic over [`Ops`], and so is written once. With
//! [`crate::plan::PlanBuilder`] it becomes instructions of a plan; with [`Direct`] it is computed on
//! the spot, which is how the exhaustive tests reach all 2^32 floats.

use crate::plan::{BinaryOp, ShiftOp, UnaryOp, semantics};

/// Makes values out of values; the types keep floats, integers and masks apart.
pub trait Ops {
    /// A binary32 number.
    type Float: Copy;
    /// A 32-bit integer.
    type Integer: Copy;
    /// The result of a comparison.
    type Mask: Copy;
    /// What [`Ops::pick`] needs to know of the element.
    type Lane: Copy;

    /// The one of four integers of a block that belongs to the element.
    fn pick(&mut self, lane: Self::Lane, of: [Self::Integer; 4]) -> Self::Integer;

    /// A constant.
    fn float(&mut self, value: f32) -> Self::Float;
    /// A constant.
    fn integer(&mut self, value: u32) -> Self::Integer;

    /// `a + b`
    fn add(&mut self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a - b`
    fn sub(&mut self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a * b`
    fn mul(&mut self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a / b`
    fn div(&mut self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a * b + c`, rounded once
    fn fma(&mut self, a: Self::Float, b: Self::Float, c: Self::Float) -> Self::Float;
    /// Square root, correctly rounded
    fn sqrt(&mut self, a: Self::Float) -> Self::Float;
    /// Flips the sign bit
    fn neg(&mut self, a: Self::Float) -> Self::Float;
    /// Clears the sign bit
    fn abs(&mut self, a: Self::Float) -> Self::Float;

    /// `a < b`, false with a NaN
    fn lt(&mut self, a: Self::Float, b: Self::Float) -> Self::Mask;
    /// `a <= b`, false with a NaN
    fn le(&mut self, a: Self::Float, b: Self::Float) -> Self::Mask;
    /// `a == b`, false with a NaN
    fn eq(&mut self, a: Self::Float, b: Self::Float) -> Self::Mask;
    /// Signed `a < b`
    fn ilt(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Mask;
    /// `a == b`
    fn ieq(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Mask;
    /// Both
    fn and(&mut self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Either
    fn or(&mut self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Complement
    fn not(&mut self, a: Self::Mask) -> Self::Mask;

    /// `mask ? a : b`
    fn select(&mut self, mask: Self::Mask, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `mask ? a : b`
    fn iselect(&mut self, mask: Self::Mask, a: Self::Integer, b: Self::Integer) -> Self::Integer;

    /// Sum modulo 2^32
    fn iadd(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// Difference modulo 2^32
    fn isub(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// Low 32 bits of the product
    fn imul(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// High 32 bits of the unsigned product
    fn umulhi(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// Bitwise and
    fn iand(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// Bitwise or
    fn ior(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// Bitwise exclusive or
    fn ixor(&mut self, a: Self::Integer, b: Self::Integer) -> Self::Integer;
    /// Shift left by a constant
    fn shl(&mut self, a: Self::Integer, by: u8) -> Self::Integer;
    /// Logical shift right by a constant
    fn ushr(&mut self, a: Self::Integer, by: u8) -> Self::Integer;
    /// Arithmetic shift right by a constant
    fn sshr(&mut self, a: Self::Integer, by: u8) -> Self::Integer;

    /// The bits of a float
    fn bits(&mut self, a: Self::Float) -> Self::Integer;
    /// The float with these bits
    #[expect(clippy::wrong_self_convention, reason = "self is the maker of values, not the value")]
    fn from_bits(&mut self, a: Self::Integer) -> Self::Float;
    /// The signed integer, rounded to nearest even
    fn to_float(&mut self, a: Self::Integer) -> Self::Float;
}

/// Computes at once, with the meaning of [`semantics`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

macro_rules! direct {
    ($($name:ident($($arg:ident: $from:ident),+) -> $to:ident = $call:expr;)+) => {
        $(#[inline(always)]
        fn $name(&mut self, $($arg: Self::$from),+) -> Self::$to {
            $(let $arg = Word::$from($arg).0;)+
            Word($call).into_typed::<Self::$to>()
        })+
    };
}

/// A 32-bit word on its way between a typed value and [`semantics`].
struct Word(u32);

#[expect(non_snake_case, reason = "named after the associated types for the macro above")]
impl Word {
    #[inline(always)]
    fn Float(value: f32) -> Word {
        Word(value.to_bits())
    }
    #[inline(always)]
    fn Integer(value: u32) -> Word {
        Word(value)
    }
    #[inline(always)]
    fn Mask(value: bool) -> Word {
        Word(if value { semantics::TRUE } else { 0 })
    }
    #[inline(always)]
    fn into_typed<T: FromWord>(self) -> T {
        T::from_word(self.0)
    }
}

trait FromWord {
    fn from_word(word: u32) -> Self;
}
impl FromWord for f32 {
    #[inline(always)]
    fn from_word(word: u32) -> f32 {
        f32::from_bits(word)
    }
}
impl FromWord for u32 {
    #[inline(always)]
    fn from_word(word: u32) -> u32 {
        word
    }
}
impl FromWord for bool {
    #[inline(always)]
    fn from_word(word: u32) -> bool {
        word != 0
    }
}

impl Ops for Direct {
    type Float = f32;
    type Integer = u32;
    type Mask = bool;
    /// The element's index modulo 4.
    type Lane = u32;

    #[inline(always)]
    fn pick(&mut self, lane: u32, of: [u32; 4]) -> u32 {
        of[lane as usize % 4]
    }
    #[inline(always)]
    fn float(&mut self, value: f32) -> f32 {
        value
    }
    #[inline(always)]
    fn integer(&mut self, value: u32) -> u32 {
        value
    }
    direct! {
        add(a: Float, b: Float) -> Float = semantics::binary(BinaryOp::Add, a, b);
        sub(a: Float, b: Float) -> Float = semantics::binary(BinaryOp::Subtract, a, b);
        mul(a: Float, b: Float) -> Float = semantics::binary(BinaryOp::Multiply, a, b);
        div(a: Float, b: Float) -> Float = semantics::binary(BinaryOp::Divide, a, b);
        fma(a: Float, b: Float, c: Float) -> Float = semantics::fused_multiply_add(a, b, c);
        sqrt(a: Float) -> Float = semantics::unary(UnaryOp::SquareRoot, a);
        neg(a: Float) -> Float = semantics::unary(UnaryOp::Negate, a);
        abs(a: Float) -> Float = semantics::unary(UnaryOp::Absolute, a);
        lt(a: Float, b: Float) -> Mask = semantics::binary(BinaryOp::Less, a, b);
        le(a: Float, b: Float) -> Mask = semantics::binary(BinaryOp::LessEqual, a, b);
        eq(a: Float, b: Float) -> Mask = semantics::binary(BinaryOp::Equal, a, b);
        ilt(a: Integer, b: Integer) -> Mask = semantics::binary(BinaryOp::IntegerLess, a, b);
        ieq(a: Integer, b: Integer) -> Mask = semantics::binary(BinaryOp::IntegerEqual, a, b);
        and(a: Mask, b: Mask) -> Mask = semantics::binary(BinaryOp::MaskAnd, a, b);
        or(a: Mask, b: Mask) -> Mask = semantics::binary(BinaryOp::MaskOr, a, b);
        not(a: Mask) -> Mask = semantics::unary(UnaryOp::MaskNot, a);
        select(m: Mask, a: Float, b: Float) -> Float = semantics::select(m, a, b);
        iselect(m: Mask, a: Integer, b: Integer) -> Integer = semantics::select(m, a, b);
        iadd(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerAdd, a, b);
        isub(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerSubtract, a, b);
        imul(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerMultiply, a, b);
        umulhi(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerMultiplyHigh, a, b);
        iand(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerAnd, a, b);
        ior(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerOr, a, b);
        ixor(a: Integer, b: Integer) -> Integer = semantics::binary(BinaryOp::IntegerXor, a, b);
        bits(a: Float) -> Integer = semantics::unary(UnaryOp::FloatBits, a);
        from_bits(a: Integer) -> Float = semantics::unary(UnaryOp::BitsFloat, a);
        to_float(a: Integer) -> Float = semantics::unary(UnaryOp::IntegerFloat, a);
    }
    #[inline(always)]
    fn shl(&mut self, a: u32, by: u8) -> u32 {
        semantics::shift(ShiftOp::Left, a, by)
    }
    #[inline(always)]
    fn ushr(&mut self, a: u32, by: u8) -> u32 {
        semantics::shift(ShiftOp::RightLogical, a, by)
    }
    #[inline(always)]
    fn sshr(&mut self, a: u32, by: u8) -> u32 {
        semantics::shift(ShiftOp::RightArithmetic, a, by)
    }
}
