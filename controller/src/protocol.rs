//! How a rule is tried: a sweep of learning rates, then training at the best, and which is best.
//!
//! The paper (section 4.2) trains each rule with the learning rates 10^i, i = -5..1, for one epoch on
//! 10,000 images, then with the best of them for 5 epochs on all. Choices where it is silent: the
//! sweep takes the first 10,000 training examples; `T` of the language is the number of steps of each
//! child, so that a decay runs through in a sweep too; with several seeds the sweep takes the first,
//! and all train at the rate that it finds.
//!
//! # Which is best
//!
//! Only children that finished compete; one that diverged is worse than any, and one that was
//! interrupted says nothing. Between two learning rates the higher validation accuracy wins, then the
//! lower final loss, then the one earlier in the list, the mean over the seeds each time; a child that
//! diverged counts there with no accuracy and an infinite loss. A task without validation examples is
//! judged by the final loss. Test accuracy is never read.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, Stage, Trained};
use crate::task::{Budget, Probe, Task, TaskError};

/// What is done with a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Learning rates to try, in the order of training; each positive and finite.
    pub learning_rates: Vec<f64>,
    /// The short children that choose among them; none to train each to the end.
    pub probe: Option<Probe>,
    /// Steps of a child that trains for its result.
    pub steps: u64,
    /// A child for each of them: data order, initial parameters, the rule's noise.
    pub seeds: Vec<u64>,
    /// [`Budget::patience`] of all children.
    pub patience: Option<u64>,
    /// What is wanted of it.
    pub goal: Goal,
}

/// Where a protocol ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// With the best learning rate of the sweep.
    Rate,
    /// With children that trained at it.
    Children,
}

/// What came of a rule.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Trial {
    /// The children of the sweep, one a learning rate; fewer if it was interrupted.
    pub sweep: Vec<Trained>,
    /// Those that trained for their result: for each learning rate one a seed.
    pub children: Vec<Trained>,
    /// Whether all of them came to an end of their own: nothing was interrupted, failed or was not begun.
    pub is_complete: bool,
}

impl Protocol {
    /// The protocol of a task when nobody asks for another: its own sweep, its own steps.
    pub fn of(task: &dyn Task, seed: u64) -> Self {
        Self {
            learning_rates: task.default_learning_rates(),
            probe: task.default_probe(),
            steps: task.default_steps(),
            seeds: vec![seed],
            patience: task.default_patience(),
            goal: Goal::Children,
        }
    }

    /// Looks whether there is something to do.
    ///
    /// # Errors
    ///
    /// [`TaskError::NoLearningRates`], [`TaskError::NoSeeds`], [`TaskError::LearningRate`].
    pub fn check(&self) -> Result<(), TaskError> {
        if self.learning_rates.is_empty() {
            return Err(TaskError::NoLearningRates);
        }
        if self.seeds.is_empty() {
            return Err(TaskError::NoSeeds);
        }
        let is_usable = |rate: &&f64| rate.is_finite() && **rate > 0.0;
        match self.learning_rates.iter().find(|rate| !is_usable(rate)) {
            Some(value) => Err(TaskError::LearningRate { value: *value }),
            None => Ok(()),
        }
    }

    /// Budgets of the sweep: none if there is nothing to choose, or nothing short to choose with.
    pub fn sweep(&self, task: &dyn Task) -> Vec<Budget> {
        let Some(probe) = self.probe.filter(|_| self.learning_rates.len() > 1) else {
            return Vec::new();
        };
        let seed = self.seeds.first().copied().unwrap_or(0);
        let budget = |rate: &f64| Budget {
            stage: Stage::Sweep,
            examples: Some(probe.examples),
            patience: self.patience,
            ..Budget::new(*rate, task.steps_of_probe(&probe), seed)
        };
        self.learning_rates.iter().map(budget).collect()
    }

    /// Budgets of the children that train for their result at these learning rates; none if they are not
    /// the goal.
    pub fn training(&self, rates: &[f64]) -> Vec<Budget> {
        let rates = if self.goal == Goal::Children { rates } else { &[] };
        let budget = |rate: f64, seed: u64| Budget {
            patience: self.patience,
            ..Budget::new(rate, self.steps, seed)
        };
        rates.iter().flat_map(|rate| self.seeds.iter().map(|seed| budget(*rate, *seed))).collect()
    }
}

impl Trial {
    /// The best learning rate of the sweep; none if all were lost or there was none.
    pub fn best_of_sweep(&self) -> Option<f64> {
        best_rate(&self.sweep)
    }

    /// The best learning rate of those trained to the end; none if no child finished.
    pub fn best(&self) -> Option<f64> {
        best_rate(&self.children)
    }

    /// The children at the best learning rate, one a seed; those at the first if none finished.
    pub fn best_children(&self) -> Vec<&Trained> {
        let rate = self.best().or_else(|| Some(self.children.first()?.outcome.learning_rate));
        let is_of = |child: &&Trained| Some(child.outcome.learning_rate) == rate;
        self.children.iter().filter(is_of).collect()
    }
}

/// The best learning rate, by the rule of this module; none if no child finished.
pub fn best_rate(children: &[Trained]) -> Option<f64> {
    let mut rates: Vec<(f64, Mean)> = Vec::new();
    let judged = children.iter().map(|child| &child.outcome);
    for outcome in judged.filter(|outcome| outcome.is_finished() || outcome.divergence().is_some())
    {
        let index = rates.iter().position(|(rate, _)| *rate == outcome.learning_rate);
        let index = index.unwrap_or_else(|| {
            rates.push((outcome.learning_rate, Mean::default()));
            rates.len() - 1
        });
        rates[index].1.add(outcome);
    }
    // `min_by` keeps the first of equals.
    let finished = rates.into_iter().filter(|(_, mean)| mean.finished > 0);
    finished.min_by(|(_, left), (_, right)| left.compare(right)).map(|(rate, _)| rate)
}

/// Which of two lists of children, each with all seeds of one setting, is better: `Less` if the left
/// one is. One of which no child finished is worse than any.
pub fn compare(left: &[&Trained], right: &[&Trained]) -> Ordering {
    let mean = |children: &[&Trained]| {
        let mut mean = Mean::default();
        for child in children {
            mean.add(&child.outcome);
        }
        mean
    };
    let (left, right) = (mean(left), mean(right));
    let is_lost = |mean: &Mean| mean.finished == 0;
    is_lost(&left).cmp(&is_lost(&right)).then_with(|| left.compare(&right))
}

/// Sums over the seeds of a learning rate.
#[derive(Debug, Default)]
struct Mean {
    accuracy: f64,
    loss: f64,
    count: usize,
    finished: usize,
}

impl Mean {
    fn add(&mut self, outcome: &Outcome) {
        self.accuracy += outcome.validation_accuracy.unwrap_or(0.0);
        self.loss += outcome.final_loss.unwrap_or(f64::INFINITY);
        self.count += 1;
        self.finished += usize::from(outcome.is_finished());
    }

    /// Less is better.
    fn compare(&self, other: &Self) -> Ordering {
        let accuracy = |mean: &Self| mean.accuracy / mean.count.max(1) as f64;
        let loss = |mean: &Self| mean.loss / mean.count.max(1) as f64;
        let by_accuracy = accuracy(other).total_cmp(&accuracy(self));
        by_accuracy.then_with(|| loss(self).total_cmp(&loss(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Protocol, Trial, best_rate};
    use crate::outcome::{Cost, Divergence, DivergenceReason, End, Outcome, Stage, Trained};
    use crate::task::{Probe, TaskError, open};

    fn child(
        learning_rate: f64,
        validation_accuracy: Option<f64>,
        final_loss: Option<f64>,
        end: End,
    ) -> Trained {
        let outcome = Outcome {
            stage: Stage::Training,
            learning_rate,
            seed: 0,
            steps: 1,
            curve: Vec::new(),
            final_loss,
            validation_accuracy,
            test_accuracy: Some(1.0),
            path: None,
            end,
        };
        Trained { outcome, cost: Cost::default() }
    }

    fn finished(rate: f64, accuracy: Option<f64>, loss: f64) -> Trained {
        child(rate, accuracy, Some(loss), End::Finished)
    }

    fn lost(rate: f64) -> Trained {
        let reason = DivergenceReason::Loss { loss: f64::NAN };
        child(rate, None, None, End::Diverged(Divergence { step: 1, reason }))
    }

    #[test]
    fn accuracy_then_loss_then_order_decides() {
        let by_accuracy = [finished(1.0, Some(0.5), 1.0), finished(2.0, Some(0.9), 2.0)];
        assert_eq!(best_rate(&by_accuracy), Some(2.0));
        let by_loss = [finished(1.0, Some(0.9), 2.0), finished(2.0, Some(0.9), 1.0)];
        assert_eq!(best_rate(&by_loss), Some(2.0));
        let by_order = [lost(1.0), finished(2.0, None, 1.0), finished(3.0, None, 1.0)];
        assert_eq!(best_rate(&by_order), Some(2.0));
    }

    #[test]
    fn a_mean_over_seeds_decides_and_a_lost_child_counts() {
        let one_good = [finished(1.0, Some(0.9), 1.0), lost(1.0)];
        let both_fair = [finished(2.0, Some(0.5), 1.0), finished(2.0, Some(0.6), 1.0)];
        assert_eq!(best_rate(&[one_good.to_vec(), both_fair.to_vec()].concat()), Some(2.0));
        assert_eq!(best_rate(&one_good), Some(1.0));
    }

    #[test]
    fn children_that_did_not_finish_do_not_win() {
        let interrupted = child(2.0, Some(1.0), Some(0.0), End::Interrupted);
        let children = [lost(1.0), interrupted.clone(), finished(3.0, Some(0.1), 9.0)];
        assert_eq!(best_rate(&children), Some(3.0));
        assert_eq!(best_rate(&[lost(1.0), interrupted]), None);
        assert_eq!(best_rate(&[]), None);
        let trial = Trial { sweep: Vec::new(), children: children.to_vec(), is_complete: false };
        assert_eq!(trial.best_children().len(), 1);
    }

    #[test]
    fn the_papers_protocol_is_that_of_the_digits() {
        let task = open("digits").unwrap();
        let protocol = Protocol::of(task.as_ref(), 7);
        let sweep = protocol.sweep(task.as_ref());
        assert_eq!(sweep.len(), 7);
        assert_eq!((sweep[0].learning_rate, sweep[6].learning_rate), (1e-5, 10.0));
        assert!(sweep.iter().all(|child| child.steps == 13 && child.seed == 7));
        assert!(sweep.iter().all(|child| child.stage == Stage::Sweep));
        let protocol = Protocol { seeds: vec![1, 2], ..protocol };
        let training = protocol.training(&[0.1, 1.0]);
        let order: Vec<(f64, u64)> =
            training.iter().map(|child| (child.learning_rate, child.seed)).collect();
        assert_eq!(order, [(0.1, 1), (0.1, 2), (1.0, 1), (1.0, 2)]);
        assert!(training.iter().all(|child| child.steps == 65 && child.examples.is_none()));
        let protocol = Protocol { goal: Goal::Rate, ..protocol };
        assert_eq!(protocol.sweep(task.as_ref()).len(), 7);
        assert!(protocol.training(&[0.1]).is_empty());
    }

    #[test]
    fn nothing_to_choose_needs_no_sweep_and_nothing_to_do_is_an_error() {
        let task = open("rosenbrock").unwrap();
        let protocol = Protocol::of(task.as_ref(), 0);
        assert!(protocol.sweep(task.as_ref()).is_empty());
        let probe = Some(Probe { examples: 1, epochs: 2 });
        let one = Protocol { learning_rates: vec![0.1], probe, ..protocol.clone() };
        assert!(one.sweep(task.as_ref()).is_empty());
        let bad = |rates: &[f64]| Protocol { learning_rates: rates.to_vec(), ..protocol.clone() };
        assert!(matches!(bad(&[]).check(), Err(TaskError::NoLearningRates)));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(bad(&[0.1, rate]).check(), Err(TaskError::LearningRate { .. })));
        }
        let unseeded = Protocol { seeds: Vec::new(), ..protocol.clone() };
        assert!(matches!(unseeded.check(), Err(TaskError::NoSeeds)));
        assert!(protocol.check().is_ok());
    }
}
