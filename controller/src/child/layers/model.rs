//! A planned net with its data, as a model.

use super::images::Parts;
use super::layered::{Layered, Vectors};
use super::plan::{Plan, Start, Unit};
use crate::child::net::Path;
use crate::child::{Child, ChildError, Model, Part, Score};
use crate::dataset::ImageData;

/// A net of units and the images that it learns, which are to be normalized.
///
/// Images that are not normalized are learned too, but lose digits in the first batch norm: its
/// variance is `mean(z^2) - mean(z)^2`, of sums in f32 whose error is about 1e-7 of `mean(z^2)`. That
/// is a tenth of the variance where the mean of z is a thousand times its deviation. Values of
/// z beyond 1e19 make the loss one that is not a number.
#[derive(Debug, Clone)]
pub struct LayeredModel {
    plan: Plan,
    vectors: Vectors,
    parts: Parts,
}

/// A net in training.
#[derive(Debug)]
struct LayeredChild<'a> {
    parts: &'a Parts,
    net: Layered,
}

impl LayeredModel {
    /// The net of these units for `data`, and for batches of at most `batch` images, on `path` or the
    /// fastest one that runs here.
    ///
    /// # Errors
    ///
    /// As [`Plan::new`]; [`ChildError::Path`] if this processor lacks the vectors of the path.
    pub(in crate::child) fn new(
        data: ImageData,
        batch: usize,
        path: Option<Path>,
        units: &[Unit],
        start: Start,
    ) -> Result<Self, ChildError> {
        let plan = Plan::new(data.shape(), batch, units, start)?;
        let vectors = path.map_or_else(|| Ok(Vectors::fastest()), Vectors::of_path)?;
        Ok(Self { plan, vectors, parts: Parts::new(data) })
    }

    /// What the net is made of: sizes and parameters.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl Model for LayeredModel {
    fn examples(&self, part: Part) -> usize {
        self.parts.get(part).len()
    }

    fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        self.plan.initial_parameters(seed)
    }

    fn path(&self) -> Option<Path> {
        Some(self.vectors.path())
    }

    fn child(&self) -> Box<dyn Child + '_> {
        Box::new(LayeredChild { parts: &self.parts, net: Layered::new(&self.plan, self.vectors) })
    }
}

impl Child for LayeredChild<'_> {
    fn differentiate(
        &mut self,
        parameters: &[f32],
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<f64, ChildError> {
        let images = self.parts.get(Part::Train);
        Ok(self.net.differentiate(parameters, images, batch, gradients)?.loss)
    }

    fn evaluate(&mut self, parameters: &[f32], part: Part) -> Result<Score, ChildError> {
        self.net.evaluate(parameters, self.parts.get(part))
    }
}
