//! The net with its memory: what it does with whole batches of strings.

use std::fmt;
use std::ops::Range;

use nosc_compiler::space::Vocabulary;

use super::batch::Batch;
use super::head::{self, Objective, Token};
use super::pass::{Pass, ROWS};
use super::shape::{Shape, Tensor};
use crate::random::Random;
use crate::search::sampler::SamplerError;

/// Sample n draws from stream `STREAM + n` of the seed.
const STREAM: u64 = 0x706f_6c69_6379_0000;

/// The net that gives each string of a vocabulary a probability. It has no weights: they are an argument.
#[derive(Clone)]
pub struct PolicyNet {
    pub(super) vocabulary: Vocabulary,
    pub(super) shape: Shape,
    pass: Pass,
    /// The log-probabilities of one position.
    values: Vec<f64>,
}

impl fmt::Debug for PolicyNet {
    /// Without its memory, which is large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { hidden, weights, .. } = &self.shape;
        let mut out = f.debug_struct("PolicyNet");
        out.field("hidden", hidden).field("weights", weights).finish_non_exhaustive()
    }
}

/// Strings to learn from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Experience {
    /// The choices of all strings, one string after another.
    pub choices: Vec<u16>,
    /// Natural logarithms of the probabilities that the choices had when they were proposed.
    pub log_probabilities: Vec<f64>,
    /// How much better each string is than was expected.
    pub advantages: Vec<f64>,
}

/// The loss of a batch and what else was seen on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) loss: f64,
    /// Of a string, nats.
    pub(super) entropy: f64,
}

impl PolicyNet {
    /// A net with so many units, 1 to [`MAX_HIDDEN`](super::MAX_HIDDEN).
    ///
    /// # Errors
    ///
    /// [`SamplerError::Setting`] if there are more, or more weights than [`MAX_WEIGHTS`](super::MAX_WEIGHTS).
    pub fn new(vocabulary: Vocabulary, hidden: usize) -> Result<Self, SamplerError> {
        super::PolicySettings { hidden, ..Default::default() }.check()?;
        let shape = Shape::new(&vocabulary, hidden)?;
        let most = shape.places.iter().map(|place| place.width).max().unwrap_or(0);
        let (pass, values) = (Pass::new(&shape), vec![0.0; most]);
        Ok(Self { vocabulary, shape, pass, values })
    }

    /// The tensors in the order of the flat array of weights.
    pub fn tensors(&self) -> Vec<Tensor> {
        self.shape.tensors()
    }

    /// Weights and biases at the start, all uniform in +- `bound`, a function of the seed.
    pub fn initial_weights(&self, seed: u64, bound: f64) -> Vec<f32> {
        self.shape.initial_weights(seed, bound)
    }

    /// The loss, which is the negative of the [`Objective`], and its derivatives by the weights.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Batch`] if lengths do not fit, a choice is forbidden, or a number is not finite.
    pub fn differentiate(
        &mut self,
        weights: &[f32],
        experience: &Experience,
        objective: &Objective,
        gradients: &mut [f32],
    ) -> Result<f64, SamplerError> {
        let refuse = |reason: &str| SamplerError::Batch { reason: reason.to_owned() };
        let Experience { choices, log_probabilities, advantages } = experience.clone();
        let batch =
            Batch::of(&self.vocabulary, 0, choices, log_probabilities).ok_or_else(|| {
                refuse("a choice is forbidden, or choices and probabilities do not fit")
            })?;
        if batch.len(&self.shape) != advantages.len() || advantages.is_empty() {
            return Err(refuse("there must be an advantage for each string"));
        }
        if weights.len() != self.shape.weights || gradients.len() != self.shape.weights {
            return Err(refuse("the net has another number of weights"));
        }
        self.gradient(weights, &batch, &advantages, objective, gradients)
            .map(|measured| measured.loss)
            .ok_or_else(|| refuse("a logit is not finite"))
    }

    /// Strings from sample `first` on; none if a logit is not finite.
    pub(super) fn propose(
        &mut self,
        weights: &[f32],
        seed: u64,
        first: u64,
        count: usize,
    ) -> Option<Batch> {
        let mut batch = Batch { first, ..Batch::default() };
        let mut start = 0;
        while start < count {
            let rows = ROWS.min(count - start);
            self.propose_rows(weights, seed, first.wrapping_add(start as u64), rows, &mut batch)?;
            start += rows;
        }
        Some(batch)
    }

    /// The same for strings that fit into memory at once.
    fn propose_rows(
        &mut self,
        weights: &[f32],
        seed: u64,
        first: u64,
        rows: usize,
        batch: &mut Batch,
    ) -> Option<()> {
        let (shape, positions) = (&self.shape, self.shape.positions());
        let stream = |row: usize| STREAM.wrapping_add(first).wrapping_add(row as u64);
        let mut random: Vec<Random> = (0..rows).map(|row| Random::new(seed, stream(row))).collect();
        let mut choices = vec![0_u16; rows * positions];
        let mut log_probabilities = vec![0.0; rows * positions];
        let mut allowed = vec![false; rows * shape.choices()];
        self.pass.begin(shape, rows);
        for position in 0..positions {
            self.pass.forward(shape, weights, position);
            let place = &shape.places[position];
            for row in 0..rows {
                let string = &mut choices[row * positions..][..positions];
                let mask = self.vocabulary.allowed(&string[..position]);
                let values = &mut self.values[..place.width];
                let logits = self.pass.logits(shape, position, row);
                if !head::log_probabilities(logits, &mask, values) {
                    return None;
                }
                let uniform = (random[row].next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                let choice = head::draw(values, uniform);
                string[position] = choice as u16;
                log_probabilities[row * positions + position] = values[choice];
                allowed[row * shape.choices() + place.first..][..place.width]
                    .copy_from_slice(&mask);
                self.pass.choose(position, row, choice as u16);
            }
        }
        batch.choices.extend(choices);
        batch.log_probabilities.extend(log_probabilities);
        batch.allowed.extend(allowed);
        Some(())
    }

    /// The loss of a batch and its derivatives by the weights; none if a logit is not finite.
    pub(super) fn gradient(
        &mut self,
        weights: &[f32],
        batch: &Batch,
        advantages: &[f64],
        objective: &Objective,
        gradients: &mut [f32],
    ) -> Option<Measured> {
        gradients.fill(0.0);
        self.pass.prepare(&self.shape, weights);
        let (count, positions) = (batch.len(&self.shape), self.shape.positions());
        let share = 1.0 / count as f64;
        let mut measured = Measured::default();
        for start in (0..count).step_by(ROWS) {
            let strings = start..count.min(start + ROWS);
            self.run(weights, batch, strings, |(string, position), values, logits| {
                let place = string * positions + position;
                let token = Token {
                    choice: usize::from(batch.choices[place]),
                    before: batch.log_probabilities[place],
                    advantage: advantages[string],
                };
                let (loss, entropy) = objective.loss(values, token, share, logits);
                measured.loss += loss;
                measured.entropy += share * entropy;
            })?;
            self.pass.backward(&self.shape, weights, gradients);
        }
        Some(measured)
    }

    /// How far these weights are from those that proposed the batch: the mean over its strings of
    /// `(r - 1) - log r`; none if it is not finite.
    pub(super) fn divergence(&mut self, weights: &[f32], batch: &Batch) -> Option<f64> {
        let (count, positions) = (batch.len(&self.shape), self.shape.positions());
        let mut log_ratios = vec![0.0; count];
        for start in (0..count).step_by(ROWS) {
            let strings = start..count.min(start + ROWS);
            self.run(weights, batch, strings, |(string, position), values, _| {
                let place = string * positions + position;
                let after = values[usize::from(batch.choices[place])];
                log_ratios[string] += after - batch.log_probabilities[place];
            })?;
        }
        let terms = log_ratios.iter().map(|log_ratio| libm::expm1(*log_ratio) - log_ratio);
        let divergence = terms.sum::<f64>() / count as f64;
        divergence.is_finite().then_some(divergence)
    }

    /// Runs some strings of a batch, at most [`ROWS`]. For each token, `visit` gets the numbers of string and
    /// position, the log-probabilities there, and the logits, in whose place it may put the derivatives by
    /// them. None if a logit is not finite.
    fn run(
        &mut self,
        weights: &[f32],
        batch: &Batch,
        strings: Range<usize>,
        mut visit: impl FnMut((usize, usize), &[f64], &mut [f32]),
    ) -> Option<()> {
        let shape = &self.shape;
        let mut is_finite = true;
        self.pass.begin(shape, strings.len());
        for position in 0..shape.positions() {
            self.pass.forward(shape, weights, position);
            for (row, string) in strings.clone().enumerate() {
                let values = &mut self.values[..shape.places[position].width];
                let logits = self.pass.logits(shape, position, row);
                let allowed = batch.allowed(shape, string, position);
                is_finite &= head::log_probabilities(logits, allowed, values);
                visit((string, position), values, logits);
                self.pass.choose(position, row, batch.string(shape, string)[position]);
            }
        }
        is_finite.then_some(())
    }
}

#[cfg(test)]
impl PolicyNet {
    /// Computes with these vectors.
    pub(super) fn set_arch(&mut self, arch: pulp::Arch) {
        self.pass.arch = arch;
    }
}
