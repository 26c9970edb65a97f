//! `a · b + c` rounded once, on a machine that rounds twice.
//!
//! In binary64 the product of two binary32 numbers is exact: 48 bits of significand, and magnitudes
//! from 2^-298 to 2^256. The sum is rounded to nearest, and `TwoSum` (Knuth) gives its error exactly.
//! From these two comes the exact sum *rounded to odd*: cut off towards zero, with the last bit set
//! if anything was cut off. Since 53 ≥ 2·24 + 2, rounding that once more, to binary32, gives the
//! correctly rounded result, subnormals included (Boldo and Melquiond 2008, "Emulation of FMA and
//! correctly rounded sums: proved algorithms using rounding to odd", IEEE Trans. Computers 57(4)).
//!
//! Infinities and NaN have an error of NaN, which is not above zero, and stay as the sum made them.
//! An exact zero has no error, and the sign of the sum is that of the fused result.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::lanes::{CAST, Lanes, high_half, low_halves, vector_constant};

/// The fused multiply-add of one element or four.
pub(super) fn emulated(
    builder: &mut FunctionBuilder<'_>,
    lanes: Lanes,
    [a, b, c]: [Value; 3],
) -> Value {
    match lanes {
        Lanes::One => {
            let [a, b, c] = [a, b, c].map(|v| builder.ins().fpromote(types::F64, v));
            let odd = rounded_to_odd(builder, types::I64, [a, b, c]);
            builder.ins().fdemote(types::F32, odd)
        }
        Lanes::Four => {
            let low = two_elements(builder, [a, b, c]);
            let high = [a, b, c].map(|v| high_half(builder, v));
            let high = two_elements(builder, high);
            low_halves(builder, [low, high])
        }
    }
}

/// The results for the two low lanes, in the two low lanes.
fn two_elements(builder: &mut FunctionBuilder<'_>, operands: [Value; 3]) -> Value {
    let operands = operands.map(|v| builder.ins().fvpromote_low(v));
    let odd = rounded_to_odd(builder, types::I64X2, operands);
    builder.ins().fvdemote(odd)
}

/// `a · b + c` in binary64, rounded to odd; `integer` is the integer type of the operands' lanes.
fn rounded_to_odd(
    builder: &mut FunctionBuilder<'_>,
    integer: Type,
    [a, b, c]: [Value; 3],
) -> Value {
    let product = builder.ins().fmul(a, b);
    let sum = builder.ins().fadd(product, c);
    let error = two_sum_error(builder, product, c, sum);
    let float = builder.func.dfg.value_type(sum);

    let sum_bits = builder.ins().bitcast(integer, CAST, sum);
    let error_bits = builder.ins().bitcast(integer, CAST, error);
    let signs = builder.ins().bxor(sum_bits, error_bits);
    // 1 if the sum is larger in magnitude than the exact one. Bit patterns grow with magnitude.
    let too_large = builder.ins().ushr_imm_u(signs, 63);
    let cut_off = builder.ins().isub(sum_bits, too_large);
    let one = sixty_four_bits(builder, integer, 1);
    let odd = builder.ins().bor(cut_off, one);

    let magnitude = builder.ins().fabs(error);
    let zero = sixty_four_bits(builder, integer, 0);
    let zero = builder.ins().bitcast(float, CAST, zero);
    let inexact = builder.ins().fcmp(FloatCC::GreaterThan, magnitude, zero);
    let bits = match integer {
        types::I64 => builder.ins().select(inexact, odd, sum_bits),
        _ => builder.ins().bitselect(inexact, odd, sum_bits),
    };
    builder.ins().bitcast(float, CAST, bits)
}

/// `x + y - sum`, exact for finite numbers, in whatever order of magnitude x and y are.
fn two_sum_error(builder: &mut FunctionBuilder<'_>, x: Value, y: Value, sum: Value) -> Value {
    let y_part = builder.ins().fsub(sum, x);
    let x_part = builder.ins().fsub(sum, y_part);
    let x_rest = builder.ins().fsub(x, x_part);
    let y_rest = builder.ins().fsub(y, y_part);
    builder.ins().fadd(x_rest, y_rest)
}

fn sixty_four_bits(builder: &mut FunctionBuilder<'_>, integer: Type, value: u32) -> Value {
    match integer {
        types::I64 => builder.ins().iconst(types::I64, i64::from(value)),
        _ => vector_constant(builder, types::I64X2, [value, 0, value, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{CpuKernel, CpuOptions};
    use crate::kernel::{Elements, Kernel, Uniforms};
    use crate::math::Ops;
    use crate::plan::{Array, Plan, PlanBuilder, semantics};

    /// `w ← w·g + s0`
    fn plan() -> Plan {
        let mut plan = PlanBuilder::new();
        let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
        let s = plan.load(Array::State(0));
        let value = plan.fma(w, g, s);
        plan.store(Array::Parameter, value);
        plan.finish()
    }

    fn check(a: &[f32], b: &[f32], c: &[f32]) {
        for simd in [true, false] {
            let options = CpuOptions { simd, fma: Some(false), ..CpuOptions::default() };
            let kernel = CpuKernel::compile(&plan(), &options).unwrap();
            let (mut found, mut state) = (a.to_vec(), c.to_vec());
            let mut elements = Elements {
                parameters: (&mut found).into(),
                gradients: b.into(),
                states: &mut [&mut state],
                first_element: 0,
            };
            let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
            kernel.run(&mut elements, uniforms).unwrap();
            for (i, found) in found.into_iter().enumerate() {
                let bits = [a[i], b[i], c[i]].map(f32::to_bits);
                let wanted = semantics::fused_multiply_add(bits[0], bits[1], bits[2]);
                let wanted = f32::from_bits(wanted);
                let same = wanted.to_bits() == found.to_bits() || wanted.is_nan() && found.is_nan();
                let inputs = format!("fma({:e}, {:e}, {:e}), bits {bits:08x?}", a[i], b[i], c[i]);
                assert!(same, "{inputs}: expected {wanted:e}, found {found:e}, simd {simd}");
            }
        }
    }

    /// All triples of a list.
    fn check_triples(values: &[f32]) {
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        for x in values {
            for y in values {
                for z in values {
                    a.push(*x);
                    b.push(*y);
                    c.push(*z);
                }
            }
        }
        check(&a, &b, &c);
    }

    /// `2^k·(1 + e)·(1 - e)` is half an ulp of c less a part that binary64 cannot hold, so its sum
    /// with c is a tie there, and the second rounding goes the wrong way for every other c.
    #[test]
    fn sums_a_hair_from_a_tie() {
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..100_000_u32 {
            let e = (1 + place % 64) as f32 * f32::EPSILON;
            let significand = 0x3f80_0000 | place.wrapping_mul(0x9e37_79b9) >> 9;
            let scale = 2.0_f32.powi((place % 100) as i32 - 50);
            let sign = if place & 1 == 0 { 1.0 } else { -1.0 };
            a.push(sign * scale * 2.0_f32.powi(-24) * (1.0 + e));
            b.push(1.0 - e);
            c.push(scale * f32::from_bits(significand));
        }
        check(&a, &b, &c);
    }

    #[test]
    fn special_values_and_edges() {
        let bits = [
            0,
            1,
            2,
            3,
            0x007f_ffff,
            0x0080_0000,
            0x0080_0001,
            0x0100_0000,
            0x3380_0000,
            0x3f7f_ffff,
            0x3f80_0000,
            0x3f80_0001,
            0x4b00_0001,
            0x7f7f_ffff,
            0x7f7f_fffe,
            0x7f00_0000,
            0x7f80_0000,
            0x7fc0_0000,
        ];
        let values = bits.into_iter().flat_map(|b| [f32::from_bits(b), -f32::from_bits(b)]);
        check_triples(&values.collect::<Vec<f32>>());
    }

    #[test]
    fn sums_near_a_cancellation_or_a_subnormal() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as u32
        };
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..400_000 {
            let x = f32::from_bits(next() & 0x807f_ffff | (64 + next() % 127) << 23);
            let y = f32::from_bits(next() & 0x807f_ffff | (32 + next() % 190) << 23);
            let product = (f64::from(x) * f64::from(y)) as f32;
            // Near the product, or apart from it by about the width of a significand, either way.
            let z = match next() % 4 {
                0 => -f32::from_bits(product.to_bits() ^ (next() % 4)),
                1 => product * 2.0_f32.powi(20 + (next() % 10) as i32),
                2 => f32::from_bits(product.to_bits() & 0xff80_0000) * 2.0_f32.powi(-24),
                _ => f32::from_bits(next() & 0x8000_000f),
            };
            a.push(x);
            b.push(y);
            c.push(z);
        }
        check(&a, &b, &c);
    }
}
