//! The natural logarithm.
//!
//! `log(x) = k ln 2 + log(1 + r)` with `x = 2^k (1 + r)` and `-1/3 <= r < 1/3`, where r is exact.
//!
//! Over all 2^32 inputs the error is at most 0.934 ulp, so the result is the correctly rounded one
//! or a neighbour of it.

use super::Ops;
use super::parts::{LN_2, Split, horner, split};

/// The bits of 2/3, the least mantissa.
const TWO_THIRDS: u32 = 0x3f2a_aaab;

/// Minimax (Remez) for (log(1 + r) - r) / r^2 on |r| <= 1/3; relative error 2^-27.6 of log(1 + r).
const COEFFICIENTS: [f32; 9] = [
    -0.5,
    f32::from_bits(0x3eaa_aa83),
    f32::from_bits(0xbe7f_ff7e),
    f32::from_bits(0x3e4c_e822),
    f32::from_bits(0xbe2a_ce22),
    f32::from_bits(0x3e0f_6b31),
    f32::from_bits(0xbdf9_9983),
    f32::from_bits(0x3e0f_33c6),
    f32::from_bits(0xbe03_e42b),
];

/// Natural logarithm.
///
/// At most 1 ulp from the correctly rounded result for every input; `log(+-0) = -inf`,
/// `log(inf) = inf`, NaN below 0 and for NaN.
pub fn log<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let value = log_positive(o, x);
    let (zero, infinity) = (o.float(0.0), o.float(f32::INFINITY));
    let (pole, invalid) = (o.float(f32::NEG_INFINITY), o.float(f32::NAN));

    let finite = o.lt(x, infinity);
    let value = o.select(finite, value, x);
    let is_zero = o.eq(x, zero);
    let outside = o.select(is_zero, pole, invalid);
    let positive = o.lt(zero, x);
    o.select(positive, value, outside)
}

/// [`log`] for finite x > 0, the same bits.
pub(super) fn log_positive<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let Split { exponent, mantissa } = split(o, x, TWO_THIRDS);
    let (one, ln_2) = (o.float(1.0), o.float(LN_2));
    let r = o.sub(mantissa, one);
    let square = o.mul(r, r);
    let p = horner(o, r, &COEFFICIENTS);
    let log_mantissa = o.fma(square, p, r);
    o.fma(exponent, ln_2, log_mantissa)
}

#[cfg(test)]
mod tests {
    use super::{log, log_positive};
    use crate::math::Direct;
    use crate::math::testing::{check_same, check_table, check_within};

    fn at(x: f32) -> f32 {
        log(&mut Direct, x)
    }

    #[test]
    fn edge_cases_are_as_in_ieee() {
        check_table(
            at,
            &[
                (1.0, 0.0),
                (0.0, f32::NEG_INFINITY),
                (-0.0, f32::NEG_INFINITY),
                (f32::INFINITY, f32::INFINITY),
                (f32::NEG_INFINITY, f32::NAN),
                (-1.0, f32::NAN),
                (-f32::from_bits(1), f32::NAN),
                (f32::NAN, f32::NAN),
                (-f32::NAN, f32::NAN),
                (f32::from_bits(1), -103.278_93),
                (f32::MAX, 88.722_84),
            ],
        );
    }

    #[test]
    fn samples_are_within_one_ulp() {
        for range in [[0.5, 2.0], [0.999, 1.001], [1e-3, 1e3], [1e-44, 1e-37], [1e37, 3e38]] {
            check_within(1, range, at, f64::ln);
        }
    }

    #[test]
    fn the_short_form_is_the_same_for_positive_numbers() {
        for bits in (1..0x7f80_0000_u32).step_by(100_003) {
            let x = f32::from_bits(bits);
            check_same(log_positive(&mut Direct, x), at(x), &format!("log({x:?})"));
        }
    }
}
