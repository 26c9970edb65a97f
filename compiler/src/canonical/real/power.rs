//! `x^y`, IEEE's `pow` over the extended reals.
//!
//! For x above 0 it is `exp(y log x)`; at 0 it is 1, 0 or +Inf by the sign of y (a zero has no sign over the
//! reals); below 0 it is `|x|^y` times `(-1)^y` where y is a whole number, and undefined elsewhere. `x^0`
//! and `1^y` are 1 even where the other one is undefined.

use super::arena::{Base, Factor, Reals, SumId, Value, ValueId};
use super::memo::operation;
use super::rational::{Bounded, Rational};

/// Whole powers beyond this are left as powers of sums of many terms.
const MAX_WHOLE: i128 = 1 << 40;

impl Reals {
    pub(crate) fn pow(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        if b == Reals::ZERO || a == Reals::ONE {
            return Ok(Reals::ONE);
        }
        self.apply(operation::POWER, (a, b), Reals::pow, Reals::pow_of_leaves)
    }

    fn pow_of_leaves(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        match (self.at(a), self.at(b)) {
            (Value::Leaf(x), Value::Leaf(y)) => self.pow_of_sums(x, y),
            (Value::Invalid, _) | (_, Value::Invalid) => Ok(Reals::INVALID),
            (_, Value::Leaf(y)) if matches!(self.at(a), Value::Undefined) => {
                self.by_sign(y, Reals::UNDEFINED, Reals::ONE, Reals::UNDEFINED)
            }
            (Value::Leaf(_), Value::Undefined) => {
                let distance = self.sub(a, Reals::ONE)?;
                let one = self.is_zero(distance)?;
                self.select(one, Reals::ONE, Reals::UNDEFINED)
            }
            (Value::Leaf(_), Value::Infinite { negative }) => {
                // Whether |x| is above 1 is the sign of its logarithm, which all spellings share.
                let log = self.log_magnitude(a)?;
                let (small, large) = zero_or_infinite(negative);
                self.by_sign_of(log, small, Reals::ONE, large)
            }
            (Value::Infinite { .. }, Value::Infinite { negative }) => {
                Ok(zero_or_infinite(negative).1)
            }
            (Value::Infinite { negative: false }, Value::Leaf(y)) => {
                self.by_sign(y, Reals::ZERO, Reals::ONE, Reals::INFINITE)
            }
            (Value::Infinite { negative: true }, Value::Leaf(y)) => {
                let parity = self.parity(b)?;
                let odd = self.is_negative(parity)?;
                let odd = self.select(odd, Reals::MINUS_INFINITE, Reals::INFINITE)?;
                let above = self.whole_of(y, odd, Reals::INFINITE)?;
                self.by_sign(y, Reals::ZERO, Reals::ONE, above)
            }
            // What is left is undefined: decisions have a first test.
            _ => Ok(Reals::UNDEFINED),
        }
    }

    /// One of three values by the sign of a value, infinite ones included.
    fn by_sign_of(
        &mut self,
        value: ValueId,
        negative: ValueId,
        zero: ValueId,
        positive: ValueId,
    ) -> Bounded<ValueId> {
        match self.at(value) {
            Value::Choice { test, yes, no } => {
                let yes = self.by_sign_of(yes, negative, zero, positive)?;
                let no = self.by_sign_of(no, negative, zero, positive)?;
                self.choose(test, yes, no)
            }
            Value::Leaf(sum) => self.by_sign(sum, negative, zero, positive),
            Value::Infinite { negative: below } => Ok(if below { negative } else { positive }),
            Value::Undefined | Value::Invalid => Ok(value),
        }
    }

    /// `yes` where a sum is a whole number. In `yes`, what is there for whole numbers only is used.
    fn whole_of(&mut self, sum: SumId, yes: ValueId, no: ValueId) -> Bounded<ValueId> {
        if let Some(number) = self.as_number(sum)
            && !number.is_integer()
        {
            return Ok(no);
        }
        self.whole(sum, yes, no)
    }

    fn pow_of_sums(&mut self, x: SumId, y: SumId) -> Bounded<ValueId> {
        if let Some(exponent) = self.as_number(y) {
            return self.pow_of_number(x, exponent);
        }
        if self.is_exponential(x) {
            let log = self.log_of_sum(x)?;
            let exponent = self.leaf(y);
            let exponent = self.mul(exponent, log)?;
            return self.exp(exponent);
        }
        if self.is_of_signs(y) {
            let a = self.leaf(x);
            return self.by_signs(y, &mut |reals, exponent| reals.pow(a, exponent));
        }
        if self.is_of_signs(x) && self.as_number(x).is_none() {
            let b = self.leaf(y);
            return self.by_signs(x, &mut |reals, base| reals.pow(base, b));
        }
        let at_zero = self.by_sign(y, Reals::INFINITE, Reals::ONE, Reals::ZERO)?;
        if x == Reals::ZERO_SUM {
            return Ok(at_zero);
        }
        let log = self.log_of_sum(x)?;
        let exponent = self.leaf(y);
        let product = self.mul(exponent, log)?;
        let above = self.exp(product)?;
        let range = self.range(x);
        if range.is_nonnegative() {
            return self.by_sign(x, above, at_zero, above);
        }
        let exponents = self.range(y);
        let below = if exponents.lo >= -1.0 && exponents.hi <= 1.0 {
            self.pow_of_negative_by_small(x, y)?
        } else {
            let parity = self.parity(exponent)?;
            let signed = self.mul(above, parity)?;
            self.whole_of(y, signed, Reals::UNDEFINED)?
        };
        self.by_sign(x, below, at_zero, above)
    }

    /// Whether a sum is a power of e, whose powers are exponentials as they are.
    fn is_exponential(&self, sum: SumId) -> bool {
        let [term] = self.terms(sum) else { return false };
        let is_exp = |factor: &Factor| {
            let entry = self.base(factor.base);
            entry.constant && matches!(entry.base, Base::Exp(_))
        };
        term.coefficient.is_one() && self.factors(term.monomial).iter().all(is_exp)
    }

    /// A power of a negative number by an exponent from -1 to 1: the whole ones are those ends and 0.
    fn pow_of_negative_by_small(&mut self, x: SumId, y: SumId) -> Bounded<ValueId> {
        let base = self.leaf(x);
        let inverse = self.signed_power(base, true, Rational::MINUS_ONE)?;
        let whole = self.by_sign(y, inverse, Reals::ONE, base)?;
        let exponent = self.leaf(y);
        // Whether |y| is 1 is whether its logarithm is 0, which all spellings share.
        let log = self.log_magnitude(exponent)?;
        let is_end = self.is_zero(log)?;
        let at_end = self.select(is_end, whole, Reals::UNDEFINED)?;
        self.by_sign(y, at_end, Reals::ONE, at_end)
    }

    /// A power by a number.
    fn pow_of_number(&mut self, x: SumId, exponent: Rational) -> Bounded<ValueId> {
        let value = self.leaf(x);
        let at_zero = if exponent.is_negative() { Reals::INFINITE } else { Reals::ZERO };
        if exponent.is_zero() {
            return Ok(Reals::ONE);
        }
        if x == Reals::ZERO_SUM {
            return Ok(at_zero);
        }
        if exponent.is_integer() {
            if exponent.numerator().abs() > MAX_WHOLE {
                return Err(super::rational::Limit);
            }
            let power = self.signed_power(value, exponent.is_odd(), exponent)?;
            if exponent.is_positive() {
                return Ok(power);
            }
            return self.by_sign(x, power, at_zero, power);
        }
        let power = self.signed_power(value, false, exponent)?;
        self.by_sign(x, Reals::UNDEFINED, at_zero, power)
    }
}

/// `0^y` and `large^y` for an infinite y.
fn zero_or_infinite(negative: bool) -> (ValueId, ValueId) {
    if negative { (Reals::INFINITE, Reals::ZERO) } else { (Reals::ZERO, Reals::INFINITE) }
}
