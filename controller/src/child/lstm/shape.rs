//! Sizes of the net, and where each tensor lies in the flat array of parameters.

use std::ops::Range;

use crate::child::ChildError;
use crate::random::Random;

/// Most hidden units.
pub const MAX_HIDDEN: usize = 1024;
/// Most characters of a window.
pub const MAX_LENGTH: usize = 1024;
/// Most windows in a batch.
pub const MAX_BATCH: usize = 4096;
/// Most floats that a child keeps, 1 GiB.
pub const MAX_VALUES: usize = 1 << 28;

/// What may be chosen of a [`TextModel`](super::TextModel).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSettings {
    /// Units of the hidden layer, 1 to [`MAX_HIDDEN`].
    pub hidden: usize,
    /// Characters of a window, 1 to [`MAX_LENGTH`].
    pub length: usize,
    /// Most windows in a batch, 1 to [`MAX_BATCH`].
    pub batch: usize,
}

impl Default for TextSettings {
    /// 128 units, windows of 50 characters, 50 of them in a batch.
    fn default() -> Self {
        Self { hidden: 128, length: 50, batch: 50 }
    }
}

/// A parameter tensor: its name and its place in the flat array.
///
/// | tensor | dimensions | in `PyTorch` |
/// |---|---|---|
/// | `input` | `[4 hidden, symbols]` | `lstm.weight_ih_l0` |
/// | `recurrent` | `[4 hidden, hidden]` | `lstm.weight_hh_l0` |
/// | `input_bias` | `[4 hidden]` | `lstm.bias_ih_l0` |
/// | `recurrent_bias` | `[4 hidden]` | `lstm.bias_hh_l0` |
/// | `linear` | `[symbols, hidden]` | `linear.weight` |
/// | `bias` | `[symbols]` | `linear.bias` |
///
/// The last dimension varies fastest; the four gates follow each other in the order i, f, g, o.
/// Tensors follow each other without gaps in this order. Only the sum of the two biases of the
/// gates matters; both are there so that a rule moves the sum as far as it does in `PyTorch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The name above.
    pub name: &'static str,
    /// Its elements in the flat array.
    pub range: Range<usize>,
}

/// Sizes of a net, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub(super) symbols: usize,
    pub(super) hidden: usize,
    pub(super) length: usize,
    pub(super) batch: usize,
}

/// Parameters, tensor by tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) input: &'a [f32],
    pub(super) recurrent: &'a [f32],
    pub(super) input_bias: &'a [f32],
    pub(super) recurrent_bias: &'a [f32],
    pub(super) linear: &'a [f32],
    pub(super) bias: &'a [f32],
}

/// Gradients, tensor by tensor.
#[derive(Debug)]
pub(super) struct PartsMut<'a> {
    pub(super) input: &'a mut [f32],
    pub(super) recurrent: &'a mut [f32],
    pub(super) input_bias: &'a mut [f32],
    pub(super) recurrent_bias: &'a mut [f32],
    pub(super) linear: &'a mut [f32],
    pub(super) bias: &'a mut [f32],
}

impl Shape {
    pub(super) fn new(symbols: usize, settings: &TextSettings) -> Result<Self, ChildError> {
        let TextSettings { hidden, length, batch } = *settings;
        let shape = Self { symbols, hidden, length, batch };
        let sizes = [
            ("symbols", symbols, 256),
            ("hidden units", hidden, MAX_HIDDEN),
            ("length of a window", length, MAX_LENGTH),
            ("batch", batch, MAX_BATCH),
        ];
        for (what, value, most) in sizes {
            ChildError::check_size(what, value, most)?;
        }
        let value = shape.values();
        if value > MAX_VALUES {
            let what = "number of values (about length * batch * (8 * hidden + symbols))";
            return Err(ChildError::Size { what, value, most: MAX_VALUES });
        }
        Ok(shape)
    }

    /// Gates of all units.
    pub(super) fn gates(&self) -> usize {
        4 * self.hidden
    }

    /// Characters of a whole batch.
    pub(super) fn characters(&self) -> usize {
        self.length * self.batch
    }

    /// Floats that a child keeps, or as many as can be counted.
    fn values(&self) -> usize {
        let of_character = self.gates() + 4 * self.hidden + self.symbols;
        // Only this product may be too large for 32 bits, as the limits of the sizes are.
        let of_batch = self.length.saturating_mul(self.batch).saturating_mul(of_character);
        let of_state = 2 * self.batch * self.hidden;
        let of_weights = (2 * self.symbols + self.hidden) * self.gates();
        of_batch.saturating_add(of_state + of_weights)
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range.end)
    }

    /// The parameter tensors in the order of the flat array.
    pub fn tensors(&self) -> [Tensor; 6] {
        let gates = self.gates();
        let mut end = 0;
        [
            ("input", gates * self.symbols),
            ("recurrent", gates * self.hidden),
            ("input_bias", gates),
            ("recurrent_bias", gates),
            ("linear", self.symbols * self.hidden),
            ("bias", self.symbols),
        ]
        .map(|(name, length)| {
            let start = end;
            end += length;
            Tensor { name, range: start..end }
        })
    }

    /// Parameters at the start of training, a function of the seed only.
    ///
    /// As `PyTorch` initialises an LSTM and a linear layer behind it: all are uniform in
    /// `[-1/sqrt(hidden), 1/sqrt(hidden)]`. Each tensor has its own stream of random numbers, and an
    /// element takes the upper 24 bits of the stream's next number.
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let bound = (1.0 / libm::sqrt(self.hidden as f64)) as f32;
        let mut parameters = vec![0.0; self.parameter_count()];
        for (stream, tensor) in self.tensors().into_iter().enumerate() {
            let mut random = Random::new(seed, stream as u64);
            parameters[tensor.range].fill_with(|| random.between(-bound, bound));
        }
        parameters
    }

    pub(super) fn parts<'a>(&self, flat: &'a [f32]) -> Parts<'a> {
        let [input, recurrent, input_bias, recurrent_bias, linear, bias] =
            self.tensors().map(|tensor| &flat[tensor.range]);
        Parts { input, recurrent, input_bias, recurrent_bias, linear, bias }
    }

    pub(super) fn parts_mut<'a>(&self, flat: &'a mut [f32]) -> PartsMut<'a> {
        let mut rest = flat;
        let [input, recurrent, input_bias, recurrent_bias, linear, bias] =
            self.tensors().map(|tensor| {
                let (taken, left) = std::mem::take(&mut rest).split_at_mut(tensor.range.len());
                rest = left;
                taken
            });
        PartsMut { input, recurrent, input_bias, recurrent_bias, linear, bias }
    }
}
