//! Numbers of about 106 bits: the unevaluated sum of two f64s.
//!
//! Sums follow Joldes, Muller and Popescu, *Tight and rigorous error bounds for basic building blocks of
//! double-word arithmetic* (2017); products are split as Dekker did, because the baseline of x86-64 has no
//! fused multiply-add. Each operation says how far its result can be from the true one: a sum by what it
//! has thrown away, which is often nothing, the others by a constant that is several times the bound that
//! is proven or measured.
//!
//! All of it holds for numbers of a magnitude from [`SMALLEST`] to [`LARGEST`], and 0: there no partial product
//! overflows and no error of one underflows. Callers keep to that range.

use std::ops::Neg;
use std::sync::LazyLock;

/// The largest magnitude for which the bounds hold: Dekker's split multiplies by `2^27`.
pub(super) const LARGEST: f64 = 1e280;

/// The smallest magnitude other than 0 for which the bounds hold: the error of a quotient's second
/// correction is `2^-159` times the quotient.
pub(super) const SMALLEST: f64 = 1e-240;

/// Relative error of a product; `7 * 2^-106` is proven.
pub(super) const PRODUCT_ERROR: f64 = power_of_two(-102);

/// Relative error of a quotient; `15 * 2^-106` is proven for a shorter algorithm.
pub(super) const QUOTIENT_ERROR: f64 = power_of_two(-100);

/// Relative error of a square root; one Newton step from f64 leaves some `2^-104`.
pub(super) const ROOT_ERROR: f64 = power_of_two(-100);

/// Relative error of `exp`: table `2^-102`, polynomial `2^-102`, reduction `2^-103`.
pub(super) const EXP_ERROR: f64 = power_of_two(-97);

/// Absolute error of `log`, beside [`PRODUCT_ERROR`] of its value: one Newton step with `exp`.
pub(super) const LOG_ERROR: f64 = power_of_two(-96);

/// `hi + lo`, where `hi` is the f64 nearest to the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubleDouble {
    hi: f64,
    lo: f64,
}

const fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// The rounded sum and its error, exactly (Knuth).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// The rounded product and its error, exactly (Dekker).
#[inline(always)]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    (product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)
}

/// Two halves of 26 bits (Veltkamp).
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    let scaled = 134_217_729.0 * a; // 2^27 + 1
    let high = scaled - (scaled - a);
    (high, a - high)
}

impl DoubleDouble {
    /// 0.
    pub const ZERO: DoubleDouble = DoubleDouble { hi: 0.0, lo: 0.0 };

    /// An f64, exactly.
    pub(crate) const fn new(value: f64) -> DoubleDouble {
        DoubleDouble { hi: value, lo: 0.0 }
    }

    /// The sum of two f64s, exactly.
    pub(crate) fn sum(a: f64, b: f64) -> DoubleDouble {
        let (hi, lo) = two_sum(a, b);
        DoubleDouble { hi, lo }
    }

    /// `1/x`, within `2^-105` of itself.
    pub(super) fn inverse(x: f64) -> DoubleDouble {
        let hi = 1.0 / x;
        let (product, error) = two_product(hi, x);
        DoubleDouble::sum(hi, ((1.0 - product) - error) / x)
    }

    /// The f64 nearest to it.
    pub(crate) fn high(self) -> f64 {
        self.hi
    }

    /// The rest: itself less [`DoubleDouble::high`].
    pub(crate) fn low(self) -> f64 {
        self.lo
    }

    /// Its magnitude.
    pub(crate) fn abs(self) -> DoubleDouble {
        if self.hi < 0.0 { -self } else { self }
    }

    /// The sum, and a bound of what was thrown away.
    #[inline(always)]
    pub(super) fn add(self, other: DoubleDouble) -> (DoubleDouble, f64) {
        let (high, high_error) = two_sum(self.hi, other.hi);
        let (low, low_error) = two_sum(self.lo, other.lo);
        let (middle, lost_1) = two_sum(high_error, low);
        let (high, rest) = two_sum(high, middle);
        let (rest, lost_2) = two_sum(rest, low_error);
        (DoubleDouble::sum(high, rest), lost_1.abs() + lost_2.abs())
    }

    /// The sum, where the caller has a bound of its own.
    #[inline(always)]
    fn plus(self, other: DoubleDouble) -> DoubleDouble {
        self.add(other).0
    }

    /// The product, and whether it is exact. Where it is not, [`PRODUCT_ERROR`] holds.
    #[inline(always)]
    pub(super) fn mul(self, other: DoubleDouble) -> (DoubleDouble, bool) {
        let (high, error) = two_product(self.hi, other.hi);
        if self.lo == 0.0 && other.lo == 0.0 {
            return (DoubleDouble { hi: high, lo: error }, true);
        }
        let cross = self.hi * other.lo + self.lo * other.hi;
        (DoubleDouble::sum(high, error + cross), false)
    }

    /// The product, where the caller has a bound of its own.
    #[inline(always)]
    fn times(self, other: DoubleDouble) -> DoubleDouble {
        self.mul(other).0
    }

    /// The quotient and whether it is exact; where it is not, [`QUOTIENT_ERROR`] holds. The divisor is not 0.
    pub(super) fn div(self, divisor: DoubleDouble) -> (DoubleDouble, bool) {
        let first = self.hi / divisor.hi;
        let rest = self.plus(-divisor.times(DoubleDouble::new(first)));
        if rest.hi == 0.0 && divisor.lo == 0.0 && self.lo == 0.0 {
            return (DoubleDouble::new(first), true);
        }
        let second = rest.hi / divisor.hi;
        let rest = rest.plus(-divisor.times(DoubleDouble::new(second)));
        let third = rest.hi / divisor.hi;
        (DoubleDouble::sum(first, second).plus(DoubleDouble::new(third)), false)
    }

    /// The square root of a positive number, and whether it is exact; where it is not, [`ROOT_ERROR`] holds.
    pub(super) fn sqrt(self) -> (DoubleDouble, bool) {
        let first = self.hi.sqrt();
        let (square, error) = two_product(first, first);
        let rest = self.plus(-DoubleDouble { hi: square, lo: error });
        if rest.hi == 0.0 {
            return (DoubleDouble::new(first), true);
        }
        (DoubleDouble::sum(first, rest.hi / (2.0 * first)), false)
    }

    /// `e^x` within [`EXP_ERROR`], for a magnitude of at most 650.
    pub(super) fn exp(self) -> DoubleDouble {
        let twos = (self.hi * std::f64::consts::LOG2_E).round();
        // ln 2 in three parts; the first two have 40 bits, so that their products with `twos` are exact.
        let rest = LN_2.iter().fold(self, |rest, part| rest.plus(DoubleDouble::new(-twos * part)));
        let step = (rest.hi * STEPS).round();
        let rest = rest.plus(DoubleDouble::new(-step / STEPS));
        let entry = EXP_TABLE[(step as i64 + TABLE_MIDDLE) as usize];
        let value = entry.times(exp_of_small(rest));
        // In two factors, because `2^1024` is no f64.
        let half = (twos / 2.0).trunc();
        let (one, other) = (power_of_two(half as i64), power_of_two((twos - half) as i64));
        DoubleDouble { hi: value.hi * one * other, lo: value.lo * one * other }
    }

    /// The logarithm of a positive number, within [`LOG_ERROR`] and [`PRODUCT_ERROR`] of its value.
    pub(super) fn ln(self) -> DoubleDouble {
        let first = self.hi.ln();
        // log x = y + log(1 + z) with z = x e^-y - 1. With |z| < 1e-12 the cube is of no account.
        let z = self.times(DoubleDouble::new(-first).exp()).plus(DoubleDouble::new(-1.0));
        let correction = z.plus(DoubleDouble::new(-0.5 * z.hi * z.hi));
        DoubleDouble::new(first).plus(correction)
    }
}

impl Neg for DoubleDouble {
    type Output = DoubleDouble;

    fn neg(self) -> DoubleDouble {
        DoubleDouble { hi: -self.hi, lo: -self.lo }
    }
}

/// ln 2 to 137 bits.
const LN_2: [f64; 3] =
    [0.693_147_180_559_208_2, 7.371_002_565_161_996e-13, 5.802_988_983_595_690_5e-25];

/// Entries of the table to the unit.
const STEPS: f64 = 64.0;

const TABLE_MIDDLE: i64 = 23;

/// `e^(j/64)` for j = -23 ..= 23: as far as half of ln 2.
static EXP_TABLE: LazyLock<Vec<DoubleDouble>> = LazyLock::new(|| {
    let entries = -TABLE_MIDDLE..=TABLE_MIDDLE;
    entries.map(|j| exp_by_series(j as f64 / STEPS)).collect()
});

/// Horner's scheme of 30 terms.
fn exp_by_series(x: f64) -> DoubleDouble {
    let one = DoubleDouble::new(1.0);
    (1..=30).rev().fold(one, |sum, n| {
        let term = sum.times(DoubleDouble::new(x)).div(DoubleDouble::new(f64::from(n))).0;
        one.plus(term)
    })
}

/// `1/3!`, `1/4!` and `1/5!`.
static FACTORS: LazyLock<[DoubleDouble; 3]> = LazyLock::new(|| {
    [6.0, 24.0, 120.0].map(|n| DoubleDouble::new(1.0).div(DoubleDouble::new(n)).0)
});

/// `e^x` for a magnitude of at most 1/128: 11 terms, of which the last six need only 53 bits.
fn exp_of_small(x: DoubleDouble) -> DoubleDouble {
    const TAIL: [f64; 6] = [
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
    ];
    let tail = TAIL.iter().fold(0.0, |sum, factor| sum * x.hi + factor);
    let [third, fourth, fifth] = *FACTORS;
    let head = [fourth, third, DoubleDouble::new(0.5), DoubleDouble::new(1.0)];
    let start = fifth.plus(DoubleDouble::new(tail * x.hi));
    let sum = head.iter().fold(start, |sum, factor| factor.plus(sum.times(x)));
    DoubleDouble::new(1.0).plus(sum.times(x))
}

#[cfg(test)]
mod tests {
    use super::{DoubleDouble, EXP_ERROR, LOG_ERROR, PRODUCT_ERROR, QUOTIENT_ERROR, ROOT_ERROR};
    use crate::splitmix;

    /// The magnitude of a difference.
    fn apart(a: DoubleDouble, b: DoubleDouble) -> f64 {
        a.plus(-b).hi.abs()
    }

    /// Positive, of all 106 bits, of a magnitude from `2^-span` to `2^span`.
    fn number(seed: u64, span: f64) -> DoubleDouble {
        let unit = |word: u64| (splitmix(word) >> 11) as f64 / (1u64 << 53) as f64;
        let hi = ((unit(3 * seed) * 2.0 - 1.0) * span).exp2();
        DoubleDouble::sum(hi, hi * f64::EPSILON / 2.0 * (unit(3 * seed + 1) - 0.5))
    }

    /// Computed with 80 digits elsewhere.
    #[test]
    #[expect(
        clippy::unreadable_literal,
        clippy::approx_constant,
        reason = "as the tool printed them"
    )]
    fn exp_and_log_agree_with_values_of_80_digits() {
        let exp = [
            (1.0, 2.718281828459045, 1.4456468917292502e-16),
            (-1.0, 0.36787944117144233, -1.2428753672788363e-17),
            (0.5, 1.6487212707001282, -4.731568479435833e-17),
            (10.0, 22026.465794806718, -1.3780134700517372e-12),
            (-20.25, 1.6052280551856116e-09, -3.657643988865463e-26),
            (100.125, 3.0460357809113723e43, 1.9444185594826978e27),
            (0.0078125, 1.007843097206448, -6.872774751042842e-17),
            (-500.5, 4.3212740281538553e-218, -7.608613847330407e-235),
            (600.75, 7.987484039748642e260, -5.254820159931257e244),
        ];
        for (x, hi, lo) in exp {
            let error = apart(DoubleDouble::new(x).exp(), DoubleDouble { hi, lo }) / hi;
            assert!(error < EXP_ERROR / 4.0, "exp({x}): {error:e}");
        }
        let log = [
            (2.0, 0.6931471805599453, 2.3190468138462996e-17),
            (10.0, 2.302585092994046, -2.1707562233822494e-16),
            (3.0, 1.0986122886681098, -9.07129723500153e-17),
            (1.0009765625, 0.0009760859730554589, -2.8791156534096714e-20),
            (1e6, 13.815510557964274, 4.739031053709008e-16),
            (0.0009765625, -6.931471805599453, -9.860076459598654e-18),
            (12345.5, 9.42104690318671, -5.753742111924659e-16),
        ];
        for (x, hi, lo) in log {
            let error = apart(DoubleDouble::new(x).ln(), DoubleDouble { hi, lo });
            assert!(error < LOG_ERROR / 4.0, "log({x}): {error:e}");
        }
    }

    #[test]
    fn operations_undo_each_other_within_their_bounds() {
        for seed in 0..20_000 {
            let (a, b) = (number(2 * seed, 300.0), number(2 * seed + 1, 300.0));
            let quotient = a.div(b).0;
            assert!(
                apart(quotient.times(b), a) / a.hi < QUOTIENT_ERROR / 2.0 + PRODUCT_ERROR,
                "{a:?} {b:?}"
            );
            let root = a.sqrt().0;
            assert!(apart(root.times(root), a) / a.hi < ROOT_ERROR + PRODUCT_ERROR, "{a:?}");
            assert!(apart(a.ln().exp(), a) / a.hi < LOG_ERROR + EXP_ERROR + 1e-29, "{a:?}");
        }
    }

    #[test]
    fn the_exponential_of_a_sum_is_a_product() {
        for seed in 0..20_000 {
            let (a, b) = (number(2 * seed, 8.0), -number(2 * seed + 1, 8.0));
            let (sum, lost) = a.add(b);
            let (one, other) = (sum.exp(), a.exp().times(b.exp()));
            assert!(apart(one, other) / one.hi < EXP_ERROR + lost, "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_a_sum_throws_away_is_said() {
        let (sum, lost) = DoubleDouble::new(1.0).add(DoubleDouble::new(1e-30));
        assert_eq!((sum.hi, sum.lo, lost), (1.0, 1e-30, 0.0));
        let (_, lost) = sum.add(DoubleDouble::new(1e-60));
        assert!(lost >= 1e-61, "{lost:e}");
    }
}
