//! Conditions: what a value is compared with, and one value of several by the sign of a sum.

use smallvec::SmallVec;

use super::arena::{Base, BaseId, Reals, SumId, Test, TestId, Value, ValueId};
use super::interval::Interval;
use super::memo::operation;
use super::rational::{Bounded, Limit, Rational};
use super::sum::Terms;

/// Most signs that a sum of signs is decided by.
pub(crate) const MAX_SIGNS: usize = 5;

impl Reals {
    /// 1 where the value is 0, else 0.
    pub(crate) fn is_zero(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.condition(value, &mut |reals, sum| {
            reals.by_sign(sum, Reals::ZERO, Reals::ONE, Reals::ZERO)
        })
    }

    /// 1 where the value is a number below 0, else 0.
    pub(crate) fn is_negative(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.condition(value, &mut |reals, sum| {
            reals.by_sign(sum, Reals::ONE, Reals::ZERO, Reals::ZERO)
        })
    }

    /// 1 where both are defined and equal, else 0.
    pub(crate) fn equal(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        self.apply(operation::EQUAL, (a, b), Reals::equal, |reals, a, b| {
            reals.compared(a, b, Reals::is_zero, |a, b| a == b)
        })
    }

    /// 1 where both are defined and the first is smaller, else 0.
    pub(crate) fn less(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        self.apply(operation::LESS, (a, b), Reals::less, |reals, a, b| {
            reals.compared(a, b, Reals::is_negative, |a, b| a < b)
        })
    }

    /// Two values without decisions: numbers by their difference, others by their rank.
    fn compared(
        &mut self,
        a: ValueId,
        b: ValueId,
        by_difference: fn(&mut Reals, ValueId) -> Bounded<ValueId>,
        by_rank: fn(i32, i32) -> bool,
    ) -> Bounded<ValueId> {
        let rank = |value: Value| match value {
            Value::Infinite { negative: true } => Some(-1),
            Value::Leaf(_) => Some(0),
            Value::Infinite { negative: false } => Some(1),
            _ => None,
        };
        match (rank(self.at(a)), rank(self.at(b))) {
            (Some(0), Some(0)) => {
                let difference = self.sub(a, b)?;
                by_difference(self, difference)
            }
            (Some(a), Some(b)) => Ok(if by_rank(a, b) { Reals::ONE } else { Reals::ZERO }),
            _ if self.at(a) == Value::Invalid || self.at(b) == Value::Invalid => Ok(Reals::INVALID),
            _ => Ok(Reals::ZERO),
        }
    }

    /// 1 where the value is a whole number, else 0.
    pub(crate) fn is_whole(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.condition(value, &mut |reals, sum| reals.whole(sum, Reals::ONE, Reals::ZERO))
    }

    fn condition(
        &mut self,
        value: ValueId,
        of: &mut dyn FnMut(&mut Reals, SumId) -> Bounded<ValueId>,
    ) -> Bounded<ValueId> {
        match self.at(value) {
            Value::Choice { test, yes, no } => {
                let yes = self.condition(yes, of)?;
                let no = self.condition(no, of)?;
                self.choose(test, yes, no)
            }
            Value::Leaf(sum) => of(self, sum),
            Value::Invalid => Ok(Reals::INVALID),
            Value::Infinite { .. } | Value::Undefined => Ok(Reals::ZERO),
        }
    }

    /// One of three values by the sign of a sum.
    pub(crate) fn by_sign(
        &mut self,
        sum: SumId,
        negative: ValueId,
        zero: ValueId,
        positive: ValueId,
    ) -> Bounded<ValueId> {
        if sum == Reals::ZERO_SUM {
            return Ok(zero);
        }
        if self.terms(sum).len() > 1 && self.is_of_signs(sum) {
            return self.by_signs(sum, &mut |reals, value| match reals.at(value) {
                Value::Leaf(sum) => reals.by_sign(sum, negative, zero, positive),
                _ => Ok(value),
            });
        }
        let content = self.content(sum)?;
        let mut flips: SmallVec<[(BaseId, bool); 6]> =
            self.factors(content.monomial).iter().map(|factor| (factor.base, factor.odd)).collect();
        flips.extend(content.rest.map(|rest| (rest, true)));
        let mut outcomes = (negative, positive);
        if content.coefficient.is_negative() {
            outcomes = (positive, negative);
        }
        self.by_factors(&flips, outcomes.0, zero, outcomes.1)
    }

    fn by_factors(
        &mut self,
        factors: &[(BaseId, bool)],
        negative: ValueId,
        zero: ValueId,
        positive: ValueId,
    ) -> Bounded<ValueId> {
        let Some(((base, odd), rest)) = factors.split_first() else { return Ok(positive) };
        self.spend(1)?;
        let entry = *self.base(*base);
        if let Base::Clip(sum, _) | Base::Tanh(sum) = entry.base {
            // It has the sign of its argument.
            let straight = self.by_factors(rest, negative, zero, positive)?;
            let flipped = if *odd && negative != positive {
                self.by_factors(rest, positive, zero, negative)?
            } else {
                straight
            };
            return self.by_sign(sum, flipped, zero, straight);
        }
        let straight = self.by_factors(rest, negative, zero, positive)?;
        let value = if !odd || negative == positive || entry.range.is_nonnegative() {
            straight
        } else {
            let flipped = self.by_factors(rest, positive, zero, negative)?;
            if entry.range.is_nonpositive() {
                flipped
            } else {
                let test = self.test(Test::Negative(*base));
                self.choose(test, flipped, straight)?
            }
        };
        if entry.nonzero {
            return Ok(value);
        }
        let test = self.test(Test::NonZero(*base));
        self.choose(test, value, zero)
    }

    /// A function of a sum of signs, by the signs.
    pub(crate) fn by_signs(
        &mut self,
        sum: SumId,
        of: &mut dyn FnMut(&mut Reals, ValueId) -> Bounded<ValueId>,
    ) -> Bounded<ValueId> {
        let mut bases: SmallVec<[BaseId; 8]> = SmallVec::new();
        for term in self.terms(sum) {
            for factor in self.factors(term.monomial) {
                if factor.exponent.is_zero() && !bases.contains(&factor.base) {
                    bases.push(factor.base);
                }
            }
        }
        if bases.len() > MAX_SIGNS {
            return Err(Limit);
        }
        let value = self.leaf(sum);
        self.each_sign(value, &bases, of)
    }

    /// A function of a value, by the signs of bases.
    pub(crate) fn each_sign(
        &mut self,
        value: ValueId,
        bases: &[BaseId],
        of: &mut dyn FnMut(&mut Reals, ValueId) -> Bounded<ValueId>,
    ) -> Bounded<ValueId> {
        let Some((base, rest)) = bases.split_first() else { return of(self, value) };
        let (zero, negative) = (self.test(Test::NonZero(*base)), self.test(Test::Negative(*base)));
        let nonzero = self.base(*base).nonzero;
        let below = self.restrict(value, negative, true)?;
        let below = self.each_sign(below, rest, of)?;
        let above = self.restrict(value, negative, false)?;
        let above = self.restrict(above, zero, true)?;
        let above = self.each_sign(above, rest, of)?;
        let signed = self.choose(negative, below, above)?;
        if nonzero {
            return Ok(signed);
        }
        let none = self.restrict(value, zero, false)?;
        let none = self.each_sign(none, rest, of)?;
        self.choose(zero, signed, none)
    }

    /// `yes` where a sum is a whole number, else `no`.
    pub(crate) fn whole(&mut self, sum: SumId, yes: ValueId, no: ValueId) -> Bounded<ValueId> {
        if let Some(number) = self.as_number(sum) {
            return Ok(if number.is_integer() { yes } else { no });
        }
        if self.is_of_signs(sum) {
            return self.by_signs(sum, &mut |reals, value| match reals.at(value) {
                Value::Leaf(sum) => reals.whole(sum, yes, no),
                _ => Ok(value),
            });
        }
        let range = self.range(sum);
        let (least, most) = (range.lo.floor(), range.hi.ceil());
        if most - least <= 1.0 && (range.lo > least && range.hi < most) {
            return Ok(no);
        }
        let (sum, _) = self.modulo_one(sum)?;
        let test: TestId = self.test(Test::Whole(sum));
        self.choose(test, yes, no)
    }

    /// The sum without its whole part and with a positive first coefficient, and that whole part.
    fn modulo_one(&mut self, sum: SumId) -> Bounded<(SumId, i128)> {
        let mut terms: Terms = SmallVec::from_slice(self.terms(sum));
        let first = terms.iter().find(|term| term.monomial != Reals::UNIT);
        if first.is_some_and(|term| term.coefficient.is_negative()) {
            for term in &mut terms {
                term.coefficient = term.coefficient.neg();
            }
        }
        let mut whole = 0;
        for term in &mut terms {
            if term.monomial == Reals::UNIT {
                whole = term.coefficient.floor();
                term.coefficient = term.coefficient.sub(Rational::integer(whole))?;
            }
        }
        terms.retain(|term| !term.coefficient.is_zero());
        Ok((self.sum(&terms)?, whole))
    }

    pub(crate) fn parity_of_sum(&mut self, sum: SumId) -> Bounded<ValueId> {
        if let Some(number) = self.as_number(sum) {
            return match (number.is_integer(), number.is_odd()) {
                (true, true) => self.number(Rational::MINUS_ONE),
                (true, false) => Ok(Reals::ONE),
                (false, _) => Ok(Reals::INVALID),
            };
        }
        let (inner, whole) = self.modulo_one(sum)?;
        let base = self.new_base(Base::Parity(inner), Interval::closed(-1.0, 1.0))?;
        let value = self.base_value(base)?;
        if whole & 1 == 0 { Ok(value) } else { self.neg(value) }
    }
}
