//! Exact rational numbers of 128-bit numerator and denominator.
//!
//! Every operation that would overflow says so with [`Limit`]: the caller gives up on the form, never on
//! exactness.

use std::cmp::Ordering;

use crate::canonical::decimal::shortest;

/// The form of a rule would pass a limit of size, depth or of 128-bit numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit;

/// A result, or a limit that was passed.
pub(crate) type Bounded<T> = Result<T, Limit>;

/// A number `num/den` in lowest terms, `den > 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rational {
    num: i128,
    den: i128,
}

/// The greatest power of ten that fits.
const MAX_TEN: u32 = 38;

fn gcd(a: u128, b: u128) -> u128 {
    if let (Ok(mut a), Ok(mut b)) = (u64::try_from(a), u64::try_from(b)) {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        return u128::from(a);
    }
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Rational {
    pub(crate) const ZERO: Rational = Rational { num: 0, den: 1 };
    pub(crate) const ONE: Rational = Rational { num: 1, den: 1 };
    pub(crate) const MINUS_ONE: Rational = Rational { num: -1, den: 1 };
    pub(crate) const HALF: Rational = Rational { num: 1, den: 2 };

    pub(crate) const fn integer(value: i128) -> Rational {
        Rational { num: value, den: 1 }
    }

    /// `num/den`; `den` is not 0.
    pub(crate) fn new(num: i128, den: i128) -> Bounded<Rational> {
        let sign = if den < 0 { -1 } else { 1 };
        let (num, den) = (num.checked_mul(sign).ok_or(Limit)?, den.checked_mul(sign).ok_or(Limit)?);
        let common =
            i128::try_from(gcd(num.unsigned_abs(), den.unsigned_abs())).map_err(|_| Limit)?;
        Ok(if common > 1 {
            Rational { num: num / common, den: den / common }
        } else {
            Rational { num, den }
        })
    }

    /// The number that the shortest decimal form of a finite f64 denotes: 0.1 is one tenth.
    pub(crate) fn from_decimal(value: f64) -> Bounded<Rational> {
        let (num, exponent) = shortest(value).ok_or(Limit)?;
        if exponent.unsigned_abs() > MAX_TEN {
            return Err(Limit);
        }
        let ten = 10i128.checked_pow(exponent.unsigned_abs()).ok_or(Limit)?;
        if exponent < 0 {
            Rational::new(num, ten)
        } else {
            Ok(Rational::integer(num.checked_mul(ten).ok_or(Limit)?))
        }
    }

    pub(crate) fn numerator(self) -> i128 {
        self.num
    }

    pub(crate) fn denominator(self) -> i128 {
        self.den
    }

    pub(crate) fn is_zero(self) -> bool {
        self.num == 0
    }

    pub(crate) fn is_one(self) -> bool {
        self.num == 1 && self.den == 1
    }

    pub(crate) fn is_negative(self) -> bool {
        self.num < 0
    }

    pub(crate) fn is_positive(self) -> bool {
        self.num > 0
    }

    pub(crate) fn is_integer(self) -> bool {
        self.den == 1
    }

    /// A whole number that is odd.
    pub(crate) fn is_odd(self) -> bool {
        self.den == 1 && self.num & 1 != 0
    }

    /// The greatest whole number not above.
    pub(crate) fn floor(self) -> i128 {
        self.num.div_euclid(self.den)
    }

    #[must_use]
    pub(crate) fn abs(self) -> Rational {
        Rational { num: self.num.abs(), den: self.den }
    }

    #[must_use]
    pub(crate) fn neg(self) -> Rational {
        Rational { num: -self.num, den: self.den }
    }

    pub(crate) fn add(self, other: Rational) -> Bounded<Rational> {
        if self.den == other.den {
            let num = self.num.checked_add(other.num).ok_or(Limit)?;
            return if self.den == 1 {
                Ok(Rational::integer(num))
            } else {
                Rational::new(num, self.den)
            };
        }
        let a = self.num.checked_mul(other.den).ok_or(Limit)?;
        let b = other.num.checked_mul(self.den).ok_or(Limit)?;
        Rational::new(a.checked_add(b).ok_or(Limit)?, self.den.checked_mul(other.den).ok_or(Limit)?)
    }

    pub(crate) fn sub(self, other: Rational) -> Bounded<Rational> {
        self.add(other.neg())
    }

    pub(crate) fn mul(self, other: Rational) -> Bounded<Rational> {
        if self.is_one() {
            return Ok(other);
        }
        if other.is_one() {
            return Ok(self);
        }
        if self.den == 1 && other.den == 1 {
            return Ok(Rational::integer(self.num.checked_mul(other.num).ok_or(Limit)?));
        }
        // Reduced across first, so that what fits never overflows on the way.
        let a = Rational::new(self.num, other.den)?;
        let b = Rational::new(other.num, self.den)?;
        let num = a.num.checked_mul(b.num).ok_or(Limit)?;
        Ok(Rational { num, den: a.den.checked_mul(b.den).ok_or(Limit)? })
    }

    /// `1/x`; `Limit` for 0.
    pub(crate) fn recip(self) -> Bounded<Rational> {
        match self.num {
            0 => Err(Limit),
            num if num < 0 => Ok(Rational { num: -self.den, den: -num }),
            num => Ok(Rational { num: self.den, den: num }),
        }
    }

    /// A whole power.
    pub(crate) fn pow(self, exponent: i128) -> Bounded<Rational> {
        let base = if exponent < 0 { self.recip()? } else { self };
        if base.is_one() {
            return Ok(base);
        }
        let exponent = u32::try_from(exponent.unsigned_abs()).map_err(|_| Limit)?;
        let num = base.num.checked_pow(exponent).ok_or(Limit)?;
        Ok(Rational { num, den: base.den.checked_pow(exponent).ok_or(Limit)? })
    }

    pub(crate) fn compare(self, other: Rational) -> Bounded<Ordering> {
        if self.den == other.den {
            return Ok(self.num.cmp(&other.num));
        }
        let a = self.num.checked_mul(other.den).ok_or(Limit)?;
        let b = other.num.checked_mul(self.den).ok_or(Limit)?;
        Ok(a.cmp(&b))
    }

    /// A nearby f64, within a few units of the last place.
    pub(crate) fn value(self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

/// The prime factors of a whole number above 0 with their powers, the smallest first. A last factor beyond
/// trial division is left whole.
pub(crate) fn factors(number: i128) -> Vec<(i128, i128)> {
    let mut found = Vec::new();
    let mut rest = number;
    let mut candidate = 2;
    while candidate <= 1000 && candidate * candidate <= rest {
        let mut power = 0;
        while rest % candidate == 0 {
            rest /= candidate;
            power += 1;
        }
        if power > 0 {
            found.push((candidate, power));
        }
        candidate += if candidate == 2 { 1 } else { 2 };
    }
    if rest > 1 {
        found.push((rest, 1));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Limit, Rational, factors};

    #[test]
    fn decimals_are_the_numbers_that_people_write() {
        assert_eq!(Rational::from_decimal(0.1), Rational::new(1, 10));
        assert_eq!(Rational::from_decimal(1e-8), Rational::new(1, 100_000_000));
        assert_eq!(Rational::from_decimal(-2.5), Rational::new(-5, 2));
        assert_eq!(Rational::from_decimal(1e20), Ok(Rational::integer(10i128.pow(20))));
        assert_eq!(Rational::from_decimal(1e300), Err(Limit));
        assert_eq!(Rational::from_decimal(f64::MIN_POSITIVE), Err(Limit));
    }

    #[test]
    fn arithmetic_is_in_lowest_terms_and_never_wraps() {
        let third = Rational::new(1, 3).unwrap();
        let sixth = Rational::new(-2, -12).unwrap();
        assert_eq!(third.add(sixth), Ok(Rational::HALF));
        assert_eq!(third.mul(sixth), Rational::new(1, 18));
        assert_eq!(third.sub(third), Ok(Rational::ZERO));
        assert_eq!(Rational::integer(i128::MAX).add(Rational::ONE), Err(Limit));
        assert_eq!(Rational::integer(10).pow(39), Err(Limit));
        assert_eq!(Rational::integer(-2).pow(-3), Rational::new(-1, 8));
        assert_eq!(Rational::ZERO.recip(), Err(Limit));
        assert_eq!(Rational::new(-7, 2).unwrap().floor(), -4);
    }

    #[test]
    fn factors_multiply_to_the_number() {
        assert_eq!(factors(10_000), [(2, 4), (5, 4)]);
        assert_eq!(factors(1), []);
        for number in 1..2000 {
            assert_eq!(
                factors(number).iter().map(|(p, k)| p.pow(*k as u32)).product::<i128>(),
                number
            );
        }
    }
}
