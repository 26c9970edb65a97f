//! What a net is made of: its units one after another, their sizes, and where their parameters lie in
//! the flat array.

use std::ops::Range;

use super::convolution::Sizes;
use crate::child::ChildError;
use crate::child::net::MAX_BATCH;
use crate::child::start::uniform;
use crate::dataset::ImageShape;
use crate::random::Random;

/// Most floats of what convolutions and units put out for a batch, 4 GiB. With derivatives, a net takes up
/// to half as much again.
const MAX_ACTIVATIONS: usize = 1 << 30;

/// What follows a unit's convolution and batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::child) enum After {
    /// `ReLU`.
    Relu,
    /// `ReLU`, then max-pooling 2x2; the first of equals wins.
    Pool,
    /// The output of this earlier unit is added, then `ReLU`. If that output is twice as wide, every second
    /// pixel of it is taken; channels that it lacks are 0 (option A of He, Zhang, Ren and Sun 2015,
    /// *Deep residual learning for image recognition*, section 3.3). A unit is added once at most.
    Join(usize),
}

/// A convolution 3x3 with a border of zeros and without bias, batch norm, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::child) struct Unit {
    /// Number of filters: a multiple of 16, and of 32 in the last unit.
    pub(in crate::child) filters: usize,
    /// 1 or 2.
    pub(in crate::child) stride: usize,
    /// What follows.
    pub(in crate::child) after: After,
}

/// How weights of convolutions start. The linear layer starts as `PyTorch` has it: uniform in
/// `[-1/sqrt(n), 1/sqrt(n))` for weights and bias, where n is its number of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::child) enum Start {
    /// As `PyTorch` has it: uniform in `[-1/sqrt(n), 1/sqrt(n))`, where n is the number of inputs
    /// of an output.
    Uniform,
    /// Normal with variance 2/n (He, Zhang, Ren and Sun 2015, *Delving deep into rectifiers*, equation
    /// 10).
    Normal,
}

/// A unit with its sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) sizes: Sizes,
    pub(super) after: After,
    pub(super) weights: Range<usize>,
    pub(super) scale: Range<usize>,
    pub(super) shift: Range<usize>,
}

/// A net: units, global average pooling, and a linear layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    shape: ImageShape,
    batch: usize,
    start: Start,
    pub(super) units: Vec<Planned>,
    pub(super) linear: Range<usize>,
    pub(super) bias: Range<usize>,
}

impl Planned {
    /// Side of what comes out of the unit.
    pub(super) fn out_side(&self) -> usize {
        match self.after {
            After::Pool => self.sizes.outputs_side() / 2,
            After::Relu | After::Join(_) => self.sizes.outputs_side(),
        }
    }

    /// Floats of a row of it.
    pub(super) fn out_row(&self) -> usize {
        self.out_side() * self.sizes.filters
    }

    /// Floats of it, for an image.
    pub(super) fn out(&self) -> usize {
        self.out_side() * self.out_side() * self.sizes.filters
    }
}

impl Plan {
    /// The net of these units for images of this shape, and batches of at most `batch` images.
    ///
    /// # Errors
    ///
    /// [`ChildError::Side`] if the side is not a multiple of 4, [`ChildError::Size`] for a batch that is
    /// empty, larger than [`MAX_BATCH`] or larger than memory should hold.
    ///
    /// # Panics
    ///
    /// If the kernels cannot compute such units; they never do not, they are the crate's own.
    pub(in crate::child) fn new(
        shape: ImageShape,
        batch: usize,
        units: &[Unit],
        start: Start,
    ) -> Result<Self, ChildError> {
        ChildError::check_side(shape.side())?;
        let planned = lay_out(shape, units);
        let flaw = flaw(&planned);
        assert!(flaw.is_none(), "a plan in which {}", flaw.unwrap_or_default());
        let end = planned.last().map_or(0, |unit| unit.shift.end);
        let inputs = planned.last().map_or(0, |unit| unit.sizes.filters);
        let linear = end..end + inputs * shape.classes();
        let bias = linear.end..linear.end + shape.classes();
        let activations: usize = planned.iter().map(|unit| unit.sizes.outputs() + unit.out()).sum();
        let most = MAX_BATCH.min(MAX_ACTIVATIONS / activations.max(1));
        ChildError::check_size("batch", batch, most)?;
        Ok(Self { shape, batch, start, units: planned, linear, bias })
    }

    /// Sizes of the images.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Most images in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Inputs of the linear layer.
    pub(super) fn features(&self) -> usize {
        self.linear.len() / self.bias.len()
    }

    /// Number of parameters. They are one flat array: for each unit the weights
    /// `[3, 3, inputs, filters]`, gamma and beta of batch norm `[filters]`; then the linear layer's
    /// weights `[classes, features]` and bias. The last dimension varies fastest.
    pub fn parameter_count(&self) -> usize {
        self.bias.end
    }

    /// Parameters at the start of training: see [`Start`]; gamma is 1, beta 0. A function of the seed
    /// only: each tensor has its own stream of random numbers.
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let mut parameters = vec![0.0; self.parameter_count()];
        for (stream, unit) in self.units.iter().enumerate() {
            let mut random = Random::new(seed, stream as u64);
            let weights = &mut parameters[unit.weights.clone()];
            match self.start {
                Start::Uniform => uniform(weights, unit.sizes.patch(), &mut random),
                Start::Normal => {
                    let deviation = libm::sqrt(2.0 / unit.sizes.patch() as f64);
                    weights.fill_with(|| (deviation * random.normal()) as f32);
                }
            }
            parameters[unit.scale.clone()].fill(1.0);
        }
        for (stream, range) in [&self.linear, &self.bias].into_iter().enumerate() {
            let mut random = Random::new(seed, (self.units.len() + stream) as u64);
            uniform(&mut parameters[range.clone()], self.features(), &mut random);
        }
        parameters
    }
}

/// Sizes and parameters of units, one after another.
fn lay_out(shape: ImageShape, units: &[Unit]) -> Vec<Planned> {
    let (mut side, mut inputs, mut end) = (shape.side(), shape.channels(), 0);
    let mut take = |length: usize| {
        end += length;
        end - length..end
    };
    let mut planned: Vec<Planned> = Vec::new();
    for &Unit { filters, stride, after } in units {
        let sizes = Sizes { side, inputs, filters, stride };
        let weights = take(sizes.patch() * filters);
        let (scale, shift) = (take(filters), take(filters));
        planned.push(Planned { sizes, after, weights, scale, shift });
        (side, inputs) = (planned.last().map_or(side, Planned::out_side), filters);
    }
    planned
}

/// What the kernels cannot do of a plan.
fn flaw(units: &[Planned]) -> Option<&'static str> {
    for (index, unit) in units.iter().enumerate() {
        let Sizes { side, filters, stride, .. } = unit.sizes;
        if filters == 0 || !filters.is_multiple_of(16) {
            return Some("filters are no whole number of vectors");
        }
        if !(1..=2).contains(&stride) || side == 0 || !side.is_multiple_of(stride) {
            return Some("a stride is not 1 or 2, or does not divide the side");
        }
        let from = match unit.after {
            After::Relu => continue,
            After::Pool if unit.sizes.outputs_side().is_multiple_of(2) => continue,
            After::Pool => return Some("an odd side is pooled"),
            After::Join(other) => units[..index].get(other),
        };
        let Some(from) = from else { return Some("a unit is added that is not an earlier one") };
        let side = unit.out_side();
        if from.sizes.filters > filters || ![side, 2 * side].contains(&from.out_side()) {
            return Some("a unit is added that has other sizes");
        }
        if units[..index].iter().any(|earlier| earlier.after == unit.after) {
            return Some("a unit is added twice");
        }
    }
    match units.last() {
        Some(last) if last.sizes.filters.is_multiple_of(32) => None,
        _ => Some("the last unit's filters are no multiple of 32"),
    }
}

#[cfg(test)]
mod tests {
    use super::{After, Unit, flaw, lay_out};
    use crate::dataset::ImageShape;

    #[test]
    fn what_the_kernels_cannot_do_is_found() {
        let unit = |filters, stride, after| Unit { filters, stride, after };
        let relu = |filters| unit(filters, 1, After::Relu);
        let found = |units: &[Unit]| flaw(&lay_out(ImageShape::new(4, 1, 2).unwrap(), units));
        let two = [relu(32), unit(64, 2, After::Join(0)), unit(64, 1, After::Join(1))];
        assert_eq!(found(&two), None);
        assert_eq!(found(&[relu(16), relu(32)]), None);
        let joins = |other| [relu(32), relu(32), unit(32, 1, After::Join(other))];
        let wrong: [(&[Unit], &str); 11] = [
            (&[], "last unit"),
            (&[relu(32), relu(16)], "last unit"),
            (&[relu(24), relu(32)], "filters"),
            (&[relu(0)], "filters"),
            (&[unit(32, 3, After::Relu)], "stride"),
            (&[unit(32, 2, After::Pool), unit(32, 2, After::Relu)], "stride"),
            (&[unit(32, 2, After::Pool), unit(32, 1, After::Pool)], "odd side"),
            (&joins(2), "not an earlier one"),
            (&[relu(64), unit(32, 1, After::Join(0))], "other sizes"),
            (&[relu(32), unit(32, 2, After::Pool), unit(32, 1, After::Join(0))], "other sizes"),
            (&[relu(32), unit(32, 1, After::Join(0)), unit(32, 1, After::Join(0))], "twice"),
        ];
        for (units, expected) in wrong {
            let flaw = found(units);
            assert!(flaw.is_some_and(|flaw| flaw.contains(expected)), "{expected}: {flaw:?}");
        }
    }
}
