//! A character-level language model: one LSTM layer that predicts each next character of a text.
//!
//! ```text
//! window [length] of symbols ► one-hot [length, symbols]
//!   LSTM of `hidden` units, from the state 0         [length, hidden]
//!   linear to the symbols ► cross-entropy, mean over all characters of the batch
//! ```
//!
//! Sums, gates and their order are those of `PyTorch`'s `nn.LSTM`, with two biases: for the one-hot
//! vector x of a character, and h and c of the one before,
//!
//! ```text
//! a = W_input x + b_input + W_recurrent h + b_recurrent          four sums a unit: i, f, g, o
//! i, f, o = sigmoid(a_i, a_f, a_o)     g = tanh(a_g)
//! c <- f c + i g                       h <- o tanh(c)
//! ```
//!
//! An example is a window of a part: see [`Text`]. The state is 0 at the start of each, in training
//! and in evaluation, so that windows do not depend on each other and may come in any order; the
//! first characters of a window are predicted from little. Back-propagation goes through the whole
//! window. Loss and [`Score`](super::Score) count characters: nats a character, and how many next
//! characters have the largest logit.
//!
//! It is a child on which an update rule is judged that was found with images: Bello, Zoph, Vasudevan
//! and Le 2017, *Neural Optimizer Search with Reinforcement Learning*, section 6.
//!
//! # What holds
//!
//! 1. One thread computes a net. The same parameters and windows give the same bits on every run. The
//!    functions of the gates have the same bits whatever the vectors; products are those of `gemm`, which
//!    chooses kernels and cuts by processor, so bits may differ from machine to machine. Sums are in
//!    f32 within a batch, in one order; only losses are added up in f64.
//! 2. Memory is taken once, when a child is made. (`gemm` allocates in its products.)
//! 3. No value of a parameter makes it panic. Where some are not finite the loss is not a number and
//!    no gradient is one. Where all are, but sums of the gates overflow, the gates are 0 or 1, and the loss
//!    need not show it.
//!
//! # Example
//!
//! ```
//! use nosc_controller::child::lstm::{TextModel, TextSettings};
//! use nosc_controller::child::{Model, Part};
//! use nosc_controller::dataset::text::novel;
//!
//! let text = novel::load()?;
//! let model = TextModel::new(&text, TextSettings { hidden: 16, length: 20, batch: 32 })?;
//! let mut child = model.child();
//! let mut parameters = model.initial_parameters(0);
//! let mut gradients = vec![0.0; parameters.len()];
//! let before = child.evaluate(&parameters, Part::Validation)?;
//! for step in 0..50 {
//!     let batch: Vec<usize> = (32 * step..32 * (step + 1)).collect();
//!     child.differentiate(&parameters, &batch, &mut gradients)?;
//!     parameters.iter_mut().zip(&gradients).for_each(|(w, g)| *w -= 2.0 * g);
//! }
//! let after = child.evaluate(&parameters, Part::Validation)?;
//! assert!(after.loss < before.loss - 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod shape;
mod functions;
pub(crate) mod cell;
mod output;
mod pass;
mod training;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use shape::{MAX_BATCH, MAX_HIDDEN, MAX_LENGTH, MAX_VALUES, Shape, Tensor, TextSettings};

use crate::child::net::Path;
use crate::child::{Child, ChildError, Model, Part};
use crate::dataset::text::{Text, Windows};
use training::TextChild;

/// The net of a text, and the text in windows.
#[derive(Debug, Clone)]
pub struct TextModel {
    shape: Shape,
    train: Windows,
    validation: Windows,
    test: Windows,
}

impl TextModel {
    /// A net for the alphabet of a text. All parts have windows: the longest is shorter than a block.
    ///
    /// # Errors
    ///
    /// [`ChildError::Size`] if a setting is 0 or above its limit, or a child would keep more than
    /// [`MAX_VALUES`] floats.
    pub fn new(text: &Text, settings: TextSettings) -> Result<Self, ChildError> {
        let shape = Shape::new(text.alphabet().len(), &settings)?;
        let windows = |part| Windows::new(part, settings.length);
        Ok(Self {
            shape,
            train: windows(text.train()),
            validation: windows(text.validation()),
            test: windows(text.test()),
        })
    }

    /// Sizes of the net and its tensors.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn windows(&self, part: Part) -> &Windows {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }
}

impl Model for TextModel {
    fn examples(&self, part: Part) -> usize {
        self.windows(part).len()
    }

    fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        self.shape.initial_parameters(seed)
    }

    fn path(&self) -> Option<Path> {
        Some(Path::Gemm)
    }

    fn child(&self) -> Box<dyn Child + '_> {
        Box::new(TextChild::new(self))
    }
}
