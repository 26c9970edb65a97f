//! One rule at several learning rates, and which of them is best.
//!
//! # Which is best
//!
//! Only children that finished compete; one that diverged is worse than any, and one that was
//! interrupted says nothing. Between two of them the higher validation accuracy wins, then the
//! lower final loss, then the one earlier in the list. A task without validation examples is
//! judged by the final loss. Test accuracy is never read.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::outcome::{Outcome, Point};
use crate::stepper::MakeStepper;
use crate::task::{Budget, Task, TaskError};

/// Sees each point of each child: learning rate and point. `Break` stops the whole sweep.
pub type SweepProgress<'a> = dyn FnMut(f64, &Point) -> ControlFlow<()> + 'a;

/// What is the same for all children of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepBudget {
    /// Learning rates in the order of training; each positive and finite.
    pub learning_rates: Vec<f64>,
    /// Steps of each child.
    pub steps: u64,
    /// Seed of each child: they see the same data in the same order.
    pub seed: u64,
}

/// The children of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// One a learning rate, in the order of the budget; fewer if the sweep was interrupted.
    pub outcomes: Vec<Outcome>,
    /// Index of the best in `outcomes`; none if no child finished.
    pub best: Option<usize>,
}

impl Sweep {
    /// The best outcome, if a child finished.
    pub fn best_outcome(&self) -> Option<&Outcome> {
        self.best.and_then(|index| self.outcomes.get(index))
    }
}

/// Trains one child for each learning rate.
///
/// # Errors
///
/// [`TaskError::NoLearningRates`], or the first error of a child. Divergence is not an error.
pub fn sweep(
    task: &dyn Task,
    maker: &dyn MakeStepper,
    budget: &SweepBudget,
    progress: &mut SweepProgress<'_>,
) -> Result<Sweep, TaskError> {
    if budget.learning_rates.is_empty() {
        return Err(TaskError::NoLearningRates);
    }
    let mut outcomes = Vec::with_capacity(budget.learning_rates.len());
    let mut flow = ControlFlow::Continue(());
    for &learning_rate in &budget.learning_rates {
        let child = Budget { learning_rate, steps: budget.steps, seed: budget.seed };
        let mut watch = |point: &Point| {
            flow = progress(learning_rate, point);
            flow
        };
        outcomes.push(task.train(maker, &child, &mut watch)?);
        if flow.is_break() {
            break;
        }
    }
    let best = best_index(&outcomes);
    Ok(Sweep { outcomes, best })
}

/// Index of the best outcome, by the rule of this module; none if none finished.
pub fn best_index(outcomes: &[Outcome]) -> Option<usize> {
    let finished = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_finished());
    // `min_by` keeps the first of equals.
    finished.min_by(|(_, left), (_, right)| compare(left, right)).map(|(index, _)| index)
}

/// Less is better.
fn compare(left: &Outcome, right: &Outcome) -> Ordering {
    let accuracy = |outcome: &Outcome| outcome.validation_accuracy.unwrap_or(0.0);
    let loss = |outcome: &Outcome| outcome.final_loss.unwrap_or(f64::INFINITY);
    accuracy(right).total_cmp(&accuracy(left)).then_with(|| loss(left).total_cmp(&loss(right)))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{SweepBudget, best_index, sweep};
    use crate::outcome::{Divergence, DivergenceReason, End, Outcome};
    use crate::stepper::fake::Momentum;
    use crate::task::rosenbrock::Rosenbrock;
    use crate::task::{Task, TaskError};

    fn outcome(validation_accuracy: Option<f64>, final_loss: Option<f64>, end: End) -> Outcome {
        Outcome {
            learning_rate: 1.0,
            seed: 0,
            steps: 1,
            curve: Vec::new(),
            final_loss,
            validation_accuracy,
            test_accuracy: Some(1.0),
            end,
        }
    }

    fn finished(validation_accuracy: Option<f64>, final_loss: f64) -> Outcome {
        outcome(validation_accuracy, Some(final_loss), End::Finished)
    }

    fn lost() -> Outcome {
        let reason = DivergenceReason::Loss { loss: f64::NAN };
        outcome(None, None, End::Diverged(Divergence { step: 1, reason }))
    }

    #[test]
    fn accuracy_then_loss_then_order_decides() {
        let by_accuracy = [finished(Some(0.5), 1.0), finished(Some(0.9), 2.0)];
        assert_eq!(best_index(&by_accuracy), Some(1));
        let by_loss = [finished(Some(0.9), 2.0), finished(Some(0.9), 1.0)];
        assert_eq!(best_index(&by_loss), Some(1));
        let by_order = [lost(), finished(None, 1.0), finished(None, 1.0)];
        assert_eq!(best_index(&by_order), Some(1));
    }

    #[test]
    fn children_that_did_not_finish_do_not_win() {
        let interrupted = outcome(Some(1.0), Some(0.0), End::Interrupted);
        let outcomes = [lost(), interrupted.clone(), finished(Some(0.1), 9.0)];
        assert_eq!(best_index(&outcomes), Some(2));
        assert_eq!(best_index(&[lost(), interrupted]), None);
        assert_eq!(best_index(&[]), None);
    }

    #[test]
    fn a_sweep_finds_the_best_learning_rate_of_rosenbrock() {
        let task = Rosenbrock;
        let budget =
            SweepBudget { learning_rates: task.default_learning_rates(), steps: 2000, seed: 0 };
        let mut progress = |_, _: &_| ControlFlow::Continue(());
        let sweep = sweep(&task, &Momentum(0.9), &budget, &mut progress).unwrap();
        assert_eq!(sweep.outcomes.len(), 4);
        assert_eq!(sweep.best_outcome().unwrap().learning_rate, 1e-3);
        assert!(sweep.outcomes[3].divergence().is_some());
    }

    #[test]
    fn an_interrupted_sweep_keeps_what_is_done() {
        let task = Rosenbrock;
        let budget = SweepBudget { learning_rates: vec![1e-4, 1e-3, 1e-2], steps: 5, seed: 0 };
        let mut progress = |learning_rate, point: &crate::outcome::Point| {
            if learning_rate == 1e-3 && point.step == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let sweep = sweep(&task, &Momentum(0.0), &budget, &mut progress).unwrap();
        let ends: Vec<End> = sweep.outcomes.iter().map(|outcome| outcome.end).collect();
        assert_eq!(ends, [End::Finished, End::Interrupted]);
        assert_eq!(sweep.best, Some(0));
    }

    #[test]
    fn a_sweep_needs_a_learning_rate() {
        let budget = SweepBudget { learning_rates: Vec::new(), steps: 1, seed: 0 };
        let mut progress = |_, _: &_| ControlFlow::Continue(());
        let error = sweep(&Rosenbrock, &Momentum(0.0), &budget, &mut progress);
        assert!(matches!(error, Err(TaskError::NoLearningRates)));
    }
}
