//! Sine and cosine of a part of a turn, for Box-Muller.
//!
//! `u = q/4 + r` with q an integer and `|r| <= 1/8`, both exact, so no digit of 2 pi is lost: sin
//! and cos of `2 pi r` are polynomials in r, and q tells which of them and with what sign.
//!
//! Over all 2^24 uniform numbers the error is at most 0.860 ulp.

use super::Ops;
use super::parts::{ROUND, horner};

/// 2 pi rounded to f32.
const TWO_PI: f32 = f32::from_bits(0x40c9_0fdb);
/// What [`TWO_PI`] lacks, then the minimax (Remez) coefficients of (sin(2 pi r) - 2 pi r) / r^3 in
/// r^2 on |r| <= 1/8; relative error 2^-27.9 of the sine.
const SINE: [f32; 4] = [
    f32::from_bits(0xb43b_bd2e),
    f32::from_bits(0xc225_5ddf),
    f32::from_bits(0x42a3_2fd6),
    f32::from_bits(0xc296_dad3),
];
/// Minimax (Remez) for cos(2 pi r) in r^2 on |r| <= 1/8; relative error 2^-31.
const COSINE: [f32; 5] = [
    1.0,
    f32::from_bits(0xc19d_e9e6),
    f32::from_bits(0x4281_e0d8),
    f32::from_bits(0xc2aa_d95b),
    f32::from_bits(0x426a_7bf7),
];

/// A fraction of a turn, reduced to the nearest quarter.
pub(super) struct Turn<O: Ops> {
    /// Number of the quarter, in its two lowest bits.
    quarter: O::Integer,
    /// Sine of the angle from there.
    sine: O::Float,
    /// Cosine of the angle from there.
    cosine: O::Float,
}

/// `(sin(2 pi u), cos(2 pi u))` for `0 <= u <= 1`.
///
/// At most 1 ulp from the correctly rounded results for u a multiple of 2^-24; a result that is
/// zero may have either sign.
pub fn sin_cos_turns<O: Ops>(o: &mut O, u: O::Float) -> (O::Float, O::Float) {
    let turn = turn(o, u);
    let (even, odd) = (o.integer(0), o.integer(1));
    (cosine_or_sine(o, &turn, odd), cosine_or_sine(o, &turn, even))
}

/// Reduces `0 <= u <= 1`.
pub(super) fn turn<O: Ops>(o: &mut O, u: O::Float) -> Turn<O> {
    let (four, round, minus_quarter) = (o.float(4.0), o.float(ROUND), o.float(-0.25));
    let shifted = o.fma(u, four, round);
    let quarter = o.bits(shifted);
    let quarters = o.sub(shifted, round);
    let r = o.fma(quarters, minus_quarter, u);

    let square = o.mul(r, r);
    let cosine = horner(o, square, &COSINE);
    let two_pi = o.float(TWO_PI);
    let rest = horner(o, square, &SINE);
    let rest = o.mul(r, rest);
    let sine = o.fma(r, two_pi, rest);
    Turn { quarter, sine, cosine }
}

/// `cos(2 pi u)` where `odd` is 0, `sin(2 pi u)`, the cosine of a quarter turn less, where it is 1.
pub(super) fn cosine_or_sine<O: Ops>(o: &mut O, turn: &Turn<O>, odd: O::Integer) -> O::Float {
    let (one, two) = (o.integer(1), o.integer(2));
    let quarter = o.isub(turn.quarter, odd);
    let parity = o.iand(quarter, one);
    let swapped = o.ieq(parity, one);
    let value = o.select(swapped, turn.sine, turn.cosine);
    // Minus in quarters 1 and 2.
    let sign = o.iadd(quarter, one);
    let sign = o.iand(sign, two);
    let sign = o.shl(sign, 30);
    let value = o.bits(value);
    let value = o.ixor(value, sign);
    o.from_bits(value)
}

#[cfg(test)]
mod tests {
    use super::sin_cos_turns;
    use crate::math::Direct;
    use crate::math::testing::ulps;

    #[test]
    fn quarters_and_eighths_are_exact_or_rounded() {
        let diagonal = std::f32::consts::FRAC_1_SQRT_2;
        let rows = [
            (0.0, 0.0, 1.0),
            (0.125, diagonal, diagonal),
            (0.25, 1.0, 0.0),
            (0.375, diagonal, -diagonal),
            (0.5, 0.0, -1.0),
            (0.625, -diagonal, -diagonal),
            (0.75, -1.0, 0.0),
            (0.875, -diagonal, diagonal),
            (1.0, 0.0, 1.0),
        ];
        for (turns, sine, cosine) in rows {
            let found = sin_cos_turns(&mut Direct, turns);
            let distance = ulps(found.0, sine).max(ulps(found.1, cosine));
            assert!(distance <= 1, "at {turns}: {found:?}");
        }
    }

    #[test]
    fn samples_agree_with_f64() {
        for step in (1..1_u32 << 24).step_by(997) {
            let turns = step as f32 / 16_777_216.0;
            let (sine, cosine) = sin_cos_turns(&mut Direct, turns);
            let (s, c) = (f64::from(turns) * std::f64::consts::TAU).sin_cos();
            // The f64 angle is itself off by 2^-53 of it, which is felt next to the zeros.
            let near = |found: f32, x: f64| (f64::from(found) - x).abs() <= 1e-7 * x.abs() + 1e-15;
            assert!(near(sine, s), "sine at {turns}: {sine}, expected {s}");
            assert!(near(cosine, c), "cosine at {turns}: {cosine}, expected {c}");
        }
    }
}
