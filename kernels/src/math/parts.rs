//! Steps that several functions share: polynomials, rounding to an integer, powers of two, and the
//! split of a number in exponent and mantissa.

use super::Ops;

/// ln 2 rounded to f32; `LN_2 + LN_2_LOW` is ln 2 to 49 bits.
pub(super) const LN_2: f32 = f32::from_bits(0x3f31_7218);
/// What [`LN_2`] lacks.
pub(super) const LN_2_LOW: f32 = f32::from_bits(0xb102_e308);
/// 1 / ln 2.
pub(super) const LOG2_E: f32 = f32::from_bits(0x3fb8_aa3b);

/// 1.5 * 2^23: a small number added to it is rounded to an integer, to nearest even, and that
/// integer stands in the low bits of the sum.
pub(super) const ROUND: f32 = 12_582_912.0;

/// [`ROUND`] with twice the exponent bias, for [`times_power_of_two`].
pub(super) const ROUND_BIASED_TWICE: f32 = ROUND + 254.0;

/// The polynomial with these coefficients, the constant first, by Horner's rule.
pub(super) fn horner<O: Ops>(o: &mut O, x: O::Float, coefficients: &[f32]) -> O::Float {
    let (last, rest) = coefficients.split_last().unwrap_or((&0.0, &[]));
    let mut sum = o.float(*last);
    for coefficient in rest.iter().rev() {
        let coefficient = o.float(*coefficient);
        sum = o.fma(sum, x, coefficient);
    }
    sum
}

/// `x`, or `low` if x is below it; a NaN stays.
pub(super) fn at_least<O: Ops>(o: &mut O, x: O::Float, low: f32) -> O::Float {
    let low = o.float(low);
    let below = o.lt(x, low);
    o.select(below, low, x)
}

/// `x`, or `high` if x is above it; a NaN stays.
pub(super) fn at_most<O: Ops>(o: &mut O, x: O::Float, high: f32) -> O::Float {
    let high = o.float(high);
    let above = o.lt(high, x);
    o.select(above, high, x)
}

/// `p * 2^k` where `shifted` is k + [`ROUND_BIASED_TWICE`] and `-252 <= k <= 254`.
///
/// The power is split in two halves that are both normal numbers: with p near 1 and `k >= -250` the
/// first product is exact, and the second rounds once, to a subnormal, zero or infinity as well.
pub(super) fn times_power_of_two<O: Ops>(o: &mut O, p: O::Float, shifted: O::Float) -> O::Float {
    let sum = o.bits(shifted);
    let half = o.ushr(sum, 1);
    let rest = o.isub(sum, half);
    let half = o.shl(half, 23);
    let rest = o.shl(rest, 23);
    let half = o.from_bits(half);
    let rest = o.from_bits(rest);
    let scaled = o.mul(p, half);
    o.mul(scaled, rest)
}

/// `x = 2^exponent * mantissa`, exactly, for finite x > 0.
pub(super) struct Split<F> {
    /// An integer.
    pub(super) exponent: F,
    /// From `lowest` to below twice that.
    pub(super) mantissa: F,
}

/// Splits x so that the mantissa starts at the float with the bits `lowest`; for any other x than
/// a finite positive one the result has no meaning.
pub(super) fn split<O: Ops>(o: &mut O, x: O::Float, lowest: u32) -> Split<O::Float> {
    // Subnormals are made normal; the offset takes the factor out of the exponent again.
    let min_normal = o.float(f32::MIN_POSITIVE);
    let factor = o.float(8_388_608.0);
    let (offset, offset_tiny) = (o.integer(lowest), o.integer(lowest + (23 << 23)));
    let tiny = o.lt(x, min_normal);
    let scaled = o.mul(x, factor);
    let normal = o.select(tiny, scaled, x);
    let offset = o.iselect(tiny, offset_tiny, offset);

    let bits = o.bits(normal);
    let difference = o.isub(bits, offset);
    let exponent = o.sshr(difference, 23);
    let exponent = o.to_float(exponent);
    let (mask, lowest) = (o.integer(0x007f_ffff), o.integer(lowest));
    let mantissa = o.iand(difference, mask);
    let mantissa = o.iadd(mantissa, lowest);
    let mantissa = o.from_bits(mantissa);
    Split { exponent, mantissa }
}
