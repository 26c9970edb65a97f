//! The instructions that compute something from registers alone: how they are spelled, what they take, what they
//! give.
//!
//! These are what NVRTC 12.9 and 13.5 make of the kernels, each with all its modifiers. Nothing is inferred
//! from a part of a spelling, so a modifier that is not in the table is an error. Meanings are those of the PTX
//! ISA: floats round to nearest even, and subnormal numbers count.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::registers::{Bits32, Bits64, Type, Word};

/// An instruction from registers to a register.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) to: Type,
    pub(super) from: &'static [Type],
    pub(super) compute: Compute,
}

/// What is computed, on registers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compute {
    /// The operand as it is.
    Copy,
    Unary(fn(u64) -> u64),
    Binary(fn(u64, u64) -> u64),
    Ternary(fn(u64, u64, u64) -> u64),
}

/// The instruction of a spelling.
pub(super) fn operation(spelling: &str) -> Option<&'static Operation> {
    static BY_SPELLING: LazyLock<BTreeMap<&'static str, &'static Operation>> =
        LazyLock::new(|| {
            let rows = [MOVES, FLOATS, DOUBLES, INTEGERS, BITS, COMPARISONS, CONVERSIONS];
            let spelled = rows.into_iter().flatten();
            spelled.flat_map(|(all, row)| all.split(' ').map(move |one| (one, row))).collect()
        });
    BY_SPELLING.get(spelling).copied()
}

/// All spellings, for those who want to know.
pub fn spellings() -> impl Iterator<Item = &'static str> {
    let rows = [MOVES, FLOATS, DOUBLES, INTEGERS, BITS, COMPARISONS, CONVERSIONS];
    rows.into_iter().flatten().flat_map(|(all, _)| all.split(' '))
}

/// Spellings with a space between them.
type Row = (&'static str, Operation);

const fn copy(spellings: &'static str, to: Type, from: &'static [Type]) -> Row {
    (spellings, Operation { to, from, compute: Compute::Copy })
}

/// A function of words as one of registers.
macro_rules! row {
    ($spellings:literal, |$a:ident: $A:ty| -> $R:ty { $result:expr }) => {
        (
            $spellings,
            Operation {
                to: <$R as Word>::TYPE,
                from: &[<$A as Word>::TYPE],
                compute: Compute::Unary(|a| {
                    let $a = <$A as Word>::of(a);
                    <$R as Word>::register($result)
                }),
            },
        )
    };
    ($spellings:literal, |$a:ident: $A:ty, $b:ident: $B:ty| -> $R:ty { $result:expr }) => {
        (
            $spellings,
            Operation {
                to: <$R as Word>::TYPE,
                from: &[<$A as Word>::TYPE, <$B as Word>::TYPE],
                compute: Compute::Binary(|a, b| {
                    let ($a, $b) = (<$A as Word>::of(a), <$B as Word>::of(b));
                    <$R as Word>::register($result)
                }),
            },
        )
    };
    ($spellings:literal, |$a:ident: $A:ty, $b:ident: $B:ty, $c:ident: $C:ty| -> $R:ty {
        $result:expr
    }) => {
        (
            $spellings,
            Operation {
                to: <$R as Word>::TYPE,
                from: &[<$A as Word>::TYPE, <$B as Word>::TYPE, <$C as Word>::TYPE],
                compute: Compute::Ternary(|a, b, c| {
                    let ($a, $b, $c) =
                        (<$A as Word>::of(a), <$B as Word>::of(b), <$C as Word>::of(c));
                    <$R as Word>::register($result)
                }),
            },
        )
    };
}

static MOVES: &[Row] = &[
    copy("mov.pred", Type::Predicate, &[Type::Predicate]),
    copy("mov.b16 mov.u16 mov.s16", Type::B16, &[Type::B16]),
    copy("mov.b32", Type::B32, &[Type::B32]),
    copy("mov.u32 mov.s32", Type::U32, &[Type::U32]),
    copy("mov.f32", Type::F32, &[Type::F32]),
    copy("mov.b64", Type::B64, &[Type::B64]),
    copy("mov.u64 mov.s64", Type::U64, &[Type::U64]),
    copy("mov.f64", Type::F64, &[Type::F64]),
    // Global addresses are generic addresses too.
    copy("cvta.to.global.u64", Type::U64, &[Type::U64]),
    row!("selp.b16 selp.u16 selp.s16", |a: u16, b: u16, p: bool| -> u16 { if p { a } else { b } }),
    row!("selp.b32 selp.f32", |a: Bits32, b: Bits32, p: bool| -> Bits32 { if p { a } else { b } }),
    row!("selp.u32 selp.s32", |a: u32, b: u32, p: bool| -> u32 { if p { a } else { b } }),
    row!("selp.b64 selp.f64", |a: Bits64, b: Bits64, p: bool| -> Bits64 { if p { a } else { b } }),
    row!("selp.u64 selp.s64", |a: u64, b: u64, p: bool| -> u64 { if p { a } else { b } }),
];

static FLOATS: &[Row] = &[
    row!("add.f32 add.rn.f32", |a: f32, b: f32| -> f32 { a + b }),
    row!("sub.f32 sub.rn.f32", |a: f32, b: f32| -> f32 { a - b }),
    row!("mul.f32 mul.rn.f32", |a: f32, b: f32| -> f32 { a * b }),
    row!("div.rn.f32", |a: f32, b: f32| -> f32 { a / b }),
    row!("fma.rn.f32", |a: f32, b: f32, c: f32| -> f32 { fused(a, b, c) }),
    row!("sqrt.rn.f32", |a: f32| -> f32 { a.sqrt() }),
    row!("min.f32", |a: f32, b: f32| -> f32 { least(a, b) }),
    row!("max.f32", |a: f32, b: f32| -> f32 { -least(-a, -b) }),
    row!("abs.f32", |a: f32| -> f32 { a.abs() }),
    row!("neg.f32", |a: f32| -> f32 { -a }),
];

static DOUBLES: &[Row] = &[
    row!("add.f64 add.rn.f64", |a: f64, b: f64| -> f64 { a + b }),
    row!("sub.f64 sub.rn.f64", |a: f64, b: f64| -> f64 { a - b }),
    row!("mul.f64 mul.rn.f64", |a: f64, b: f64| -> f64 { a * b }),
    row!("fma.rn.f64", |a: f64, b: f64, c: f64| -> f64 { a.mul_add(b, c) }),
];

static INTEGERS: &[Row] = &[
    row!("add.s32 add.u32", |a: u32, b: u32| -> u32 { a.wrapping_add(b) }),
    row!("sub.s32 sub.u32", |a: u32, b: u32| -> u32 { a.wrapping_sub(b) }),
    row!("mul.lo.s32 mul.lo.u32", |a: u32, b: u32| -> u32 { a.wrapping_mul(b) }),
    row!("mul.hi.u32", |a: u32, b: u32| -> u32 { ((u64::from(a) * u64::from(b)) >> 32) as u32 }),
    row!("mul.wide.u32", |a: u32, b: u32| -> u64 { u64::from(a) * u64::from(b) }),
    row!("mul.wide.u16", |a: u16, b: u16| -> u32 { u32::from(a) * u32::from(b) }),
    row!("add.s64 add.u64", |a: u64, b: u64| -> u64 { a.wrapping_add(b) }),
    row!("sub.s64 sub.u64", |a: u64, b: u64| -> u64 { a.wrapping_sub(b) }),
    row!("mul.lo.s64 mul.lo.u64", |a: u64, b: u64| -> u64 { a.wrapping_mul(b) }),
    row!("min.u64", |a: u64, b: u64| -> u64 { a.min(b) }),
];

static BITS: &[Row] = &[
    row!("and.pred", |a: bool, b: bool| -> bool { a && b }),
    row!("or.pred", |a: bool, b: bool| -> bool { a || b }),
    row!("xor.pred", |a: bool, b: bool| -> bool { a != b }),
    row!("not.pred", |a: bool| -> bool { !a }),
    row!("and.b16", |a: u16, b: u16| -> u16 { a & b }),
    row!("or.b16", |a: u16, b: u16| -> u16 { a | b }),
    row!("xor.b16", |a: u16, b: u16| -> u16 { a ^ b }),
    row!("and.b32", |a: Bits32, b: Bits32| -> Bits32 { Bits32(a.0 & b.0) }),
    row!("or.b32", |a: Bits32, b: Bits32| -> Bits32 { Bits32(a.0 | b.0) }),
    row!("xor.b32", |a: Bits32, b: Bits32| -> Bits32 { Bits32(a.0 ^ b.0) }),
    row!("not.b32", |a: Bits32| -> Bits32 { Bits32(!a.0) }),
    row!("and.b64", |a: Bits64, b: Bits64| -> Bits64 { Bits64(a.0 & b.0) }),
    row!("or.b64", |a: Bits64, b: Bits64| -> Bits64 { Bits64(a.0 | b.0) }),
    row!("xor.b64", |a: Bits64, b: Bits64| -> Bits64 { Bits64(a.0 ^ b.0) }),
    // Whoever shifts by more bits than there are has shifted all of them out.
    row!("shl.b32", |a: Bits32, by: u32| -> Bits32 { Bits32(a.0.checked_shl(by).unwrap_or(0)) }),
    row!("shr.u32 shr.b32", |a: u32, by: u32| -> u32 { a.checked_shr(by).unwrap_or(0) }),
    row!("shr.s32", |a: i32, by: u32| -> i32 { a >> by.min(31) }),
    row!("shl.b64", |a: Bits64, by: u32| -> Bits64 { Bits64(a.0.checked_shl(by).unwrap_or(0)) }),
    row!("shr.u64 shr.b64", |a: u64, by: u32| -> u64 { a.checked_shr(by).unwrap_or(0) }),
];

static COMPARISONS: &[Row] = &[
    row!("setp.eq.b16 setp.eq.u16 setp.eq.s16", |a: u16, b: u16| -> bool { a == b }),
    row!("setp.ne.b16 setp.ne.u16 setp.ne.s16", |a: u16, b: u16| -> bool { a != b }),
    row!("setp.eq.b32 setp.eq.u32 setp.eq.s32", |a: u32, b: u32| -> bool { a == b }),
    row!("setp.ne.b32 setp.ne.u32 setp.ne.s32", |a: u32, b: u32| -> bool { a != b }),
    row!("setp.lt.u32", |a: u32, b: u32| -> bool { a < b }),
    row!("setp.le.u32", |a: u32, b: u32| -> bool { a <= b }),
    row!("setp.gt.u32", |a: u32, b: u32| -> bool { a > b }),
    row!("setp.ge.u32", |a: u32, b: u32| -> bool { a >= b }),
    row!("setp.lt.s32", |a: i32, b: i32| -> bool { a < b }),
    row!("setp.le.s32", |a: i32, b: i32| -> bool { a <= b }),
    row!("setp.gt.s32", |a: i32, b: i32| -> bool { a > b }),
    row!("setp.ge.s32", |a: i32, b: i32| -> bool { a >= b }),
    row!("setp.eq.b64 setp.eq.u64 setp.eq.s64", |a: u64, b: u64| -> bool { a == b }),
    row!("setp.ne.b64 setp.ne.u64 setp.ne.s64", |a: u64, b: u64| -> bool { a != b }),
    row!("setp.lt.u64", |a: u64, b: u64| -> bool { a < b }),
    row!("setp.le.u64", |a: u64, b: u64| -> bool { a <= b }),
    row!("setp.gt.u64", |a: u64, b: u64| -> bool { a > b }),
    row!("setp.ge.u64", |a: u64, b: u64| -> bool { a >= b }),
    // False if either is NaN.
    row!("setp.eq.f32", |a: f32, b: f32| -> bool { a == b }),
    row!("setp.ne.f32", |a: f32, b: f32| -> bool { a != b && !unordered(a, b) }),
    row!("setp.lt.f32", |a: f32, b: f32| -> bool { a < b }),
    row!("setp.le.f32", |a: f32, b: f32| -> bool { a <= b }),
    row!("setp.gt.f32", |a: f32, b: f32| -> bool { a > b }),
    row!("setp.ge.f32", |a: f32, b: f32| -> bool { a >= b }),
    // True if either is NaN.
    row!("setp.equ.f32", |a: f32, b: f32| -> bool { a == b || unordered(a, b) }),
    row!("setp.neu.f32", |a: f32, b: f32| -> bool { a != b }),
    row!("setp.ltu.f32", |a: f32, b: f32| -> bool { a < b || unordered(a, b) }),
    row!("setp.leu.f32", |a: f32, b: f32| -> bool { a <= b || unordered(a, b) }),
    row!("setp.gtu.f32", |a: f32, b: f32| -> bool { a > b || unordered(a, b) }),
    row!("setp.geu.f32", |a: f32, b: f32| -> bool { a >= b || unordered(a, b) }),
    row!("setp.num.f32", |a: f32, b: f32| -> bool { !unordered(a, b) }),
    row!("setp.nan.f32", |a: f32, b: f32| -> bool { unordered(a, b) }),
];

static CONVERSIONS: &[Row] = &[
    row!("cvt.u16.u32", |a: u32| -> u16 { a as u16 }),
    row!("cvt.u32.u16", |a: u16| -> u32 { a.into() }),
    row!("cvt.s32.s16", |a: i16| -> i32 { a.into() }),
    row!("cvt.u32.u64", |a: u64| -> u32 { a as u32 }),
    row!("cvt.u64.u32", |a: u32| -> u64 { a.into() }),
    row!("cvt.rn.f32.s32", |a: i32| -> f32 { a as f32 }),
    row!("cvt.rn.f32.u32", |a: u32| -> f32 { a as f32 }),
    row!("cvt.f64.f32", |a: f32| -> f64 { a.into() }),
    row!("cvt.rn.f32.f64", |a: f64| -> f32 { a as f32 }),
];

/// Rounded once.
#[expect(clippy::disallowed_methods, reason = "it stands for a fused instruction")]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    a.mul_add(b, c)
}

/// A NaN is left out, and -0 is less than 0.
fn least(a: f32, b: f32) -> f32 {
    if a < b || b.is_nan() || (a == b && a.is_sign_negative()) { a } else { b }
}

fn unordered(a: f32, b: f32) -> bool {
    a.is_nan() || b.is_nan()
}
