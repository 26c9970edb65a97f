//! The exponential function.
//!
//! `exp(x) = 2^k * exp(r)` with `k = round(x / ln 2)` and `r = x - k ln 2` (Cody and Waite, ln 2 in
//! two parts).
//!
//! Over all 2^32 inputs the error is at most 0.892 ulp, so the result is the correctly rounded one
//! or a neighbour of it.

use super::Ops;
use super::parts::{
    LN_2, LN_2_LOW, LOG2_E, ROUND_BIASED_TWICE, at_least, at_most, horner, times_power_of_two,
};

/// Above, the result is infinite.
const HIGHEST: f32 = 89.0;
/// Below, the result is zero; exp(-104) is less than half the least subnormal.
const LOWEST: f32 = -104.0;

/// Minimax (Remez) for exp(r) on |r| <= ln(2)/2, relative error 2^-28.2; the first two are exact.
const COEFFICIENTS: [f32; 7] = [
    1.0,
    1.0,
    f32::from_bits(0x3eff_fffe),
    f32::from_bits(0x3e2a_aa49),
    f32::from_bits(0x3d2a_ac55),
    f32::from_bits(0x3c09_1cb6),
    f32::from_bits(0x3ab5_291a),
];

/// e to the x.
///
/// At most 1 ulp from the correctly rounded result for every input; subnormal results are kept,
/// `exp(-inf) = 0`, `exp(inf) = inf`, `exp(NaN)` is NaN.
pub fn exp<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let x = at_most(o, x, HIGHEST);
    exp_not_huge(o, x)
}

/// [`exp`] for `x <= 89` or NaN.
pub(super) fn exp_not_huge<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let x = at_least(o, x, LOWEST);
    let (log2_e, round) = (o.float(LOG2_E), o.float(ROUND_BIASED_TWICE));
    let (high, low) = (o.float(-LN_2), o.float(-LN_2_LOW));
    let shifted = o.fma(x, log2_e, round);
    let k = o.sub(shifted, round);
    // Exact: both x and k * LN_2 are multiples of an ulp of r, or k is 0.
    let r = o.fma(k, high, x);
    let r = o.fma(k, low, r);
    let p = horner(o, r, &COEFFICIENTS);
    times_power_of_two(o, p, shifted)
}

#[cfg(test)]
mod tests {
    use super::exp;
    use crate::math::Direct;
    use crate::math::testing::{check_table, check_within};

    fn at(x: f32) -> f32 {
        exp(&mut Direct, x)
    }

    #[test]
    fn edge_cases_are_as_in_ieee() {
        let least = f32::from_bits(1);
        check_table(
            at,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (least, 1.0),
                (-least, 1.0),
                (f32::INFINITY, f32::INFINITY),
                (f32::NEG_INFINITY, 0.0),
                (f32::MAX, f32::INFINITY),
                (f32::MIN, 0.0),
                (f32::NAN, f32::NAN),
                (-f32::NAN, f32::NAN),
                (f32::from_bits(0x7f80_0001), f32::NAN),
            ],
        );
    }

    #[test]
    fn overflow_and_underflow_begin_where_they_should() {
        check_table(
            at,
            &[
                (f32::from_bits(0x42b1_7218), f32::INFINITY),
                (f32::from_bits(0xc2cf_f1b4), f32::from_bits(1)),
                (f32::from_bits(0xc2cf_f1b5), 0.0),
            ],
        );
        assert!(at(f32::from_bits(0x42b1_7217)).is_finite(), "exp(88.72283) fits");
    }

    #[test]
    fn samples_are_within_one_ulp() {
        for range in [[-0.5, 0.5], [-88.0, 88.7], [-104.0, -87.0], [88.0, 89.0]] {
            check_within(1, range, at, f64::exp);
        }
    }
}
