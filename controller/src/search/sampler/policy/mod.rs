//! The paper's controller: an LSTM that proposes strings token by token and learns from their rewards.
//!
//! ```text
//! token at p - 1 ► LSTM of `hidden` units ► linear to the choices at p ► softmax over those allowed ► token at p
//! rewards - moving average = advantages ► clipped objective (PPO) ► gradient ► a compiled rule moves the weights
//! ```
//!
//! Bello, Zoph, Vasudevan and Le 2017, *Neural Optimizer Search with Reinforcement Learning*, sections 3.2 and
//! 4.2; the controller is that of Zoph and Le 2017, *Neural Architecture Search with Reinforcement Learning*, the
//! objective that of Schulman et al. 2017, *Proximal policy optimization algorithms*.
//!
//! # What the papers leave open
//!
//! - The token at a position goes into the LSTM at the next one as a one-hot vector; so each token of each position
//!   has a row of `4 hidden` weights. At the first position there is a learnt row instead. Every position
//!   has its own softmax weights. [`Tensor`] lists all.
//! - Weights *and biases* start uniform in +- `init`, so that all strings are about equally likely.
//! - Forbidden choices have probability 0: [`Vocabulary::allowed`].
//! - Ratios are clipped token by token, with the advantage of the string: a token is an action of Schulman et al.
//!   A string's ratio is a product of 10 or 20 of them and would leave the range at once.
//! - The objective is summed over the tokens of a string, so that the first pass is the gradient of
//!   `advantage * log p(string)`; entropies are summed too.
//! - The baseline of a batch is the moving average of the batches before it; of the first batch, its own mean.
//! - Probabilities *before* are those at the time of the proposal, so batches may be learnt from late.
//!
//! # What holds
//!
//! 1. The same settings, seed and rewards give the same strings, probabilities and weights, bit for bit, on every
//!    run and machine. What a sample draws does not depend on the size of its batch or on its neighbours.
//! 2. [`PolicySampler::save`](Sampler::save) at any point, and the sampler that is restored goes on with the same bits.
//! 3. An error changes nothing. A gradient that is not finite moves no weight.
//! 4. Memory is a function of the vocabulary and `hidden`, besides the batches that are not yet learnt from.
//!
//! # Example
//!
//! ```
//! use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};
//! use nosc_controller::search::sampler::policy::{PolicySampler, PolicySettings};
//! use nosc_controller::search::sampler::{Judged, Sampler};
//!
//! let vocabulary = Vocabulary::new(&SearchSpace::small(), 1, Constraints::PAPER)?;
//! let settings = PolicySettings { hidden: 16, learning_rate: 0.02, ..PolicySettings::default() };
//! let mut sampler = PolicySampler::new(vocabulary, settings, 0)?;
//! let mut last = 0.0;
//! for batch in 0..60 {
//!     let proposed = sampler.propose(8 * batch, 8)?;
//!     let judged: Vec<Judged> = (8 * batch..)
//!         .zip(proposed)
//!         .map(|(sample, proposal)| {
//!             let reward = if proposal.tokens.contains("exp") { 1.0 } else { 0.0 };
//!             Judged { sample, tokens: proposal.tokens, reward }
//!         })
//!         .collect();
//!     last = sampler.learn(&judged)?.mean_reward;
//! }
//! assert!(last > 0.8);
//! # Ok::<(), nosc_controller::search::sampler::SamplerError>(())
//! ```

mod settings;
mod shape;
mod rows;
mod pass;
mod head;
mod batch;
mod net;
mod baseline;
mod weights;
mod saved;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use nosc_compiler::space::Vocabulary;

use self::baseline::{Baseline, mean};
use self::batch::Batch;
use self::weights::{Weights, failed};
use super::{Judged, Proposal, Sampler, SamplerError, Update, pending};
use crate::random::Random;

pub use head::Objective;
pub use net::{Experience, PolicyNet};
pub use settings::{MAX_HIDDEN, MAX_PASSES, PolicySettings};
pub use shape::{MAX_WEIGHTS, Tensor};

/// Most strings of a batch.
pub const MAX_BATCH: usize = 65_536;

/// Random strings whose masks are part of what tells vocabularies apart.
const WALKS: u64 = 32;

/// The controller with its weights.
#[derive(Clone)]
pub struct PolicySampler {
    settings: PolicySettings,
    seed: u64,
    net: PolicyNet,
    weights: Weights,
    gradients: Vec<f32>,
    baseline: Baseline,
    /// Batches that were proposed and not yet learnt from, the oldest first.
    in_flight: VecDeque<Batch>,
    /// Of vocabulary, settings and seed.
    identity: [u8; blake3::OUT_LEN],
}

impl fmt::Debug for PolicySampler {
    /// Without the weights, of which there are many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicySampler")
            .field("settings", &self.settings)
            .field("seed", &self.seed)
            .field("baseline", &self.baseline)
            .finish_non_exhaustive()
    }
}

/// Weights have grown beyond all numbers.
#[derive(Debug, thiserror::Error)]
#[error("logits are not finite any more; a smaller learning_rate helps")]
struct NotFinite;

impl PolicySampler {
    /// Its name on the command line.
    pub const NAME: &'static str = "ppo";

    /// A sampler at its start.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Setting`] for one out of range, [`SamplerError::Optimizer`] if there is no such rule or it
    /// cannot run.
    pub fn new(
        vocabulary: Vocabulary,
        settings: PolicySettings,
        seed: u64,
    ) -> Result<Self, SamplerError> {
        settings.check()?;
        let identity = identity(&vocabulary, &settings, seed);
        let net = PolicyNet::new(vocabulary, settings.hidden)?;
        let values = net.initial_weights(seed, settings.init);
        let gradients = vec![0.0; values.len()];
        let weights = Weights::new(values, &settings, seed)?;
        let (baseline, in_flight) = (Baseline::default(), VecDeque::new());
        Ok(Self { settings, seed, net, weights, gradients, baseline, in_flight, identity })
    }

    /// Its settings.
    pub fn settings(&self) -> &PolicySettings {
        &self.settings
    }

    /// Refuses what is not the oldest batch.
    fn check(&self, judged: &[Judged]) -> Result<&Batch, SamplerError> {
        let (shape, vocabulary) = (&self.net.shape, &self.net.vocabulary);
        let batch = self.in_flight.front();
        let text = |place: usize| {
            batch.map_or_else(String::new, |batch| vocabulary.text(batch.string(shape, place)))
        };
        pending::check(judged, batch.map(|batch| (batch.first, batch.len(shape))), text)?;
        batch.ok_or_else(|| SamplerError::Batch { reason: "no batch is waiting".to_owned() })
    }

    /// Moves the weights by a batch; returns entropy and norm of the first gradient.
    fn improve(&mut self, batch: &Batch, advantages: &[f64]) -> Result<(f64, f64), SamplerError> {
        let objective = Objective { clip: self.settings.clip, entropy: self.settings.entropy };
        let mut first = None;
        for _ in 0..self.settings.passes {
            let (net, weights) = (&mut self.net, &mut self.weights);
            let gradients = &mut self.gradients;
            let measured = net.gradient(&weights.values, batch, advantages, &objective, gradients);
            let Some(measured) = measured else { break };
            let norm = norm(gradients);
            first.get_or_insert((measured.entropy, norm));
            if norm.is_finite() {
                weights.step(gradients)?;
            }
        }
        first.ok_or_else(|| failed(NotFinite))
    }
}

impl Sampler for PolicySampler {
    fn name(&self) -> &'static str {
        PolicySampler::NAME
    }

    fn propose(&mut self, first: u64, count: usize) -> Result<Vec<Proposal>, SamplerError> {
        if count > MAX_BATCH {
            let (setting, value, expected) = ("batch", count as f64, "at most 65536");
            return Err(SamplerError::Setting { setting, value, expected });
        }
        let batch = self.net.propose(&self.weights.values, self.seed, first, count);
        let batch = batch.ok_or_else(|| failed(NotFinite))?;
        let (shape, vocabulary) = (&self.net.shape, &self.net.vocabulary);
        let proposal = |string: usize| Proposal {
            tokens: vocabulary.text(batch.string(shape, string)),
            log_probability: Some(batch.log_probability(shape, string)),
        };
        let proposals = (0..count).map(proposal).collect();
        if count > 0 {
            self.in_flight.push_back(batch);
        }
        Ok(proposals)
    }

    fn learn(&mut self, judged: &[Judged]) -> Result<Update, SamplerError> {
        let batch = self.check(judged)?.clone();
        let rewards: Vec<f64> = judged.iter().map(|judged| judged.reward).collect();
        let PolicySettings { baseline_decay, normalize, .. } = self.settings;
        let mut averages = self.baseline;
        let (baseline, advantages) = averages.compare(&rewards, baseline_decay, normalize);
        let (entropy, norm) = self.improve(&batch, &advantages)?;
        self.baseline = averages;
        self.in_flight.pop_front();
        Ok(Update {
            mean_reward: mean(rewards.iter().copied(), rewards.len()),
            baseline: Some(baseline),
            entropy: Some(entropy),
            divergence: self.net.divergence(&self.weights.values, &batch),
            gradient_norm: norm.is_finite().then_some(norm),
        })
    }

    fn save(&self) -> Result<Option<Vec<u8>>, SamplerError> {
        let optimizer = self.weights.optimizer.to_checkpoint().map_err(failed)?;
        let positions = self.net.shape.positions();
        let (weights, batches) = (&self.weights.values, self.in_flight.iter());
        let (identity, baseline) = (&self.identity, &self.baseline);
        Ok(Some(saved::write(identity, weights, &optimizer, baseline, batches, positions)))
    }

    fn restore(&mut self, saved: &[u8]) -> Result<(), SamplerError> {
        let refuse = |reason: String| SamplerError::Saved { reason };
        let saved = saved::read(saved, &self.identity, self.net.shape.positions())?;
        if saved.weights.len() != self.weights.values.len() {
            let (found, expected) = (saved.weights.len(), self.weights.values.len());
            return Err(refuse(format!("it has {found} weights, expected {expected}")));
        }
        let vocabulary = &self.net.vocabulary;
        let whole = |batch: Batch| {
            Batch::of(vocabulary, batch.first, batch.choices, batch.log_probabilities)
                .ok_or_else(|| refuse("a batch has a string that is not of the space".to_owned()))
        };
        let in_flight = saved.batches.into_iter().map(whole).collect::<Result<_, _>>()?;
        // It changes nothing if it fails, and nothing can fail after it.
        let load = self.weights.optimizer.load_bytes(&saved.optimizer);
        load.map_err(|error| refuse(error.to_string()))?;
        self.weights.values = saved.weights;
        self.baseline = saved.baseline;
        self.in_flight = in_flight;
        Ok(())
    }
}

/// The Euclidean norm, in 16 partial sums of f64.
fn norm(gradients: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 16];
    for chunk in gradients.chunks(16) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*value) * f64::from(*value);
        }
    }
    libm::sqrt(lanes.iter().sum())
}

/// A digest of what a sampler is made from. Of the constraints, which a vocabulary does not show, the masks of
/// some strings tell.
fn identity(
    vocabulary: &Vocabulary,
    settings: &PolicySettings,
    seed: u64,
) -> [u8; blake3::OUT_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&settings.bytes());
    for position in 0..vocabulary.positions() {
        for choice in 0..vocabulary.width(position) {
            hasher.update(vocabulary.token(position, choice).as_bytes()).update(b" ");
        }
        hasher.update(b"\n");
    }
    for walk in 0..WALKS {
        let (mut random, mut prefix) = (Random::new(0, walk), Vec::new());
        while prefix.len() < vocabulary.positions() {
            let allowed = vocabulary.allowed(&prefix);
            let open = allowed.iter().filter(|is_allowed| **is_allowed).count() as u64;
            let chosen = random.below(open) as usize;
            let choices = allowed.iter().enumerate().filter(|(_, is_allowed)| **is_allowed);
            prefix.push(choices.map(|(choice, _)| choice as u16).nth(chosen).unwrap_or(0));
            hasher.update(
                &allowed.iter().map(|is_allowed| u8::from(*is_allowed)).collect::<Vec<_>>(),
            );
        }
    }
    *hasher.finalize().as_bytes()
}
