//! What every task does the same way while a child trains: steps, curve, and giving up in time.
//!
//! A task writes its loop as a function that returns `Result<(), Halt>`, calls the methods of
//! [`Training`] with `?`, and hands the result to [`Training::finish`].

use std::fmt;
use std::ops::ControlFlow;

use super::contract::{Budget, TaskError};
use crate::outcome::{Divergence, DivergenceReason, End, Outcome, Point};
use crate::random::Random;
use crate::stepper::{MakeStepper, Stepper, StepperSettings};

/// Sees each point of a curve as it is taken; `Break` stops the child.
pub type Progress<'a> = dyn FnMut(&Point) -> ControlFlow<()> + 'a;

/// Why a training loop is left before its last step.
#[derive(Debug)]
pub enum Halt {
    /// The caller stopped it or the child is lost: an outcome.
    Ended(End),
    /// Something failed: an error.
    Failed(TaskError),
}

/// The learning rates of the paper's sweep: 10^i for i = -5..1.
pub(super) const PAPER_LEARNING_RATES: [f64; 7] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1];

/// Accuracies of a child at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Accuracies {
    /// On the validation examples, 0 to 1.
    pub validation: Option<f64>,
    /// On the test examples, 0 to 1.
    pub test: Option<f64>,
}

/// One child in training: its optimizer, the steps it has done, its curve.
pub struct Training<'a, 'p> {
    stepper: Box<dyn Stepper>,
    budget: Budget,
    steps_done: u64,
    curve: Vec<Point>,
    progress: &'a mut Progress<'p>,
}

impl<'a, 'p> Training<'a, 'p> {
    /// Checks the budget and makes the optimizer for parameter tensors of these lengths.
    ///
    /// # Errors
    ///
    /// [`TaskError::LearningRate`] or [`TaskError::Optimizer`].
    pub fn begin(
        maker: &dyn MakeStepper,
        budget: &Budget,
        tensor_lengths: &[usize],
        progress: &'a mut Progress<'p>,
    ) -> Result<Self, TaskError> {
        let learning_rate = budget.learning_rate;
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return Err(TaskError::LearningRate { value: learning_rate });
        }
        let settings = StepperSettings {
            tensor_lengths,
            learning_rate,
            total_steps: budget.steps,
            seed: budget.seed,
        };
        let stepper = maker.make(&settings).map_err(TaskError::Optimizer)?;
        Ok(Self { stepper, budget: *budget, steps_done: 0, curve: Vec::new(), progress })
    }

    /// Steps done so far.
    pub fn steps_done(&self) -> u64 {
        self.steps_done
    }

    /// Whether the budget is used up.
    pub fn is_over(&self) -> bool {
        self.steps_done >= self.budget.steps
    }

    /// Adds a point to the curve and shows it to the caller.
    ///
    /// # Errors
    ///
    /// [`Halt::Ended`] if the loss is not finite or the caller stops.
    pub fn record(&mut self, loss: f64, validation_accuracy: Option<f64>) -> Result<(), Halt> {
        self.check_loss(loss)?;
        let point = Point { step: self.steps_done, loss, validation_accuracy };
        self.curve.push(point);
        match (self.progress)(&point) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Halt::Ended(End::Interrupted)),
        }
    }

    /// Gives the child up if a loss, of a batch for instance, is not finite.
    ///
    /// # Errors
    ///
    /// [`Halt::Ended`] with the divergence.
    pub fn check_loss(&self, loss: f64) -> Result<(), Halt> {
        if loss.is_finite() {
            return Ok(());
        }
        Err(self.diverged(DivergenceReason::Loss { loss }))
    }

    /// Does one step and looks whether all parameters are still finite.
    ///
    /// # Errors
    ///
    /// [`Halt::Failed`] if the optimizer fails, [`Halt::Ended`] if a parameter is not finite.
    pub fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
    ) -> Result<(), Halt> {
        let step = self.steps_done;
        self.stepper
            .step(parameters, gradients)
            .map_err(|source| Halt::Failed(TaskError::Step { step, source }))?;
        self.steps_done += 1;
        for (tensor, values) in parameters.iter().enumerate() {
            if let Some(element) = values.iter().position(|value| !value.is_finite()) {
                let value = values[element];
                return Err(self.diverged(DivergenceReason::Parameter { tensor, element, value }));
            }
        }
        Ok(())
    }

    /// Passes over `examples` until the budget is used up: in batches, the last of an epoch being smaller, in an
    /// order that the seed shuffles anew each epoch. `record` is called before the first step, after each epoch and at
    /// the end; `step` takes a batch.
    ///
    /// # Errors
    ///
    /// The first of what `record` and `step` return.
    pub fn epochs<C>(
        &mut self,
        child: &mut C,
        (examples, batch_size): (usize, usize),
        step: impl Fn(&mut C, &mut Self, &[usize]) -> Result<(), Halt>,
        record: impl Fn(&mut C, &mut Self) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        record(child, self)?;
        let mut order: Vec<usize> = (0..examples).collect();
        for epoch in 0.. {
            if self.is_over() {
                break;
            }
            Random::new(self.budget.seed, epoch).shuffle(&mut order);
            for batch in order.chunks(batch_size) {
                if self.is_over() {
                    break;
                }
                step(child, self, batch)?;
            }
            record(child, self)?;
        }
        Ok(())
    }

    /// The outcome of the training loop that ended with `result`. `accuracies` is called if the
    /// child is not lost, and told whether training finished.
    ///
    /// # Errors
    ///
    /// The error of [`Halt::Failed`], or of `accuracies`.
    pub fn finish(
        self,
        result: Result<(), Halt>,
        accuracies: impl FnOnce(bool) -> Result<Accuracies, TaskError>,
    ) -> Result<Outcome, TaskError> {
        let end = match result {
            Ok(()) => End::Finished,
            Err(Halt::Ended(end)) => end,
            Err(Halt::Failed(error)) => return Err(error),
        };
        let lost = matches!(end, End::Diverged(_));
        let accuracies =
            if lost { Accuracies::default() } else { accuracies(end == End::Finished)? };
        let final_loss = self.curve.last().filter(|_| !lost).map(|point| point.loss);
        Ok(Outcome {
            learning_rate: self.budget.learning_rate,
            seed: self.budget.seed,
            steps: self.steps_done,
            curve: self.curve,
            final_loss,
            validation_accuracy: accuracies.validation,
            test_accuracy: accuracies.test,
            end,
        })
    }

    fn diverged(&self, reason: DivergenceReason) -> Halt {
        Halt::Ended(End::Diverged(Divergence { step: self.steps_done, reason }))
    }
}

impl fmt::Debug for Training<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Training")
            .field("budget", &self.budget)
            .field("steps_done", &self.steps_done)
            .finish_non_exhaustive()
    }
}
