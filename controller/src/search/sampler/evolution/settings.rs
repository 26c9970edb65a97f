//! What may be chosen of an evolution.

use serde::{Deserialize, Serialize};

use crate::search::sampler::SamplerError;

/// Sizes and probabilities of an evolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvolutionSettings {
    /// Strings that are alive: the last ones that were learnt from. Until there are so many, strings are random.
    pub population: usize,
    /// Strings that are drawn from the population, the best of which is a parent.
    pub tournament: usize,
    /// Probability that a child has two parents.
    pub crossover: f64,
    /// Probability that a child of two parents is mutated too; one of one parent always is.
    pub mutation: f64,
    /// Weight of a mutation that replaces one token.
    pub replace: f64,
    /// Weight of a mutation that makes an operand an earlier result.
    pub rewire: f64,
    /// Weight of a mutation that swaps the operands of a group.
    pub swap: f64,
    /// Weight of a mutation that redraws a group.
    pub redraw: f64,
    /// Children that are tried before a random string is taken: a child may break a constraint, or
    /// have been proposed before.
    pub tries: u32,
}

impl Default for EvolutionSettings {
    fn default() -> EvolutionSettings {
        EvolutionSettings {
            population: 50,
            tournament: 10,
            crossover: 0.25,
            mutation: 0.5,
            replace: 0.5,
            rewire: 0.2,
            swap: 0.1,
            redraw: 0.2,
            tries: 100,
        }
    }
}

impl EvolutionSettings {
    /// Most strings that are alive.
    pub const MAX_POPULATION: usize = 1_000_000;
    /// Most strings in a tournament.
    pub const MAX_TOURNAMENT: usize = 10_000;
    /// Most children that are tried for a sample.
    pub const MAX_TRIES: u32 = 100_000;

    /// Whether all settings are in range.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Setting`] with the first that is not.
    pub fn check(&self) -> Result<(), SamplerError> {
        let sized = [
            ("population", self.population, EvolutionSettings::MAX_POPULATION),
            ("tournament", self.tournament, EvolutionSettings::MAX_TOURNAMENT),
        ];
        let expected = ["a number from 1 to 1,000,000", "a number from 1 to 10,000"];
        for ((setting, value, most), expected) in sized.into_iter().zip(expected) {
            if !(1..=most).contains(&value) {
                return Err(SamplerError::Setting { setting, value: value as f64, expected });
            }
        }
        if self.tries > EvolutionSettings::MAX_TRIES {
            let (value, expected) = (f64::from(self.tries), "a number from 0 to 100,000");
            return Err(SamplerError::Setting { setting: "tries", value, expected });
        }
        for (setting, value) in [("crossover", self.crossover), ("mutation", self.mutation)] {
            if !(0.0..=1.0).contains(&value) {
                let expected = "a probability from 0 to 1";
                return Err(SamplerError::Setting { setting, value, expected });
            }
        }
        let names = ["replace", "rewire", "swap", "redraw"];
        for (setting, value) in names.into_iter().zip(self.weights()) {
            if !(0.0..=1e6).contains(&value) {
                let expected = "a weight from 0 to 1e6";
                return Err(SamplerError::Setting { setting, value, expected });
            }
        }
        if self.weights().iter().sum::<f64>() <= 0.0 {
            let expected = "a weight above 0 for at least one mutation";
            return Err(SamplerError::Setting {
                setting: "replace",
                value: self.replace,
                expected,
            });
        }
        Ok(())
    }

    /// Weights of the mutations, in the order of [`Mutation::ALL`](super::mutation::Mutation::ALL).
    pub(super) fn weights(&self) -> [f64; 4] {
        [self.replace, self.rewire, self.swap, self.redraw]
    }
}
