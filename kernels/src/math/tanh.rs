//! The hyperbolic tangent.
//!
//! For `x >= 0`, mirrored below 0: `h = (1 - exp(-2x)) / 2` gives `tanh(x) = h / (1 - h)`. That
//! quotient w is rounded twice, so it serves only as the correction in `tanh(x) = h + h w`. h is
//! computed without cancellation: `2x = n ln 2 + 2r` gives `h = 2^-n q(r) + (1 - 2^-n) / 2` with
//! `q(r) = (1 - exp(-2r)) / 2`.
//!
//! Over all 2^32 inputs the error is at most 2.000 ulp, and the result at most 2 ulp from the
//! correctly rounded one.

use super::Ops;
use super::parts::{LN_2, LN_2_LOW, LOG2_E, ROUND, at_most, horner};

/// From here on tanh rounds to 1 (it does from 9.02).
const HIGHEST: f32 = 10.0;
/// A rounding constant with the exponent bias.
const ROUND_BIASED: f32 = ROUND + 127.0;

/// Minimax (Remez) for (q(r) - r) / r^2 on |r| <= ln(2)/4; relative error 2^-26.1 of q.
const COEFFICIENTS: [f32; 5] = [
    f32::from_bits(0xbf7f_ffff),
    f32::from_bits(0x3f2a_aa5a),
    f32::from_bits(0xbeaa_ab7b),
    f32::from_bits(0x3e09_129a),
    f32::from_bits(0xbd35_cc00),
];

/// Hyperbolic tangent.
///
/// At most 2 ulp from the correctly rounded result for every input; odd bit for bit, so
/// `tanh(-0) = -0`; a subnormal is its own tanh.
pub fn tanh<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let (one, sign_bit) = (o.float(1.0), o.integer(0x8000_0000));
    let magnitude = o.abs(x);
    let h = half_one_minus_exp(o, magnitude);
    let rest = o.sub(one, h);
    let quotient = o.div(h, rest);
    let value = o.fma(h, quotient, h);
    let value = o.bits(value);
    let sign = o.bits(x);
    let sign = o.iand(sign, sign_bit);
    let signed = o.ior(value, sign);
    o.from_bits(signed)
}

/// `(1 - exp(-2x)) / 2` for `x >= 0`, not above its value at [`HIGHEST`].
fn half_one_minus_exp<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let x = at_most(o, x, HIGHEST);
    let (scale, round) = (o.float(-2.0 * LOG2_E), o.float(ROUND_BIASED));
    let (high, low) = (o.float(0.5 * LN_2), o.float(0.5 * LN_2_LOW));
    let (half, minus_half) = (o.float(0.5), o.float(-0.5));

    let shifted = o.fma(x, scale, round);
    let minus_n = o.sub(shifted, round);
    let r = o.fma(minus_n, high, x);
    let r = o.fma(minus_n, low, r);
    let power = o.bits(shifted);
    let power = o.shl(power, 23);
    let power = o.from_bits(power);

    let square = o.mul(r, r);
    let p = horner(o, r, &COEFFICIENTS);
    let q = o.fma(square, p, r);
    let rest = o.fma(power, minus_half, half);
    o.fma(q, power, rest)
}

#[cfg(test)]
mod tests {
    use super::tanh;
    use crate::math::Direct;
    use crate::math::testing::{check_same, check_table, check_within};

    fn at(x: f32) -> f32 {
        tanh(&mut Direct, x)
    }

    #[test]
    fn edge_cases_are_as_in_ieee() {
        check_table(
            at,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (f32::INFINITY, 1.0),
                (f32::NEG_INFINITY, -1.0),
                (f32::MAX, 1.0),
                (9.5, 1.0),
                (10.0, 1.0),
                (-10.5, -1.0),
                (f32::NAN, f32::NAN),
            ],
        );
    }

    #[test]
    fn small_numbers_are_their_own_tanh() {
        for bits in (0..0x3200_0000_u32).step_by(65_537) {
            let x = f32::from_bits(bits);
            check_same(at(x), x, "tanh of a small number");
            check_same(at(-x), -x, "tanh of a small number");
        }
    }

    #[test]
    fn samples_are_within_two_ulp() {
        for range in [[-10.5, 10.5], [-0.5, 0.5], [-1e-3, 1e-3], [8.0, 9.5]] {
            check_within(2, range, at, f64::tanh);
        }
    }
}
