//! A token string as a sequence of choices, one a position, with those that are forbidden at each.
//!
//! Position `5 k + i` is token `i` of group `k`: `op1 op2 u1 u2 b`. Its tokens are numbered: of an operand
//! the operands of the space in their order and then the results `%0` to `%(k-1)`, so that the choices grow
//! from group to group; of a function the list of the space.

use num_bigint::BigUint;

use super::count::Ways;
use super::{Constraints, Kind, MAX_GROUPS, SampleError, SearchSpace};

/// Tokens of a group.
const GROUP: usize = 5;

/// The choices of strings with so many groups that meet some constraints.
///
/// A prefix of choices none of which was forbidden can always be completed, and every string that meets
/// the constraints is made of choices that are not forbidden.
///
/// ```
/// use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};
///
/// let space = SearchSpace::small();
/// let vocabulary = Vocabulary::new(&space, 2, Constraints::PAPER)?;
/// assert_eq!((vocabulary.positions(), vocabulary.width(0), vocabulary.width(5)), (10, 8, 9));
///
/// let choices = vocabulary.choices("g m id id mul  adam %0 id sign mul").unwrap_or_default();
/// assert_eq!(choices, [0, 1, 0, 0, 2, 5, 8, 0, 4, 2]);
/// assert_eq!(vocabulary.text(&choices), "g m id id mul adam %0 id sign mul");
/// // An earlier result must be reused, so after `adam` only `%0` is left.
/// let allowed = vocabulary.allowed(&choices[..6]);
/// assert_eq!(allowed.iter().position(|is_allowed| *is_allowed), Some(8));
/// # Ok::<(), nosc_compiler::space::SampleError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Vocabulary {
    words: [Vec<String>; 3],
    results: Vec<String>,
    groups: usize,
    constraints: Constraints,
    /// `is_open[k][unused]`: whether the groups from `k` on can be chosen when so many results are not used.
    is_open: Vec<Vec<bool>>,
}

impl Vocabulary {
    /// The choices of strings of `groups` groups.
    ///
    /// # Errors
    ///
    /// [`SampleError`] for a number of groups out of range, and if no string meets the constraints.
    pub fn new(
        space: &SearchSpace,
        groups: usize,
        constraints: Constraints,
    ) -> Result<Vocabulary, SampleError> {
        if groups == 0 || groups > MAX_GROUPS {
            return Err(SampleError::Groups { first: groups, last: groups });
        }
        if space.size(groups, constraints).is_zero() {
            return Err(SampleError::Empty { groups, constraints });
        }
        let ways = Ways::new(space.operands().len(), groups, constraints);
        let row = |k: usize| {
            let most = if constraints.all_used { k } else { 0 };
            let is_open = |unused| ways.by_use(k, unused).iter().any(|ways| *ways != BigUint::ZERO);
            (0..=most).map(is_open).collect()
        };
        Ok(Vocabulary {
            words: space.tokens.clone(),
            results: (0..groups).map(|k| format!("%{k}")).collect(),
            groups,
            constraints,
            is_open: (0..groups).map(row).collect(),
        })
    }

    /// Groups of a string.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Choices of a string: five a group.
    pub fn positions(&self) -> usize {
        GROUP * self.groups
    }

    /// Which list the choices of a position are from.
    pub fn kind(&self, position: usize) -> Kind {
        [Kind::Operand, Kind::Operand, Kind::Unary, Kind::Unary, Kind::Binary][position % GROUP]
    }

    /// Number of choices at a position, the forbidden ones included.
    pub fn width(&self, position: usize) -> usize {
        let kind = self.kind(position);
        let results = if kind == Kind::Operand { position / GROUP } else { 0 };
        self.words[kind as usize].len() + results
    }

    /// The token of a choice; empty for a choice that there is not.
    pub fn token(&self, position: usize, choice: usize) -> &str {
        let kind = self.kind(position);
        let words = &self.words[kind as usize];
        match choice.checked_sub(words.len()) {
            None => &words[choice],
            Some(k) if kind == Kind::Operand => self.results.get(k).map_or("", String::as_str),
            Some(_) => "",
        }
    }

    /// Which choices are not forbidden at the position after these, which were not forbidden themselves.
    /// Empty if the string is complete.
    pub fn allowed(&self, prefix: &[u16]) -> Vec<bool> {
        let position = prefix.len();
        if position >= self.positions() {
            return Vec::new();
        }
        let (width, k) = (self.width(position), position / GROUP);
        let unused = self.unused(&prefix[..k * GROUP]);
        match position % GROUP {
            0 => {
                let second = |x| (0..width).any(|y| self.is_pair(k, x, y, unused));
                (0..width).map(second).collect()
            }
            1 => {
                let x = usize::from(prefix[position - 1]);
                (0..width).map(|y| self.is_pair(k, x, y, unused)).collect()
            }
            4 if k + 1 == self.groups && self.constraints.last_not_add => {
                (0..width).map(|choice| self.token(position, choice) != "add").collect()
            }
            _ => vec![true; width],
        }
    }

    /// Whether these are the choices of a whole string, none of them forbidden.
    pub fn is_string(&self, choices: &[u16]) -> bool {
        let is_allowed = |position: usize| {
            let allowed = self.allowed(&choices[..position]);
            allowed.get(usize::from(choices[position])).is_some_and(|is_allowed| *is_allowed)
        };
        choices.len() == self.positions() && (0..choices.len()).all(is_allowed)
    }

    /// The string, its tokens with spaces between.
    pub fn text(&self, choices: &[u16]) -> String {
        let mut out = String::with_capacity(6 * choices.len());
        for (position, choice) in choices.iter().enumerate() {
            if position > 0 {
                out.push(' ');
            }
            out.push_str(self.token(position, usize::from(*choice)));
        }
        out
    }

    /// The choices of a string; none if it has another number of groups or a token that is not of the
    /// space. Constraints are not looked at.
    pub fn choices(&self, text: &str) -> Option<Vec<u16>> {
        let mut choices = Vec::with_capacity(self.positions());
        for (position, word) in text.split_whitespace().enumerate() {
            if position >= self.positions() {
                return None;
            }
            let mut all = 0..self.width(position);
            choices.push(all.find(|choice| self.token(position, *choice) == word)? as u16);
        }
        (choices.len() == self.positions()).then_some(choices)
    }

    /// The results that no group of these has used, as bits; none where no constraint asks.
    fn unused(&self, groups: &[u16]) -> u64 {
        let mut unused = 0_u64;
        if self.constraints.all_used {
            for (k, group) in groups.chunks_exact(GROUP).enumerate() {
                unused &= !self.uses(usize::from(group[0]), usize::from(group[1]));
                unused |= 1 << k;
            }
        }
        unused
    }

    /// The results among two operands, as bits.
    fn uses(&self, x: usize, y: usize) -> u64 {
        let named = self.words[Kind::Operand as usize].len();
        let bit = |operand: usize| operand.checked_sub(named).map_or(0, |k| 1_u64 << k);
        bit(x) | bit(y)
    }

    /// Whether group `k` may have these operands.
    fn is_pair(&self, k: usize, x: usize, y: usize, unused: u64) -> bool {
        let uses = self.uses(x, y);
        if self.constraints.operands_differ && x == y
            || self.constraints.reuse && k > 0 && uses == 0
        {
            return false;
        }
        if !self.constraints.all_used {
            return true;
        }
        let left = unused & !uses;
        match self.is_open.get(k + 1) {
            Some(next) => next[left.count_ones() as usize + 1],
            None => left == 0,
        }
    }
}
