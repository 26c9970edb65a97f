//! The model with a text as a child: what goes in and out of a pass.

use super::TextModel;
use super::pass::Pass;
use crate::child::{Child, ChildError, Part, Score, Sums};

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
}

impl Child for TextChild<'_> {
    fn differentiate(
        &mut self,
        parameters: &[f32],
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<f64, ChildError> {
        let shape = self.model.shape;
        ChildError::check_parameters(parameters, shape.parameter_count())?;
        ChildError::check_gradients(gradients, shape.parameter_count())?;
        let windows = self.model.windows(Part::Train);
        ChildError::check_batch(batch, shape.batch, windows.len())?;
        if !are_finite(parameters) {
            gradients.fill(f32::NAN);
            return Ok(f64::NAN);
        }
        let count = batch.len() * shape.length;
        let parts = shape.parts(parameters);
        self.pass.prepare(&parts);
        self.pass.load(batch.iter().map(|index| windows.get(*index).unwrap_or_default()));
        let sums = self.pass.forward(&parts, 1.0 / count as f32);
        self.pass.backward(&parts, &mut shape.parts_mut(gradients));
        Ok(sums.score(count).loss)
    }

    fn evaluate(&mut self, parameters: &[f32], part: Part) -> Result<Score, ChildError> {
        let shape = self.model.shape;
        ChildError::check_parameters(parameters, shape.parameter_count())?;
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
            total += self.pass.forward(&parts, 0.0);
        }
        Ok(total.score(count))
    }
}

/// Whether no parameter is infinite or not a number. Gates would hide it: they turn infinite sums
/// into 0 and 1.
fn are_finite(parameters: &[f32]) -> bool {
    parameters.iter().fold(true, |finite, value| finite & value.is_finite())
}
