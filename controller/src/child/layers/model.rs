//! A planned net with its data, as a model.

use super::images::Parts;
use super::layered::{Layered, Vectors};
use super::plan::{Plan, Start, Unit};
use crate::child::net::Path;
use crate::child::{Child, ChildError, Model, Part, Score};
use crate::dataset::ImageData;

/// A net and the images that it learns.
#[derive(Debug, Clone)]
pub(in crate::child) struct LayeredModel {
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
    /// The net of these units for `data`, which is normalized already, and for batches of at most
    /// `batch` images, on `path` or the fastest one that runs here. What images lose that are not
    /// normalized is said at [`DeepConvNet::new`](crate::child::deep::DeepConvNet::new).
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

    /// What the net is made of.
    pub(in crate::child) fn plan(&self) -> &Plan {
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

    fn child(&self) -> Box<dyn Child + '_> {
        Box::new(LayeredChild { parts: &self.parts, net: Layered::new(&self.plan, self.vectors) })
    }
}

impl Child for LayeredChild<'_> {
    fn path(&self) -> Option<Path> {
        Some(self.net.path())
    }

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
