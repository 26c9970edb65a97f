//! Decisions as formulas: a branch that says it all, an exponential of a sign, or `where`.

use crate::primitive::{Binary, Comparison, Unary};
use crate::tree::{Node, NodeId};

use super::super::arena::{Base, BaseId, Factor, Reals, Test, TestId, Value, ValueId};
use super::super::rational::{Bounded, Limit, Rational};
use super::writer::Writer;

/// A decision and its values.
#[derive(Clone, Copy)]
struct Choice {
    test: TestId,
    yes: ValueId,
    no: ValueId,
}

impl Writer<'_> {
    /// A node that has this value wherever the decisions above it lead here.
    pub(super) fn value(&mut self, value: ValueId) -> Bounded<NodeId> {
        if let Some(known) = self.written.get(&value).copied()
            && self.means(known, value)?
        {
            return Ok(known);
        }
        let node = match self.reals.at(value) {
            Value::Leaf(sum) => self.nested(|writer| writer.sum(sum))?,
            Value::Undefined => {
                let zero = self.constant(0.0)?;
                self.binary(Binary::Div, zero, zero)?
            }
            Value::Infinite { negative } => {
                let zero = self.constant(0.0)?;
                let below = self.unary(Unary::Log, zero)?;
                if negative { below } else { self.unary(Unary::Neg, below)? }
            }
            Value::Invalid => return Err(Limit),
            Value::Choice { test, yes, no } => {
                self.nested(|writer| writer.choice(value, Choice { test, yes, no }))?
            }
        };
        self.written.insert(value, node);
        Ok(node)
    }

    /// Whether a node has a value wherever the decisions above it lead here.
    pub(super) fn means(&mut self, node: NodeId, value: ValueId) -> Bounded<bool> {
        let found = self.value_of(node)?;
        self.is_here(found, value)
    }

    /// Whether one value is another wherever the decisions above lead here.
    pub(super) fn is_here(&mut self, mut found: ValueId, value: ValueId) -> Bounded<bool> {
        for (test, holds) in self.path.clone() {
            if found == value {
                break;
            }
            found = self.reals.restrict(found, test, holds)?;
        }
        Ok(found == value)
    }

    /// The value of a branch.
    fn branch(&mut self, value: ValueId, test: TestId, holds: bool) -> Bounded<NodeId> {
        self.path.push((test, holds));
        let node = self.value(value);
        self.path.pop();
        node
    }

    fn choice(&mut self, value: ValueId, choice: Choice) -> Bounded<NodeId> {
        let test = self.reals.test_at(choice.test).test;
        if let Test::Kept { site, probability } = test {
            return self.draw(site, probability, choice);
        }
        if let Some(node) = self.power_of(value)? {
            return Ok(node);
        }
        let yes = self.branch(choice.yes, choice.test, true)?;
        if self.means(yes, value)? {
            return Ok(yes);
        }
        if let Test::NonZero(base) | Test::Negative(base) = test
            && let Some(node) = self.exponential(value, base)?
        {
            return Ok(node);
        }
        let no = self.branch(choice.no, choice.test, false)?;
        if self.means(no, value)? {
            return Ok(no);
        }
        let (comparison, a, b) = match test {
            Test::NonZero(base) => (Comparison::NotEqual, self.base(base)?, self.constant(0.0)?),
            Test::Negative(base) => {
                let orders = [(yes, no), (no, yes)];
                let all = orders.map(|order| [(Binary::Max, order), (Binary::Min, order)]);
                for (op, (a, b)) in all.into_iter().flatten() {
                    let node = self.binary(op, a, b)?;
                    if self.means(node, value)? {
                        return Ok(node);
                    }
                }
                (Comparison::Less, self.base(base)?, self.constant(0.0)?)
            }
            Test::Whole(sum) => {
                // Undefined, and so not equal to itself, unless the sum is a whole number.
                let parity = self.parity(sum)?;
                (Comparison::Equal, parity, parity)
            }
            Test::Kept { .. } => return Err(Limit),
        };
        self.add(Node::Where(comparison, [a, b, yes, no]))
    }

    fn draw(&mut self, site: u32, probability: u64, choice: Choice) -> Bounded<NodeId> {
        let yes = self.branch(choice.yes, choice.test, true)?;
        if choice.no == Reals::ZERO && self.is_lone(site) {
            return self.drop(site, yes, probability);
        }
        let no = self.branch(choice.no, choice.test, false)?;
        let (one, zero) = (self.constant(1.0)?, self.constant(0.0)?);
        let kept = self.drop(site, one, probability)?;
        self.add(Node::Where(Comparison::NotEqual, [kept, zero, yes, no]))
    }

    /// `c * exp(sign(b) * x)`, if the value is that: the halves above and below `b = 0` have the product
    /// `c^2` and the quotient `exp(x)^2`.
    fn exponential(&mut self, value: ValueId, base: BaseId) -> Bounded<Option<NodeId>> {
        let reals = &mut *self.reals;
        let (negative, zero) = (reals.test(Test::Negative(base)), reals.test(Test::NonZero(base)));
        let below = reals.restrict(value, negative, true)?;
        let above = reals.restrict(value, negative, false)?;
        let above = reals.restrict(above, zero, true)?;
        let square = reals.mul(above, below)?;
        let size = reals.sqrt_magnitude(square)?;
        let quotient = reals.div(above, below)?;
        let log = reals.log_magnitude(quotient)?;
        let half = reals.number(Rational::HALF)?;
        let log = reals.mul(half, log)?;
        let sign = reals.sign_of(base)?;
        let exponent = reals.mul(sign, log)?;
        let exp = reals.exp(exponent)?;
        let signed = reals.mul(sign, size)?;
        for factor in [size, signed] {
            let opposite = self.reals.neg(factor)?;
            for factor in [factor, opposite] {
                if self.reals.mul(factor, exp)? == value && factor != value {
                    return self.times_exponential(value, factor, exponent);
                }
            }
        }
        Ok(None)
    }

    /// `factor * exp(exponent)` where that means the value; `factor * 2^x` where the exponent is `log(2) * x`.
    fn times_exponential(
        &mut self,
        value: ValueId,
        factor: ValueId,
        exponent: ValueId,
    ) -> Bounded<Option<NodeId>> {
        let exp = if let Some(prime) = self.logarithm_in(exponent) {
            let base = self.reals.number(Rational::integer(prime))?;
            let log = self.reals.log_magnitude(base)?;
            let power = self.reals.div(exponent, log)?;
            let (base, power) = (self.value(base)?, self.value(power)?);
            self.binary(Binary::Pow, base, power)?
        } else {
            let exponent = self.value(exponent)?;
            self.unary(Unary::Exp, exponent)?
        };
        let whole = if factor == Reals::ONE {
            exp
        } else {
            let factor = self.value(factor)?;
            self.binary(Binary::Mul, factor, exp)?
        };
        Ok(self.means(whole, value)?.then_some(whole))
    }

    /// The prime whose logarithm is a factor of all terms of a value without decisions.
    fn logarithm_in(&self, value: ValueId) -> Option<i128> {
        let Value::Leaf(sum) = self.reals.at(value) else { return None };
        let prime_of = |factor: &Factor| match self.reals.base(factor.base).base {
            Base::Log(of) => match self.reals.base(of).base {
                Base::Prime(prime) => Some(prime),
                _ => None,
            },
            _ => None,
        };
        let mut found = None;
        for term in self.reals.terms(sum) {
            let prime = self.reals.factors(term.monomial).iter().find_map(prime_of)?;
            if *found.get_or_insert(prime) != prime {
                return None;
            }
        }
        found
    }
}
