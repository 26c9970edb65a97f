//! What every child is to a task, whatever its net: flat parameters and gradients, a loss over
//! examples, a score on a part of the data.

use std::fmt::Debug;

use super::error::ChildError;
use super::net::Path;

/// A part of a data set. The parts have no example in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Gradients come from it.
    Train,
    /// Rules and learning rates are judged on it.
    Validation,
    /// For the report alone.
    Test,
}

/// How well a child does on some examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean cross-entropy, nats; 0 if there are no examples.
    pub loss: f64,
    /// Answers that are right: the largest logit is that of the class. The lower class wins a tie.
    pub correct: usize,
    /// Number of answers.
    pub count: usize,
}

/// Losses and right answers of some examples, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) correct: usize,
}

/// A kind of net together with the data that it learns: everything that training does not change,
/// shared by all children.
pub trait Model: Debug + Send + Sync {
    /// Number of examples of a part.
    fn examples(&self, part: Part) -> usize;

    /// Parameters at the start of training, one flat array; a function of the seed.
    fn initial_parameters(&self, seed: u64) -> Vec<f32>;

    /// The kernels that compute its children; none only if the bits are the same on every machine.
    fn path(&self) -> Option<Path>;

    /// A child at its start, with memory of its own. It computes on the thread that calls it.
    fn child(&self) -> Box<dyn Child + '_>;
}

/// A net in training: it computes losses and gradients, and keeps what it learns of the data besides
/// the parameters, such as running statistics. Optimizers move the parameters.
///
/// The same calls with the same values, from when the child was made, return the same bits on the same
/// [`Model::path`]; on [`Path::Gemm`] on the same machine only.
///
/// Parameters are to be finite: training looks at them after every step, and ends with the first that
/// is not. For others the results mean nothing, but nothing panics.
pub trait Child {
    /// Mean loss, in nats, over training examples, and its derivatives by the parameters, which
    /// `gradients` becomes. `batch` holds indices of examples, in any order.
    ///
    /// # Errors
    ///
    /// [`ChildError`] for arrays of other lengths, indices of no example and batches that are empty
    /// or larger than the child was made for. Nothing has changed then.
    fn differentiate(
        &mut self,
        parameters: &[f32],
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<f64, ChildError>;

    /// The score on a whole part, in evaluation mode: a function of the parameters, and of what the
    /// child has kept of the batches before, such as running statistics.
    ///
    /// # Errors
    ///
    /// [`ChildError`] for parameters of another length.
    fn evaluate(&mut self, parameters: &[f32], part: Part) -> Result<Score, ChildError>;
}

impl Sums {
    /// What they are of `count` answers.
    pub(super) fn score(self, count: usize) -> Score {
        Score { loss: self.loss / count.max(1) as f64, correct: self.correct, count }
    }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
    }
}

impl Score {
    /// Share of the answers that are right, 0 to 1; 0 if there are none.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.count.max(1) as f64
    }
}
