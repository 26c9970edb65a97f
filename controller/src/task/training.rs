//! What every task does the same way while a child trains: steps, curve, and giving up in time.
//!
//! A task writes its loop as a function that returns `Result<(), Halt>`, calls the methods of
//! [`Training`] with `?`, and hands the result to [`Training::finish`].

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use super::contract::{Budget, TaskError};
use crate::child::net::Path;
use crate::outcome::{Cost, Divergence, DivergenceReason, End, Outcome, Point, Stage, Trained};
use crate::random::Random;
use crate::stepper::{MakeStepper, Stepper, StepperSettings};

/// What is seen of a child while it trains.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step is done.
    Step {
        /// Steps done.
        step: u64,
        /// Loss of its batch before the step, where the task has batches.
        loss: Option<f64>,
    },
    /// A point of the curve is taken.
    Point(&'a Point),
}

/// Sees each event; `Break` stops the child.
pub type Progress<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

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

/// Streams of random numbers that order the examples begin here; those below are of initial parameters.
const EPOCHS: u64 = 1 << 32;

/// Most points of a curve. Where a task takes more, every second one is left out, and so on.
pub const MAX_POINTS: usize = 10_000;

/// Batches whose mean loss is compared with the start.
const WINDOW: usize = 10;

/// A loss must exceed the start by this share of it to be above it: batches differ, and a child that
/// hardly moves is not lost.
const MARGIN: f64 = 0.1;

/// One child in training: its optimizer, the steps it has done, its curve.
pub struct Training<'a, 'p> {
    stepper: Box<dyn Stepper>,
    budget: Budget,
    steps_done: u64,
    curve: Vec<Point>,
    /// Steps between two points of the curve, at least.
    stride: u64,
    losses: Losses,
    cost: Cost,
    path: Option<Path>,
    progress: &'a mut Progress<'p>,
}

/// Losses of batches.
#[derive(Debug, Default)]
struct Losses {
    start: Option<f64>,
    last: VecDeque<f64>,
    /// Sum and number since the last point.
    sum: f64,
    count: u32,
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
        Ok(Self {
            stepper,
            budget: *budget,
            steps_done: 0,
            curve: Vec::new(),
            stride: 1,
            losses: Losses::default(),
            cost: Cost::default(),
            path: None,
            progress,
        })
    }

    /// Notes the kernels that compute the child.
    #[must_use]
    pub fn with_path(mut self, path: Option<Path>) -> Self {
        self.path = path;
        self
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
        if !loss.is_finite() {
            return Err(self.diverged(DivergenceReason::Loss { loss }));
        }
        let training_loss = self.losses.take_mean();
        let point = Point { step: self.steps_done, loss, training_loss, validation_accuracy };
        push_thinned(&mut self.curve, &mut self.stride, point);
        self.show(Event::Point(&point))
    }

    /// Adds a point whose loss is that of the whole task, as it is before the next step: for tasks
    /// without batches.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), and as [`batch_loss`](Self::batch_loss).
    pub fn record_whole(&mut self, loss: f64) -> Result<(), Halt> {
        self.record(loss, None)?;
        self.losses.watch(loss);
        self.check_patience()
    }

    /// Takes the loss of the batch that the next step is about.
    ///
    /// # Errors
    ///
    /// [`Halt::Ended`] if it is not finite, or if after the steps of [`Budget::patience`] the mean of
    /// the last 10 losses, all of them later, is a tenth above the first one.
    pub fn batch_loss(&mut self, loss: f64) -> Result<(), Halt> {
        if !loss.is_finite() {
            return Err(self.diverged(DivergenceReason::Loss { loss }));
        }
        self.losses.watch(loss);
        self.losses.sum += loss;
        self.losses.count += 1;
        self.check_patience()
    }

    fn check_patience(&self) -> Result<(), Halt> {
        // All losses that count are of steps after those that it is given.
        let waits = |patience: u64| self.steps_done < patience.saturating_add(WINDOW as u64 - 1);
        let is_patient = self.budget.patience.is_none_or(waits);
        match self.losses.rising().filter(|_| !is_patient) {
            Some(reason) => Err(self.diverged(reason)),
            None => Ok(()),
        }
    }

    /// Does one step and looks whether all parameters are still finite.
    ///
    /// # Errors
    ///
    /// [`Halt::Failed`] if the optimizer fails, [`Halt::Ended`] if a parameter is not finite or the
    /// caller stops.
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
        self.show(Event::Step { step: self.steps_done, loss: self.losses.last.back().copied() })
    }

    fn show(&mut self, event: Event<'_>) -> Result<(), Halt> {
        match (self.progress)(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Halt::Ended(End::Interrupted)),
        }
    }

    /// Passes over `examples` until the budget is used up: in batches, the last of an epoch being smaller, in an
    /// order that the seed shuffles anew each epoch. `step` takes a batch; `record` is called after each epoch, at
    /// the end and, if a whole curve is wanted, before the first step.
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
        if self.budget.stage == Stage::Training || self.budget.steps == 0 {
            record(child, self)?;
        }
        let mut order: Vec<usize> = (0..examples).collect();
        for epoch in 0.. {
            if self.is_over() || examples == 0 {
                break;
            }
            Random::new(self.budget.seed, EPOCHS + epoch).shuffle(&mut order);
            let start = Instant::now();
            let result = order.chunks(batch_size).try_for_each(|batch| {
                if self.is_over() {
                    return Ok(());
                }
                self.cost.examples += batch.len() as u64;
                step(child, self, batch)
            });
            self.cost.seconds += start.elapsed().as_secs_f64();
            result?;
            record(child, self)?;
        }
        Ok(())
    }

    /// The child as training left it with `result`. `test` is called for the accuracy on the test
    /// examples of a child that finished training for its result.
    ///
    /// # Errors
    ///
    /// The error of [`Halt::Failed`], or of `test`.
    pub fn finish(
        self,
        result: Result<(), Halt>,
        test: impl FnOnce() -> Result<Option<f64>, TaskError>,
    ) -> Result<Trained, TaskError> {
        let end = match result {
            Ok(()) => End::Finished,
            Err(Halt::Ended(end)) => end,
            Err(Halt::Failed(error)) => return Err(error),
        };
        let is_tested = end == End::Finished && self.budget.stage == Stage::Training;
        let last = self.curve.last().filter(|_| !matches!(end, End::Diverged(_)));
        let outcome = Outcome {
            stage: self.budget.stage,
            learning_rate: self.budget.learning_rate,
            seed: self.budget.seed,
            steps: self.steps_done,
            final_loss: last.map(|point| point.loss),
            validation_accuracy: last.and_then(|point| point.validation_accuracy),
            test_accuracy: if is_tested { test()? } else { None },
            curve: self.curve,
            path: self.path,
            end,
        };
        Ok(Trained { outcome, cost: self.cost })
    }

    fn diverged(&self, reason: DivergenceReason) -> Halt {
        Halt::Ended(End::Diverged(Divergence { step: self.steps_done, reason }))
    }
}

/// Adds a point. A curve that is full keeps the points at multiples of a stride, which doubles until there is room.
fn push_thinned(curve: &mut Vec<Point>, stride: &mut u64, point: Point) {
    // The last point stays only if its turn has come.
    if curve.last().is_some_and(|last| !last.step.is_multiple_of(*stride)) {
        curve.pop();
    }
    while curve.len() >= MAX_POINTS {
        *stride = stride.saturating_mul(2);
        curve.retain(|point| point.step.is_multiple_of(*stride));
    }
    curve.push(point);
}

impl Losses {
    fn watch(&mut self, loss: f64) {
        self.start.get_or_insert(loss);
        if self.last.len() == WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(loss);
    }

    /// Mean loss since it was last asked for.
    fn take_mean(&mut self) -> Option<f64> {
        let mean = (self.count > 0).then(|| self.sum / f64::from(self.count));
        (self.sum, self.count) = (0.0, 0);
        mean
    }

    /// Whether the last losses are above the start, by more than chance.
    fn rising(&self) -> Option<DivergenceReason> {
        let start = self.start.filter(|_| self.last.len() == WINDOW)?;
        let loss = self.last.iter().sum::<f64>() / WINDOW as f64;
        (loss > start + MARGIN * start.abs()).then_some(DivergenceReason::Rising { start, loss })
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

#[cfg(test)]
mod tests {
    use super::{MAX_POINTS, push_thinned};
    use crate::outcome::Point;

    #[test]
    fn a_curve_stays_bounded_however_far_apart_its_points_are() {
        // Epochs of so many steps: the stride has to pass all factors of two.
        for epoch in [1, 13, 450, 4096] {
            let (mut curve, mut stride) = (Vec::new(), 1);
            let last = 3 * MAX_POINTS as u64 * epoch;
            for step in (0..=last).step_by(epoch as usize) {
                let point =
                    Point { step, loss: 1.0, training_loss: None, validation_accuracy: None };
                push_thinned(&mut curve, &mut stride, point);
                assert!(curve.len() <= MAX_POINTS, "{epoch}");
            }
            assert!(curve.len() > MAX_POINTS / 4, "{epoch}: {}", curve.len());
            assert_eq!((curve[0].step, curve[curve.len() - 1].step), (0, last));
            assert!(curve.is_sorted_by(|left, right| left.step < right.step));
        }
    }
}
