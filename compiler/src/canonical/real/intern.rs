//! Entries of the arena: each is there once.
//!
//! An entry is found again by what it is made of, which are entries themselves; the hash of its structure is
//! worked out when it is new.

use hashbrown::HashTable;

use super::arena::{
    Base, BaseEntry, BaseId, Factor, Info, MonomialId, Reals, Stretch, SumId, Term, Test,
    TestEntry, TestId, Value, ValueEntry, ValueId,
};
use super::interval::Interval;
use super::rational::{Bounded, Limit, Rational};
use super::structure::Structure;

/// Deepest nest of bases.
const MAX_DEPTH: u8 = 24;
/// Most decisions on a path: functions of values recurse over them.
const MAX_HEIGHT: u16 = 64;
/// Most terms of a sum.
const MAX_TERMS: usize = 96;

/// Tags that keep structures of different kinds apart.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Kind {
    Monomial = 1,
    Sum,
    Base,
    Test,
    Value,
}

/// Where the entries of each kind are.
#[derive(Debug, Default)]
pub(super) struct Places {
    monomials: HashTable<u32>,
    sums: HashTable<u32>,
    bases: HashTable<u32>,
    tests: HashTable<u32>,
    values: HashTable<u32>,
}

impl Places {
    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        let (products, others) = (self.monomials.len() + self.sums.len(), self.tests.len());
        products + others + self.bases.len() + self.values.len()
    }

    pub(super) fn clear(&mut self) {
        self.monomials.clear();
        self.sums.clear();
        self.bases.clear();
        self.tests.clear();
        self.values.clear();
    }
}

/// A quick hash, for this arena only.
#[derive(Clone, Copy)]
struct Mix(u64);

impl Mix {
    #[inline]
    fn word(self, word: u64) -> Mix {
        let wide = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        Mix((wide as u64) ^ ((wide >> 64) as u64))
    }

    #[inline]
    fn rational(self, number: Rational) -> Mix {
        self.word(number.numerator() as u64).word(number.denominator() as u64)
    }
}

fn of_factors(factors: &[Factor]) -> u64 {
    let each = |mix: Mix, factor: &Factor| {
        mix.word(u64::from(factor.base.0) << 1 | u64::from(factor.odd)).rational(factor.exponent)
    };
    factors.iter().fold(Mix(1), each).0
}

fn of_terms(terms: &[Term]) -> u64 {
    let each =
        |mix: Mix, term: &Term| mix.word(u64::from(term.monomial.0)).rational(term.coefficient);
    terms.iter().fold(Mix(2), each).0
}

fn of_base(base: Base) -> u64 {
    let mix = |kind: u64, id: u32| Mix(kind).word(u64::from(id));
    match base {
        Base::Variable(variable) => Mix(3).word(variable.name as u64),
        Base::Prime(number) => Mix(4).word(number as u64),
        Base::Sum(sum) => mix(5, sum.0),
        Base::Exp(monomial) => mix(6, monomial.0),
        Base::Log(base) => mix(7, base.0),
        Base::Clip(sum, bound) => mix(8, sum.0).rational(bound),
        Base::Tanh(sum) => mix(9, sum.0),
        Base::Sigmoid(sum) => mix(10, sum.0),
        Base::Parity(sum) => mix(11, sum.0),
    }
    .0
}

fn of_test(test: Test) -> u64 {
    match test {
        Test::Kept { site, probability } => Mix(12).word(u64::from(site)).word(probability),
        Test::NonZero(base) => Mix(13).word(u64::from(base.0)),
        Test::Negative(base) => Mix(14).word(u64::from(base.0)),
        Test::Whole(sum) => Mix(15).word(u64::from(sum.0)),
    }
    .0
}

#[inline]
fn of_value(value: Value) -> u64 {
    match value {
        Value::Undefined => Mix(16).word(0),
        Value::Infinite { negative } => Mix(17).word(u64::from(negative)),
        Value::Invalid => Mix(18).word(0),
        Value::Leaf(sum) => Mix(19).word(u64::from(sum.0)),
        Value::Choice { test, yes, no } => {
            Mix(20).word(u64::from(test.0)).word(u64::from(yes.0) << 32 | u64::from(no.0))
        }
    }
    .0
}

impl Reals {
    /// The monomial of factors that are sorted, normal and no two of one base.
    pub(crate) fn monomial(&mut self, factors: &[Factor]) -> Bounded<MonomialId> {
        self.spend(factors.len() as u32)?;
        let place = of_factors(factors);
        let same = |id: &u32| self.factors(MonomialId(*id)) == factors;
        if let Some(found) = self.places.monomials.find(place, same) {
            return Ok(MonomialId(*found));
        }
        let mut structure = Structure::new(Kind::Monomial as u64);
        let (mut bloom, mut depth) = (0, 0);
        for factor in factors {
            let info = self.base(factor.base).info;
            structure =
                structure.wide(info.hash).word(u64::from(factor.odd)).rational(factor.exponent);
            bloom |= info.bloom;
            depth = depth.max(info.depth);
        }
        let start = self.factors.len() as u32;
        self.factors.extend_from_slice(factors);
        let info = Info { hash: structure.finish(), bloom, depth };
        self.monomials.push(Stretch { start, len: factors.len() as u32, info });
        let id = self.monomials.len() as u32 - 1;
        let (all, stretches) = (&self.factors, &self.monomials);
        let again = |id: &u32| of_factors(stretches[*id as usize].of(all));
        self.places.monomials.insert_unique(place, id, again);
        Ok(MonomialId(id))
    }

    /// The sum of terms that are sorted, not 0 and no two of one monomial.
    pub(crate) fn sum(&mut self, terms: &[Term]) -> Bounded<SumId> {
        if terms.len() > MAX_TERMS {
            return Err(Limit);
        }
        let place = of_terms(terms);
        let same = |id: &u32| self.terms(SumId(*id)) == terms;
        if let Some(found) = self.places.sums.find(place, same) {
            return Ok(SumId(*found));
        }
        let mut structure = Structure::new(Kind::Sum as u64);
        let (mut bloom, mut depth) = (0, 0);
        for term in terms {
            let info = self.monomial_info(term.monomial);
            structure = structure.wide(info.hash).rational(term.coefficient);
            bloom |= info.bloom;
            depth = depth.max(info.depth);
        }
        let start = self.terms.len() as u32;
        self.terms.extend_from_slice(terms);
        let info = Info { hash: structure.finish(), bloom, depth };
        self.sums.push(Stretch { start, len: terms.len() as u32, info });
        self.contents.push(None);
        let id = self.sums.len() as u32 - 1;
        let (all, stretches) = (&self.terms, &self.sums);
        let again = |id: &u32| of_terms(stretches[*id as usize].of(all));
        self.places.sums.insert_unique(place, id, again);
        Ok(SumId(id))
    }

    /// A base with its range.
    pub(crate) fn new_base(&mut self, base: Base, range: Interval) -> Bounded<BaseId> {
        let place = of_base(base);
        let same = |id: &u32| self.bases[*id as usize].base == base;
        if let Some(found) = self.places.bases.find(place, same) {
            return Ok(BaseId(*found));
        }
        let structure = Structure::new(Kind::Base as u64);
        let (structure, inner) = match base {
            Base::Variable(variable) => (structure.word(1).wide(variable.name), None),
            Base::Prime(number) => (structure.word(2).wide(number as u128), None),
            Base::Sum(sum) => (structure.word(3), Some(self.sum_info(sum))),
            Base::Exp(monomial) => (structure.word(4), Some(self.monomial_info(monomial))),
            Base::Log(base) => (structure.word(5), Some(self.base(base).info)),
            Base::Clip(sum, bound) => (structure.word(6).rational(bound), Some(self.sum_info(sum))),
            Base::Tanh(sum) => (structure.word(7), Some(self.sum_info(sum))),
            Base::Sigmoid(sum) => (structure.word(8), Some(self.sum_info(sum))),
            Base::Parity(sum) => (structure.word(9), Some(self.sum_info(sum))),
        };
        let hash = structure.wide(inner.map_or(0, |info| info.hash)).finish();
        let depth = inner.map_or(0, |info| info.depth + 1);
        if depth > MAX_DEPTH {
            return Err(Limit);
        }
        let bit = 1 << (hash >> 64 & 63);
        let info = Info { hash, bloom: bit | inner.map_or(0, |info| info.bloom), depth };
        let nonzero = range.is_nonzero() || matches!(base, Base::Parity(_));
        let constant = match base {
            Base::Variable(_) => false,
            Base::Prime(_) => true,
            Base::Log(of) => self.base(of).constant,
            Base::Exp(monomial) => self.all_constant(monomial),
            Base::Sum(sum)
            | Base::Clip(sum, _)
            | Base::Tanh(sum)
            | Base::Sigmoid(sum)
            | Base::Parity(sum) => self.is_number(sum),
        };
        self.bases.push(BaseEntry { base, info, range, nonzero, constant, bit });
        let id = self.bases.len() as u32 - 1;
        let bases = &self.bases;
        self.places.bases.insert_unique(place, id, |id| of_base(bases[*id as usize].base));
        Ok(BaseId(id))
    }

    /// A test.
    pub(crate) fn test(&mut self, test: Test) -> TestId {
        let place = of_test(test);
        let same = |id: &u32| self.tests[*id as usize].test == test;
        if let Some(found) = self.places.tests.find(place, same) {
            return TestId(*found);
        }
        let structure = Structure::new(Kind::Test as u64);
        let (hash, order, bloom) = match test {
            Test::Kept { site, probability } => (
                structure.word(1).word(u64::from(site)).word(probability),
                (0, u128::from(site), 0),
                0,
            ),
            Test::NonZero(base) => {
                let info = self.base(base).info;
                (structure.word(2).wide(info.hash), (1, info.hash, 0), info.bloom)
            }
            Test::Negative(base) => {
                let info = self.base(base).info;
                (structure.word(3).wide(info.hash), (1, info.hash, 1), info.bloom)
            }
            Test::Whole(sum) => {
                let info = self.sum_info(sum);
                (structure.word(4).wide(info.hash), (2, info.hash, 2), info.bloom)
            }
        };
        self.tests.push(TestEntry { test, order, bloom, hash: hash.finish() });
        let id = self.tests.len() as u32 - 1;
        let tests = &self.tests;
        self.places.tests.insert_unique(place, id, |id| of_test(tests[*id as usize].test));
        TestId(id)
    }

    /// A decision.
    pub(crate) fn choice(&mut self, test: TestId, yes: ValueId, no: ValueId) -> Bounded<ValueId> {
        if self.height(yes).max(self.height(no)) >= MAX_HEIGHT {
            return Err(Limit);
        }
        Ok(self.value(Value::Choice { test, yes, no }))
    }

    /// A value. Decisions are made by [`Reals::choice`], or copied.
    pub(crate) fn value(&mut self, value: Value) -> ValueId {
        let place = of_value(value);
        let same = |id: &u32| self.values[*id as usize].value == value;
        if let Some(found) = self.places.values.find(place, same) {
            return ValueId(*found);
        }
        let structure = Structure::new(Kind::Value as u64);
        let (hash, bloom, depth) = match value {
            Value::Undefined => (structure.word(1), 0, 0),
            Value::Infinite { negative } => (structure.word(2).word(u64::from(negative)), 0, 0),
            Value::Invalid => (structure.word(3), 0, 0),
            Value::Leaf(sum) => {
                let info = self.sum_info(sum);
                (structure.word(4).wide(info.hash), info.bloom, info.depth)
            }
            Value::Choice { test, yes, no } => {
                let (test, yes, no) = (self.tests[test.0 as usize], self.info(yes), self.info(no));
                let hash = structure.word(5).wide(test.hash).wide(yes.hash).wide(no.hash);
                (hash, test.bloom | yes.bloom | no.bloom, yes.depth.max(no.depth))
            }
        };
        let info = Info { hash: hash.finish(), bloom, depth };
        let height = match value {
            Value::Choice { yes, no, .. } => self.height(yes).max(self.height(no)) + 1,
            _ => 0,
        };
        self.values.push(ValueEntry { value, info, height });
        let id = self.values.len() as u32 - 1;
        let values = &self.values;
        self.places.values.insert_unique(place, id, |id| of_value(values[*id as usize].value));
        ValueId(id)
    }
}
