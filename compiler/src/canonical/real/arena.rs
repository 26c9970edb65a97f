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
//! Equal values are one ([`super::intern`]), and each has a 128-bit hash of its structure, which does not depend
//! on the arena.

use super::intern::Places;
use super::interval::Interval;
use super::memo::Memo;
use super::operands::Quantity;
use super::rational::Rational;
use super::sum::Content;

/// How much an arena for many rules keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What the processor's caches hold: longer rules have little in common but their beginnings.
    Near,
    /// All operations on two operands, of which there are a few hundred thousand.
    Far,
}

impl Reach {
    /// The arena is emptied between rules when it has grown beyond this many entries.
    fn entries(self) -> usize {
        match self {
            Reach::Near => 20_000,
            Reach::Far => 1_000_000,
        }
    }

    /// Entries of the table of answers.
    fn answers(self) -> usize {
        match self {
            Reach::Near => 1 << 15,
            Reach::Far => 1 << 20,
        }
    }
}

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

/// A stretch of factors or terms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) info: Info,
}

impl Stretch {
    #[inline]
    pub(super) fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.start as usize..(self.start + self.len) as usize]
    }
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
    pub(super) hash: u128,
}

/// A value and what is common to all entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueEntry {
    pub(crate) value: Value,
    pub(crate) info: Info,
    /// Decisions on the longest path below it, its own included.
    pub(crate) height: u16,
}

/// The arena, with what has been worked out so far.
pub(crate) struct Reals {
    pub(super) factors: Vec<Factor>,
    pub(super) monomials: Vec<Stretch>,
    pub(super) terms: Vec<Term>,
    pub(super) sums: Vec<Stretch>,
    pub(super) bases: Vec<BaseEntry>,
    pub(super) tests: Vec<TestEntry>,
    pub(super) values: Vec<ValueEntry>,
    pub(super) places: Places,
    pub(super) contents: Vec<Option<Content>>,
    parameters: Vec<Rational>,
    max_entries: usize,
    pub(super) memo: Memo,
}

impl std::fmt::Debug for Reals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reals({} values)", self.values.len())
    }
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
    pub(crate) fn of_many(reach: Reach) -> Reals {
        Reals::new(Memo::of_many(reach.answers()), reach.entries())
    }

    /// An empty arena for one rule at a time.
    pub(crate) fn of_one() -> Reals {
        Reals::new(Memo::complete(), usize::MAX)
    }

    fn new(memo: Memo, max_entries: usize) -> Reals {
        let mut reals = Reals {
            factors: Vec::new(),
            monomials: Vec::new(),
            terms: Vec::new(),
            sums: Vec::new(),
            bases: Vec::new(),
            tests: Vec::new(),
            values: Vec::new(),
            places: Places::default(),
            contents: Vec::new(),
            parameters: Vec::new(),
            max_entries,
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
        let full = self.places.len() > self.max_entries;
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
        self.places.clear();
        self.memo.clear();
        self.begin();
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

    pub(super) fn all_constant(&self, monomial: MonomialId) -> bool {
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
    pub(crate) fn height(&self, value: ValueId) -> u16 {
        self.values[value.0 as usize].height
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
        self.monomials[monomial.0 as usize].of(&self.factors)
    }

    #[inline]
    pub(crate) fn terms(&self, sum: SumId) -> &[Term] {
        self.sums[sum.0 as usize].of(&self.terms)
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
