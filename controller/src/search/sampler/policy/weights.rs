//! The weights, and the compiled rule that moves them.

use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings, library};

use super::PolicySettings;
use crate::search::sampler::SamplerError;

/// Weights in one flat array with the state of their optimizer.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) values: Vec<f32>,
    pub(super) optimizer: Optimizer,
    learning_rate: f64,
}

/// The rule of the settings is none of the standard ones.
#[derive(Debug, thiserror::Error)]
#[error("there is no standard rule `{rule}`; they are {}", names())]
struct UnknownRule {
    rule: String,
}

fn names() -> String {
    library::rules().into_iter().map(|rule| rule.name).collect::<Vec<_>>().join(", ")
}

/// An error of the optimizer as one of the sampler.
pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> SamplerError {
    SamplerError::Optimizer(Box::new(error))
}

impl Weights {
    pub(super) fn new(
        values: Vec<f32>,
        settings: &PolicySettings,
        seed: u64,
    ) -> Result<Self, SamplerError> {
        let name = &settings.rule;
        let rule = library::rule(name).ok_or_else(|| failed(UnknownRule { rule: name.clone() }))?;
        let compiled = CompiledRule::new(&rule, Backend::Auto).map_err(failed)?;
        let learning_rate = settings.learning_rate;
        let optimizer = |length: usize| {
            let settings = Settings { seed: Some(seed), threads: Some(1), ..Settings::default() };
            Optimizer::new(compiled.clone(), &[length], settings).map_err(failed)
        };
        // What a rule refuses, a total of steps that it does not get for one, it refuses at its first step.
        optimizer(1)?.step(&mut [&mut [0.0]], &[&[1.0]], learning_rate).map_err(failed)?;
        Ok(Self { optimizer: optimizer(values.len())?, values, learning_rate })
    }

    /// Moves the weights by a gradient, which should be finite.
    pub(super) fn step(&mut self, gradients: &[f32]) -> Result<(), SamplerError> {
        let weights: &mut [f32] = &mut self.values;
        let step = self.optimizer.step(&mut [weights], &[gradients], self.learning_rate);
        step.map(|_| ()).map_err(failed)
    }
}
