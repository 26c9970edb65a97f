//! The trait of every sampler, and what passes through it.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

/// Proposes token strings and learns from their rewards.
///
/// A sampler is a deterministic function of its settings, its seed and the calls it has had: batches
/// are proposed in order, numbered from 0, and learnt from in the same order, each once and whole. A batch may be
/// proposed before earlier ones are learnt from.
///
/// The random numbers of sample `n` are a function of the seed and `n`, whatever was drawn before it.
pub trait Sampler: Debug + Send {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// The next batch: samples `first .. first + count`. Fewer, or none, if there are no more strings.
    ///
    /// # Errors
    ///
    /// [`SamplerError`], and nothing has changed.
    fn propose(&mut self, first: u64, count: usize) -> Result<Vec<Proposal>, SamplerError>;

    /// Learns from the oldest batch that it has not learnt from. `batch` holds its samples in the order in
    /// which they were proposed.
    ///
    /// # Errors
    ///
    /// [`SamplerError`], and nothing has changed.
    fn learn(&mut self, batch: &[Judged]) -> Result<Update, SamplerError>;

    /// All that is needed to go on from here: weights, the state of their optimizer, batches that are not yet learnt
    /// from. None if proposing and learning again from the start is as quick.
    ///
    /// # Errors
    ///
    /// [`SamplerError`] if it cannot be written.
    fn save(&self) -> Result<Option<Vec<u8>>, SamplerError>;

    /// Goes on from what [`Sampler::save`] returned for a sampler of the same settings and seed, then bit for
    /// bit as that one would have.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Saved`] if the bytes are of another sampler, or damaged; nothing has changed.
    fn restore(&mut self, saved: &[u8]) -> Result<(), SamplerError>;
}

/// A string that a sampler proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The tokens with spaces between, without brackets.
    pub tokens: String,
    /// Natural logarithm of the probability that the sampler gave it, if it has one.
    pub log_probability: Option<f64>,
}

/// What came of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Number of the sample.
    pub sample: u64,
    /// Its tokens.
    pub tokens: String,
    /// Its reward, finite; more is better.
    pub reward: f64,
}

/// What a sampler says of having learnt from a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Mean reward of the batch.
    pub mean_reward: f64,
    /// The baseline that rewards were compared with, where there is one.
    pub baseline: Option<f64>,
    /// Entropy of a string before learning, nats, where there is one: the mean over the batch of the sum over positions.
    pub entropy: Option<f64>,
    /// How far the policy moved: the mean of `(r - 1) - log r` over the batch, r being the ratio of the new to the
    /// old probability (Schulman 2020, *Approximating KL divergence*), nats a string.
    pub divergence: Option<f64>,
    /// Norm of the first gradient, where there is one.
    pub gradient_norm: Option<f64>,
}

/// Why a sampler cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// No string meets the constraints, or the number of groups is out of range.
    #[error(transparent)]
    Space(#[from] nosc_compiler::space::SampleError),
    /// A setting is out of range.
    #[error("{setting} is {value}; expected {expected}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A batch that was not proposed, or not in this order.
    #[error("a batch to learn from is not the oldest that was proposed: {reason}")]
    Batch {
        /// What differs.
        reason: String,
    },
    /// Saved bytes that are not of this sampler.
    #[error("the saved state of the sampler cannot be used: {reason}")]
    Saved {
        /// What is wrong with it.
        reason: String,
    },
    /// The optimizer of the weights fails.
    #[error("the sampler's optimizer fails")]
    Optimizer(#[source] Box<dyn std::error::Error + Send + Sync>),
}
