//! Softmax regression on the UCI handwritten digits: the smallest real learning task, seconds on
//! one core.
//!
//! Choices: pixels are scaled to 0..1; all parameters start at 0 (the loss is convex); batches of
//! 100 in an order shuffled anew each epoch by the seed, the last batch of an epoch being smaller;
//! 20 epochs; learning rates 10^i for i = -5..1, the paper's sweep. The curve has a point before
//! the first step, after each epoch and at the end: loss over all training images and accuracy on
//! the validation images.

use super::contract::{Budget, Description, Task, TaskError};
use super::training::{Accuracies, Halt, PAPER_LEARNING_RATES, Progress, Training};
use crate::child::softmax::SoftmaxRegression;
use crate::dataset::ImageData;
use crate::dataset::digits::{self, CLASSES, DigitsError, IMAGE_LENGTH};
use crate::outcome::Outcome;
use crate::stepper::MakeStepper;

const BATCH_SIZE: usize = 100;
const EPOCHS: u64 = 20;

/// The task `digits`.
#[derive(Debug, Clone, PartialEq)]
pub struct Digits {
    data: ImageData,
}

impl Digits {
    /// Its name on the command line.
    pub const NAME: &'static str = digits::NAME;

    /// The task with the data of this build.
    ///
    /// # Errors
    ///
    /// [`DigitsError`] if the data are damaged.
    pub fn load() -> Result<Self, DigitsError> {
        Ok(Self { data: digits::load()? })
    }

    fn step(
        &self,
        child: &mut SoftmaxRegression,
        training: &mut Training<'_, '_>,
        batch: &[usize],
    ) -> Result<(), Halt> {
        training.check_loss(child.differentiate(self.data.train(), batch))?;
        training.step(
            &mut [&mut child.weights, &mut child.biases],
            &[&child.weight_gradient, &child.bias_gradient],
        )
    }

    fn record(
        &self,
        child: &mut SoftmaxRegression,
        training: &mut Training<'_, '_>,
    ) -> Result<(), Halt> {
        let loss = child.evaluate(self.data.train()).loss;
        let validation = child.evaluate(self.data.validation());
        training.record(loss, Some(validation.accuracy))
    }
}

impl Task for Digits {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn description(&self) -> Description {
        Description {
            title: "Handwritten digits, softmax regression",
            summary: "Softmax regression on 1,797 images of 8x8 pixels: E. Alpaydin and C. Kaynak, \
                      Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, \
                      1998, https://doi.org/10.24432/C50P49, CC BY 4.0.",
            loss: "training loss (mean cross-entropy, nats)",
            parameters: (IMAGE_LENGTH + 1) * CLASSES,
            batch_size: BATCH_SIZE,
            examples: Some(self.data.sizes()),
            data_digest: Some(self.data.digest()),
        }
    }

    fn steps_per_epoch(&self) -> u64 {
        self.data.train().len().div_ceil(BATCH_SIZE) as u64
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
        let mut child = SoftmaxRegression::new(IMAGE_LENGTH, CLASSES);
        let mut training = Training::begin(maker, budget, &child.tensor_lengths(), progress)?;
        let result = training.epochs(
            &mut child,
            (self.data.train().len(), BATCH_SIZE),
            |child, training, batch| self.step(child, training, batch),
            |child, training| self.record(child, training),
        );
        training.finish(result, |is_finished| {
            let validation = Some(child.evaluate(self.data.validation()).accuracy);
            let test = is_finished.then(|| child.evaluate(self.data.test()).accuracy);
            Ok(Accuracies { validation, test })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::Digits;
    use crate::outcome::{End, Outcome};
    use crate::stepper::fake::Momentum;
    use crate::task::{Budget, Task};

    fn train(learning_rate: f64, steps: u64, seed: u64) -> Outcome {
        let task = Digits::load().unwrap();
        let mut progress = |_: &_| ControlFlow::Continue(());
        task.train(&Momentum(0.9), &Budget { learning_rate, steps, seed }, &mut progress).unwrap()
    }

    #[test]
    fn a_good_learning_rate_classifies_nine_in_ten() {
        let task = Digits::load().unwrap();
        let outcome = train(0.1, task.default_steps(), 0);
        assert_eq!((outcome.end, outcome.steps), (End::Finished, 260));
        assert_eq!(outcome.curve.len(), 21);
        assert!((outcome.curve[0].loss - libm::log(10.0)).abs() < 1e-12);
        assert_eq!(outcome.curve[0].validation_accuracy, Some(0.1));
        assert!(outcome.final_loss.unwrap() < 0.2, "{:?}", outcome.final_loss);
        assert!(outcome.validation_accuracy.unwrap() > 0.93, "{:?}", outcome.validation_accuracy);
        assert!(outcome.test_accuracy.unwrap() > 0.93, "{:?}", outcome.test_accuracy);
    }

    #[test]
    fn a_seed_fixes_the_outcome_and_another_changes_it() {
        assert_eq!(train(0.1, 30, 5), train(0.1, 30, 5));
        assert_ne!(train(0.1, 30, 5).final_loss, train(0.1, 30, 6).final_loss);
    }

    #[test]
    fn a_budget_may_end_within_an_epoch() {
        let outcome = train(0.1, 15, 0);
        let steps: Vec<u64> = outcome.curve.iter().map(|point| point.step).collect();
        assert_eq!(steps, [0, 13, 15]);
    }

    #[test]
    fn a_lost_child_has_no_accuracy() {
        let outcome = train(1e38, 260, 0);
        assert!(outcome.divergence().is_some());
        assert_eq!((outcome.validation_accuracy, outcome.test_accuracy), (None, None));
    }

    #[test]
    fn the_description_names_the_data() {
        let description = Digits::load().unwrap().description();
        let sizes = description.examples.unwrap();
        assert_eq!((sizes.train, sizes.validation, sizes.test), (1297, 250, 250));
        assert_eq!(description.data_digest.unwrap().len(), 64);
        assert_eq!(description.parameters, 650);
    }
}
