//! A value into an empty arena, so that what is made of it depends on nothing else.

#![expect(clippy::disallowed_types, reason = "looked up by key, never iterated")]

use hashbrown::HashMap;

use super::super::arena::{
    Base, BaseId, MonomialId, Reals, SumId, Term, Test, TestId, Value, ValueId,
};
use super::super::operands::Quantity;
use super::super::rational::Bounded;

/// Copies values from one arena to another.
pub(super) struct Transfer<'a> {
    from: &'a Reals,
    to: &'a mut Reals,
    values: HashMap<ValueId, ValueId>,
    bases: HashMap<BaseId, BaseId>,
    sums: HashMap<SumId, SumId>,
    monomials: HashMap<MonomialId, MonomialId>,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(from: &'a Reals, to: &'a mut Reals) -> Transfer<'a> {
        Transfer {
            from,
            to,
            values: HashMap::new(),
            bases: HashMap::new(),
            sums: HashMap::new(),
            monomials: HashMap::new(),
        }
    }

    pub(super) fn value(&mut self, value: ValueId) -> Bounded<ValueId> {
        if let Some(known) = self.values.get(&value) {
            return Ok(*known);
        }
        let copy = match self.from.at(value) {
            Value::Leaf(sum) => Value::Leaf(self.sum(sum)?),
            Value::Choice { test, yes, no } => {
                Value::Choice { test: self.test(test)?, yes: self.value(yes)?, no: self.value(no)? }
            }
            other => other,
        };
        let copy = self.to.value(copy);
        self.values.insert(value, copy);
        Ok(copy)
    }

    fn test(&mut self, test: TestId) -> Bounded<TestId> {
        let copy = match self.from.test_at(test).test {
            Test::NonZero(base) => Test::NonZero(self.base(base)?),
            Test::Negative(base) => Test::Negative(self.base(base)?),
            Test::Whole(sum) => Test::Whole(self.sum(sum)?),
            kept @ Test::Kept { .. } => kept,
        };
        Ok(self.to.test(copy))
    }

    fn sum(&mut self, sum: SumId) -> Bounded<SumId> {
        if let Some(known) = self.sums.get(&sum) {
            return Ok(*known);
        }
        let mut terms = Vec::new();
        for term in self.from.terms(sum) {
            terms.push(Term { monomial: self.monomial(term.monomial)?, ..*term });
        }
        let copy = self.to.sum(&terms)?;
        self.sums.insert(sum, copy);
        Ok(copy)
    }

    fn monomial(&mut self, monomial: MonomialId) -> Bounded<MonomialId> {
        if let Some(known) = self.monomials.get(&monomial) {
            return Ok(*known);
        }
        let mut factors = self.from.factors(monomial).to_vec();
        for factor in &mut factors {
            factor.base = self.base(factor.base)?;
        }
        let copy = self.to.monomial(&factors)?;
        self.monomials.insert(monomial, copy);
        Ok(copy)
    }

    fn base(&mut self, base: BaseId) -> Bounded<BaseId> {
        if let Some(known) = self.bases.get(&base) {
            return Ok(*known);
        }
        let entry = *self.from.base(base);
        let copy = match entry.base {
            Base::Variable(mut variable) => {
                match &mut variable.quantity {
                    Quantity::Average { x, decay } => {
                        (*x, *decay) = (self.value(*x)?, self.value(*decay)?);
                    }
                    Quantity::Debias { decay } => *decay = self.value(*decay)?,
                    _ => {}
                }
                Base::Variable(variable)
            }
            Base::Prime(number) => Base::Prime(number),
            Base::Sum(sum) => Base::Sum(self.sum(sum)?),
            Base::Exp(monomial) => Base::Exp(self.monomial(monomial)?),
            Base::Log(inner) => Base::Log(self.base(inner)?),
            Base::Clip(sum, bound) => Base::Clip(self.sum(sum)?, bound),
            Base::Tanh(sum) => Base::Tanh(self.sum(sum)?),
            Base::Sigmoid(sum) => Base::Sigmoid(self.sum(sum)?),
            Base::Parity(sum) => Base::Parity(self.sum(sum)?),
        };
        let copy = self.to.new_base(copy, entry.range)?;
        self.bases.insert(base, copy);
        Ok(copy)
    }
}
