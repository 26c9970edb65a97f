//! The paper's child on images: `shapes`, `cifar10`, and the digits.
//!
//! Choices: batches of 100 in an order shuffled anew each epoch by the seed, the last batch of an epoch
//! being smaller; 5 epochs; learning rates 10^i for i = -5..1, the paper's sweep. All parameters are one
//! tensor, so a step is one call of a kernel. The curve has a point before the first step, after each epoch
//! and at the end: loss and accuracy on the validation images, in evaluation mode.

use super::contract::{Budget, Description, Task, TaskError};
use super::training::{Accuracies, Halt, PAPER_LEARNING_RATES, Progress, Training};
use crate::child::net::{ConvNet, Prepared, Shape};
use crate::child::{ChildError, Score};
use crate::dataset::{ImageData, SplitSizes};
use crate::outcome::Outcome;
use crate::stepper::MakeStepper;

const BATCH_SIZE: usize = 100;
const EPOCHS: u64 = 5;

/// A data set, prepared for the paper's child.
#[derive(Debug)]
pub struct Images {
    name: &'static str,
    title: &'static str,
    summary: &'static str,
    shape: Shape,
    sizes: SplitSizes,
    digest: String,
    train: Prepared,
    validation: Prepared,
    test: Prepared,
}

/// A child: its net, and parameters and gradients side by side.
struct Child {
    net: ConvNet,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
}

impl Images {
    /// Name of the paper's child on the digits.
    pub const DIGITS: &'static str = "digits-convnet";
    /// Name of the paper's child on CIFAR-10.
    pub const CIFAR10: &'static str = "cifar10";
    /// Name of the paper's child on drawn images.
    pub const SHAPES: &'static str = "shapes";

    /// The task of a data set. Values are scaled by the means and deviations of the training images.
    ///
    /// # Errors
    ///
    /// [`TaskError::Net`] if its images have sizes that the net does not take.
    pub fn new(
        name: &'static str,
        title: &'static str,
        summary: &'static str,
        data: ImageData,
    ) -> Result<Self, TaskError> {
        let data = data.normalized();
        let images = data.shape();
        let shape = Shape::new(images.side(), images.channels(), images.classes(), BATCH_SIZE)?;
        Ok(Self {
            name,
            title,
            summary,
            shape,
            sizes: data.sizes(),
            digest: data.digest(),
            train: Prepared::new(shape, data.train())?,
            validation: Prepared::new(shape, data.validation())?,
            test: Prepared::new(shape, data.test())?,
        })
    }

    fn step(
        &self,
        child: &mut Child,
        training: &mut Training<'_, '_>,
        batch: &[usize],
    ) -> Result<(), Halt> {
        let Child { net, parameters, gradients } = child;
        let score = net.forward_backward(parameters, &self.train, batch, gradients);
        training.check_loss(score.map_err(failed)?.loss)?;
        training.step(&mut [parameters], &[gradients])
    }

    fn record(&self, child: &mut Child, training: &mut Training<'_, '_>) -> Result<(), Halt> {
        let score = child.score(&self.validation).map_err(failed)?;
        training.record(score.loss, Some(share(score, &self.validation)))
    }
}

impl Child {
    fn score(&mut self, images: &Prepared) -> Result<Score, ChildError> {
        let all: Vec<usize> = (0..images.len()).collect();
        self.net.evaluate(&self.parameters, images, &all)
    }

    fn accuracy(&mut self, images: &Prepared) -> Result<f64, ChildError> {
        Ok(share(self.score(images)?, images))
    }
}

fn failed(error: ChildError) -> Halt {
    Halt::Failed(error.into())
}

/// Right answers over images.
fn share(score: Score, images: &Prepared) -> f64 {
    score.correct as f64 / images.len().max(1) as f64
}

impl Task for Images {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self) -> Description {
        Description {
            title: self.title,
            summary: self.summary,
            loss: "validation loss (mean cross-entropy, nats)",
            parameters: self.shape.parameter_count(),
            batch_size: BATCH_SIZE,
            examples: Some(self.sizes),
            data_digest: Some(self.digest.clone()),
        }
    }

    fn steps_per_epoch(&self) -> u64 {
        self.train.len().div_ceil(BATCH_SIZE) as u64
    }

    fn default_steps(&self) -> u64 {
        EPOCHS * self.steps_per_epoch()
    }

    fn default_learning_rates(&self) -> Vec<f64> {
        PAPER_LEARNING_RATES.to_vec()
    }

    fn train(
        &self,
        maker: &dyn MakeStepper,
        budget: &Budget,
        progress: &mut Progress<'_>,
    ) -> Result<Outcome, TaskError> {
        let parameters = self.shape.initial_parameters(budget.seed);
        let gradients = vec![0.0; parameters.len()];
        let mut child = Child { net: ConvNet::new(self.shape), parameters, gradients };
        let lengths = [child.parameters.len()];
        let mut training = Training::begin(maker, budget, &lengths, progress)?;
        let result = training.epochs(
            &mut child,
            (self.train.len(), BATCH_SIZE),
            |child, training, batch| self.step(child, training, batch),
            |child, training| self.record(child, training),
        );
        training.finish(result, |is_finished| {
            let validation = Some(child.accuracy(&self.validation)?);
            let test = if is_finished { Some(child.accuracy(&self.test)?) } else { None };
            Ok(Accuracies { validation, test })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::Images;
    use crate::dataset::SplitSizes;
    use crate::dataset::shapes::Shapes;
    use crate::outcome::{End, Outcome};
    use crate::stepper::fake::Momentum;
    use crate::task::{Budget, Task, TaskOptions, open_with};

    fn train(task: &dyn Task, learning_rate: f64, steps: u64, seed: u64) -> Outcome {
        let mut progress = |_: &_| ControlFlow::Continue(());
        task.train(&Momentum(0.9), &Budget { learning_rate, steps, seed }, &mut progress).unwrap()
    }

    #[test]
    fn the_digits_are_learned_in_an_epoch_or_two() {
        let task = open_with(Images::DIGITS, &TaskOptions::default()).unwrap();
        assert_eq!(task.description().parameters, 10_922);
        let outcome = train(task.as_ref(), 0.05, 2 * task.steps_per_epoch(), 0);
        assert_eq!(outcome.end, End::Finished);
        assert_eq!(outcome.curve.len(), 3);
        assert!(outcome.validation_accuracy.unwrap() > 0.9, "{outcome:?}");
        assert!(outcome.test_accuracy.unwrap() > 0.85, "{outcome:?}");
        let again = train(task.as_ref(), 0.05, 2 * task.steps_per_epoch(), 0);
        assert_eq!(outcome, again);
        assert_ne!(outcome.curve, train(task.as_ref(), 0.05, 3, 1).curve);
    }

    #[test]
    fn drawn_images_are_learned_and_a_wild_rate_is_given_up() {
        let sizes = SplitSizes { train: 600, validation: 200, test: 200 };
        let shapes = Shapes { side: 16, classes: 3, difficulty: 0.1, sizes };
        let task = Images::new("shapes", "", "", shapes.generate().unwrap()).unwrap();
        let outcome = train(&task, 0.02, 24, 0);
        assert!(outcome.validation_accuracy.unwrap() > 0.5, "{outcome:?}");
        let wild = train(&task, 1e30, 24, 0);
        assert!(matches!(wild.end, End::Diverged(_)), "{wild:?}");
    }
}
