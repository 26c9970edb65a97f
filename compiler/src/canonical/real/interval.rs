//! Intervals of real numbers that contain a value: the range facts.
//!
//! They decide what is dropped from a form, and so are part of keys: functions are those of `libm`.

/// Two ends, each of which may be left out of the interval. Ends are rounded outwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    /// `lo` itself is not reached.
    pub(crate) lo_open: bool,
    /// `hi` itself is not reached.
    pub(crate) hi_open: bool,
}

/// More than the error of one operation, relative: half a unit of the last place, and one unit for `libm`'s
/// `exp`, `log` and `pow`. A unit is at most `EPSILON`.
const SLACK: f64 = 4.0 * f64::EPSILON;

/// Numbers whose sums and products here are exact.
fn plain(x: f64) -> bool {
    x.is_infinite() || (x.fract() == 0.0 && x.abs() <= 1024.0)
}

/// Rounded down, unless it is known to be exact. What is beyond all f64 is above the largest.
fn below(x: f64, exact: bool) -> f64 {
    if x == f64::INFINITY {
        f64::MAX
    } else if exact || x.is_infinite() {
        x
    } else {
        x - x.abs() * SLACK - f64::MIN_POSITIVE
    }
}

/// Rounded up, unless it is known to be exact.
fn above(x: f64, exact: bool) -> f64 {
    -below(-x, exact)
}

/// A product of ends, where an infinite end times 0 is 0: the value itself is finite.
fn end_product(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

/// A power of an end, and how far off it may be because the exponent is rounded: halves are exact.
fn power(end: f64, exponent: f64) -> (f64, f64) {
    let power = libm::pow(end, exponent);
    let exact = (2.0 * exponent).fract() == 0.0 || end == 0.0 || end == 1.0;
    if exact || end.is_infinite() || power.is_infinite() {
        return (power, 0.0);
    }
    (power, power * libm::fabs(exponent * libm::log(end)) * f64::EPSILON)
}

impl Interval {
    /// All real numbers.
    pub(crate) const REAL: Interval =
        Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY, lo_open: true, hi_open: true };
    /// From 0 on.
    pub(crate) const NONNEGATIVE: Interval = Interval { lo: 0.0, lo_open: false, ..Interval::REAL };
    /// Above 0.
    pub(crate) const POSITIVE: Interval = Interval { lo: 0.0, lo_open: true, ..Interval::REAL };

    pub(crate) fn closed(lo: f64, hi: f64) -> Interval {
        Interval { lo, hi, lo_open: false, hi_open: false }
    }

    /// A number that is known to a few units of the last place; whole if it is whole and small.
    pub(crate) fn near(x: f64) -> Interval {
        Interval::closed(below(x, plain(x)), above(x, plain(x)))
    }

    pub(crate) fn is_nonnegative(self) -> bool {
        self.lo >= 0.0
    }

    pub(crate) fn is_nonpositive(self) -> bool {
        self.hi <= 0.0
    }

    pub(crate) fn is_positive(self) -> bool {
        self.lo > 0.0 || (self.lo == 0.0 && self.lo_open)
    }

    pub(crate) fn is_negative(self) -> bool {
        self.hi < 0.0 || (self.hi == 0.0 && self.hi_open)
    }

    /// Whether the value is never 0.
    pub(crate) fn is_nonzero(self) -> bool {
        self.is_positive() || self.is_negative()
    }

    #[must_use]
    pub(crate) fn neg(self) -> Interval {
        Interval { lo: -self.hi, hi: -self.lo, lo_open: self.hi_open, hi_open: self.lo_open }
    }

    #[must_use]
    pub(crate) fn add(self, other: Interval) -> Interval {
        Interval {
            lo: below(self.lo + other.lo, plain(self.lo) && plain(other.lo)),
            hi: above(self.hi + other.hi, plain(self.hi) && plain(other.hi)),
            lo_open: self.lo_open || other.lo_open,
            hi_open: self.hi_open || other.hi_open,
        }
    }

    #[must_use]
    pub(crate) fn abs(self) -> Interval {
        if self.lo >= 0.0 {
            self
        } else if self.hi <= 0.0 {
            self.neg()
        } else {
            let (hi, hi_open) = if -self.lo > self.hi {
                (-self.lo, self.lo_open)
            } else if self.hi > -self.lo {
                (self.hi, self.hi_open)
            } else {
                (self.hi, self.hi_open && self.lo_open)
            };
            Interval { lo: 0.0, hi, lo_open: false, hi_open }
        }
    }

    /// The product with an independent value. An end is open where every way to reach it is.
    #[must_use]
    pub(crate) fn mul(self, other: Interval) -> Interval {
        let ends = [
            (self.lo, self.lo_open, other.lo, other.lo_open),
            (self.lo, self.lo_open, other.hi, other.hi_open),
            (self.hi, self.hi_open, other.lo, other.lo_open),
            (self.hi, self.hi_open, other.hi, other.hi_open),
        ];
        let mut out =
            Interval { lo: f64::INFINITY, hi: f64::NEG_INFINITY, lo_open: true, hi_open: true };
        let zero =
            |interval: Interval| !interval.is_nonzero() && interval.lo <= 0.0 && interval.hi >= 0.0;
        let has_zero = zero(self) || zero(other);
        for (a, a_open, b, b_open) in ends {
            let value = end_product(a, b);
            let open = if value == 0.0 { !has_zero } else { a_open || b_open };
            if value < out.lo || (value == out.lo && !open) {
                (out.lo, out.lo_open) = (value, open);
            }
            if value > out.hi || (value == out.hi && !open) {
                (out.hi, out.hi_open) = (value, open);
            }
        }
        let exact = [self.lo, self.hi, other.lo, other.hi].into_iter().all(plain);
        let (mut lo, mut hi) = (below(out.lo, exact), above(out.hi, exact));
        // Rounding outwards does not pass a sign that is known.
        if (self.is_nonnegative() && other.is_nonnegative())
            || (self.is_nonpositive() && other.is_nonpositive())
        {
            lo = lo.max(0.0);
        }
        if (self.is_nonnegative() && other.is_nonpositive())
            || (self.is_nonpositive() && other.is_nonnegative())
        {
            hi = hi.min(0.0);
        }
        Interval { lo, hi, ..out }
    }

    /// A power of a value that is not negative; a value of 0 has no negative power.
    #[must_use]
    pub(crate) fn powf(self, exponent: f64) -> Interval {
        if exponent == 1.0 {
            return self;
        }
        let [(least, below_it), (most, above_it)] =
            [self.lo.max(0.0), self.hi].map(|end| power(end, exponent));
        let powers = if exponent < 0.0 {
            let hi_open = self.lo_open || least.is_infinite();
            let (lo, hi) = (most - above_it, least + below_it);
            Interval { lo, hi, lo_open: self.hi_open, hi_open }
        } else {
            Interval { lo: least - below_it, hi: most + above_it, ..self }
        };
        // A power that underflowed to 0, or sank to it at infinity, was above it.
        let exact = |end: f64| end == 0.0 || end == 1.0;
        let lo = below(powers.lo, exact(self.lo) && exact(self.hi)).max(0.0);
        let lo_open = powers.lo_open || (lo == 0.0 && self.is_positive());
        Interval { lo, hi: above(powers.hi, exact(self.lo) && exact(self.hi)), lo_open, ..powers }
    }

    /// `exp` of the value.
    #[must_use]
    pub(crate) fn exp(self) -> Interval {
        let one = |x: f64| if x == 0.0 { 1.0 } else { libm::exp(x) };
        let lo = below(one(self.lo), self.lo == 0.0).max(0.0);
        let hi = above(one(self.hi), self.hi == 0.0);
        Interval { lo, hi, lo_open: self.lo_open || lo == 0.0, hi_open: self.hi_open }
    }

    /// `log` of a value above 0.
    #[must_use]
    pub(crate) fn log(self) -> Interval {
        let log = |x: f64| if x == 1.0 { 0.0 } else { libm::log(x) };
        let (lo, hi) = (log(self.lo.max(0.0)), log(self.hi));
        Interval { lo: below(lo, self.lo == 1.0), hi: above(hi, self.hi == 1.0), ..self }
    }

    /// The part within `[-bound, bound]` after clamping.
    #[must_use]
    pub(crate) fn clamp(self, bound: f64) -> Interval {
        Interval {
            lo: self.lo.clamp(-bound, bound),
            hi: self.hi.clamp(-bound, bound),
            lo_open: self.lo_open && self.lo > -bound && self.lo < bound,
            hi_open: self.hi_open && self.hi < bound && self.hi > -bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Interval;

    #[test]
    fn ends_that_are_not_reached_are_known() {
        let exp = Interval::REAL.exp();
        assert!(exp.is_positive() && exp.lo == 0.0);
        assert!(exp.add(Interval::NONNEGATIVE).is_positive());
        assert!(!Interval::NONNEGATIVE.add(Interval::NONNEGATIVE).is_positive());
        assert!(exp.mul(exp).is_positive());
        assert!(!exp.mul(Interval::NONNEGATIVE).is_positive());
        assert!(exp.powf(-2.0).is_positive());
        let tenth = Interval::near(0.1);
        assert!(Interval::NONNEGATIVE.mul(tenth).is_nonnegative());
        assert!(Interval::NONNEGATIVE.mul(tenth.neg()).is_nonpositive());
        assert!(!Interval::NONNEGATIVE.mul(tenth).is_positive());
        assert!(Interval::closed(1.0, 2.0).log().is_nonnegative());
        assert!(
            Interval::closed(-1.0, 1.0).mul(Interval::closed(-1.0, 1.0))
                == Interval::closed(-1.0, 1.0)
        );
    }

    /// `exp(1000)` is a number, and `1e-200 * exp(1000)` may be smaller than the largest f64.
    #[test]
    fn what_overflows_is_not_known_to_be_infinite() {
        let large = Interval::closed(1000.0, 1000.0).exp();
        assert!(large.lo == f64::MAX && large.hi == f64::INFINITY);
        assert!(large.mul(Interval::near(1e-200)).lo < 1e110);
        assert!(large.powf(2.0).lo == f64::MAX && large.powf(-1.0).is_positive());
        assert!(
            large.neg().hi == -f64::MAX
                && large.add(large.neg())
                    == Interval { lo_open: false, hi_open: false, ..Interval::REAL }
        );
    }

    /// True values to 20 digits, where ends are least exact.
    #[test]
    fn ends_are_rounded_outwards() {
        let small = 1.0 / 1_048_576.0;
        let log = Interval::closed(1.0 - small, 1.0 + small).log();
        assert!(log.lo < -9.536_747_711_538_9e-7 && log.hi > 9.536_738_616_591_883e-7);
        let root = Interval::closed(2.0, 3.0).powf(0.5);
        assert!(root.lo < std::f64::consts::SQRT_2 && root.hi > 1.732_050_807_568_877_3);
        // A third, rounded down, makes the power of a large number smaller by far more than one unit.
        let cube = Interval::closed(1e300, 1e300).powf(1.0 / 3.0);
        assert!(cube.lo < 1e100 && cube.hi > 1e100);
        let exp = Interval::closed(-745.0, 1.0).exp();
        assert!(exp.lo == 0.0 && exp.is_positive() && exp.hi > std::f64::consts::E);
    }
}
