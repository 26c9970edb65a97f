//! The arena of values: monomials, sums, the atoms that they are made of, and the decisions above them.
//!
//! ```text
//! value  = undefined | +Inf | -Inf | sum | decision ? value : value
//! sum    = coefficient * monomial + ...            finite and defined wherever it is reached
//! monomial = factor * factor * ...                 factor = sign(base)^odd * |base|^exponent
//! base   = variable | prime | primitive sum | exp(monomial) | log|base| | clip(sum, c) | tanh(sum) | ...
//! decision = a draw is kept | base != 0 | base < 0 | sum is a whole number
//! ```
//!
//! Equal values are one: each has a 128-bit hash of its structure, which does not depend on the arena, and
//! is found again by it.

use hashbrown::HashTable;

use super::interval::Interval;
use super::memo::Memo;
use super::operands::Quantity;
use super::rational::{Bounded, Limit, Rational};
use super::structure::Structure;
use super::sum::Content;

/// Deepest nest of bases.
const MAX_DEPTH: u8 = 24;
/// Most terms of a sum.
pub(crate) const MAX_TERMS: usize = 96;
/// The arena is emptied between rules when it has grown beyond this many entries.
const MAX_ENTRIES: usize = 2_000_000;
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(pub(crate) u32);
    };
}

id!(
    /// A value: a leaf or a decision.
    ValueId
);
id!(
    /// A sum of terms.
    SumId
);
id!(
    /// A product of factors.
    MonomialId
);
id!(
    /// What a factor is a power of.
    BaseId
);
id!(
    /// A decision.
    TestId
);

/// `sign(base)^odd * |base|^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factor {
    pub(crate) base: BaseId,
    pub(crate) odd: bool,
    pub(crate) exponent: Rational,
}

/// `coefficient * monomial`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) monomial: MonomialId,
    pub(crate) coefficient: Rational,
}

/// A quantity that is what it is, and the hash of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: u128,
    pub(crate) quantity: Quantity,
}

/// What a factor is a power of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// A finite real number.
    Variable(Variable),
    /// A whole number above 1 with no small factor but itself, for fractional powers and logarithms.
    Prime(i128),
    /// A sum of at least two terms without a common factor, the first coefficient 1.
    Sum(SumId),
    /// `exp(monomial)`
    Exp(MonomialId),
    /// `log|base|`, only where the base is not 0.
    Log(BaseId),
    /// The sum clamped to `[-bound, bound]`.
    Clip(SumId, Rational),
    /// `tanh(sum)`
    Tanh(SumId),
    /// `1/(1 + exp(-sum))`
    Sigmoid(SumId),
    /// `(-1)^sum`, only where the sum is a whole number.
    Parity(SumId),
}

/// What a value depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// The draw of a site with this probability of a drop keeps its argument.
    Kept { site: u32, probability: u64 },
    /// The base is not 0.
    NonZero(BaseId),
    /// The base is below 0.
    Negative(BaseId),
    /// The sum is a whole number.
    Whole(SumId),
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// No value, as of 0/0.
    Undefined,
    /// Beyond every number.
    Infinite { negative: bool },
    /// What a sum is where one of its parts has no value: no result holds this.
    Invalid,
    /// A sum.
    Leaf(SumId),
    /// The first value where the test holds, else the second.
    Choice { test: TestId, yes: ValueId, no: ValueId },
}

/// What is common to all entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Info {
    pub(crate) hash: u128,
    /// A bit for each base that stands in it, at any depth, by hash.
    pub(crate) bloom: u64,
    pub(crate) depth: u8,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u32,
    len: u32,
    info: Info,
}

/// A base and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseEntry {
    pub(crate) base: Base,
    pub(crate) info: Info,
    /// The range of its value.
    pub(crate) range: Interval,
    /// Never 0.
    pub(crate) nonzero: bool,
    /// The same at every point.
    pub(crate) constant: bool,
    /// Its own bit of [`Info::bloom`].
    pub(crate) bit: u64,
}

/// A test and its place in the order of decisions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestEntry {
    pub(crate) test: Test,
    /// Class, then hash of what is tested, then kind: tests of one base stand together, draws first.
    pub(crate) order: (u8, u128, u8),
    pub(crate) bloom: u64,
    hash: u128,
}

/// A value and what is common to all entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueEntry {
    pub(crate) value: Value,
    pub(crate) info: Info,
}

/// The arena, with what has been worked out so far.
pub(crate) struct Reals {
    factors: Vec<Factor>,
    monomials: Vec<Stretch>,
    terms: Vec<Term>,
    sums: Vec<Stretch>,
    bases: Vec<BaseEntry>,
    tests: Vec<TestEntry>,
    values: Vec<ValueEntry>,
    index: HashTable<(u64, u32)>,
    contents: Vec<Option<Content>>,
    parameters: Vec<Rational>,
    pub(super) memo: Memo,
}

impl std::fmt::Debug for Reals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reals({} values)", self.values.len())
    }
}

/// Tags that keep entries of different kinds apart.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Kind {
    Monomial = 1,
    Sum,
    Base,
    Test,
    Value,
}

impl Reals {
    pub(crate) const UNDEFINED: ValueId = ValueId(0);
    pub(crate) const INFINITE: ValueId = ValueId(1);
    pub(crate) const MINUS_INFINITE: ValueId = ValueId(2);
    pub(crate) const INVALID: ValueId = ValueId(3);
    pub(crate) const ZERO: ValueId = ValueId(4);
    pub(crate) const ONE: ValueId = ValueId(5);
    /// The empty product.
    pub(crate) const UNIT: MonomialId = MonomialId(0);
    /// The empty sum.
    pub(crate) const ZERO_SUM: SumId = SumId(0);
    pub(crate) const ONE_SUM: SumId = SumId(1);

    /// An empty arena for many rules.
    pub(crate) fn of_many() -> Reals {
        Reals::new(Memo::of_many())
    }

    /// An empty arena for one rule at a time.
    pub(crate) fn of_one() -> Reals {
        Reals::new(Memo::complete())
    }

    fn new(memo: Memo) -> Reals {
        let mut reals = Reals {
            factors: Vec::new(),
            monomials: Vec::new(),
            terms: Vec::new(),
            sums: Vec::new(),
            bases: Vec::new(),
            tests: Vec::new(),
            values: Vec::new(),
            index: HashTable::new(),
            contents: Vec::new(),
            parameters: Vec::new(),
            memo,
        };
        reals.begin();
        reals
    }

    /// Fills in the entries that have fixed places.
    fn begin(&mut self) {
        let constants = [
            Value::Undefined,
            Value::Infinite { negative: false },
            Value::Infinite { negative: true },
            Value::Invalid,
        ];
        for value in constants {
            self.value(value);
        }
        // These cannot pass a limit: the arena is empty.
        let unit = self.monomial(&[]).unwrap_or(MonomialId(0));
        let zero = self.sum(&[]).unwrap_or(SumId(0));
        let one =
            self.sum(&[Term { monomial: unit, coefficient: Rational::ONE }]).unwrap_or(SumId(1));
        self.leaf(zero);
        self.leaf(one);
        debug_assert_eq!((zero, one), (Reals::ZERO_SUM, Reals::ONE_SUM));
    }

    /// Starts the next rule. Returns whether everything from before is gone.
    pub(crate) fn next_rule(&mut self) -> bool {
        self.memo.next_rule();
        let full = self.index.len() > MAX_ENTRIES;
        if full {
            self.clear();
        }
        full
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.factors.clear();
        self.monomials.clear();
        self.terms.clear();
        self.sums.clear();
        self.contents.clear();
        self.parameters.clear();
        self.bases.clear();
        self.tests.clear();
        self.values.clear();
        self.index.clear();
        self.memo.clear();
        self.begin();
    }

    fn find(&self, hash: u128, kind: Kind) -> Option<u32> {
        let place = hash as u64;
        let same = |entry: &(u64, u32)| {
            entry.0 == place
                && match kind {
                    Kind::Monomial => self.monomials.get(entry.1 as usize).map(|e| e.info.hash),
                    Kind::Sum => self.sums.get(entry.1 as usize).map(|e| e.info.hash),
                    Kind::Base => self.bases.get(entry.1 as usize).map(|e| e.info.hash),
                    Kind::Test => self.tests.get(entry.1 as usize).map(|e| e.hash),
                    Kind::Value => self.values.get(entry.1 as usize).map(|e| e.info.hash),
                } == Some(hash)
        };
        self.index.find(place, same).map(|entry| entry.1)
    }

    fn enter(&mut self, hash: u128, index: usize) -> u32 {
        self.index.insert_unique(hash as u64, (hash as u64, index as u32), |entry| entry.0);
        index as u32
    }

    /// The monomial of factors that are sorted, normal and no two of one base.
    pub(crate) fn monomial(&mut self, factors: &[Factor]) -> Bounded<MonomialId> {
        self.spend(factors.len() as u32)?;
        let mut structure = Structure::new(Kind::Monomial as u64);
        for factor in factors {
            structure = structure
                .wide(self.base(factor.base).info.hash)
                .word(u64::from(factor.odd))
                .rational(factor.exponent);
        }
        let hash = structure.finish();
        if let Some(found) = self.find(hash, Kind::Monomial) {
            return Ok(MonomialId(found));
        }
        let (mut bloom, mut depth) = (0, 0);
        for factor in factors {
            let base = self.base(factor.base);
            bloom |= base.info.bloom;
            depth = depth.max(base.info.depth);
        }
        let start = self.factors.len() as u32;
        self.factors.extend_from_slice(factors);
        let info = Info { hash, bloom, depth };
        self.monomials.push(Stretch { start, len: factors.len() as u32, info });
        Ok(MonomialId(self.enter(hash, self.monomials.len() - 1)))
    }

    /// The sum of terms that are sorted, not 0 and no two of one monomial.
    pub(crate) fn sum(&mut self, terms: &[Term]) -> Bounded<SumId> {
        if terms.len() > MAX_TERMS {
            return Err(Limit);
        }
        let mut structure = Structure::new(Kind::Sum as u64);
        for term in terms {
            structure =
                structure.wide(self.monomial_info(term.monomial).hash).rational(term.coefficient);
        }
        let hash = structure.finish();
        if let Some(found) = self.find(hash, Kind::Sum) {
            return Ok(SumId(found));
        }
        let (mut bloom, mut depth) = (0, 0);
        for term in terms {
            let info = self.monomial_info(term.monomial);
            bloom |= info.bloom;
            depth = depth.max(info.depth);
        }
        let start = self.terms.len() as u32;
        self.terms.extend_from_slice(terms);
        let info = Info { hash, bloom, depth };
        self.sums.push(Stretch { start, len: terms.len() as u32, info });
        self.contents.push(None);
        Ok(SumId(self.enter(hash, self.sums.len() - 1)))
    }

    /// A base with its range.
    pub(crate) fn new_base(&mut self, base: Base, range: Interval) -> Bounded<BaseId> {
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
        if let Some(found) = self.find(hash, Kind::Base) {
            return Ok(BaseId(found));
        }
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
        Ok(BaseId(self.enter(hash, self.bases.len() - 1)))
    }

    /// A test.
    pub(crate) fn test(&mut self, test: Test) -> TestId {
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
        let hash = hash.finish();
        if let Some(found) = self.find(hash, Kind::Test) {
            return TestId(found);
        }
        self.tests.push(TestEntry { test, order, bloom, hash });
        TestId(self.enter(hash, self.tests.len() - 1))
    }

    /// A value.
    pub(crate) fn value(&mut self, value: Value) -> ValueId {
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
        let hash = hash.finish();
        if let Some(found) = self.find(hash, Kind::Value) {
            return ValueId(found);
        }
        self.values.push(ValueEntry { value, info: Info { hash, bloom, depth } });
        ValueId(self.enter(hash, self.values.len() - 1))
    }

    pub(crate) fn known_content(&self, sum: SumId) -> Option<Content> {
        self.contents[sum.0 as usize]
    }

    pub(crate) fn know_content(&mut self, sum: SumId, content: Content) {
        self.contents[sum.0 as usize] = Some(content);
    }

    /// The value, if it is a rational number.
    pub(crate) fn as_constant(&self, value: ValueId) -> Option<Rational> {
        match self.at(value) {
            Value::Leaf(sum) => self.as_number(sum),
            _ => None,
        }
    }

    /// Whether a base is a number.
    pub(crate) fn is_constant(&self, base: BaseId) -> bool {
        self.base(base).constant
    }

    fn all_constant(&self, monomial: MonomialId) -> bool {
        self.factors(monomial).iter().all(|factor| self.base(factor.base).constant)
    }

    /// Whether a sum is the same at every point.
    pub(crate) fn is_number(&self, sum: SumId) -> bool {
        self.terms(sum).iter().all(|term| self.all_constant(term.monomial))
    }

    /// A number for a number that functions are asked with.
    pub(crate) fn parameter(&mut self, value: Rational) -> u32 {
        let known = self.parameters.iter().position(|known| *known == value);
        known.unwrap_or_else(|| {
            self.parameters.push(value);
            self.parameters.len() - 1
        }) as u32
    }

    /// A sum as a value.
    pub(crate) fn leaf(&mut self, sum: SumId) -> ValueId {
        self.value(Value::Leaf(sum))
    }

    #[inline]
    pub(crate) fn at(&self, value: ValueId) -> Value {
        self.values[value.0 as usize].value
    }

    #[inline]
    pub(crate) fn info(&self, value: ValueId) -> Info {
        self.values[value.0 as usize].info
    }

    #[inline]
    pub(crate) fn base(&self, base: BaseId) -> &BaseEntry {
        &self.bases[base.0 as usize]
    }

    #[inline]
    pub(crate) fn test_at(&self, test: TestId) -> &TestEntry {
        &self.tests[test.0 as usize]
    }

    #[inline]
    pub(crate) fn factors(&self, monomial: MonomialId) -> &[Factor] {
        let at = self.monomials[monomial.0 as usize];
        &self.factors[at.start as usize..(at.start + at.len) as usize]
    }

    #[inline]
    pub(crate) fn terms(&self, sum: SumId) -> &[Term] {
        let at = self.sums[sum.0 as usize];
        &self.terms[at.start as usize..(at.start + at.len) as usize]
    }

    #[inline]
    pub(crate) fn monomial_info(&self, monomial: MonomialId) -> Info {
        self.monomials[monomial.0 as usize].info
    }

    #[inline]
    pub(crate) fn sum_info(&self, sum: SumId) -> Info {
        self.sums[sum.0 as usize].info
    }
}
