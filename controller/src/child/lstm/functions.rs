//! `exp`, `tanh` and the logistic function in f32, for whole arrays at once.
//!
//! They are additions, multiplications and divisions that round once each, without a branch and without a
//! call, so that the compiler makes vectors of loops over them, and any width of vectors gives the same bits.
//!
//! With n = round(x / ln 2) and r = x - n ln 2, `exp(x) - 1 = 2^n p + (2^n - 1)` where
//! `p = exp(r) - 1` is the polynomial of Cephes' `expf` (Moshier 1992). What comes out is within
//! a few units in the last place; NaN stays NaN.

/// 1.5 * 2^23: a small number added to it is rounded to a whole one, which its low bits hold.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts; a whole number below 2^9 times the first one is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Of `(exp(r) - 1 - r) / r^2`, highest power first.
const COEFFICIENTS: [f32; 6] =
    [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];
/// Results of arguments outside are those at the ends: 1.6e-38 and 1.7e38.
const LEAST: f32 = -87.0;
const MOST: f32 = 88.0;
/// From here on `tanh` rounds to 1.
const TANH_IS_1: f32 = 9.02;

/// `2^n` and `exp(r) - 1`.
#[inline(always)]
fn parts(x: f32) -> (f32, f32) {
    let x = x.clamp(LEAST, MOST);
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let [mut sum, rest @ ..] = COEFFICIENTS;
    for coefficient in rest {
        sum = sum * r + coefficient;
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    (power, sum * (r * r) + r)
}

/// `exp(x)`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let (power, rest) = parts(x);
    power * rest + power
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `tanh(x)`, as `e / (e + 2)` with `e = exp(2|x|) - 1`, which keeps small values precise.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let magnitude = x.abs().clamp(0.0, TANH_IS_1);
    let (power, rest) = parts(2.0 * magnitude);
    let e = power * rest + (power - 1.0);
    (e / (e + 2.0)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::{exp, sigmoid, tanh};

    /// The largest relative error over numbers of all sizes up to `most`, and their negatives.
    fn error(computed: fn(f32) -> f32, exact: fn(f64) -> f64, most: f32) -> f64 {
        let evenly = (0..200_000).map(|i| most * i as f32 / 200_000.0);
        let by_size = (1..100_000).map(|i| most * libm::exp2f(-60.0 * i as f32 / 100_000.0));
        let numbers = evenly.chain(by_size).flat_map(|x| [x, -x]);
        let errors = numbers.map(|x| {
            let exact = exact(f64::from(x));
            (f64::from(computed(x)) - exact).abs() / exact.abs().max(f64::MIN_POSITIVE)
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn results_are_within_a_few_units_in_the_last_place() {
        let unit = f64::from(f32::EPSILON);
        let errors = [
            error(exp, libm::exp, 87.0),
            error(sigmoid, |x| 1.0 / (1.0 + libm::exp(-x)), 87.0),
            error(tanh, libm::tanh, 20.0),
        ];
        assert!(errors.iter().all(|error| *error < 2.5 * unit), "{errors:?}");
    }

    #[test]
    fn ends_are_reached_and_nan_is_kept() {
        let infinity = f32::INFINITY;
        for x in [89.0, 1e30, infinity] {
            assert!(exp(x) > 1e38 && exp(x).is_finite());
            assert!(exp(-x) < 2e-38 && exp(-x) > 0.0);
            assert_eq!((sigmoid(x), tanh(x), tanh(-x)), (1.0, 1.0, -1.0));
            assert!(sigmoid(-x) < 1e-37);
        }
        assert_eq!((exp(0.0), sigmoid(0.0), tanh(0.0)), (1.0, 0.5, 0.0));
        assert!(tanh(-0.0).is_sign_negative());
        assert_eq!(tanh(1e-30), 1e-30);
        assert!([exp, sigmoid, tanh].into_iter().all(|function| function(f32::NAN).is_nan()));
    }
}
