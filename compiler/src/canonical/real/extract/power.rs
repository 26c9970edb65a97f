//! Decisions that are a power: `x^y` has another value for x above 0, at 0 and below 0.

use smallvec::SmallVec;

use crate::primitive::Binary;
use crate::tree::NodeId;

use super::super::arena::{Base, BaseId, Factor, Reals, SumId, Term, Test, Value, ValueId};
use super::super::rational::{Bounded, Rational};
use super::super::sum::Terms;
use super::writer::Writer;

/// `exp(log(base) * exponent)`
struct Parts {
    /// The first base, and those whose exponent is a multiple of the first one's.
    bases: SmallVec<[(BaseId, Rational); 4]>,
    exponent: SumId,
}

/// Most logarithms that are tried for that of the base.
const MAX_LOGARITHMS: usize = 4;

impl Writer<'_> {
    /// `c * x^y`, if the value is that: where all bases are positive it is `c * exp(y * log(x))`, which leaves a
    /// few powers to try.
    pub(super) fn power_of(&mut self, value: ValueId) -> Bounded<Option<NodeId>> {
        let Some((factor, exponents)) = self.exponential_part(value)? else { return Ok(None) };
        let factor = self.sum(factor)?;
        for first in self.logarithms(&exponents).into_iter().take(MAX_LOGARITHMS) {
            let parts = self.parts(first, &exponents)?;
            let found = self.power_of_parts(value, factor, &parts)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn power_of_parts(
        &mut self,
        value: ValueId,
        factor: NodeId,
        parts: &Parts,
    ) -> Bounded<Option<NodeId>> {
        let (base, sign) = self.product_of_powers(&parts.bases)?;
        let exponent = self.sum(parts.exponent)?;
        let exponent = self.value_of(exponent)?;
        let third = self.reals.number(Rational::new(1, 3)?)?;
        let third = self.reals.mul(exponent, third)?;
        let size = self.reals.abs(base)?;
        let signed = self.reals.mul(base, sign)?;
        let mut candidates = vec![(size, exponent)];
        for base in [base, signed] {
            let cube = self.reals.signed_power(base, true, Rational::integer(3))?;
            for (base, exponent) in [(base, exponent), (cube, third)] {
                let opposite = self.reals.neg(base)?;
                candidates.extend([(base, exponent), (opposite, exponent)]);
            }
        }
        let times = self.value_of(factor)?;
        for (base, exponent) in candidates {
            let power = self.reals.pow(base, exponent)?;
            let whole = self.reals.mul(times, power)?;
            if self.is_here(whole, value)? {
                let (base, exponent) = (self.value(base)?, self.value(exponent)?);
                let power = self.binary(Binary::Pow, base, exponent)?;
                let node = match times {
                    Reals::ONE => power,
                    _ => self.binary(Binary::Mul, factor, power)?,
                };
                return Ok(self.means(node, value)?.then_some(node));
            }
        }
        Ok(None)
    }

    /// Where all bases are positive, the product apart from exponentials, and their exponents.
    fn exponential_part(&mut self, value: ValueId) -> Bounded<Option<(SumId, Terms)>> {
        let Some(sum) = self.usual(value) else { return Ok(None) };
        let [term] = *self.reals.terms(sum) else { return Ok(None) };
        let (mut rest, mut exponents) = (SmallVec::<[Factor; 6]>::new(), Terms::new());
        for factor in self.reals.factors(term.monomial) {
            match self.reals.base(factor.base).base {
                Base::Exp(monomial) => {
                    exponents.push(Term { monomial, coefficient: factor.exponent });
                }
                // The sign of a power of what is negative there.
                Base::Parity(_) => {}
                _ => rest.push(*factor),
            }
        }
        if exponents.is_empty() {
            return Ok(None);
        }
        let monomial = self.reals.monomial(&rest)?;
        Ok(Some((self.reals.single(term.coefficient, monomial)?, exponents)))
    }

    /// What the first logarithm is multiplied by, and all that are multiplied by a multiple of that.
    fn parts(&mut self, first: BaseId, exponents: &Terms) -> Bounded<Parts> {
        let exponent = self.exponent_of(first, exponents)?;
        let mut bases = SmallVec::from_elem((first, Rational::ONE), 1);
        for base in self.logarithms(exponents) {
            let other = self.exponent_of(base, exponents)?;
            if base != first
                && let ([a, ..], [b, ..]) = (self.reals.terms(exponent), self.reals.terms(other))
            {
                let ratio = b.coefficient.mul(a.coefficient.recip()?)?;
                if self.reals.scaled(exponent, ratio)? == other {
                    bases.push((base, ratio));
                }
            }
        }
        Ok(Parts { bases, exponent })
    }

    /// The sum where no base is 0 and all are positive.
    fn usual(&self, value: ValueId) -> Option<SumId> {
        match self.reals.at(value) {
            Value::Leaf(sum) => Some(sum),
            Value::Choice { test, yes, no } => match self.reals.test_at(test).test {
                Test::NonZero(_) => self.usual(yes),
                Test::Negative(_) => self.usual(no),
                Test::Whole(_) => self.usual(no).or_else(|| self.usual(yes)),
                Test::Kept { .. } => None,
            },
            _ => None,
        }
    }

    /// What the terms are multiples of logarithms of.
    fn logarithms(&self, terms: &Terms) -> SmallVec<[BaseId; 4]> {
        let mut found = SmallVec::new();
        for factor in terms.iter().flat_map(|term| self.reals.factors(term.monomial)) {
            if let Base::Log(base) = self.reals.base(factor.base).base
                && factor.exponent.is_one()
                && !found.contains(&base)
            {
                found.push(base);
            }
        }
        found
    }

    /// What the logarithm of a base is multiplied by.
    fn exponent_of(&mut self, base: BaseId, terms: &Terms) -> Bounded<SumId> {
        let mut exponent = Terms::new();
        for term in terms {
            let mut factors: SmallVec<[Factor; 6]> =
                SmallVec::from_slice(self.reals.factors(term.monomial));
            let is_log = |factor: &Factor| self.reals.base(factor.base).base == Base::Log(base);
            if let Some(place) = factors.iter().position(is_log)
                && factors[place].exponent.is_one()
            {
                factors.remove(place);
                let monomial = self.reals.monomial(&factors)?;
                exponent.push(Term { monomial, ..*term });
            }
        }
        self.reals.collect(exponent)
    }

    /// The product, and the sign that functions such as `clip` have in their arguments.
    fn product_of_powers(&mut self, bases: &[(BaseId, Rational)]) -> Bounded<(ValueId, ValueId)> {
        let (mut product, mut sign) = (Reals::ONE, Reals::ONE);
        for (base, exponent) in bases {
            let node = self.base(*base)?;
            let value = self.value_of(node)?;
            let size = exponent.abs();
            let power = self.reals.signed_power(value, size.is_odd(), size)?;
            product = if exponent.is_negative() {
                self.reals.div(product, power)?
            } else {
                self.reals.mul(product, power)?
            };
            if let Base::Clip(sum, _) | Base::Tanh(sum) = self.reals.base(*base).base {
                let content = self.reals.content(sum)?;
                for factor in
                    SmallVec::<[Factor; 6]>::from_slice(self.reals.factors(content.monomial))
                {
                    let more = self.reals.sign_of(factor.base)?;
                    sign = self.reals.mul(sign, more)?;
                }
            }
        }
        Ok((product, sign))
    }
}
