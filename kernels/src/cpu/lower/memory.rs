//! Elements of every type on their way between arrays and the values of a plan.
//!
//! A float array gives and takes floats. 16-bit elements become integers; binary64 ones are rounded
//! where they are loaded, and moved in binary64 where they are stored.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::lanes::{CAST, Lanes, high_half, low_halves, shuffled, vector_constant, words};
use crate::plan::ElementType;

/// Memory of the arrays: there, but aligned as their elements are.
const ARRAY: MemFlagsData = MemFlagsData::new().with_notrap();

/// The address of the element at a byte offset that is meant for an array of binary32.
pub(super) fn address(
    builder: &mut FunctionBuilder<'_>,
    of: ElementType,
    base: Value,
    offset: Value,
) -> Value {
    let offset = match of {
        ElementType::F32 => offset,
        ElementType::F64 => builder.ins().ishl_imm_u(offset, 1),
        ElementType::F16 | ElementType::Bf16 => builder.ins().ushr_imm_u(offset, 1),
    };
    builder.ins().iadd(base, offset)
}

/// What a plan's load of an array gives.
pub(super) fn load(
    builder: &mut FunctionBuilder<'_>,
    lanes: Lanes,
    of: ElementType,
    address: Value,
) -> Value {
    match (of, lanes) {
        (ElementType::F32, _) => builder.ins().load(lanes.float(), ARRAY, address, 0),
        (ElementType::F64, Lanes::One) => {
            let wide = builder.ins().load(types::F64, ARRAY, address, 0);
            builder.ins().fdemote(types::F32, wide)
        }
        (ElementType::F64, Lanes::Four) => {
            let halves = [0, 16].map(|offset| {
                let wide = builder.ins().load(types::F64X2, ARRAY, address, offset);
                builder.ins().fvdemote(wide)
            });
            low_halves(builder, halves)
        }
        (ElementType::F16 | ElementType::Bf16, Lanes::One) => {
            let half = builder.ins().load(types::I16, ARRAY, address, 0);
            builder.ins().uextend(types::I32, half)
        }
        (ElementType::F16 | ElementType::Bf16, Lanes::Four) => {
            let four = builder.ins().load(types::I64, ARRAY, address, 0);
            let four = builder.ins().scalar_to_vector(types::I64X2, four);
            let four = builder.ins().bitcast(types::I16X8, CAST, four);
            builder.ins().uwiden_low(four)
        }
    }
}

/// Writes the value of a plan: a float, or the low half of an integer.
pub(super) fn store(
    builder: &mut FunctionBuilder<'_>,
    lanes: Lanes,
    of: ElementType,
    address: Value,
    value: Value,
) {
    let value = match (of, lanes) {
        (ElementType::F32 | ElementType::F64, _) => value,
        (ElementType::F16 | ElementType::Bf16, Lanes::One) => {
            builder.ins().ireduce(types::I16, value)
        }
        (ElementType::F16 | ElementType::Bf16, Lanes::Four) => {
            // Sign-extended from the low half, so that narrowing does not saturate.
            let high = builder.ins().ishl_imm_u(value, 16);
            let value = builder.ins().sshr_imm_u(high, 16);
            let narrow = builder.ins().snarrow(value, value);
            let narrow = builder.ins().bitcast(types::I64X2, CAST, narrow);
            builder.ins().extractlane(narrow, 0)
        }
    };
    builder.ins().store(ARRAY, value, address, 0);
}

/// Moves binary64 elements by `scale * update`.
pub(super) fn descend(
    builder: &mut FunctionBuilder<'_>,
    lanes: Lanes,
    address: Value,
    [scale, update]: [Value; 2],
) {
    match lanes {
        Lanes::One => {
            let scale = builder.ins().fpromote(types::F64, scale);
            let update = builder.ins().fpromote(types::F64, update);
            let old = builder.ins().load(types::F64, ARRAY, address, 0);
            let change = builder.ins().fmul(scale, update);
            let new = builder.ins().fsub(old, change);
            builder.ins().store(ARRAY, new, address, 0);
        }
        Lanes::Four => {
            let low = [scale, update];
            let high = low.map(|value| high_half(builder, value));
            for (offset, pair) in [(0, low), (16, high)] {
                let [scale, update] = pair.map(|value| builder.ins().fvpromote_low(value));
                let old = builder.ins().load(types::F64X2, ARRAY, address, offset);
                let change = builder.ins().fmul(scale, update);
                let new = builder.ins().fsub(old, change);
                builder.ins().store(ARRAY, new, address, offset);
            }
        }
    }
}

/// What a plan's picks give for 16 elements: vector k has operand `l mod 4` of block k in lane l.
/// Operands have a block in each lane.
pub(super) fn transposed(builder: &mut FunctionBuilder<'_>, operands: [Value; 4]) -> [Value; 4] {
    let [a, b, c, d] = operands.map(|value| builder.ins().bitcast(types::F32X4, CAST, value));
    let pairs = [(a, b), (c, d)];
    // a0 b0 a1 b1 and c0 d0 c1 d1; then the same for blocks 2 and 3.
    let low = pairs.map(|(x, y)| shuffled(builder, x, y, words([0, 4, 1, 5])));
    let high = pairs.map(|(x, y)| shuffled(builder, x, y, words([2, 6, 3, 7])));
    let mut joined = |[x, y]: [Value; 2], lanes| {
        let vector = shuffled(builder, x, y, words(lanes));
        builder.ins().bitcast(types::I32X4, CAST, vector)
    };
    let (first, second) = ([0, 1, 4, 5], [2, 3, 6, 7]);
    [joined(low, first), joined(low, second), joined(high, first), joined(high, second)]
}

/// The operand of a pick that belongs to one element, by its offset in bytes.
pub(super) fn picked(
    builder: &mut FunctionBuilder<'_>,
    offset: Value,
    [a, b, c, d]: [Value; 4],
) -> Value {
    let odd = builder.ins().band_imm_s(offset, 4);
    let second_pair = builder.ins().band_imm_s(offset, 8);
    let first = builder.ins().select(odd, b, a);
    let second = builder.ins().select(odd, d, c);
    builder.ins().select(second_pair, second, first)
}

/// Numbers of four blocks from that of the first: low or high halves of 64-bit numbers.
pub(super) fn blocks(builder: &mut FunctionBuilder<'_>, first: Value, high: bool) -> Value {
    let first = builder.ins().splat(types::I64X2, first);
    let halves = [[0, 0, 1, 0], [2, 0, 3, 0]].map(|steps| {
        let steps = vector_constant(builder, types::I64X2, steps);
        let numbers = builder.ins().iadd(first, steps);
        builder.ins().bitcast(types::F32X4, CAST, numbers)
    });
    let lanes = if high { [1, 3, 5, 7] } else { [0, 2, 4, 6] };
    let numbers = shuffled(builder, halves[0], halves[1], words(lanes));
    builder.ins().bitcast(types::I32X4, CAST, numbers)
}
