//! A planned net with its data, as a model.

use super::images::Parts;
use super::layered::Layered;
use super::plan::{Plan, Start, Unit};
use crate::child::net::Path;
use crate::child::{Child, ChildError, Model, Part, Score};
use crate::dataset::ImageData;

/// A net and the images that it learns.
#[derive(Debug, Clone)]
pub struct LayeredModel {
    plan: Plan,
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
    /// `batch` images.
    pub(in crate::child) fn new(
        data: &ImageData,
        batch: usize,
        units: &[Unit],
        start: Start,
    ) -> Result<Self, ChildError> {
        let plan = Plan::new(data.shape(), batch, units, start)?;
        Ok(Self { plan, parts: Parts::new(data) })
    }

    /// What the net is made of.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A child on a path.
    ///
    /// # Errors
    ///
    /// [`ChildError::Path`] if the path does not run on this processor.
    pub fn child_on(&self, path: Path) -> Result<Box<dyn Child + '_>, ChildError> {
        Ok(Box::new(LayeredChild { parts: &self.parts, net: Layered::on_path(&self.plan, path)? }))
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
        Box::new(LayeredChild { parts: &self.parts, net: Layered::new(&self.plan) })
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
