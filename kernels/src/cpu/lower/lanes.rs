//! One element or four: the types, constants and selects that differ between the two loops.
//!
//! A mask is a byte, 0 or 1, for one element, and four words, all ones or zeros, for four.

use cranelift_codegen::ir::immediates::Ieee32;
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, MemFlagsData, Type, Value, types,
};
use cranelift_frontend::FunctionBuilder;

/// Elements that go through the body together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lanes {
    /// One, in scalar registers.
    One,
    /// Four, in 128-bit registers.
    Four,
}

/// Flags of a cast between types of equal lanes; the order of bytes is fixed for the sake of the
/// verifier, lanes are as wide on both sides.
pub(super) const CAST: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

impl Lanes {
    /// Bytes that one pass moves forward in each array.
    pub(super) fn stride(self) -> i64 {
        match self {
            Lanes::One => 4,
            Lanes::Four => 16,
        }
    }

    /// Type of a float value.
    pub(super) fn float(self) -> Type {
        match self {
            Lanes::One => types::F32,
            Lanes::Four => types::F32X4,
        }
    }

    /// Type of an integer value.
    pub(super) fn integer(self) -> Type {
        match self {
            Lanes::One => types::I32,
            Lanes::Four => types::I32X4,
        }
    }

    /// A float constant.
    pub(super) fn float_constant(self, builder: &mut FunctionBuilder<'_>, bits: u32) -> Value {
        match self {
            Lanes::One => builder.ins().f32const(Ieee32::with_bits(bits)),
            Lanes::Four => vector_constant(builder, types::F32X4, [bits; 4]),
        }
    }

    /// An integer constant.
    pub(super) fn integer_constant(self, builder: &mut FunctionBuilder<'_>, bits: u32) -> Value {
        match self {
            Lanes::One => builder.ins().iconst(types::I32, i64::from(bits)),
            Lanes::Four => vector_constant(builder, types::I32X4, [bits; 4]),
        }
    }

    /// Complement of a mask.
    pub(super) fn not(self, builder: &mut FunctionBuilder<'_>, mask: Value) -> Value {
        match self {
            Lanes::One => {
                let one = builder.ins().iconst(types::I8, 1);
                builder.ins().bxor(mask, one)
            }
            Lanes::Four => builder.ins().bnot(mask),
        }
    }

    /// `mask ? a : b`
    pub(super) fn select(
        self,
        builder: &mut FunctionBuilder<'_>,
        mask: Value,
        a: Value,
        b: Value,
    ) -> Value {
        match self {
            Lanes::One => builder.ins().select(mask, a, b),
            Lanes::Four => {
                let kind = builder.func.dfg.value_type(a);
                let mask = match kind {
                    types::I32X4 => mask,
                    _ => builder.ins().bitcast(kind, CAST, mask),
                };
                builder.ins().bitselect(mask, a, b)
            }
        }
    }

    /// High halves of the unsigned products.
    pub(super) fn multiply_high(
        self,
        builder: &mut FunctionBuilder<'_>,
        a: Value,
        b: Value,
    ) -> Value {
        match self {
            Lanes::One => builder.ins().umulhi(a, b),
            Lanes::Four => multiply_high_four(builder, a, b),
        }
    }
}

/// Two products of 64 bits each from the low and from the high lanes, of which the odd words are
/// kept. There is no vector `umulhi`; instruction selection knows these products and this shuffle.
fn multiply_high_four(builder: &mut FunctionBuilder<'_>, a: Value, b: Value) -> Value {
    const ODD_WORDS: [u8; 16] = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31];
    let (a_low, b_low) = (builder.ins().uwiden_low(a), builder.ins().uwiden_low(b));
    let low = builder.ins().imul(a_low, b_low);
    let (a_high, b_high) = (builder.ins().uwiden_high(a), builder.ins().uwiden_high(b));
    let high = builder.ins().imul(a_high, b_high);
    let low = builder.ins().bitcast(types::I8X16, CAST, low);
    let high = builder.ins().bitcast(types::I8X16, CAST, high);
    let odd_words = builder.func.dfg.immediates.push(ConstantData::from(&ODD_WORDS[..]));
    let words = builder.ins().shuffle(low, high, odd_words);
    builder.ins().bitcast(types::I32X4, CAST, words)
}

/// Four words from the constant pool.
pub(super) fn vector_constant(
    builder: &mut FunctionBuilder<'_>,
    kind: Type,
    lanes: [u32; 4],
) -> Value {
    let bytes: Vec<u8> = lanes.into_iter().flat_map(u32::to_le_bytes).collect();
    let constant = builder.func.dfg.constants.insert(ConstantData::from(bytes));
    builder.ins().vconst(kind, constant)
}

/// A scalar in all four lanes.
pub(super) fn broadcast(builder: &mut FunctionBuilder<'_>, value: Value) -> Value {
    match builder.func.dfg.value_type(value) {
        types::F32 => builder.ins().splat(types::F32X4, value),
        types::I32 => builder.ins().splat(types::I32X4, value),
        // A mask.
        _ => {
            let word = builder.ins().bmask(types::I32, value);
            builder.ins().splat(types::I32X4, word)
        }
    }
}

/// Bytes of two F32X4 values in the order of `bytes`.
pub(super) fn shuffled(
    builder: &mut FunctionBuilder<'_>,
    a: Value,
    b: Value,
    bytes: [u8; 16],
) -> Value {
    let a = builder.ins().bitcast(types::I8X16, CAST, a);
    let b = builder.ins().bitcast(types::I8X16, CAST, b);
    let bytes = builder.func.dfg.immediates.push(ConstantData::from(&bytes[..]));
    let shuffled = builder.ins().shuffle(a, b, bytes);
    builder.ins().bitcast(types::F32X4, CAST, shuffled)
}

/// The first two lanes of each.
pub(super) fn low_halves(builder: &mut FunctionBuilder<'_>, [a, b]: [Value; 2]) -> Value {
    shuffled(builder, a, b, words([0, 1, 4, 5]))
}

/// The last two lanes first.
pub(super) fn high_half(builder: &mut FunctionBuilder<'_>, value: Value) -> Value {
    shuffled(builder, value, value, words([2, 3, 6, 7]))
}

/// The bytes of four words out of eight.
pub(super) fn words(lanes: [u8; 4]) -> [u8; 16] {
    std::array::from_fn(|byte| lanes[byte / 4] * 4 + byte as u8 % 4)
}
