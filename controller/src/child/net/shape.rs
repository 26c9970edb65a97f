//! Sizes of the net, and where each tensor lies in the flat array of parameters.

use std::ops::Range;

use crate::child::ChildError;
use crate::child::start::uniform;
use crate::random::Random;

/// Filters of both convolutions, as in the paper.
pub const FILTERS: usize = 32;
/// The largest image side.
pub const MAX_SIDE: usize = 256;
/// Most channels of an image. Patch moments grow with the square of it.
pub const MAX_CHANNELS: usize = 16;
/// Most classes: labels are bytes.
pub const MAX_CLASSES: usize = 256;
/// Most images in a batch.
pub const MAX_BATCH: usize = 65_536;

/// Sizes of a net: images of `side` x `side` pixels with `channels` values each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    side: usize,
    channels: usize,
    classes: usize,
    batch: usize,
}

/// A parameter tensor: its name, its dimensions and its place in the flat array.
///
/// | tensor | dimensions | order of the elements |
/// |---|---|---|
/// | `convolution1` | `[3, 3, channels, 32]` | row, column, input channel, filter |
/// | `scale1`, `shift1` | `[32]` | gamma and beta of the first batch norm |
/// | `convolution2` | `[3, 3, 32, 32]` | row, column, input channel, filter |
/// | `scale2`, `shift2` | `[32]` | gamma and beta of the second batch norm |
/// | `linear` | `[classes, side/4, side/4, 32]` | class, row, column, channel |
/// | `bias` | `[classes]` | |
///
/// The last dimension varies fastest. Tensors follow each other without gaps in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The name above.
    pub name: &'static str,
    /// Number of inputs that one output sums over: 0 for those that sum over none.
    pub fan_in: usize,
    /// Its elements in the flat array.
    pub range: Range<usize>,
}

/// Parameters, or gradients, tensor by tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) convolution1: &'a [f32],
    pub(super) scale1: &'a [f32],
    pub(super) shift1: &'a [f32],
    pub(super) convolution2: &'a [f32],
    pub(super) scale2: &'a [f32],
    pub(super) shift2: &'a [f32],
    pub(super) linear: &'a [f32],
    pub(super) bias: &'a [f32],
}

/// The same, to be written.
#[derive(Debug)]
pub(super) struct PartsMut<'a> {
    pub(super) convolution1: &'a mut [f32],
    pub(super) scale1: &'a mut [f32],
    pub(super) shift1: &'a mut [f32],
    pub(super) convolution2: &'a mut [f32],
    pub(super) scale2: &'a mut [f32],
    pub(super) shift2: &'a mut [f32],
    pub(super) linear: &'a mut [f32],
    pub(super) bias: &'a mut [f32],
}

impl PartsMut<'_> {
    /// Sets all tensors to 0.
    pub(super) fn clear(&mut self) {
        let tensors: [&mut [f32]; 8] = [
            self.convolution1,
            self.scale1,
            self.shift1,
            self.convolution2,
            self.scale2,
            self.shift2,
            self.linear,
            self.bias,
        ];
        for tensor in tensors {
            tensor.fill(0.0);
        }
    }
}

impl Shape {
    /// Sizes of a net whose batches have at most `batch` images.
    ///
    /// # Errors
    ///
    /// If `side` is not a multiple of 4 from 4 to [`MAX_SIDE`], or another size is 0 or above its
    /// limit.
    pub fn new(
        side: usize,
        channels: usize,
        classes: usize,
        batch: usize,
    ) -> Result<Self, ChildError> {
        ChildError::check_side(side)?;
        let sizes = [
            ("image side", side, MAX_SIDE),
            ("channels", channels, MAX_CHANNELS),
            ("classes", classes, MAX_CLASSES),
            ("batch", batch, MAX_BATCH),
        ];
        for (what, value, most) in sizes {
            ChildError::check_size(what, value, most)?;
        }
        Ok(Self { side, channels, classes, batch })
    }

    /// Pixels in a row, and in a column, of an image.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Values of a pixel.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Most images in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Values of an image.
    pub fn image_length(&self) -> usize {
        self.side * self.side * self.channels
    }

    /// Inputs of the linear layer: `32 * (side/4)^2`.
    pub fn features(&self) -> usize {
        FILTERS * (self.side / 4) * (self.side / 4)
    }

    /// Inputs of one output of the first convolution: `9 * channels`.
    pub(super) fn patch(&self) -> usize {
        9 * self.channels
    }

    /// Side after the first pooling.
    pub(super) fn half(&self) -> usize {
        self.side / 2
    }

    /// Floats from one row to the next of an image with its border.
    pub(super) fn image_row(&self) -> usize {
        (self.side + 2) * self.channels
    }

    /// Floats of an image with a border of one pixel.
    pub(super) fn padded_image(&self) -> usize {
        self.image_row() * (self.side + 2)
    }

    /// Floats from one row to the next of an activation after the first pooling, with its border.
    pub(super) fn hidden_row(&self) -> usize {
        (self.half() + 2) * FILTERS
    }

    /// Floats of an activation after the first pooling, with its border.
    pub(super) fn padded_hidden(&self) -> usize {
        self.hidden_row() * (self.half() + 2)
    }

    /// Floats of an output of the second convolution, whose rows are as far apart as those of its
    /// padded input: the last two pixels of each row mean nothing.
    pub(super) fn wide_hidden(&self) -> usize {
        self.hidden_row() * self.half()
    }

    /// Floats of an activation after the first pooling.
    pub(super) fn hidden(&self) -> usize {
        FILTERS * self.half() * self.half()
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range.end)
    }

    /// The parameter tensors in the order of the flat array.
    pub fn tensors(&self) -> [Tensor; 8] {
        let patch = self.patch();
        let features = self.features();
        let mut end = 0;
        [
            ("convolution1", patch, patch * FILTERS),
            ("scale1", 0, FILTERS),
            ("shift1", 0, FILTERS),
            ("convolution2", 9 * FILTERS, 9 * FILTERS * FILTERS),
            ("scale2", 0, FILTERS),
            ("shift2", 0, FILTERS),
            ("linear", features, features * self.classes),
            ("bias", features, self.classes),
        ]
        .map(|(name, fan_in, length)| {
            let start = end;
            end += length;
            Tensor { name, fan_in, range: start..end }
        })
    }

    /// Parameters at the start of training, a function of the seed only.
    ///
    /// As `PyTorch` initialises its layers: weights of convolutions and of the linear layer, and
    /// its bias, are uniform in `[-1/sqrt(n), 1/sqrt(n))`, where n is the number of inputs of an
    /// output; `scale` is 1, `shift` 0. Each tensor has its own stream of random numbers, and an
    /// element takes the upper 24 bits of the stream's next number.
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let mut parameters = vec![0.0; self.parameter_count()];
        for (stream, tensor) in self.tensors().into_iter().enumerate() {
            let values = &mut parameters[tensor.range];
            match tensor.name {
                "scale1" | "scale2" => values.fill(1.0),
                "shift1" | "shift2" => {}
                _ => uniform(values, tensor.fan_in, &mut Random::new(seed, stream as u64)),
            }
        }
        parameters
    }

    pub(super) fn parts<'a>(&self, flat: &'a [f32]) -> Parts<'a> {
        let [convolution1, scale1, shift1, convolution2, scale2, shift2, linear, bias] =
            self.tensors().map(|tensor| &flat[tensor.range]);
        Parts { convolution1, scale1, shift1, convolution2, scale2, shift2, linear, bias }
    }

    pub(super) fn parts_mut<'a>(&self, flat: &'a mut [f32]) -> PartsMut<'a> {
        let mut rest = flat;
        let [convolution1, scale1, shift1, convolution2, scale2, shift2, linear, bias] =
            self.tensors().map(|tensor| {
                let (taken, left) = std::mem::take(&mut rest).split_at_mut(tensor.range.len());
                rest = left;
                taken
            });
        PartsMut { convolution1, scale1, shift1, convolution2, scale2, shift2, linear, bias }
    }
}
