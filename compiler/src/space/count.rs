//! How many strings there are.
//!
//! Functions are chosen freely in each group, so they are factors. Operands are counted group by group: a
//! pair of them uses up 0, 1 or 2 of the results that nothing has used yet. What is left to do depends on
//! the number of those results only.

use num_bigint::BigUint;

use super::{Constraints, SearchSpace, StringCount};

/// What the operands of a group are chosen from. Where no constraint asks for it, every result counts as
/// used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bank {
    /// Operands of the space.
    pub(super) named: u64,
    /// Results that a group has used.
    pub(super) used: u64,
    /// Results that no group has used.
    pub(super) unused: u64,
    /// Whether the two operands must differ.
    differ: bool,
    /// Whether one of them must be a result.
    reuse: bool,
}

/// An operand of a [`Bank`], by its place among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Named(u64),
    Used(u64),
    Unused(u64),
}

impl Bank {
    /// The bank of group `k` when `unused` of the k results are not used.
    pub(super) fn new(named: usize, k: usize, unused: usize, constraints: Constraints) -> Bank {
        Bank {
            named: named as u64,
            used: (k - unused) as u64,
            unused: unused as u64,
            differ: constraints.operands_differ,
            reuse: constraints.reuse && k > 0,
        }
    }

    /// Operands that use up nothing.
    fn others(&self) -> u64 {
        self.named + self.used
    }

    /// Ordered pairs that use up 0, 1 and 2 results.
    pub(super) fn pairs(&self) -> [u64; 3] {
        let (unused, others) = (self.unused, self.others());
        let same = u64::from(self.differ);
        let none = if self.reuse {
            self.used * others.saturating_sub(same) + self.named * self.used
        } else {
            others * others.saturating_sub(same)
        };
        let one = 2 * unused * others + (1 - same) * unused;
        [none, one, unused * unused.saturating_sub(1)]
    }

    /// Pair number `index` of those that use up so many results.
    pub(super) fn pair(&self, uses: usize, index: u64) -> (Chosen, Chosen) {
        let (unused, others) = (self.unused, self.others());
        match uses {
            0 => self.pair_of_others(index),
            1 if index < unused * others => {
                (Chosen::Unused(index / others), self.other(index % others))
            }
            1 if index < 2 * unused * others => {
                let index = index - unused * others;
                (self.other(index % others), Chosen::Unused(index / others))
            }
            1 => {
                let same = Chosen::Unused(index - 2 * unused * others);
                (same, same)
            }
            _ => {
                let (first, second) = distinct(index, unused);
                (Chosen::Unused(first), Chosen::Unused(second))
            }
        }
    }

    fn pair_of_others(&self, index: u64) -> (Chosen, Chosen) {
        let others = self.others();
        let seconds = others - u64::from(self.differ);
        let firsts = if self.reuse { self.used } else { others };
        if index >= firsts * seconds {
            // The first is no result, so the second is one.
            let index = index - firsts * seconds;
            return (Chosen::Named(index / self.used), Chosen::Used(index % self.used));
        }
        let (first, second) =
            if self.differ { distinct(index, others) } else { (index / others, index % others) };
        (self.other(first), self.other(second))
    }

    /// Results stand first.
    fn other(&self, index: u64) -> Chosen {
        match index.checked_sub(self.used) {
            Some(named) => Chosen::Named(named),
            None => Chosen::Used(index),
        }
    }
}

/// Pair number `index` of different numbers below `count`.
fn distinct(index: u64, count: u64) -> (u64, u64) {
    let (first, second) = (index / (count - 1), index % (count - 1));
    (first, second + u64::from(second >= first))
}

/// Ways to choose the operands of the groups from one on, by that group and the results not used by then.
pub(super) struct Ways {
    named: usize,
    constraints: Constraints,
    /// `table[k][unused]`
    table: Vec<Vec<BigUint>>,
}

impl Ways {
    pub(super) fn new(named: usize, groups: usize, constraints: Constraints) -> Ways {
        let mut ways = Ways { named, constraints, table: vec![Vec::new(); groups] };
        for k in (0..groups).rev() {
            let unused = if constraints.all_used { k } else { 0 };
            ways.table[k] = (0..=unused).map(|u| ways.by_use(k, u).iter().sum()).collect();
        }
        ways
    }

    pub(super) fn bank(&self, k: usize, unused: usize) -> Bank {
        Bank::new(self.named, k, unused, self.constraints)
    }

    /// The ways of group `k` and all after it, by how many results its operands use up.
    pub(super) fn by_use(&self, k: usize, unused: usize) -> [BigUint; 3] {
        let pairs = self.bank(k, unused).pairs();
        std::array::from_fn(|uses| {
            if uses > unused {
                return BigUint::ZERO;
            }
            let rest = match self.table.get(k + 1) {
                Some(next) => next[self.unused_after(unused, uses)].clone(),
                None => BigUint::from(u32::from(uses == unused)),
            };
            rest * pairs[uses]
        })
    }

    /// How many results are not used after a group that uses up so many.
    pub(super) fn unused_after(&self, unused: usize, uses: usize) -> usize {
        if self.constraints.all_used { unused - uses + 1 } else { 0 }
    }

    /// All strings of operands.
    pub(super) fn total(&self) -> BigUint {
        self.table.first().and_then(|row| row.first()).cloned().unwrap_or_default()
    }
}

impl SearchSpace {
    /// The number of strings with so many groups that meet the constraints; 0 for no groups, or more than
    /// [`MAX_GROUPS`](super::MAX_GROUPS).
    ///
    /// ```
    /// use nosc_compiler::space::{Constraints, SearchSpace};
    ///
    /// let space = SearchSpace::small();
    /// assert_eq!(space.size(2, Constraints::NONE).to_string(), "51840000");
    /// assert_eq!(space.size(2, Constraints::PAPER).to_string(), "6720000");
    /// ```
    pub fn size(&self, groups: usize, constraints: Constraints) -> StringCount {
        if groups == 0 || groups > super::MAX_GROUPS {
            return StringCount::default();
        }
        let ways = Ways::new(self.operands().len(), groups, constraints);
        let unary = BigUint::from(self.unary().len()).pow(2 * groups as u32);
        let binary = BigUint::from(self.binary().len()).pow(groups as u32 - 1);
        StringCount(ways.total() * unary * binary * self.last_binary(constraints).len())
    }

    /// Binary functions of the last group, by their places.
    pub(super) fn last_binary(&self, constraints: Constraints) -> Vec<usize> {
        let left_out = |token: &str| constraints.last_not_add && token == "add";
        let all = self.binary().iter().enumerate();
        all.filter(|(_, token)| !left_out(token)).map(|(place, _)| place).collect()
    }
}
