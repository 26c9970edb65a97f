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

use super::layers::{After, LayeredModel, Plan, Start, Unit};
use super::net::Path;
use super::{Child, ChildError, Model, Part};
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

/// The residual net with the images that it learns.
#[derive(Debug, Clone)]
pub struct ResidualNet(LayeredModel);

impl ResidualNet {
    /// The net for `data`, whose images are normalized already, and for batches of at most `batch`
    /// images, on `path` or the fastest one that runs here.
    ///
    /// Images that are not normalized are learned too, but lose digits in the first batch norm: its
    /// variance is `mean(z^2) - mean(z)^2`, of sums in f32 whose error is about 1e-7 of `mean(z^2)`. That
    /// is a tenth of the variance where the mean of z is a thousand times its deviation. Values of
    /// z beyond 1e19 make the loss one that is not a number.
    ///
    /// # Errors
    ///
    /// [`ChildError::Side`] for images whose side is not a multiple of 4, [`ChildError::Size`] for a
    /// batch that is empty or too large, [`ChildError::Path`] for a path that does not run here.
    pub fn new(data: ImageData, batch: usize, path: Option<Path>) -> Result<Self, ChildError> {
        LayeredModel::new(data, batch, path, &UNITS, Start::Normal).map(Self)
    }

    /// Sizes and parameters.
    pub fn plan(&self) -> &Plan {
        self.0.plan()
    }
}

impl Model for ResidualNet {
    fn examples(&self, part: Part) -> usize {
        self.0.examples(part)
    }

    fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        self.0.initial_parameters(seed)
    }

    fn child(&self) -> Box<dyn Child + '_> {
        self.0.child()
    }
}
