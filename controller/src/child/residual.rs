//! A small residual net: that of He, Zhang, Ren and Sun 2015, *Deep residual learning for image
//! recognition*, section 4.2, for n = 1: eight layers with weights.
//!
//! ```text
//! image [side, side, channels]
//!   convolution 3x3 to 16 ► batch norm ► ReLU                               [side, side, 16]
//!   block of 16 filters                                                     [side, side, 16]
//!   block of 32 filters, stride 2                                       [side/2, side/2, 32]
//!   block of 64 filters, stride 2                                       [side/4, side/4, 64]
//!   average of all pixels ► linear to classes ► cross-entropy, mean over the batch
//!
//! block     x ► convolution 3x3 ► batch norm ► ReLU ► convolution 3x3 ► batch norm ► + x ► ReLU
//! ```
//!
//! The stride is that of a block's first convolution. Where a block changes the size, its shortcut has no
//! parameters: it takes every second pixel, and channels that x lacks are 0 (option A there). Any side
//! that is a multiple of 4 will do. Convolutions have no bias. At 3 channels and 10 classes it has
//! 75,290 parameters. Convolutions start as in the paper ([`Start::Normal`]).

use super::ChildError;
use super::layers::{After, LayeredModel, Start, Unit};
use super::net::Path;
use crate::dataset::ImageData;

/// The net, from the image on.
const UNITS: [Unit; 7] = [
    Unit { filters: 16, stride: 1, after: After::Relu },
    Unit { filters: 16, stride: 1, after: After::Relu },
    Unit { filters: 16, stride: 1, after: After::Join(0) },
    Unit { filters: 32, stride: 2, after: After::Relu },
    Unit { filters: 32, stride: 1, after: After::Join(2) },
    Unit { filters: 64, stride: 2, after: After::Relu },
    Unit { filters: 64, stride: 1, after: After::Join(4) },
];

impl LayeredModel {
    /// The residual net for `data`, whose images are normalized already ([`LayeredModel`] says why), and for batches
    /// of at most `batch` images, on `path` or the fastest one that runs here.
    ///
    /// # Errors
    ///
    /// [`ChildError::Side`] for images whose side is not a multiple of 4, [`ChildError::Size`] for a
    /// batch that is empty or too large, [`ChildError::Path`] for a path that does not run here.
    pub fn residual(data: ImageData, batch: usize, path: Option<Path>) -> Result<Self, ChildError> {
        LayeredModel::new(data, batch, path, &UNITS, Start::Normal)
    }
}
