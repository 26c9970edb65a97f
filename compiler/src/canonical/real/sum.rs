//! Sums of terms: addition, multiplication, common factors and ranges.

use smallvec::SmallVec;

use super::arena::{Base, BaseId, Factor, MonomialId, Reals, SumId, Term, ValueId};
use super::interval::Interval;
use super::product::Product;
use super::rational::{Bounded, Rational};

pub(crate) type Terms = SmallVec<[Term; 8]>;

/// A sum as `coefficient * monomial * rest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    pub(crate) coefficient: Rational,
    /// What all terms have in common.
    pub(crate) monomial: MonomialId,
    /// The sum that is left, with a first coefficient of 1; `None` if there is one term.
    pub(crate) rest: Option<BaseId>,
}

impl Reals {
    /// A sum of one term.
    pub(crate) fn single(&mut self, coefficient: Rational, monomial: MonomialId) -> Bounded<SumId> {
        if coefficient.is_zero() {
            return Ok(Reals::ZERO_SUM);
        }
        self.sum(&[Term { monomial, coefficient }])
    }

    /// A number as a value.
    pub(crate) fn number(&mut self, number: Rational) -> Bounded<ValueId> {
        let sum = self.single(number, Reals::UNIT)?;
        Ok(self.leaf(sum))
    }

    /// A base as a value.
    pub(crate) fn base_value(&mut self, base: BaseId) -> Bounded<ValueId> {
        if let Base::Sum(sum) = self.base(base).base {
            return Ok(self.leaf(sum));
        }
        let nonnegative = self.base(base).range.is_nonnegative();
        let parity = matches!(self.base(base).base, Base::Parity(_));
        let exponent = if parity { Rational::ZERO } else { Rational::ONE };
        let monomial = self.monomial(&[Factor { base, odd: !nonnegative, exponent }])?;
        let sum = self.single(Rational::ONE, monomial)?;
        Ok(self.leaf(sum))
    }

    /// The value of a sum, if it is a rational number.
    pub(crate) fn as_number(&self, sum: SumId) -> Option<Rational> {
        match self.terms(sum) {
            [] => Some(Rational::ZERO),
            [term] if term.monomial == Reals::UNIT => Some(term.coefficient),
            _ => None,
        }
    }

    /// Terms of any order and number, as a sum.
    pub(crate) fn collect(&mut self, mut terms: Terms) -> Bounded<SumId> {
        terms.sort_unstable_by_key(|term| self.monomial_info(term.monomial).hash);
        let mut out = Terms::new();
        for term in terms {
            match out.last_mut() {
                Some(last) if last.monomial == term.monomial => {
                    last.coefficient = last.coefficient.add(term.coefficient)?;
                }
                _ => {
                    if out.last().is_some_and(|last| last.coefficient.is_zero()) {
                        out.pop();
                    }
                    out.push(term);
                }
            }
        }
        if out.last().is_some_and(|last| last.coefficient.is_zero()) {
            out.pop();
        }
        self.sum(&out)
    }

    pub(crate) fn sum_of(&mut self, a: SumId, b: SumId) -> Bounded<SumId> {
        if a == Reals::ZERO_SUM {
            return Ok(b);
        }
        if b == Reals::ZERO_SUM {
            return Ok(a);
        }
        let mut terms: Terms = SmallVec::from_slice(self.terms(a));
        terms.extend_from_slice(self.terms(b));
        self.collect(terms)
    }

    pub(crate) fn scaled(&mut self, sum: SumId, factor: Rational) -> Bounded<SumId> {
        if factor.is_one() {
            return Ok(sum);
        }
        if factor.is_zero() {
            return Ok(Reals::ZERO_SUM);
        }
        let mut terms: Terms = SmallVec::from_slice(self.terms(sum));
        for term in &mut terms {
            term.coefficient = term.coefficient.mul(factor)?;
        }
        self.sum(&terms)
    }

    /// The product of two sums. It is a decision where a sign meets itself.
    pub(crate) fn product_of(&mut self, a: SumId, b: SumId) -> Bounded<ValueId> {
        if let Some(number) = self.as_number(a) {
            let sum = self.scaled(b, number)?;
            return Ok(self.leaf(sum));
        }
        if let Some(number) = self.as_number(b) {
            let sum = self.scaled(a, number)?;
            return Ok(self.leaf(sum));
        }
        let left: Terms = SmallVec::from_slice(self.terms(a));
        let right: Terms = SmallVec::from_slice(self.terms(b));
        self.spend((left.len() * right.len()) as u32)?;
        let mut terms = Terms::new();
        let mut others: SmallVec<[Product; 2]> = SmallVec::new();
        for x in &left {
            for y in &right {
                let product = self.monomial_product(x, y)?;
                if product.is_plain() {
                    terms.push(self.product_term(&product)?);
                } else {
                    others.push(product);
                }
            }
        }
        let sum = self.collect(terms)?;
        let mut value = self.leaf(sum);
        for product in &others {
            let more = self.product_value(product)?;
            value = self.add(value, more)?;
        }
        Ok(value)
    }

    /// The sum without its common factor.
    pub(crate) fn content(&mut self, sum: SumId) -> Bounded<Content> {
        let terms: Terms = SmallVec::from_slice(self.terms(sum));
        if let [term] = terms.as_slice() {
            return Ok(Content {
                coefficient: term.coefficient,
                monomial: term.monomial,
                rest: None,
            });
        }
        if let Some(content) = self.known_content(sum) {
            return Ok(content);
        }
        let content = self.at_no_cost(|reals| reals.new_content(&terms))?;
        self.know_content(sum, content);
        Ok(content)
    }

    fn new_content(&mut self, terms: &[Term]) -> Bounded<Content> {
        let common = self.common_factors(terms);
        let mut reduced = Terms::new();
        for term in terms {
            let monomial = self.without(term.monomial, &common)?;
            reduced.push(Term { monomial, ..*term });
        }
        reduced.sort_unstable_by_key(|term| self.monomial_info(term.monomial).hash);
        // A number does not come first: sums differ in it by small factors most often.
        let first = reduced.iter().find(|term| term.monomial != Reals::UNIT);
        let lead = first.map_or(Rational::ONE, |term| term.coefficient);
        let inverse = lead.recip()?;
        for term in &mut reduced {
            term.coefficient = term.coefficient.mul(inverse)?;
        }
        let rest = self.sum(&reduced)?;
        let range = self.range(rest);
        let rest = Some(self.new_base(Base::Sum(rest), range)?);
        Ok(Content { coefficient: lead, monomial: self.monomial(&common)?, rest })
    }

    /// The factors that divide every term.
    fn common_factors(&self, terms: &[Term]) -> SmallVec<[Factor; 4]> {
        let mut common: SmallVec<[Factor; 4]> = SmallVec::new();
        let Some((first, others)) = terms.split_first() else { return common };
        'factors: for factor in self.factors(first.monomial) {
            let mut least = *factor;
            for term in others {
                let found = self.factors(term.monomial).iter().find(|f| f.base == factor.base);
                let Some(found) = found else { continue 'factors };
                match found.exponent.compare(least.exponent) {
                    Ok(std::cmp::Ordering::Less) => least = *found,
                    Ok(std::cmp::Ordering::Equal) => least.odd &= found.odd,
                    Ok(std::cmp::Ordering::Greater) => {}
                    Err(_) => continue 'factors,
                }
            }
            if least.odd || !least.exponent.is_zero() {
                common.push(least);
            }
        }
        common
    }

    /// The monomial divided by some of its factors.
    fn without(&mut self, monomial: MonomialId, common: &[Factor]) -> Bounded<MonomialId> {
        let mut left: SmallVec<[Factor; 6]> = SmallVec::new();
        for factor in self.factors(monomial) {
            let mut factor = *factor;
            if let Some(out) = common.iter().find(|out| out.base == factor.base) {
                factor.exponent = factor.exponent.sub(out.exponent)?;
                factor.odd ^= out.odd;
            }
            if factor.odd || !factor.exponent.is_zero() {
                left.push(factor);
            }
        }
        self.monomial(&left)
    }

    /// An interval that holds every value of a sum.
    pub(crate) fn range(&self, sum: SumId) -> Interval {
        let mut range = Interval::closed(0.0, 0.0);
        for term in self.terms(sum) {
            let mut one = Interval::near(term.coefficient.value());
            for factor in self.factors(term.monomial) {
                one = one.mul(self.factor_range(factor));
            }
            range = range.add(one);
        }
        range
    }

    fn factor_range(&self, factor: &Factor) -> Interval {
        let entry = self.base(factor.base);
        if factor.exponent.is_zero() {
            return Interval::closed(-1.0, 1.0);
        }
        let mut magnitude = entry.range.abs();
        magnitude.lo_open |= magnitude.lo == 0.0 && entry.nonzero;
        let power = magnitude.powf(factor.exponent.value());
        if !factor.odd {
            power
        } else if entry.range.is_nonpositive() {
            power.neg()
        } else {
            Interval { lo: -power.hi, lo_open: power.hi_open, ..power }
        }
    }

    /// Whether every term is a product of signs: the sum has few values.
    pub(crate) fn is_of_signs(&self, sum: SumId) -> bool {
        self.terms(sum)
            .iter()
            .all(|term| self.factors(term.monomial).iter().all(|factor| factor.exponent.is_zero()))
    }
}
