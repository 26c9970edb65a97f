//! Random token strings, each of a length with the same probability.
//!
//! Nothing is drawn and thrown away: each group is chosen by the number of strings that go on from it. Only
//! `all-used` makes groups depend on each other; without it a group is one random number.

use std::ops::RangeInclusive;

use num_bigint::BigUint;

use super::count::{Bank, Chosen, Ways};
use super::philox::Draws;
use super::{Constraints, MAX_GROUPS, SearchSpace};

/// Why nothing can be sampled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// Lengths outside 1 to [`MAX_GROUPS`], or an empty range.
    #[error("expected 1 to {MAX_GROUPS} groups, found {}", range(*.first, *.last))]
    Groups {
        /// Fewest groups asked for.
        first: usize,
        /// Most groups asked for.
        last: usize,
    },
    /// No string of a length meets the constraints.
    #[error("no string with {groups} group{} meets the constraints {constraints}", crate::problem::plural(*.groups))]
    Empty {
        /// The length.
        groups: usize,
        /// What no string meets.
        constraints: Constraints,
    },
}

fn range(first: usize, last: usize) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

/// An endless iterator of random token strings, five tokens a group, with a space between any two.
///
/// With several lengths each is equally likely; the strings of one length are equally likely.
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_compiler::space::{Constraints, Sampler, SearchSpace};
///
/// let space = SearchSpace::paper();
/// let sampler = Sampler::new(&space, 1..=4, Constraints::PAPER, 7)?;
/// let strings: Vec<String> = sampler.take(100).collect();
/// assert!(strings.iter().all(|text| Rule::from_tokens(text).is_ok()));
/// # Ok::<(), nosc_compiler::space::SampleError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sampler {
    words: [Vec<String>; 3],
    results: Vec<String>,
    lengths: Vec<Length>,
    seed: u64,
    next: u64,
}

/// What is needed to draw a string with so many groups.
#[derive(Debug, Clone)]
struct Length {
    /// `steps[k][unused]`
    steps: Vec<Vec<Step>>,
    last_binary: Vec<usize>,
    all_used: bool,
}

/// How the operands of a group are chosen.
#[derive(Debug, Clone)]
struct Step {
    bank: Bank,
    pairs: [u64; 3],
    uses: Uses,
}

/// How many results the operands use up.
#[derive(Debug, Clone)]
enum Uses {
    One(usize),
    /// Strings that go on from 0 and from at most 1, of all; and the first 64 bits of these fractions.
    Of {
        edges: [BigUint; 2],
        words: [u128; 2],
        total: BigUint,
    },
}

impl Sampler {
    /// A sampler of strings with that many groups.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if the lengths are out of range, or if no string of one of them meets the constraints.
    pub fn new(
        space: &SearchSpace,
        groups: RangeInclusive<usize>,
        constraints: Constraints,
        seed: u64,
    ) -> Result<Sampler, SampleError> {
        let (first, last) = (*groups.start(), *groups.end());
        if first == 0 || last > MAX_GROUPS || groups.is_empty() {
            return Err(SampleError::Groups { first, last });
        }
        let mut lengths = Vec::new();
        for groups in groups {
            let length = Length::new(space, groups, constraints);
            lengths.push(length.ok_or(SampleError::Empty { groups, constraints })?);
        }
        let results = (0..last).map(|k| format!("%{k}")).collect();
        Ok(Sampler { words: space.tokens.clone(), results, lengths, seed, next: 0 })
    }

    /// Goes on with string number `index` of the seed, counted from 0.
    pub fn seek(&mut self, index: u64) {
        self.next = index;
    }

    /// Appends the next string to a text, which costs no allocation.
    pub fn write(&mut self, out: &mut String) {
        let mut draws = Draws::new(self.seed, self.next);
        self.next = self.next.wrapping_add(1);
        let length = match self.lengths.as_slice() {
            [one] => one,
            several => &several[draws.below(several.len() as u64) as usize],
        };
        let [operands, unary, binary] = &self.words;
        let mut free = Free::default();
        let groups = length.steps.len();
        for k in 0..groups {
            let step = &length.steps[k][free.count()];
            let uses = step.uses.draw(&mut draws);
            let is_last = k + 1 == groups;
            let functions = if is_last { length.last_binary.len() } else { binary.len() };
            let (unaries, functions) = (unary.len() as u64, functions as u64);
            let mut index = draws.below(step.pairs[uses] * unaries * unaries * functions);
            let mut digit = |base: u64| {
                let digit = index % base;
                index /= base;
                digit as usize
            };
            let (u1, u2, b) = (digit(unaries), digit(unaries), digit(functions));
            let b = if is_last { length.last_binary[b] } else { b };
            let (x, y) = step.bank.pair(uses, index);
            let (x, y) = (free.place(x, k), free.place(y, k));
            for (operand, space) in [(x, k > 0), (y, true)] {
                if space {
                    out.push(' ');
                }
                match operand {
                    Place::Named(place) => out.push_str(&operands[place]),
                    Place::Result(place) => out.push_str(&self.results[place]),
                }
            }
            for word in [&unary[u1], &unary[u2], &binary[b]] {
                out.push(' ');
                out.push_str(word);
            }
            if length.all_used {
                free.take(x, y, k);
            }
        }
    }
}

impl Iterator for Sampler {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut out = String::with_capacity(96);
        self.write(&mut out);
        Some(out)
    }
}

impl Length {
    /// `None` if there is no string.
    fn new(space: &SearchSpace, groups: usize, constraints: Constraints) -> Option<Length> {
        let ways = Ways::new(space.operands().len(), groups, constraints);
        let last_binary = space.last_binary(constraints);
        if ways.total() == BigUint::ZERO || space.unary().is_empty() || last_binary.is_empty() {
            return None;
        }
        let all_used = constraints.all_used;
        let step = |k, unused| {
            let bank = ways.bank(k, unused);
            Step { bank, pairs: bank.pairs(), uses: Uses::new(&ways.by_use(k, unused)) }
        };
        let row = |k| (0..=if all_used { k } else { 0 }).map(|unused| step(k, unused)).collect();
        Some(Length { steps: (0..groups).map(row).collect(), last_binary, all_used })
    }
}

impl Uses {
    fn new(ways: &[BigUint; 3]) -> Uses {
        let mut possible = (0..3).filter(|uses| ways[*uses] != BigUint::ZERO);
        let first = possible.next().unwrap_or(0);
        if possible.next().is_none() {
            return Uses::One(first);
        }
        let total: BigUint = ways.iter().sum();
        let edges = [ways[0].clone(), &ways[0] + &ways[1]];
        let words = edges.each_ref().map(|edge| word(edge, 64, &total));
        Uses::Of { edges, words, total }
    }

    fn draw(&self, draws: &mut Draws) -> usize {
        let (edges, words, total) = match self {
            Uses::One(uses) => return *uses,
            Uses::Of { edges, words, total } => (edges, words, total),
        };
        let drawn = draws.word();
        if !words.contains(&u128::from(drawn)) {
            return words.iter().filter(|edge| u128::from(drawn) >= **edge).count();
        }
        // The bits so far are those of an edge: more of them decide.
        let mut drawn = BigUint::from(drawn);
        let mut bits = 64;
        loop {
            drawn = (drawn << 64) + draws.word();
            bits += 64;
            let edges = edges.each_ref().map(|edge| (edge << bits) / total);
            if !edges.contains(&drawn) {
                return edges.iter().filter(|edge| drawn >= **edge).count();
            }
        }
    }
}

/// The first bits of `edge / total`; the edge is at most the total.
fn word(edge: &BigUint, bits: u32, total: &BigUint) -> u128 {
    u128::try_from((edge << bits) / total).unwrap_or(u128::MAX)
}

/// An operand, by its place in the list or the number of its group.
#[derive(Debug, Clone, Copy)]
enum Place {
    Named(usize),
    Result(usize),
}

/// The results that no group has used, as bits.
#[derive(Debug, Clone, Copy, Default)]
struct Free(u64);

impl Free {
    fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    fn place(self, chosen: Chosen, k: usize) -> Place {
        match chosen {
            Chosen::Named(place) => Place::Named(place as usize),
            Chosen::Used(place) if self.0 == 0 => Place::Result(place as usize),
            Chosen::Used(place) => Place::Result(nth_bit(!self.0 & ((1 << k) - 1), place)),
            Chosen::Unused(place) => Place::Result(nth_bit(self.0, place)),
        }
    }

    /// Notes the operands of group `k`, and its result.
    fn take(&mut self, x: Place, y: Place, k: usize) {
        for place in [x, y] {
            if let Place::Result(result) = place {
                self.0 &= !(1 << result);
            }
        }
        self.0 |= 1 << k;
    }
}

/// The place of bit number `index` that is set.
fn nth_bit(mut bits: u64, index: u64) -> usize {
    for _ in 0..index {
        bits &= bits.wrapping_sub(1);
    }
    bits.trailing_zeros() as usize
}
