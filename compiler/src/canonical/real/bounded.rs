//! Functions that are odd or have bounds: `clip`, `tanh`, `sigmoid`. The signs that all terms share stand
//! outside of them.

use smallvec::SmallVec;

use super::arena::{Base, Factor, Reals, SumId, Value, ValueId};
use super::interval::Interval;
use super::product::Product;
use super::rational::{Bounded, Rational};

/// `coefficient * clip(inner, bound)`, or of its magnitude if it is not odd.
struct Clip {
    coefficient: Rational,
    odd: bool,
    inner: SumId,
    bound: Rational,
    is_nonnegative: bool,
}

impl Reals {
    /// The signs that all terms share, and the sum without them; its first coefficient is positive.
    fn without_signs(&mut self, sum: SumId) -> Bounded<(Product, SumId)> {
        let content = self.content(sum)?;
        let mut signs = Product::new(Rational::ONE);
        if content.coefficient.is_negative() {
            signs.coefficient = Rational::MINUS_ONE;
        }
        let factors: SmallVec<[Factor; 6]> = SmallVec::from_slice(self.factors(content.monomial));
        for factor in factors {
            if factor.odd {
                signs.push(factor.base, true, Rational::ZERO);
            }
        }
        let mut inner = Product::new(content.coefficient.abs());
        for factor in SmallVec::<[Factor; 6]>::from_slice(self.factors(content.monomial)) {
            if !factor.exponent.is_zero() {
                inner.factors.push(Factor { odd: false, ..factor });
            }
        }
        let term = self.product_term(&inner)?;
        let inner = self.sum(&[term])?;
        let Some(rest) = content.rest else { return Ok((signs, inner)) };
        let Base::Sum(rest) = self.base(rest).base else { return Ok((signs, inner)) };
        match self.product_of(inner, rest).map(|value| self.at(value)) {
            Ok(Value::Leaf(inner)) => Ok((signs, inner)),
            // The magnitude of a factor met its sign: take the sum as it is.
            Ok(_) => Ok((Product::new(Rational::ONE), sum)),
            Err(limit) => Err(limit),
        }
    }

    pub(crate) fn clip_of_sum(&mut self, sum: SumId, bound: Rational) -> Bounded<ValueId> {
        if let Some(number) = self.as_number(sum) {
            let clipped = match number.abs().compare(bound)? {
                std::cmp::Ordering::Greater if number.is_negative() => bound.neg(),
                std::cmp::Ordering::Greater => bound,
                _ => number,
            };
            return self.number(clipped);
        }
        let range = self.range(sum);
        let limit = Interval::near(bound.value());
        if range.lo >= limit.hi {
            return self.number(bound);
        }
        if range.hi <= -limit.hi {
            return self.number(bound.neg());
        }
        if range.lo >= -limit.lo && range.hi <= limit.lo {
            return Ok(self.leaf(sum));
        }
        if let Some(clip) = self.as_clip(sum).filter(|clip| !clip.is_nonnegative) {
            // `clip(c * clip(x, a), b)` is `c * clip(x, min(a, b/|c|))`.
            let bound = bound.mul(clip.coefficient.abs().recip()?)?;
            let bound = if clip.bound.compare(bound)?.is_lt() { clip.bound } else { bound };
            return self.clip_under(Product::new(clip.coefficient), clip.odd, clip.inner, bound);
        }
        let (mut signs, inner) = self.without_signs(sum)?;
        // `c * clip(x, b)` within `c * b`: the first coefficient is 1, so that multiples meet.
        let lead = self.lead(inner);
        let inner = self.scaled(inner, lead.recip()?)?;
        let bound = bound.mul(lead.recip()?)?;
        signs.coefficient = signs.coefficient.mul(lead)?;
        if let Some(number) = self.as_number(inner) {
            let smaller = number.compare(bound)?.is_lt();
            signs.coefficient = signs.coefficient.mul(if smaller { number } else { bound })?;
        } else if let Some(clip) = self.as_clip(inner).filter(|clip| clip.is_nonnegative) {
            let bound = if clip.bound.compare(bound)?.is_lt() { clip.bound } else { bound };
            return self.clip_under(signs, true, clip.inner, bound);
        } else {
            return self.clip_under(signs, true, inner, bound);
        }
        self.normalize(&mut signs)?;
        self.product_value(&signs)
    }

    /// The clip of a sum, or its magnitude, times a product.
    fn clip_under(
        &mut self,
        mut product: Product,
        odd: bool,
        inner: SumId,
        bound: Rational,
    ) -> Bounded<ValueId> {
        let range = self.range(inner).clamp(Interval::near(bound.value()).hi);
        let base = self.new_base(Base::Clip(inner, bound), range)?;
        product.push(base, odd, Rational::ONE);
        self.normalize(&mut product)?;
        self.product_value(&product)
    }

    /// What the sum is a clip of, if it is a multiple of `clip(...)` or `|clip(...)|`.
    fn as_clip(&self, sum: SumId) -> Option<Clip> {
        let [term] = self.terms(sum) else { return None };
        let [factor] = self.factors(term.monomial) else { return None };
        let entry = self.base(factor.base);
        let Base::Clip(inner, bound) = entry.base else { return None };
        let (coefficient, odd) = (term.coefficient, factor.odd);
        let is_nonnegative = entry.range.is_nonnegative();
        let clip = Clip { coefficient, odd, inner, bound, is_nonnegative };
        factor.exponent.is_one().then_some(clip)
    }

    /// The first coefficient of a sum that is not 0, a number's last.
    fn lead(&self, sum: SumId) -> Rational {
        let terms = self.terms(sum);
        let first = terms.iter().find(|term| term.monomial != Reals::UNIT);
        first.or(terms.first()).map_or(Rational::ONE, |term| term.coefficient.abs())
    }

    pub(crate) fn tanh_of_sum(&mut self, sum: SumId) -> Bounded<ValueId> {
        if sum == Reals::ZERO_SUM {
            return Ok(Reals::ZERO);
        }
        let (mut signs, inner) = self.without_signs(sum)?;
        let range = self.range(inner);
        let unit = Interval { lo: -1.0, hi: 1.0, lo_open: true, hi_open: true };
        let range = if range.is_nonnegative() {
            Interval { lo: 0.0, lo_open: range.is_positive(), ..unit }
        } else {
            unit
        };
        let base = self.new_base(Base::Tanh(inner), range)?;
        signs.push(base, true, Rational::ONE);
        self.normalize(&mut signs)?;
        self.product_value(&signs)
    }

    /// `1/(1 + exp(-x))`, and `1 - sigmoid(-x)` for an x whose first coefficient is negative.
    pub(crate) fn sigmoid_of_sum(&mut self, sum: SumId) -> Bounded<ValueId> {
        if sum == Reals::ZERO_SUM {
            return self.number(Rational::HALF);
        }
        let flips = self.content(sum)?.coefficient.is_negative();
        let inner = if flips { self.scaled(sum, Rational::MINUS_ONE)? } else { sum };
        let range = Interval { lo: 0.0, hi: 1.0, lo_open: true, hi_open: true };
        let base = self.new_base(Base::Sigmoid(inner), range)?;
        let value = self.base_value(base)?;
        if flips { self.sub(Reals::ONE, value) } else { Ok(value) }
    }
}
