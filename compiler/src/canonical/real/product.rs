//! Products of factors in normal form.
//!
//! A factor is `sign(b)^odd * |b|^exponent`, so that `b`, `|b|`, `sign(b)`, `sqrt|b|` and `b*b` are powers of
//! one thing and multiply by adding exponents. Where the exponents cancel by themselves, as in
//! `sign(b)*sign(b)`, the product is 1 but 0 at `b = 0`: a decision. Where a negative exponent takes part,
//! `b` is known not to be 0 and nothing is left.

use smallvec::SmallVec;

use super::arena::{Base, BaseId, Factor, Reals, SumId, Term, Test, ValueId};
use super::rational::{Bounded, Rational, factors};

/// Whole powers of sums are multiplied out up to here.
const MAX_EXPANDED: i128 = 4;
/// Whole powers of primes up to here go to the coefficient.
const MAX_PRIME_POWER: i128 = 32;

/// A product on its way to normal form.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) coefficient: Rational,
    pub(crate) factors: SmallVec<[Factor; 6]>,
    /// Sums to be multiplied in, with their powers.
    pub(crate) sums: SmallVec<[(SumId, u32); 2]>,
    /// The product is 0 where one of these is.
    pub(crate) nonzero: SmallVec<[BaseId; 2]>,
    /// Factors were added out of order.
    mixed: bool,
}

impl Product {
    pub(crate) fn new(coefficient: Rational) -> Product {
        Product {
            coefficient,
            factors: SmallVec::new(),
            sums: SmallVec::new(),
            nonzero: SmallVec::new(),
            mixed: false,
        }
    }

    /// Whether it is one term.
    pub(crate) fn is_plain(&self) -> bool {
        self.sums.is_empty() && self.nonzero.is_empty()
    }

    pub(crate) fn push(&mut self, base: BaseId, odd: bool, exponent: Rational) {
        self.factors.push(Factor { base, odd, exponent });
    }

    /// `|number|^exponent`; `number` is not 0.
    pub(crate) fn push_number(
        &mut self,
        reals: &mut Reals,
        number: Rational,
        exponent: Rational,
    ) -> Bounded<()> {
        let number = number.abs();
        if number.is_one() || exponent.is_zero() {
            return Ok(());
        }
        if exponent.is_integer()
            && let Ok(power) = number.pow(exponent.numerator())
        {
            self.coefficient = self.coefficient.mul(power)?;
            return Ok(());
        }
        for (part, sign) in [(number.numerator(), 1), (number.denominator(), -1)] {
            for (prime, power) in factors(part) {
                let power = exponent.mul(Rational::integer(power * sign))?;
                let base = reals.prime(prime)?;
                self.push(base, false, power);
            }
        }
        Ok(())
    }
}

impl Reals {
    /// The product of two monomials.
    pub(crate) fn monomial_product(&mut self, a: &Term, b: &Term) -> Bounded<Product> {
        let mut product = Product::new(a.coefficient.mul(b.coefficient)?);
        product.factors.extend_from_slice(self.factors(a.monomial));
        if b.monomial == Reals::UNIT {
            return Ok(product);
        }
        let simple = product.factors.is_empty();
        product.factors.extend_from_slice(self.factors(b.monomial));
        if !simple {
            self.normalize(&mut product)?;
        }
        Ok(product)
    }

    /// Sorts the factors, adds exponents of equal bases, and takes out what has another place.
    pub(crate) fn normalize(&mut self, product: &mut Product) -> Bounded<()> {
        let mut raw = std::mem::take(&mut product.factors);
        raw.sort_unstable_by_key(|factor| self.base(factor.base).info.hash);
        let mut at = 0;
        while at < raw.len() {
            let mut factor = raw[at];
            let mut decides = factor.exponent.is_zero();
            at += 1;
            while at < raw.len() && raw[at].base == factor.base {
                decides &= raw[at].exponent.is_zero();
                factor.exponent = factor.exponent.add(raw[at].exponent)?;
                factor.odd ^= raw[at].odd;
                at += 1;
            }
            self.normalize_factor(product, factor, decides)?;
        }
        if std::mem::take(&mut product.mixed) {
            return self.normalize(product);
        }
        Ok(())
    }

    /// One factor; `decides` if it is 0 where its base is although its exponent is 0.
    fn normalize_factor(
        &mut self,
        product: &mut Product,
        mut factor: Factor,
        decides: bool,
    ) -> Bounded<()> {
        let entry = *self.base(factor.base);
        let nonnegative = entry.range.is_nonnegative();
        let nonpositive = entry.range.is_nonpositive() && !nonnegative;
        match entry.base {
            Base::Prime(prime) => {
                let whole = factor.exponent.floor();
                if whole != 0 && whole.abs() <= MAX_PRIME_POWER {
                    let power = Rational::integer(prime).pow(whole)?;
                    product.coefficient = product.coefficient.mul(power)?;
                    factor.exponent = factor.exponent.sub(Rational::integer(whole))?;
                }
            }
            Base::Sum(sum) => {
                let whole = factor.exponent.floor();
                if (1..=MAX_EXPANDED).contains(&whole) {
                    product.sums.push((sum, whole as u32));
                    factor.odd ^= whole & 1 != 0;
                    factor.exponent = factor.exponent.sub(Rational::integer(whole))?;
                }
            }
            Base::Parity(_) => factor.exponent = Rational::ZERO,
            _ => {}
        }
        if factor.odd && nonpositive {
            product.coefficient = product.coefficient.neg();
        }
        factor.odd &= !nonnegative && !nonpositive;
        if factor.exponent.is_zero() && (factor.odd || decides) {
            // These have the sign of their argument, whose first coefficient is positive.
            if let Base::Clip(sum, _) | Base::Tanh(sum) = entry.base {
                return self.normalize_sign(product, sum, factor.odd);
            }
        }
        if factor.exponent.is_zero() && !factor.odd {
            if decides && !entry.nonzero {
                product.nonzero.push(factor.base);
            }
            return Ok(());
        }
        product.factors.push(factor);
        Ok(())
    }

    /// `sign(sum)`, or 1 unless the sum is 0.
    fn normalize_sign(&mut self, product: &mut Product, sum: SumId, odd: bool) -> Bounded<()> {
        let content = self.content(sum)?;
        let mut inner = Product::new(Rational::ONE);
        for factor in SmallVec::<[Factor; 6]>::from_slice(self.factors(content.monomial)) {
            inner.push(factor.base, factor.odd && odd, Rational::ZERO);
        }
        if let Some(rest) = content.rest {
            inner.push(rest, odd, Rational::ZERO);
        }
        self.normalize(&mut inner)?;
        // The signs may meet others: once more, all together.
        product.coefficient = product.coefficient.mul(inner.coefficient)?;
        product.nonzero.extend(inner.nonzero);
        if !inner.factors.is_empty() {
            product.factors.extend(inner.factors);
            product.mixed = true;
        }
        Ok(())
    }

    /// The term of a product in normal form.
    pub(crate) fn product_term(&mut self, product: &Product) -> Bounded<Term> {
        let monomial = self.monomial(&product.factors)?;
        Ok(Term { monomial, coefficient: product.coefficient })
    }

    /// The value of a product in normal form.
    pub(crate) fn product_value(&mut self, product: &Product) -> Bounded<ValueId> {
        if product.coefficient.is_zero() {
            return Ok(Reals::ZERO);
        }
        let term = self.product_term(product)?;
        let sum = self.sum(&[term])?;
        let mut value = self.leaf(sum);
        for (sum, power) in &product.sums {
            let factor = self.leaf(*sum);
            for _ in 0..*power {
                value = self.mul(value, factor)?;
            }
        }
        for base in &product.nonzero {
            let test = self.test(Test::NonZero(*base));
            value = self.choose(test, value, Reals::ZERO)?;
        }
        Ok(value)
    }
}
