//! The binary logarithm in two parts, for [`super::pow()`].
//!
//! `x = 2^k m` with `sqrt(1/2) <= m < sqrt(2)`, and `log2(m) = (2 / ln 2) atanh(s)` with
//! `s = (m - 1) / (m + 1)`. Quotient, square, series and product are kept in two parts as far as
//! they are felt (Dekker 1971, with fused multiply-adds).
//!
//! The relative error is at most 2^-32.1, measured on every mantissa in the three binades around 1,
//! where it is largest.

use super::Ops;
use super::parts::{Split, horner, split};

/// A number as an unevaluated sum; `low` is at most about an ulp of `high`.
#[derive(Clone, Copy)]
pub(super) struct TwoParts<F> {
    /// The number rounded.
    pub(super) high: F,
    /// What is left.
    pub(super) low: F,
}

/// The bits of sqrt(1/2), the least mantissa.
const SQRT_HALF: u32 = 0x3f35_04f3;
/// 2 / ln 2 in two parts, the coefficient of s.
const FIRST: [f32; 2] = [f32::from_bits(0x4038_aa3b), f32::from_bits(0x3325_7060)];
/// -2 / (3 ln 2), the coefficient of -s^3; rounding it costs 2^-33.7 of the logarithm.
const SECOND: f32 = f32::from_bits(0xbf76_384f);
/// Minimax (Remez) in -s^2 for the rest over s^5; relative error 2^-36.7 of the logarithm.
const REST: [f32; 3] =
    [f32::from_bits(0x3f13_bb87), f32::from_bits(0xbed2_ddfa), f32::from_bits(0x3eac_f784)];

/// log2 of a finite x > 0; exactly 0 for 1.
pub(super) fn log2_two_parts<O: Ops>(o: &mut O, x: O::Float) -> TwoParts<O::Float> {
    let Split { exponent, mantissa } = split(o, x, SQRT_HALF);
    let s = quotient(o, mantissa);
    let minus_s = o.neg(s.high);
    let factor = log2_over_s(o, s, minus_s);

    // The product s * factor; its high part is kept negated, which saves negations.
    let minus_high = o.mul(minus_s, factor.high);
    let low = o.fma(s.high, factor.high, minus_high);
    let low = o.fma(s.high, factor.low, low);
    let low = o.fma(s.low, factor.high, low);

    // Fast two-sum: the exponent is 0 or at least as large as the product.
    let high = o.sub(exponent, minus_high);
    let lost = o.sub(exponent, high);
    let lost = o.sub(lost, minus_high);
    let low = o.add(lost, low);
    TwoParts { high, low }
}

/// `(m - 1) / (m + 1)`
fn quotient<O: Ops>(o: &mut O, m: O::Float) -> TwoParts<O::Float> {
    let one = o.float(1.0);
    let above = o.sub(m, one);
    let below = o.add(m, one);
    let below_low = o.sub(below, one);
    let below_low = o.sub(m, below_low);
    let reciprocal = o.div(one, below);
    let high = o.mul(above, reciprocal);
    let minus_high = o.neg(high);
    let remainder = o.fma(minus_high, below, above);
    let remainder = o.fma(minus_high, below_low, remainder);
    let low = o.mul(remainder, reciprocal);
    TwoParts { high, low }
}

/// `log2((1 + s) / (1 - s)) / s`
fn log2_over_s<O: Ops>(o: &mut O, s: TwoParts<O::Float>, minus_s: O::Float) -> TwoParts<O::Float> {
    let (first, first_low) = (o.float(FIRST[0]), o.float(FIRST[1]));
    let second = o.float(SECOND);
    // The square, negated, and what its rounding took away, negated too.
    let square = o.mul(s.high, minus_s);
    let square_low = o.fma(s.high, s.high, square);
    let twice = o.add(s.high, s.high);
    let square_low = o.fma(twice, s.low, square_low);
    let fourth = o.mul(square, square);

    let rest = horner(o, square, &REST);
    let low = o.fma(fourth, rest, first_low);
    let plus_second = o.float(-SECOND);
    let low = o.fma(square_low, plus_second, low);
    let high = o.fma(square, second, first);
    let lost = o.sub(first, high);
    let lost = o.fma(square, second, lost);
    let low = o.add(lost, low);
    TwoParts { high, low }
}

#[cfg(test)]
mod tests {
    use super::log2_two_parts;
    use crate::math::Direct;
    use crate::math::testing::exhaustive;

    /// Largest relative error over mantissas, a stride apart, with this exponent.
    fn worst_error(exponent: u32, stride: usize) -> f64 {
        let mantissas = (0..1_u32 << 23).step_by(stride);
        let errors = mantissas.map(|mantissa| {
            let x = f32::from_bits((exponent << 23) | mantissa);
            let found = log2_two_parts(&mut Direct, x);
            let sum = f64::from(found.high) + f64::from(found.low);
            let expected = f64::from(x).log2();
            if expected == 0.0 { sum.abs() } else { (sum / expected - 1.0).abs() }
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn both_parts_together_have_more_than_31_bits() {
        let stride = if exhaustive() { 1 } else { 97 };
        for exponent in [1, 126, 127, 128, 200] {
            let worst = worst_error(exponent, stride);
            println!("exponent {exponent}: 2^{}", worst.log2());
            assert!(worst < 2_f64.powi(-31), "exponent {exponent}: {worst}");
        }
    }
}
