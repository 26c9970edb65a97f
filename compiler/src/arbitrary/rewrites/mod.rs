//! Pairs of token strings that are equal because one was made from the other by true rewrites.
//!
//! ```text
//! tokens ─► graph ─► 1 to 8 laws, each at a random place ─► tokens, in another grouping
//!           terms    laws, facts                            print
//! ```
//!
//! Every law is true at every point over the extended reals, "undefined" being a value, whatever it is applied
//! to; the one that needs a ground looks for it ([`facts`]). A drop stays one site: what holds it is shared
//! through `%k`, never written twice. So two strings of a pair have one key at the level `real` if the
//! canonical form knows the laws.
//!
//! ```
//! use nosc_compiler::Rule;
//! use nosc_compiler::arbitrary::rewrites::{Kind, Pair};
//!
//! let pair = Pair::from_seed(7, 3, &Kind::REGROUPING);
//! assert!(Rule::from_tokens(&pair.rewritten).is_ok(), "{}", pair.rewritten);
//! assert!(!pair.laws.is_empty());
//! ```

mod facts;
mod functions;
mod laws;
mod print;
mod terms;

use super::token_text_from_seed;
use crate::random::SplitMix64;
use terms::Terms;

/// Most rewrites between the two strings of a pair.
const MOST_REWRITES: usize = 8;

/// Most nodes of a graph that is rewritten further.
const MOST_NODES: usize = 2_000;

/// Kinds of rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `x + y` to `y + x`, and products.
    Commute,
    /// `(x + y) + z` to `x + (y + z)`, products, quotients.
    Reassociate,
    /// `x*(y + z)` to `x*y + x*z` and back, quotients.
    Distribute,
    /// `x` to `--x`, and other places for a minus.
    Negate,
    /// Groups that nothing uses, and right sides that `left` throws away.
    Dead,
    /// What is written once or twice, in a group of its own or not.
    Regroup,
    /// What functions do to products, negatives and each other: `log|x*y|` to `log|x| + log|y|`.
    Function,
}

impl Kind {
    /// The kinds that every canonical form of sums and products must see through.
    pub const REGROUPING: [Kind; 6] = [
        Kind::Commute,
        Kind::Reassociate,
        Kind::Distribute,
        Kind::Negate,
        Kind::Dead,
        Kind::Regroup,
    ];

    /// All kinds.
    pub const ALL: [Kind; 7] = [
        Kind::Commute,
        Kind::Reassociate,
        Kind::Distribute,
        Kind::Negate,
        Kind::Dead,
        Kind::Regroup,
        Kind::Function,
    ];
}

/// Two token strings with one value at every point.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair {
    /// What was started from.
    pub tokens: String,
    /// What was made of it.
    pub rewritten: String,
    /// The laws, in the order in which they were applied.
    pub laws: Vec<&'static str>,
}

impl Pair {
    /// A random token string with so many groups, and what 1 to 8 rewrites of these kinds make of it; always
    /// the same for the same arguments.
    pub fn from_seed(seed: u64, groups: usize, kinds: &[Kind]) -> Pair {
        let tokens = token_text_from_seed(seed, groups);
        let mut dice = Dice(SplitMix64::new(seed ^ 0x5eed_9a17));
        let count = 1 + dice.below(MOST_REWRITES);
        match rewrite(&tokens, &mut dice, count, kinds) {
            Some((rewritten, laws)) => Pair { tokens, rewritten, laws },
            // What the generator writes can be read.
            None => Pair { rewritten: tokens.clone(), tokens, laws: Vec::new() },
        }
    }
}

/// What so many rewrites of these kinds make of a token string, and the laws that were used; fewer where none
/// applies. `None` if the text is no token string.
pub fn rewritten(
    tokens: &str,
    seed: u64,
    count: usize,
    kinds: &[Kind],
) -> Option<(String, Vec<&'static str>)> {
    rewrite(tokens, &mut Dice(SplitMix64::new(seed)), count, kinds)
}

fn rewrite(
    tokens: &str,
    dice: &mut Dice,
    count: usize,
    kinds: &[Kind],
) -> Option<(String, Vec<&'static str>)> {
    let mut terms = Terms::parse(tokens)?;
    let mut used = Vec::new();
    while used.len() < count && terms.nodes.len() <= MOST_NODES {
        match once(&mut terms, dice, kinds) {
            Some(name) => used.push(name),
            None => break,
        }
    }
    Some((print::print(&terms, dice), used))
}

/// One law of a random kind at a random place, if there is any.
fn once(terms: &mut Terms, dice: &mut Dice, kinds: &[Kind]) -> Option<&'static str> {
    let mut kinds = kinds.to_vec();
    dice.shuffle(&mut kinds);
    for kind in kinds {
        let mut laws = laws::of(kind).to_vec();
        dice.shuffle(&mut laws);
        let mut places = terms.live();
        dice.shuffle(&mut places);
        for (name, law) in laws {
            if places.iter().any(|place| law(terms, *place, dice)) {
                return Some(name);
            }
        }
    }
    None
}

/// Random choices.
#[derive(Debug, Clone)]
struct Dice(SplitMix64);

impl Dice {
    /// A number below `count`, which is not 0.
    fn below(&mut self, count: usize) -> usize {
        self.0.below(count)
    }

    /// Once in so many times.
    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn choose(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Pair, rewritten};
    use crate::Rule;
    use crate::canonical::{Level, equivalent};

    #[test]
    fn what_is_made_is_a_token_string() {
        for seed in 0..2_000 {
            let pair = Pair::from_seed(seed, 1 + seed as usize % 4, &Kind::ALL);
            assert!(Rule::from_tokens(&pair.rewritten).is_ok(), "{pair:?}");
            assert!(!pair.laws.is_empty(), "{pair:?}");
        }
    }

    #[test]
    fn drops_are_neither_lost_nor_made() {
        let drops = |rule: &str| {
            let rule = crate::canonical::CanonicalRule::new(&Rule::from_tokens(rule).unwrap());
            rule.draws.len()
        };
        for seed in 0..2_000 {
            let tokens = "g m drop0.3 drop0.5 add, %0 w1e-1 id drop0.1 mul";
            let (made, laws) = rewritten(tokens, seed, 8, &Kind::REGROUPING).unwrap();
            assert_eq!(drops(&made), 3, "{made} {laws:?}");
        }
    }

    #[test]
    fn moving_words_alone_keeps_the_exact_key() {
        for seed in 0..500 {
            let kinds = [Kind::Dead, Kind::Regroup];
            let pair = Pair::from_seed(seed, 1 + seed as usize % 4, &kinds);
            let [a, b] = [&pair.tokens, &pair.rewritten].map(|t| Rule::from_tokens(t).unwrap());
            // `x^2` through a group is a power, not a product.
            let exact = equivalent(&a, &b, Level::Exact) || pair.tokens.contains("pow");
            assert!(exact, "{pair:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_token_string_is_not_rewritten() {
        for text in ["", "g g id id", "g h id id add", "g %0 id id add", "g g id plus add"] {
            assert_eq!(rewritten(text, 1, 1, &Kind::ALL), None, "{text}");
        }
    }
}
