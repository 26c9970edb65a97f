//! Decisions: ordered, each path decides a test once, and none is left that decides nothing.
//!
//! Under the test `b != 0` being false, `b` is replaced by 0 everywhere below; under `b < 0`, `b` by `-|b|`,
//! at any depth. So a value without the decision and one with it meet: `choose` drops a decision when its
//! first value, with the test's failure put in, is the second.

use smallvec::SmallVec;

use super::arena::{Base, BaseId, Factor, Reals, SumId, Term, Test, TestId, Value, ValueId};
use super::memo::Question;
use super::product::Product;
use super::rational::{Bounded, Rational};
use super::sum::Terms;

/// A function of two values.
pub(crate) type Binary = fn(&mut Reals, ValueId, ValueId) -> Bounded<ValueId>;

/// What is put in for a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Zero,
    Negative,
    NotNegative,
}

impl Reals {
    fn order_of(&self, value: ValueId) -> Option<(u8, u128, u8)> {
        match self.at(value) {
            Value::Choice { test, .. } => Some(self.test_at(test).order),
            _ => None,
        }
    }

    /// The test that stands first in the two values.
    pub(crate) fn first_test(&self, a: ValueId, b: ValueId) -> Option<TestId> {
        match (self.at(a), self.at(b)) {
            (Value::Choice { test: a, .. }, Value::Choice { test: b, .. }) => {
                Some(if self.test_at(a).order <= self.test_at(b).order { a } else { b })
            }
            (Value::Choice { test, .. }, _) | (_, Value::Choice { test, .. }) => Some(test),
            _ => None,
        }
    }

    /// The value where a test that may stand first in it holds, and where it does not.
    pub(crate) fn branches(&self, value: ValueId, of: TestId) -> (ValueId, ValueId) {
        match self.at(value) {
            Value::Choice { test, yes, no } if test == of => (yes, no),
            _ => (value, value),
        }
    }

    /// A function of two values: of decisions it is the decision of the function, which `whole` works out;
    /// `leaves` is the function of values without one.
    pub(crate) fn apply(
        &mut self,
        operation: u32,
        (a, b): (ValueId, ValueId),
        whole: Binary,
        leaves: Binary,
    ) -> Bounded<ValueId> {
        self.answer(Question { operation, a: a.0, b: b.0 }, |reals| {
            let Some(test) = reals.first_test(a, b) else { return leaves(reals, a, b) };
            let ((a_yes, a_no), (b_yes, b_no)) = (reals.branches(a, test), reals.branches(b, test));
            let yes = whole(reals, a_yes, b_yes)?;
            let no = whole(reals, a_no, b_no)?;
            reals.choose(test, yes, no)
        })
    }

    /// `yes` where the test holds, else `no`.
    pub(crate) fn choose(&mut self, test: TestId, yes: ValueId, no: ValueId) -> Bounded<ValueId> {
        if yes == no {
            return Ok(yes);
        }
        self.spend(1)?;
        let order = self.test_at(test).order;
        let earlier = |reals: &Reals, value: ValueId| {
            reals.order_of(value).is_some_and(|found| found < order)
        };
        let (mut yes, mut no) = (yes, no);
        if !earlier(self, yes) && !earlier(self, no) {
            yes = self.restrict(yes, test, true)?;
            no = self.restrict(no, test, false)?;
        }
        if let Some(first) = self.first_test(yes, no)
            && self.test_at(first).order < order
        {
            let (yes_yes, yes_no) = self.branches(yes, first);
            let (no_yes, no_no) = self.branches(no, first);
            let holds = self.choose(test, yes_yes, no_yes)?;
            let fails = self.choose(test, yes_no, no_no)?;
            return self.choose(first, holds, fails);
        }
        self.decide(test, yes, no)
    }

    /// A decision whose values stand under it already, or one value if they are the same.
    fn decide(&mut self, test: TestId, yes: ValueId, no: ValueId) -> Bounded<ValueId> {
        if yes == no {
            return Ok(yes);
        }
        match self.test_at(test).test {
            Test::NonZero(base) => {
                if self.restrict(yes, test, false)? == no {
                    return Ok(yes);
                }
                let mut yes = yes;
                if let Value::Choice { test: inner, yes: negative, no: positive } = self.at(yes)
                    && self.test_at(inner).test == Test::Negative(base)
                    && let Some(whole) = self.without_sign(base, negative, positive)?
                {
                    yes = whole;
                }
                if self.restrict(yes, test, false)? == no {
                    return Ok(yes);
                }
                self.choice(test, yes, no)
            }
            Test::Negative(base) => {
                if let Some(whole) = self.without_sign(base, yes, no)? {
                    let zero = self.test(Test::NonZero(base));
                    let nonzero = self.base(base).nonzero;
                    if nonzero
                        || self.restrict(whole, zero, false)? == self.restrict(no, zero, false)?
                    {
                        return Ok(whole);
                    }
                }
                self.choice(test, yes, no)
            }
            Test::Kept { .. } | Test::Whole(_) => self.choice(test, yes, no),
        }
    }

    /// One value for both signs of a base that is not 0, where there is one.
    fn without_sign(
        &mut self,
        base: BaseId,
        negative: ValueId,
        positive: ValueId,
    ) -> Bounded<Option<ValueId>> {
        if negative == positive {
            return Ok(Some(positive));
        }
        let minus = self.number(Rational::MINUS_ONE)?;
        if let (Value::Leaf(below), Value::Leaf(above)) = (self.at(negative), self.at(positive)) {
            let sign = self.sign_of(base)?;
            if self.mul(minus, positive)? == negative {
                return self.mul(sign, positive).map(Some);
            }
            let bit = self.base(base).bit;
            // Of other sums the halves would hide what is known of each, such as its sign.
            let of_signs = self.is_of_signs(below) && self.is_of_signs(above);
            if of_signs && (self.info(negative).bloom | self.info(positive).bloom) & bit == 0 {
                let half = self.number(Rational::HALF)?;
                let other = self.mul(minus, negative)?;
                let sum = self.add(positive, negative)?;
                let difference = self.add(positive, other)?;
                let signed = self.mul(sign, difference)?;
                let twice = self.add(sum, signed)?;
                return self.mul(half, twice).map(Some);
            }
        }
        let Value::Leaf(sum) = self.at(positive) else { return Ok(None) };
        if self.info(positive).bloom & self.base(base).bit == 0 {
            return Ok(None);
        }
        let test = self.test(Test::Negative(base));
        let lifted = self.lift_sum(sum, base)?;
        let holds = self.restrict(lifted, test, true)? == negative
            && self.nonzero_branch(lifted, test, base)? == positive;
        Ok(holds.then_some(lifted))
    }

    /// The value for a positive base.
    fn nonzero_branch(&mut self, value: ValueId, test: TestId, base: BaseId) -> Bounded<ValueId> {
        let value = self.restrict(value, test, false)?;
        let nonzero = self.test(Test::NonZero(base));
        self.restrict(value, nonzero, true)
    }

    /// `sign(base)`
    pub(crate) fn sign_of(&mut self, base: BaseId) -> Bounded<ValueId> {
        let mut product = Product::new(Rational::ONE);
        product.push(base, true, Rational::ZERO);
        self.normalize(&mut product)?;
        self.product_value(&product)
    }

    /// The value where a test is known to hold, or known to fail.
    pub(crate) fn restrict(
        &mut self,
        value: ValueId,
        test: TestId,
        holds: bool,
    ) -> Bounded<ValueId> {
        let entry = *self.test_at(test);
        let (base, known) = match (entry.test, holds) {
            (Test::NonZero(base), false) => (base, Known::Zero),
            (Test::Negative(base), true) => (base, Known::Negative),
            (Test::Negative(base), false) => (base, Known::NotNegative),
            _ => return self.prune(value, test, holds),
        };
        if !self.may_hold(self.info(value).bloom, base) {
            return Ok(value);
        }
        self.answer(Question::restricted(value, test, holds), |reals| match reals.at(value) {
            Value::Choice { test: found, yes, no } if found == test => {
                reals.restrict(if holds { yes } else { no }, test, holds)
            }
            Value::Choice { test: found, yes, no } => {
                let yes = reals.restrict(yes, test, holds)?;
                let no = reals.restrict(no, test, holds)?;
                let condition = reals.restricted_test(found, base, known, test)?;
                reals.select(condition, yes, no)
            }
            Value::Leaf(sum) => reals.put_in(sum, base, known, test),
            _ => Ok(value),
        })
    }

    /// The value without a test that is decided.
    fn prune(&mut self, value: ValueId, test: TestId, holds: bool) -> Bounded<ValueId> {
        let Value::Choice { test: found, yes, no } = self.at(value) else { return Ok(value) };
        if found == test {
            return Ok(if holds { yes } else { no });
        }
        if self.test_at(found).order > self.test_at(test).order {
            return Ok(value);
        }
        self.answer(Question::restricted(value, test, holds), |reals| {
            let yes = reals.prune(yes, test, holds)?;
            let no = reals.prune(no, test, holds)?;
            reals.choose(found, yes, no)
        })
    }

    /// Another test with what is known put in, as 1 or 0.
    fn restricted_test(
        &mut self,
        found: TestId,
        base: BaseId,
        known: Known,
        test: TestId,
    ) -> Bounded<ValueId> {
        let entry = *self.test_at(found);
        let unchanged = |reals: &mut Reals| reals.choose(found, Reals::ONE, Reals::ZERO);
        if !self.may_hold(entry.bloom, base) {
            return unchanged(self);
        }
        match entry.test {
            Test::NonZero(of) | Test::Negative(of) if of == base => {
                match (entry.test, known) {
                    (Test::Negative(_), Known::Zero) => Ok(Reals::ZERO),
                    (_, Known::Negative) => Ok(Reals::ONE),
                    // Not negative says nothing about being 0.
                    _ => unchanged(self),
                }
            }
            Test::NonZero(of) => {
                let value = self.base_put_in(of, base, known, test)?;
                let zero = self.is_zero(value)?;
                self.select(zero, Reals::ZERO, Reals::ONE)
            }
            Test::Negative(of) => {
                let value = self.base_put_in(of, base, known, test)?;
                self.is_negative(value)
            }
            Test::Whole(sum) => {
                let value = self.put_in(sum, base, known, test)?;
                self.is_whole(value)
            }
            Test::Kept { .. } => unchanged(self),
        }
    }

    /// `yes` where the condition is 1, `no` where it is 0.
    pub(crate) fn select(
        &mut self,
        condition: ValueId,
        yes: ValueId,
        no: ValueId,
    ) -> Bounded<ValueId> {
        match self.at(condition) {
            Value::Choice { test, yes: holds, no: fails } => {
                let holds = self.select(holds, yes, no)?;
                let fails = self.select(fails, yes, no)?;
                self.choose(test, holds, fails)
            }
            Value::Invalid => Ok(Reals::INVALID),
            _ if condition == Reals::ONE => Ok(yes),
            // 1 or 0 by signs, such as (1 + sign(x))/2.
            Value::Leaf(sum) => self.by_sign(sum, no, no, yes),
            _ => Ok(no),
        }
    }

    /// A sum with what is known of a base put in.
    fn put_in(&mut self, sum: SumId, base: BaseId, known: Known, test: TestId) -> Bounded<ValueId> {
        let terms: Terms = SmallVec::from_slice(self.terms(sum));
        if known == Known::Zero
            && terms.len() > 1
            && matches!(self.base(base).base, Base::Sum(_))
            && self.content(sum)?.rest == Some(base)
        {
            return Ok(Reals::ZERO);
        }
        let kept: Terms = terms
            .iter()
            .filter(|term| !self.may_hold(self.monomial_info(term.monomial).bloom, base))
            .copied()
            .collect();
        if kept.len() == terms.len() {
            return Ok(self.leaf(sum));
        }
        let untouched = self.sum(&kept)?;
        let mut total = self.leaf(untouched);
        for term in &terms {
            if self.may_hold(self.monomial_info(term.monomial).bloom, base) {
                let value = self.term_put_in(term, base, known, test)?;
                total = self.add(total, value)?;
            }
        }
        Ok(total)
    }

    fn term_put_in(
        &mut self,
        term: &Term,
        base: BaseId,
        known: Known,
        test: TestId,
    ) -> Bounded<ValueId> {
        let factors: SmallVec<[Factor; 6]> = SmallVec::from_slice(self.factors(term.monomial));
        let mut product = Product::new(term.coefficient);
        let mut others: SmallVec<[ValueId; 4]> = SmallVec::new();
        for factor in factors {
            if !self.may_hold(self.base(factor.base).info.bloom, base) {
                product.factors.push(factor);
            } else if factor.base != base {
                let value = self.base_put_in(factor.base, base, known, test)?;
                others.push(self.signed_power(value, factor.odd, factor.exponent)?);
            } else {
                if known == Known::Zero && factor.exponent.is_negative() {
                    return Ok(Reals::INVALID);
                }
                put_in_factor(&mut product, factor, known);
            }
        }
        let mut value = self.product_value(&product)?;
        for other in others {
            value = self.mul(value, other)?;
        }
        Ok(value)
    }

    /// The value of a base with what is known of another one put in.
    fn base_put_in(
        &mut self,
        of: BaseId,
        base: BaseId,
        known: Known,
        test: TestId,
    ) -> Bounded<ValueId> {
        let entry = *self.base(of);
        if !self.may_hold(entry.info.bloom, base) {
            return self.base_value(of);
        }
        let argument = match entry.base {
            _ if of == base && known == Known::Zero => return Ok(Reals::ZERO),
            Base::Variable(_) | Base::Prime(_) => return self.base_value(of),
            Base::Sum(sum) => return self.put_in(sum, base, known, test),
            // The logarithm is there only where its argument is not 0.
            Base::Log(inner) if inner == base => {
                let none = known == Known::Zero;
                return if none { Ok(Reals::INVALID) } else { self.base_value(of) };
            }
            Base::Log(inner) => self.base_value(inner)?,
            Base::Exp(monomial) => {
                let sum = self.single(Rational::ONE, monomial)?;
                self.leaf(sum)
            }
            Base::Clip(sum, _) | Base::Tanh(sum) | Base::Sigmoid(sum) | Base::Parity(sum) => {
                self.leaf(sum)
            }
        };
        let value = match (entry.base, self.at(argument)) {
            (Base::Log(inner), _) => self.base_put_in(inner, base, known, test)?,
            (_, Value::Leaf(sum)) => self.put_in(sum, base, known, test)?,
            _ => argument,
        };
        if value == argument {
            return self.base_value(of);
        }
        match entry.base {
            Base::Log(_) => {
                let log = self.log_magnitude(value)?;
                self.where_finite(log)
            }
            Base::Clip(_, bound) => self.clip(value, bound),
            Base::Tanh(_) => self.tanh(value),
            Base::Sigmoid(_) => self.sigmoid(value),
            Base::Parity(_) => self.parity(value),
            _ => self.exp(value),
        }
    }

    /// The value, invalid where it is infinite: the logarithm of a sum that has become 0 says nothing of its
    /// own place, which was under a decision against 0.
    fn where_finite(&mut self, value: ValueId) -> Bounded<ValueId> {
        match self.at(value) {
            Value::Choice { test, yes, no } => {
                let yes = self.where_finite(yes)?;
                let no = self.where_finite(no)?;
                self.choose(test, yes, no)
            }
            Value::Infinite { .. } => Ok(Reals::INVALID),
            _ => Ok(value),
        }
    }

    /// Whether a base may stand in a value, openly or multiplied out.
    fn may_hold(&self, bloom: u64, base: BaseId) -> bool {
        let entry = self.base(base);
        if bloom & entry.bit != 0 {
            return true;
        }
        match entry.base {
            Base::Sum(sum) => {
                let parts = self.sum_info(sum).bloom;
                bloom & parts == parts
            }
            _ => false,
        }
    }

    /// The sum with odd powers of `|base|` replaced by powers of the base itself, at any depth.
    fn lift_sum(&mut self, sum: SumId, base: BaseId) -> Bounded<ValueId> {
        let terms: Terms = SmallVec::from_slice(self.terms(sum));
        let mut total = Reals::ZERO;
        for term in &terms {
            let factors: SmallVec<[Factor; 6]> = SmallVec::from_slice(self.factors(term.monomial));
            let mut product = Product::new(term.coefficient);
            let mut others: SmallVec<[ValueId; 4]> = SmallVec::new();
            for factor in factors {
                if factor.base == base {
                    product.push(base, factor.exponent.is_odd(), factor.exponent);
                } else if let Base::Exp(monomial) = self.base(factor.base).base
                    && self.base(factor.base).info.bloom & self.base(base).bit != 0
                {
                    let inner = self.single(Rational::ONE, monomial)?;
                    let inner = self.lift_sum(inner, base)?;
                    let inner = self.exp(inner)?;
                    others.push(self.signed_power(inner, false, factor.exponent)?);
                } else {
                    product.factors.push(factor);
                }
            }
            self.normalize(&mut product)?;
            let mut value = self.product_value(&product)?;
            for other in others {
                value = self.mul(value, other)?;
            }
            total = self.add(total, value)?;
        }
        Ok(total)
    }
}

/// A factor of the base itself with what is known put in.
fn put_in_factor(product: &mut Product, factor: Factor, known: Known) {
    match known {
        Known::Zero => product.coefficient = Rational::ZERO,
        Known::Negative if factor.odd => product.coefficient = product.coefficient.neg(),
        Known::NotNegative if factor.exponent.is_zero() => product.nonzero.push(factor.base),
        _ => {}
    }
    if known != Known::Zero && !factor.exponent.is_zero() {
        product.push(factor.base, false, factor.exponent);
    }
}
