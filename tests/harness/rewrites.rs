//! Pairs made by true rewrites: how many get one key, and which do not.

use nosc_compiler::arbitrary::rewrites::{Kind, Pair};
use nosc_compiler::canonical::{Canonicalizer, Level};
use rayon::prelude::*;

/// What became of some pairs.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Pairs that a rewrite changed.
    pub pairs: usize,
    /// Those with two keys, shortest first.
    pub split: Vec<Pair>,
}

impl Tally {
    /// The share with one key.
    pub fn share(&self) -> f64 {
        if self.pairs == 0 { 1.0 } else { 1.0 - self.split.len() as f64 / self.pairs as f64 }
    }
}

/// Pairs of so many groups, by the seeds `seed..`.
pub fn pairs(
    groups: usize,
    count: u64,
    seed: u64,
    kinds: &[Kind],
) -> impl ParallelIterator<Item = Pair> {
    let seeds = (seed..seed.saturating_add(count)).into_par_iter();
    seeds.map(move |seed| Pair::from_seed(seed, groups, kinds))
}

/// Counts the pairs that get one key at the level.
pub fn tally(level: Level, groups: usize, count: u64, seed: u64, kinds: &[Kind]) -> Tally {
    let workspace = || Canonicalizer::new(level);
    let keyed = pairs(groups, count, seed, kinds).map_init(workspace, |workspace, pair| {
        let [a, b] = [&pair.tokens, &pair.rewritten];
        let is_one = workspace.key_of_tokens(a).unwrap() == workspace.key_of_tokens(b).unwrap();
        (pair, is_one)
    });
    let mut split: Vec<Pair> = keyed.filter(|(_, is_one)| !is_one).map(|(pair, _)| pair).collect();
    split.sort_by_key(|pair| (pair.tokens.len() + pair.rewritten.len(), pair.tokens.clone()));
    Tally { pairs: count as usize, split }
}
