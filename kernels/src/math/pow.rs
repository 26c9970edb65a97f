//! Powers.
//!
//! `|x|^y = 2^(y log2|x|)` with the logarithm and the product in two parts; sign and special cases
//! as in C99, annex F.9.4.4.
//!
//! On 10^9 pseudo-random pairs (any bits, x near 1, results near overflow and underflow,
//! subnormals, integer exponents) the error is at most 1.03 ulp. No pair can be off by 1.5 ulp: the
//! logarithm's 2^-32.1 of a product of at most 150, and the rounding of the rest to 2^-26, are 0.55
//! ulp of the result; the polynomial and its roundings add at most 0.85.

use super::Ops;
use super::log2::{TwoParts, log2_two_parts};
use super::parts::{ROUND_BIASED_TWICE, at_least, at_most, horner, times_power_of_two};

/// From here on 2^z is infinite.
const HIGHEST: f32 = 136.0;
/// Up to here 2^z is zero.
const LOWEST: f32 = -160.0;

/// Minimax (Remez) for 2^f on |f| <= 1/2; relative error 2^-28.3.
const COEFFICIENTS: [f32; 7] = [
    1.0,
    f32::from_bits(0x3f31_7218),
    f32::from_bits(0x3e75_fdee),
    f32::from_bits(0x3d63_57be),
    f32::from_bits(0x3c1d_96f0),
    f32::from_bits(0x3aaf_841c),
    f32::from_bits(0x3920_b5ba),
];

/// x to the y, with the special cases of IEEE 754 and C99.
///
/// At most 2 ulp from the correctly rounded result. `pow(x, +-0) = pow(1, y) = 1`, also for NaN;
/// a negative finite base with an exponent that is no integer gives NaN.
pub fn pow<O: Ops>(o: &mut O, x: O::Float, y: O::Float) -> O::Float {
    let (zero, one, infinity) = (o.float(0.0), o.float(1.0), o.float(f32::INFINITY));
    let base = o.abs(x);
    let exponent = o.abs(y);
    let finite = o.lt(base, infinity);

    let logarithm = log2_with_limits(o, base, finite);
    let power = exp2_of_product(o, logarithm, y);

    // 1 where C99 says so: y is 0, x is 1, or x is -1 and y infinite.
    let y_zero = o.eq(y, zero);
    let x_one = o.eq(x, one);
    let base_one = o.eq(base, one);
    let y_infinite = o.eq(exponent, infinity);
    let unit = o.and(base_one, y_infinite);
    let unit = o.or(unit, x_one);
    let unit = o.or(unit, y_zero);
    let power = o.select(unit, one, power);

    let parity = parity(o, exponent);
    let negative = o.lt(x, zero);
    let invalid = o.and(negative, finite);
    let invalid = o.and(invalid, parity.fraction);
    let nan = o.float(f32::NAN);
    let power = o.select(invalid, nan, power);
    with_sign_if(o, power, x, parity.odd)
}

/// log2 of the base, with -inf for 0; infinity and NaN pass.
fn log2_with_limits<O: Ops>(o: &mut O, base: O::Float, finite: O::Mask) -> TwoParts<O::Float> {
    let (zero, minus_infinity) = (o.float(0.0), o.float(f32::NEG_INFINITY));
    let TwoParts { high, low } = log2_two_parts(o, base);
    let is_zero = o.eq(base, zero);
    let high = o.select(finite, high, base);
    let high = o.select(is_zero, minus_infinity, high);
    TwoParts { high, low }
}

/// `2^(y * logarithm)`
fn exp2_of_product<O: Ops>(o: &mut O, logarithm: TwoParts<O::Float>, y: O::Float) -> O::Float {
    let zero = o.float(0.0);
    let product = o.mul(y, logarithm.high);
    let minus_product = o.neg(product);
    let low = o.fma(y, logarithm.high, minus_product);
    let low = o.fma(y, logarithm.low, low);

    // Out of range the low part may be anything, and is not needed.
    let z = at_least(o, product, LOWEST);
    let z = at_most(o, z, HIGHEST);
    let in_range = o.eq(z, product);
    let low = o.select(in_range, low, zero);

    let round = o.float(ROUND_BIASED_TWICE);
    let shifted = o.add(z, round);
    let k = o.sub(shifted, round);
    let f = o.sub(z, k);
    let f = o.add(f, low);
    let p = horner(o, f, &COEFFICIENTS);
    times_power_of_two(o, p, shifted)
}

/// What kind of number an exponent is.
struct Parity<M> {
    /// An odd integer.
    odd: M,
    /// Not an integer; false for an infinity.
    fraction: M,
}

/// The parity of `exponent >= 0`.
fn parity<O: Ops>(o: &mut O, exponent: O::Float) -> Parity<O::Mask> {
    let (zero, one, minus_two) = (o.float(0.0), o.float(1.0), o.float(-2.0));
    let (half, two_to_23) = (o.float(0.5), o.float(8_388_608.0));
    // exponent - 2 round(exponent / 2): 0 if even, +-1 if odd, between if no integer. The rounding
    // is inexact from 2^24 on, but there both are even: 0 or at least 2. NaN for an infinity.
    let nearest = o.fma(exponent, half, two_to_23);
    let nearest = o.sub(nearest, two_to_23);
    let distance = o.fma(nearest, minus_two, exponent);
    let distance = o.abs(distance);
    let odd = o.eq(distance, one);
    let positive = o.lt(zero, distance);
    let below_one = o.lt(distance, one);
    let fraction = o.and(positive, below_one);
    Parity { odd, fraction }
}

/// `power`, with the sign of x where `odd` holds.
fn with_sign_if<O: Ops>(o: &mut O, power: O::Float, x: O::Float, odd: O::Mask) -> O::Float {
    let (none, sign_bit) = (o.integer(0), o.integer(0x8000_0000));
    let sign = o.bits(x);
    let sign = o.iand(sign, sign_bit);
    let sign = o.iselect(odd, sign, none);
    let power = o.bits(power);
    let power = o.ior(power, sign);
    o.from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::pow;
    use crate::math::Direct;
    use crate::math::testing::{check_same, check_within, ulps};

    const INF: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const TINY: f32 = f32::from_bits(1);

    fn check_rows(rows: &[(f32, f32, f32)]) {
        for &(x, y, expected) in rows {
            check_same(pow(&mut Direct, x, y), expected, &format!("pow({x:?}, {y:?})"));
        }
    }

    /// Every kind of number that the rules of annex F tell apart.
    fn kinds() -> Vec<f32> {
        let positive = [
            0.0,
            TINY,
            1e-30,
            0.3,
            0.5,
            1.0,
            1.5,
            2.0,
            2.5,
            3.0,
            4.0,
            4_194_303.5,
            8_388_607.0,
            8_388_607.5,
            8_388_609.0,
            16_777_215.0,
            16_777_216.0,
            16_777_218.0,
            33_554_430.0,
            1e30,
            f32::MAX,
            INF,
            NAN,
        ];
        positive.into_iter().flat_map(|x| [x, -x]).collect()
    }

    #[test]
    fn every_special_case_is_as_in_c99() {
        for &x in &kinds() {
            for &y in &kinds() {
                // The f64 function follows annex F; kinds are the same in f64.
                let expected = f64::from(x).powf(f64::from(y)) as f32;
                let found = pow(&mut Direct, x, y);
                let same_sign =
                    found.is_nan() || found.is_sign_negative() == expected.is_sign_negative();
                let close = ulps(found, expected) <= 2 && same_sign;
                assert!(close, "pow({x:?}, {y:?}) = {found:?}, expected {expected:?}");
            }
        }
    }

    #[test]
    fn one_whatever_the_other_argument_is() {
        for &z in &kinds() {
            check_rows(&[(z, 0.0, 1.0), (z, -0.0, 1.0), (1.0, z, 1.0)]);
        }
        check_rows(&[(-1.0, INF, 1.0), (-1.0, -INF, 1.0), (-1.0, NAN, NAN)]);
    }

    #[test]
    fn zeros_and_infinities_keep_their_sign_for_odd_exponents() {
        check_rows(&[
            (-0.0, 3.0, -0.0),
            (-0.0, -3.0, -INF),
            (-0.0, 2.0, 0.0),
            (-0.0, -2.0, INF),
            (-0.0, 0.5, 0.0),
            (-0.0, -INF, INF),
            (-INF, 3.0, -INF),
            (-INF, -3.0, -0.0),
            (-INF, 2.5, INF),
            (-INF, -2.5, 0.0),
            (INF, -1.0, 0.0),
            (-8.0, 1.0 / 3.0, NAN),
            (0.5, -INF, INF),
            (-2.0, INF, INF),
            (-0.5, INF, 0.0),
        ]);
    }

    #[test]
    fn overflow_and_underflow_keep_the_sign() {
        check_rows(&[
            (2.0, 127.0, 2_f32.powi(127)),
            (2.0, 128.0, INF),
            (2.0, -149.0, TINY),
            (2.0, -150.0, 0.0),
            (-2.0, -149.0, -TINY),
            (-2.0, -151.0, -0.0),
            (-2.0, 129.0, -INF),
            (TINY, 1.0, TINY),
            (TINY, -1.0, INF),
            (f32::MAX, -1.0, f32::from_bits(0x0020_0000)),
        ]);
    }

    #[test]
    fn samples_are_within_two_ulp() {
        for y in [0.5, -0.5, 1.0 / 3.0, 2.0, -1.0, 10.0, 80.0] {
            check_within(2, [1e-3, 3.0], |x| pow(&mut Direct, x, y), |x| x.powf(f64::from(y)));
        }
        for x in [1.000_001_f32, 0.999_999, 0.1, 2.75, 10.0, TINY] {
            check_within(2, [-160.0, 160.0], |y| pow(&mut Direct, x, y), |y| f64::from(x).powf(y));
        }
    }
}
