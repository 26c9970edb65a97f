//! A deeper convolutional net than the paper's child, after Simonyan and Zisserman 2015, *Very deep
//! convolutional networks for large-scale image recognition*: pairs of small convolutions, and twice
//! the filters wherever pooling halves the side.
//!
//! ```text
//! image [side, side, channels]
//!   2 times: convolution 3x3 to 16 ► batch norm ► ReLU      max-pool 2x2    [side/2, side/2, 16]
//!   2 times: convolution 3x3 to 32 ► batch norm ► ReLU      max-pool 2x2    [side/4, side/4, 32]
//!   2 times: convolution 3x3 to 64 ► batch norm ► ReLU      average of all pixels           [64]
//!   linear to classes ► cross-entropy, mean over the batch
//! ```
//!
//! Six convolutions where the child has two, and no place in the image has weights of its own in the
//! linear layer. Any side that is a multiple of 4 will do: images of 8x8 pixels reach the last
//! convolutions with 2x2. Convolutions have no bias. At 3 channels and 10 classes it has 72,954
//! parameters, which start as `PyTorch` has them ([`Start::Uniform`]).

use super::ChildError;
use super::layers::{After, LayeredModel, Start, Unit};
use super::net::Path;
use crate::dataset::ImageData;

/// The net, from the image on.
const UNITS: [Unit; 6] = [
    Unit { filters: 16, stride: 1, after: After::Relu },
    Unit { filters: 16, stride: 1, after: After::Pool },
    Unit { filters: 32, stride: 1, after: After::Relu },
    Unit { filters: 32, stride: 1, after: After::Pool },
    Unit { filters: 64, stride: 1, after: After::Relu },
    Unit { filters: 64, stride: 1, after: After::Relu },
];

impl LayeredModel {
    /// The deeper net for `data`, whose images are normalized already ([`LayeredModel`] says why), and for batches
    /// of at most `batch` images, on `path` or the fastest one that runs here.
    ///
    /// # Errors
    ///
    /// [`ChildError::Side`] for images whose side is not a multiple of 4, [`ChildError::Size`] for a
    /// batch that is empty or too large, [`ChildError::Path`] for a path that does not run here.
    pub fn deep(data: ImageData, batch: usize, path: Option<Path>) -> Result<Self, ChildError> {
        LayeredModel::new(data, batch, path, &UNITS, Start::Uniform)
    }
}
