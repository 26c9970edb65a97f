//! Regularized evolution: the best of a few takes part in the next string, and the oldest dies.
//!
//! Real, Aggarwal, Huang, Le 2019, *Regularized Evolution for Image Classifier Architecture Search*, AAAI 33,
//! Algorithm 1, with crossover besides. There each child is judged before the next one is made; here
//! parents are taken from what was learnt from so far, and each batch that is learnt from replaces as many of
//! the oldest.

mod settings;
mod mutation;
mod crossover;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};

use super::contract::{Judged, Proposal, Sampler, SamplerError, Update};
use super::pending::Pending;
use super::unseen::Unseen;
use crate::random::Random;

pub use settings::EvolutionSettings;

use crossover::cross;
use mutation::{Mutation, index};

/// Stream of the random numbers of sample 0; sample n has the n-th after it.
const BASE: u64 = 0x6576_6f6c_0000_0000;

/// A sampler that mutates and crosses the best strings of a population.
///
/// No string is proposed twice: where no child is new after some tries, a random string is.
#[derive(Debug)]
pub struct Evolution {
    vocabulary: Vocabulary,
    settings: EvolutionSettings,
    seed: u64,
    unseen: Unseen,
    pending: Pending,
    /// The oldest first.
    population: VecDeque<Member>,
}

/// A string with its reward.
#[derive(Debug)]
struct Member {
    choices: Vec<u16>,
    reward: f64,
}

impl Evolution {
    /// Its name on the command line.
    pub const NAME: &'static str = "evolution";

    /// An evolution of strings with that many groups.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Setting`] for a setting out of range, [`SamplerError::Space`] if the number of groups is out of
    /// range or no string meets the constraints.
    pub fn new(
        space: &SearchSpace,
        groups: usize,
        constraints: Constraints,
        settings: EvolutionSettings,
        seed: u64,
    ) -> Result<Evolution, SamplerError> {
        settings.check()?;
        Ok(Evolution {
            vocabulary: Vocabulary::new(space, groups, constraints)?,
            settings,
            seed,
            unseen: Unseen::new(space, groups..=groups, constraints, seed)?,
            pending: Pending::default(),
            population: VecDeque::new(),
        })
    }

    /// A string that was not proposed before; none if there is none left.
    fn draw(&mut self, sample: u64) -> Option<String> {
        if self.population.len() < self.settings.population {
            return self.unseen.draw(sample);
        }
        let mut random = Random::new(self.seed, BASE.wrapping_add(sample));
        for _ in 0..self.settings.tries {
            if self.unseen.is_spent() {
                return None;
            }
            let child = self.child(&mut random);
            if !self.vocabulary.is_string(&child) {
                continue;
            }
            let text = self.vocabulary.text(&child);
            if self.unseen.insert(&text) {
                return Some(text);
            }
        }
        self.unseen.draw(sample)
    }

    /// A child of one or two parents, which may break a constraint.
    fn child(&self, random: &mut Random) -> Vec<u16> {
        let crosses = f64::from(random.uniform()) < self.settings.crossover;
        let mutates = f64::from(random.uniform()) < self.settings.mutation;
        let mut child = self.parent(random).to_vec();
        if crosses {
            child = cross(&self.vocabulary, &child, self.parent(random), random);
        }
        if mutates || !crosses {
            let mutation = Mutation::draw(&self.settings, random);
            mutation.apply(&self.vocabulary, &mut child, random);
        }
        child
    }

    /// The best of a tournament; of equals the one that was drawn first.
    fn parent(&self, random: &mut Random) -> &[u16] {
        let mut best: Option<&Member> = None;
        for _ in 0..self.settings.tournament {
            let drawn = self.population.get(index(self.population.len(), random));
            if let Some(drawn) = drawn
                && best.is_none_or(|best| drawn.reward > best.reward)
            {
                best = Some(drawn);
            }
        }
        best.map_or(&[], |best| &best.choices)
    }
}

impl Sampler for Evolution {
    fn name(&self) -> &'static str {
        Evolution::NAME
    }

    fn propose(&mut self, first: u64, count: usize) -> Result<Vec<Proposal>, SamplerError> {
        let mut batch = Vec::new();
        for sample in (first..).take(count) {
            let Some(tokens) = self.draw(sample) else { break };
            batch.push(Proposal { tokens, log_probability: None });
        }
        self.pending.push(first, &batch);
        Ok(batch)
    }

    fn learn(&mut self, batch: &[Judged]) -> Result<Update, SamplerError> {
        let update = self.pending.take(batch)?;
        for judged in batch {
            if let Some(choices) = self.vocabulary.choices(&judged.tokens) {
                self.population.push_back(Member { choices, reward: judged.reward });
            }
        }
        let too_many = self.population.len().saturating_sub(self.settings.population);
        self.population.drain(..too_many);
        Ok(update)
    }

    fn save(&self) -> Result<Option<Vec<u8>>, SamplerError> {
        Ok(None)
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), SamplerError> {
        let reason = "an evolution has none; propose and learn again".to_owned();
        Err(SamplerError::Saved { reason })
    }
}
