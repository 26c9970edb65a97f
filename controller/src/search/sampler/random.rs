//! Random search: every string of a length equally likely, none twice.

use std::ops::RangeInclusive;

use nosc_compiler::space::{Constraints, SearchSpace};

use super::contract::{Judged, Proposal, Sampler, SamplerError, Update};
use super::pending::Pending;
use super::unseen::Unseen;

/// Proposes random strings and learns nothing: what other samplers are compared with.
///
/// ```
/// use nosc_compiler::space::{Constraints, SearchSpace};
/// use nosc_controller::search::sampler::{RandomSampler, Sampler};
///
/// let mut sampler = RandomSampler::new(&SearchSpace::paper(), 2..=2, Constraints::PAPER, 7)?;
/// let batch = sampler.propose(0, 100)?;
/// assert_eq!(batch.len(), 100);
/// # Ok::<(), nosc_controller::search::sampler::SamplerError>(())
/// ```
#[derive(Debug)]
pub struct RandomSampler {
    unseen: Unseen,
    pending: Pending,
}

impl RandomSampler {
    /// Its name on the command line.
    pub const NAME: &'static str = "random";

    /// A sampler of strings with that many groups; several lengths are equally likely.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Space`] if the lengths are out of range, or if no string of one of them meets the constraints.
    pub fn new(
        space: &SearchSpace,
        groups: RangeInclusive<usize>,
        constraints: Constraints,
        seed: u64,
    ) -> Result<RandomSampler, SamplerError> {
        let unseen = Unseen::new(space, groups, constraints, seed)?;
        Ok(RandomSampler { unseen, pending: Pending::default() })
    }
}

impl Sampler for RandomSampler {
    fn name(&self) -> &'static str {
        RandomSampler::NAME
    }

    fn propose(&mut self, first: u64, count: usize) -> Result<Vec<Proposal>, SamplerError> {
        let strings = (first..).take(count).map_while(|sample| self.unseen.draw(sample));
        let batch: Vec<Proposal> =
            strings.map(|tokens| Proposal { tokens, log_probability: None }).collect();
        self.pending.push(first, &batch);
        Ok(batch)
    }

    fn learn(&mut self, batch: &[Judged]) -> Result<Update, SamplerError> {
        self.pending.take(batch)
    }

    fn save(&self) -> Result<Option<Vec<u8>>, SamplerError> {
        Ok(None)
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), SamplerError> {
        Err(SamplerError::Saved { reason: "random search has none; propose again".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use super::*;

    fn sampler(space: &SearchSpace, groups: RangeInclusive<usize>, seed: u64) -> RandomSampler {
        RandomSampler::new(space, groups, Constraints::PAPER, seed).unwrap()
    }

    fn texts(batch: Vec<Proposal>) -> Vec<String> {
        batch.into_iter().map(|proposal| proposal.tokens).collect()
    }

    fn tiny() -> SearchSpace {
        let text = "operands = ['g', 'm', 'v']\nunary = ['id', 'sign']\nbinary = ['mul', 'add']";
        SearchSpace::parse("tiny", text).unwrap()
    }

    #[test]
    fn a_small_space_is_proposed_to_its_end_each_string_once() {
        // Ordered pairs that differ, two functions for each, and no addition at the end.
        let one = 3 * 2 * 2 * 2;
        let mut sampler = sampler(&tiny(), 1..=1, 3);
        let first = texts(sampler.propose(0, 20).unwrap());
        let rest = texts(sampler.propose(20, 20).unwrap());
        assert_eq!((first.len(), rest.len()), (20, one - 20));
        let all: BTreeSet<String> = first.into_iter().chain(rest).collect();
        assert_eq!(all.len(), one);
        assert_eq!(sampler.propose(24, 20).unwrap(), []);
    }

    #[test]
    fn strings_are_a_function_of_seed_and_number_whatever_the_batches() {
        let space = SearchSpace::paper();
        let (mut one, mut two) = (sampler(&space, 1..=3, 5), sampler(&space, 1..=3, 5));
        let mut pieces = texts(one.propose(0, 30).unwrap());
        pieces.extend(texts(one.propose(30, 70).unwrap()));
        assert_eq!(pieces, texts(two.propose(0, 100).unwrap()));
        assert_ne!(pieces, texts(sampler(&space, 1..=3, 6).propose(0, 100).unwrap()));
        assert!(pieces.iter().any(|text| text.split(' ').count() == 15));
    }

    #[test]
    fn a_batch_is_learnt_from_in_order_and_only_its_mean_is_told() {
        let mut sampler = sampler(&SearchSpace::small(), 2..=2, 1);
        let judge =
            |(sample, tokens): (u64, String)| Judged { sample, tokens, reward: sample as f64 };
        let mut batch = || -> Vec<Judged> {
            (0..4).zip(texts(sampler.propose(0, 4).unwrap())).map(judge).collect()
        };
        let batch = batch();
        let update = sampler.learn(&batch).unwrap();
        assert_eq!(update, Update { mean_reward: 1.5, ..Update::default() });
        assert!(sampler.learn(&batch).is_err());
        assert_eq!(sampler.save().unwrap(), None);
        assert!(sampler.restore(&[]).is_err());
    }

    /// With `--nocapture` in release this prints how many strings are proposed a second.
    #[test]
    fn no_string_comes_twice() {
        let mut sampler = sampler(&tiny(), 3..=3, 1);
        let start = Instant::now();
        let strings = texts(sampler.propose(0, 20_000).unwrap());
        println!("{:.0} strings a second", 2e4 / start.elapsed().as_secs_f64());
        assert!(strings.len() > 10_000);
        assert_eq!(strings.iter().collect::<BTreeSet<_>>().len(), strings.len());
    }
}
