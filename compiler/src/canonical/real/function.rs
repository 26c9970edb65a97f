//! The functions of the language on values.
//!
//! A function of a decision is the decision of the function. On sums, which are finite and defined where
//! they are reached, the laws of real numbers hold without conditions: what could be infinite or undefined
//! is decided first.

use smallvec::SmallVec;

use super::arena::{Base, BaseId, Factor, Reals, SumId, Term, Value, ValueId};
use super::condition::MAX_SIGNS;
use super::interval::Interval;
use super::memo::{Question, operation};
use super::product::Product;
use super::rational::{Bounded, Limit, Rational, factors};
use super::sum::Terms;

/// Functions of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    /// `sign(x)^odd * |x|^exponent`
    SignedPower(bool, Rational),
    Reciprocal,
    Exp,
    LogMagnitude,
    Clip(Rational),
    Tanh,
    Sigmoid,
    Parity,
}

impl Reals {
    pub(crate) fn variable(
        &mut self,
        variable: super::arena::Variable,
        range: Interval,
    ) -> Bounded<ValueId> {
        let base = self.new_base(Base::Variable(variable), range)?;
        self.base_value(base)
    }

    pub(crate) fn prime(&mut self, number: i128) -> Bounded<BaseId> {
        self.new_base(Base::Prime(number), Interval::near(number as f64))
    }

    pub(crate) fn add(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        if a == Reals::ZERO {
            return Ok(b);
        }
        if b == Reals::ZERO {
            return Ok(a);
        }
        let both = self.ordered(a, b);
        self.apply(operation::ADD, both, Reals::add, Reals::sum_of_leaves)
    }

    /// The two in an order that does not depend on what was made first.
    fn ordered(&self, a: ValueId, b: ValueId) -> (ValueId, ValueId) {
        if self.info(a).hash <= self.info(b).hash { (a, b) } else { (b, a) }
    }

    fn sum_of_leaves(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        Ok(match (self.at(a), self.at(b)) {
            (Value::Leaf(a), Value::Leaf(b)) => {
                let sum = self.sum_of(a, b)?;
                self.leaf(sum)
            }
            (Value::Invalid, _) | (_, Value::Invalid) => Reals::INVALID,
            (Value::Undefined, _) | (_, Value::Undefined) => Reals::UNDEFINED,
            (Value::Infinite { negative: x }, Value::Infinite { negative: y }) if x != y => {
                Reals::UNDEFINED
            }
            (Value::Infinite { .. }, _) => a,
            _ => b,
        })
    }

    pub(crate) fn neg(&mut self, a: ValueId) -> Bounded<ValueId> {
        let minus = self.number(Rational::MINUS_ONE)?;
        self.mul(minus, a)
    }

    pub(crate) fn sub(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        let b = self.neg(b)?;
        self.add(a, b)
    }

    pub(crate) fn mul(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        if a == Reals::ONE {
            return Ok(b);
        }
        if b == Reals::ONE {
            return Ok(a);
        }
        let both = self.ordered(a, b);
        self.apply(operation::MUL, both, Reals::mul, Reals::product_of_leaves)
    }

    fn product_of_leaves(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        match (self.at(a), self.at(b)) {
            (Value::Leaf(a), Value::Leaf(b)) => self.product_of(a, b),
            (Value::Undefined, b) if b != Value::Invalid => Ok(Reals::UNDEFINED),
            (a, Value::Undefined) if a != Value::Invalid => Ok(Reals::UNDEFINED),
            (Value::Infinite { negative: x }, Value::Infinite { negative: y }) => {
                Ok(infinite(x != y))
            }
            (Value::Infinite { negative }, Value::Leaf(sum))
            | (Value::Leaf(sum), Value::Infinite { negative }) => {
                self.by_sign(sum, infinite(!negative), Reals::UNDEFINED, infinite(negative))
            }
            // Decisions have a first test.
            _ => Ok(Reals::INVALID),
        }
    }

    fn function(&mut self, function: Function, value: ValueId) -> Bounded<ValueId> {
        let (code, parameter) = match function {
            Function::SignedPower(odd, exponent) => (u32::from(odd), exponent),
            Function::Reciprocal => (2, Rational::ZERO),
            Function::Exp => (3, Rational::ZERO),
            Function::LogMagnitude => (4, Rational::ZERO),
            Function::Clip(bound) => (5, bound),
            Function::Tanh => (6, Rational::ZERO),
            Function::Sigmoid => (7, Rational::ZERO),
            Function::Parity => (8, Rational::ZERO),
        };
        let parameter = if parameter.is_zero() { u32::MAX } else { self.parameter(parameter) };
        let question = Question { operation: operation::FUNCTION + code, a: value.0, b: parameter };
        self.answer(question, |reals| match reals.at(value) {
            Value::Choice { test, yes, no } => {
                let yes = reals.function(function, yes)?;
                let no = reals.function(function, no)?;
                reals.choose(test, yes, no)
            }
            Value::Undefined => Ok(Reals::UNDEFINED),
            Value::Invalid => Ok(Reals::INVALID),
            Value::Infinite { negative } => reals.of_infinite(function, negative),
            Value::Leaf(sum) => reals.of_sum(function, sum),
        })
    }

    fn of_infinite(&mut self, function: Function, negative: bool) -> Bounded<ValueId> {
        let one = |negative| if negative { Rational::MINUS_ONE } else { Rational::ONE };
        match function {
            Function::SignedPower(odd, exponent) => {
                if exponent.is_zero() {
                    self.number(one(odd && negative))
                } else if exponent.is_negative() {
                    Ok(Reals::ZERO)
                } else {
                    Ok(infinite(odd && negative))
                }
            }
            Function::Reciprocal => Ok(Reals::ZERO),
            Function::Exp => Ok(if negative { Reals::ZERO } else { Reals::INFINITE }),
            Function::LogMagnitude => Ok(Reals::INFINITE),
            Function::Clip(bound) => self.number(bound.mul(one(negative))?),
            Function::Tanh => self.number(one(negative)),
            Function::Sigmoid => Ok(if negative { Reals::ZERO } else { Reals::ONE }),
            Function::Parity => Ok(Reals::UNDEFINED),
        }
    }

    fn of_sum(&mut self, function: Function, sum: SumId) -> Bounded<ValueId> {
        let splits = match function {
            Function::Exp => false,
            Function::Parity => self.is_of_signs(sum) && self.as_number(sum).is_none(),
            _ => self.terms(sum).len() > 1 && self.is_of_signs(sum),
        };
        if splits {
            return self.by_signs(sum, &mut |reals, value| reals.function(function, value));
        }
        match function {
            Function::SignedPower(odd, exponent) => self.power_of_sum(sum, odd, exponent),
            Function::Reciprocal => {
                let power = if sum == Reals::ZERO_SUM {
                    Reals::UNDEFINED
                } else {
                    self.power_of_sum(sum, true, Rational::MINUS_ONE)?
                };
                self.by_sign(sum, power, Reals::UNDEFINED, power)
            }
            Function::Exp => self.exp_of_sum(sum),
            Function::LogMagnitude => {
                let log = if sum == Reals::ZERO_SUM {
                    Reals::MINUS_INFINITE
                } else {
                    self.log_of_sum(sum)?
                };
                self.by_sign(sum, log, Reals::MINUS_INFINITE, log)
            }
            Function::Clip(bound) => self.clip_of_sum(sum, bound),
            Function::Tanh => self.tanh_of_sum(sum),
            Function::Sigmoid => self.sigmoid_of_sum(sum),
            Function::Parity => self.parity_of_sum(sum),
        }
    }

    /// `sign(x)^odd * |x|^exponent`; where the exponent is negative, x is known not to be 0.
    pub(crate) fn signed_power(
        &mut self,
        value: ValueId,
        odd: bool,
        exponent: Rational,
    ) -> Bounded<ValueId> {
        if exponent.is_one() && odd {
            return Ok(value);
        }
        self.function(Function::SignedPower(odd, exponent), value)
    }

    pub(crate) fn sign(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.signed_power(value, true, Rational::ZERO)
    }

    pub(crate) fn abs(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.signed_power(value, false, Rational::ONE)
    }

    /// `sqrt|x|`
    pub(crate) fn sqrt_magnitude(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.signed_power(value, false, Rational::HALF)
    }

    /// `1/x`, undefined at 0.
    pub(crate) fn recip(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.function(Function::Reciprocal, value)
    }

    pub(crate) fn div(&mut self, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        let b = self.recip(b)?;
        self.mul(a, b)
    }

    pub(crate) fn exp(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.function(Function::Exp, value)
    }

    /// `log|x|`
    pub(crate) fn log_magnitude(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.function(Function::LogMagnitude, value)
    }

    /// `clip(x, bound)`, `bound` above 0.
    pub(crate) fn clip(&mut self, value: ValueId, bound: Rational) -> Bounded<ValueId> {
        self.function(Function::Clip(bound), value)
    }

    pub(crate) fn tanh(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.function(Function::Tanh, value)
    }

    pub(crate) fn sigmoid(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.function(Function::Sigmoid, value)
    }

    /// `(-1)^x` for a whole number.
    pub(crate) fn parity(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.function(Function::Parity, value)
    }

    fn power_of_sum(&mut self, sum: SumId, odd: bool, exponent: Rational) -> Bounded<ValueId> {
        if sum == Reals::ZERO_SUM {
            return Ok(if exponent.is_negative() { Reals::INVALID } else { Reals::ZERO });
        }
        let content = self.content(sum)?;
        let mut product = Product::new(Rational::ONE);
        if odd && content.coefficient.is_negative() {
            product.coefficient = Rational::MINUS_ONE;
        }
        product.push_number(self, content.coefficient, exponent)?;
        let factors: SmallVec<[Factor; 6]> = SmallVec::from_slice(self.factors(content.monomial));
        for factor in factors {
            let power = factor.exponent.mul(exponent)?;
            product.push(factor.base, factor.odd && odd, power);
        }
        if let Some(rest) = content.rest {
            product.push(rest, odd, exponent);
        }
        self.normalize(&mut product)?;
        self.product_value(&product)
    }

    fn exp_of_sum(&mut self, sum: SumId) -> Bounded<ValueId> {
        let signs = self.signs_of_logarithms(sum)?;
        if !signs.is_empty() {
            let value = self.leaf(sum);
            return self.each_sign(value, &signs, &mut |reals, value| reals.exp(value));
        }
        let mut product = Product::new(Rational::ONE);
        let terms: Terms = SmallVec::from_slice(self.terms(sum));
        for term in terms {
            let logarithm = match self.factors(term.monomial) {
                [one] => self.logarithm(one),
                _ => None,
            };
            let base = match logarithm {
                Some(base) => base,
                None => self.exp_base(term.monomial)?,
            };
            product.push(base, false, term.coefficient);
        }
        self.normalize(&mut product)?;
        self.product_value(&product)
    }

    /// The signs that logarithms are multiplied by: with them decided, `exp(sign(x) * log(2))` is 2 or 1/2, as
    /// `2^sign(x)` is.
    fn signs_of_logarithms(&self, sum: SumId) -> Bounded<SmallVec<[BaseId; 8]>> {
        let mut signs = SmallVec::new();
        for term in self.terms(sum) {
            let factors = self.factors(term.monomial);
            let mut others = factors.iter().filter(|factor| !factor.exponent.is_zero());
            let is_log = others.next().is_some_and(|factor| self.logarithm(factor).is_some());
            if !is_log || others.next().is_some() {
                continue;
            }
            for factor in factors.iter().filter(|factor| factor.exponent.is_zero()) {
                if !signs.contains(&factor.base) {
                    signs.push(factor.base);
                }
            }
        }
        if signs.len() > MAX_SIGNS { Err(Limit) } else { Ok(signs) }
    }

    /// What a factor is the logarithm of. `|log(x)|` is none but where it is `log(x)`.
    fn logarithm(&self, factor: &Factor) -> Option<BaseId> {
        let entry = self.base(factor.base);
        match entry.base {
            Base::Log(of)
                if factor.exponent.is_one() && (factor.odd || entry.range.is_nonnegative()) =>
            {
                Some(of)
            }
            _ => None,
        }
    }

    fn exp_base(&mut self, monomial: super::arena::MonomialId) -> Bounded<BaseId> {
        let sum = self.single(Rational::ONE, monomial)?;
        let range = self.range(sum).exp();
        self.new_base(Base::Exp(monomial), range)
    }

    /// `log|x|` of a sum that is not 0.
    pub(crate) fn log_of_sum(&mut self, sum: SumId) -> Bounded<ValueId> {
        let content = self.content(sum)?;
        let mut terms = Terms::new();
        let number = content.coefficient.abs();
        for (part, sign) in [(number.numerator(), 1), (number.denominator(), -1)] {
            for (prime, power) in factors(part) {
                let base = self.prime(prime)?;
                terms.push(self.log_term(base, Rational::integer(sign * power))?);
            }
        }
        let factors: SmallVec<[Factor; 6]> = SmallVec::from_slice(self.factors(content.monomial));
        for factor in factors {
            if !factor.exponent.is_zero() {
                terms.push(self.log_term(factor.base, factor.exponent)?);
            }
        }
        if let Some(rest) = content.rest {
            terms.push(self.log_term(rest, Rational::ONE)?);
        }
        let sum = self.collect(terms)?;
        Ok(self.leaf(sum))
    }

    /// `power * log|base|`
    fn log_term(&mut self, base: BaseId, power: Rational) -> Bounded<Term> {
        if let Base::Exp(monomial) = self.base(base).base {
            return Ok(Term { monomial, coefficient: power });
        }
        let mut magnitude = self.base(base).range.abs();
        magnitude.lo_open |= magnitude.lo == 0.0;
        let base = self.new_base(Base::Log(base), magnitude.log())?;
        let odd = !self.base(base).range.is_nonnegative();
        let monomial = self.monomial(&[Factor { base, odd, exponent: Rational::ONE }])?;
        Ok(Term { monomial, coefficient: power })
    }
}

fn infinite(negative: bool) -> ValueId {
    if negative { Reals::MINUS_INFINITE } else { Reals::INFINITE }
}
