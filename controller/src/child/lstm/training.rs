//! The model with a text as a child: what goes in and out of a pass.

use super::TextModel;
use super::output::Sums;
use super::pass::Pass;
use crate::child::net::Path;
use crate::child::{Child, ChildError, Part, Score};

/// A net in training. It keeps nothing of the data but its parameters.
#[derive(Debug)]
pub(super) struct TextChild<'a> {
    model: &'a TextModel,
    pass: Pass,
}

impl<'a> TextChild<'a> {
    pub(super) fn new(model: &'a TextModel) -> Self {
        Self { model, pass: Pass::new(model.shape) }
    }

    fn check_length(&self, what: &'static str, length: usize) -> Result<(), ChildError> {
        let expected = self.model.shape.parameter_count();
        if length == expected { Ok(()) } else { Err(ChildError::Length { what, length, expected }) }
    }

    fn check_batch(&self, batch: &[usize]) -> Result<(), ChildError> {
        let (value, most) = (batch.len(), self.model.shape.batch);
        if value == 0 || value > most {
            return Err(ChildError::Size { what: "batch", value, most });
        }
        let examples = self.model.windows(Part::Train).len();
        match batch.iter().find(|index| **index >= examples) {
            Some(index) => Err(ChildError::Example { index: *index, examples }),
            None => Ok(()),
        }
    }
}

impl Child for TextChild<'_> {
    fn path(&self) -> Option<Path> {
        Some(Path::Gemm)
    }

    fn differentiate(
        &mut self,
        parameters: &[f32],
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<f64, ChildError> {
        self.check_length("the array of parameters", parameters.len())?;
        self.check_length("the array of gradients", gradients.len())?;
        self.check_batch(batch)?;
        if !are_finite(parameters) {
            gradients.fill(f32::NAN);
            return Ok(f64::NAN);
        }
        let shape = self.model.shape;
        let count = batch.len() * shape.length;
        let windows = self.model.windows(Part::Train);
        let parts = shape.parts(parameters);
        self.pass.prepare(&parts);
        self.pass.load(batch.iter().map(|index| windows.get(*index).unwrap_or_default()));
        let sums = self.pass.forward(&parts, 1.0 / count as f32);
        self.pass.backward(&parts, &mut shape.parts_mut(gradients));
        Ok(sums.loss / count as f64)
    }

    fn evaluate(&mut self, parameters: &[f32], part: Part) -> Result<Score, ChildError> {
        self.check_length("the array of parameters", parameters.len())?;
        let shape = self.model.shape;
        let windows = self.model.windows(part);
        let count = windows.len() * shape.length;
        if !are_finite(parameters) {
            return Ok(Score { loss: f64::NAN, correct: 0, count });
        }
        let parts = shape.parts(parameters);
        self.pass.prepare(&parts);
        let mut total = Sums::default();
        for start in (0..windows.len()).step_by(shape.batch) {
            let end = windows.len().min(start + shape.batch);
            self.pass.load((start..end).map(|index| windows.get(index).unwrap_or_default()));
            let sums = self.pass.forward(&parts, 0.0);
            total.loss += sums.loss;
            total.correct += sums.correct;
        }
        Ok(Score { loss: total.loss / count.max(1) as f64, correct: total.correct, count })
    }
}

/// Whether no parameter is infinite or not a number. Gates would hide it: they turn infinite sums
/// into 0 and 1.
fn are_finite(parameters: &[f32]) -> bool {
    parameters.iter().fold(true, |finite, value| finite & value.is_finite())
}
