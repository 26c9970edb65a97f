//! Rosenbrock's valley, the two-parameter test of the paper's section 6.1 and Figure 5.
//!
//! ```text
//! f(x, y) = (1 - x)^2 + 100 (y - x^2)^2,   least at (1, 1), where it is 0
//! ```
//!
//! Choices where the paper is silent: the start is (-1.2, 1), Rosenbrock's own (1960, *An automatic
//! method for finding the greatest or least value of a function*, Computer Journal 3); the four
//! learning rates are 1e-4, 1e-3, 1e-2 and 1e-1; the point is f32, as parameters are, and `f` and
//! its gradient are computed in f64 and rounded once. The seed changes nothing but a rule's noise.

use super::contract::{Budget, Description, Task, TaskError};
use super::training::{Halt, Progress, Training};
use crate::outcome::Trained;
use crate::stepper::MakeStepper;

/// The task `rosenbrock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rosenbrock;

impl Rosenbrock {
    /// Its name on the command line.
    pub const NAME: &'static str = "rosenbrock";
    /// Where each child starts: x, y.
    pub const START: [f32; 2] = [-1.2, 1.0];
}

impl Task for Rosenbrock {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn description(&self) -> Description {
        Description {
            title: "Rosenbrock's valley".to_owned(),
            summary: "f(x, y) = (1 - x)^2 + 100 (y - x^2)^2 from (-1.2, 1), the exact gradient \
                      every step (the paper's section 6.1, Figure 5)."
                .to_owned(),
            loss: "f(x, y)",
            child: None,
            parameters: 2,
            batch_size: 1,
            examples: None,
            data_digest: None,
            path: None,
        }
    }

    fn steps_per_epoch(&self) -> u64 {
        1
    }

    fn default_steps(&self) -> u64 {
        4000
    }

    fn default_learning_rates(&self) -> Vec<f64> {
        vec![1e-4, 1e-3, 1e-2, 1e-1]
    }

    fn default_patience(&self) -> Option<u64> {
        None
    }

    fn train(
        &self,
        maker: &dyn MakeStepper,
        budget: &Budget,
        progress: &mut Progress<'_>,
    ) -> Result<Trained, TaskError> {
        let mut training = Training::begin(maker, budget, &[2], progress)?;
        let result = descend(&mut training);
        training.finish(result, || Ok(None))
    }
}

/// Steps from the start until the budget is used up, a point of the curve before and after each.
fn descend(training: &mut Training<'_, '_>) -> Result<(), Halt> {
    let mut point = Rosenbrock::START;
    training.record_whole(value(point))?;
    while !training.is_over() {
        let gradient = gradient(point);
        training.step(&mut [&mut point], &[&gradient])?;
        training.record_whole(value(point))?;
    }
    Ok(())
}

/// f(x, y).
fn value(point: [f32; 2]) -> f64 {
    let [x, y] = point.map(f64::from);
    let slope = 1.0 - x;
    let valley = y - x * x;
    slope * slope + 100.0 * (valley * valley)
}

/// (df/dx, df/dy) = (-2 (1 - x) - 400 x (y - x^2), 200 (y - x^2)).
fn gradient(point: [f32; 2]) -> [f32; 2] {
    let [x, y] = point.map(f64::from);
    let valley = y - x * x;
    [(-2.0 * (1.0 - x) - 400.0 * x * valley) as f32, (200.0 * valley) as f32]
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{Rosenbrock, gradient, value};
    use crate::outcome::{DivergenceReason, End, Outcome};
    use crate::stepper::fake::{FailingAt, Momentum};
    use crate::task::{Budget, Event, MAX_POINTS, Task, TaskError};

    fn train(momentum: f32, learning_rate: f64, steps: u64) -> Outcome {
        let budget = Budget::new(learning_rate, steps, 0);
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        Rosenbrock.train(&Momentum(momentum), &budget, &mut progress).unwrap().outcome
    }

    #[test]
    fn the_least_value_is_at_one_one() {
        assert_eq!(value([1.0, 1.0]), 0.0);
        assert_eq!(gradient([1.0, 1.0]), [0.0, 0.0]);
        assert_eq!(value([-1.0, 1.0]), 4.0);
        assert_eq!(value([0.0, 1.0]), 101.0);
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        for point in [[-1.25, 1.0], [0.5, -0.75], [2.0, 3.0]] {
            let [dx, dy] = gradient(point);
            let h = 2.0_f32.powi(-12);
            let along = |by: [f32; 2]| value([point[0] + by[0], point[1] + by[1]]);
            let slope = |by: [f32; 2]| (along(by) - along(by.map(|b| -b))) / (2.0 * f64::from(h));
            assert!((slope([h, 0.0]) - f64::from(dx)).abs() < 1e-4);
            assert!((slope([0.0, h]) - f64::from(dy)).abs() < 1e-4);
        }
    }

    #[test]
    fn momentum_reaches_the_minimum_and_sgd_walks_towards_it() {
        let momentum = train(0.9, 1e-3, 4000);
        assert_eq!(momentum.end, End::Finished);
        assert_eq!((momentum.steps, momentum.curve.len()), (4000, 4001));
        assert!(momentum.final_loss.unwrap() < 1e-6, "{:?}", momentum.final_loss);
        let sgd = train(0.0, 1e-3, 4000);
        assert!((1e-6..0.5).contains(&sgd.final_loss.unwrap()), "{:?}", sgd.final_loss);
    }

    #[test]
    fn the_same_child_twice_is_the_same_outcome() {
        assert_eq!(train(0.9, 1e-3, 100), train(0.9, 1e-3, 100));
    }

    #[test]
    fn a_child_that_diverges_says_when_and_why() {
        let outcome = train(0.0, 0.1, 4000);
        let divergence = outcome.divergence().unwrap();
        assert_eq!(divergence.step, outcome.steps);
        assert!(divergence.step < 20);
        assert!(matches!(divergence.reason, DivergenceReason::Parameter { tensor: 0, .. }));
        assert_eq!(outcome.final_loss, None);
        assert!(outcome.curve.iter().all(|point| point.loss.is_finite()));
    }

    #[test]
    fn the_caller_can_stop_a_child() {
        let budget = Budget::new(1e-3, 100, 0);
        let mut stop_at_ten = |event: Event<'_>| match event {
            Event::Point(point) if point.step == 10 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let outcome = Rosenbrock.train(&Momentum(0.0), &budget, &mut stop_at_ten).unwrap().outcome;
        assert_eq!((outcome.end, outcome.steps, outcome.curve.len()), (End::Interrupted, 10, 11));
    }

    #[test]
    fn errors_name_the_learning_rate_or_the_step() {
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        let task = Rosenbrock;
        for learning_rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let budget = Budget::new(learning_rate, 1, 0);
            let error = task.train(&Momentum(0.0), &budget, &mut progress).unwrap_err();
            assert!(matches!(error, TaskError::LearningRate { .. }));
        }
        let budget = Budget::new(1e-3, 9, 0);
        let error = task.train(&FailingAt(4), &budget, &mut progress).unwrap_err();
        assert!(matches!(error, TaskError::Step { step: 4, .. }));
    }

    #[test]
    fn a_curve_has_a_bound_and_keeps_its_ends() {
        let steps = 2 * MAX_POINTS as u64 + 123;
        let outcome = train(0.0, 1e-3, steps);
        let taken: Vec<u64> = outcome.curve.iter().map(|point| point.step).collect();
        assert!(taken.len() <= MAX_POINTS && taken.len() > MAX_POINTS / 4, "{}", taken.len());
        assert_eq!((taken[0], taken[1], taken.last()), (0, 4, Some(&steps)));
        assert_eq!(outcome.curve.last().map(|point| point.loss), outcome.final_loss);
    }

    #[test]
    fn no_steps_evaluate_the_start() {
        let outcome = train(0.0, 1e-3, 0);
        assert_eq!((outcome.end, outcome.curve.len()), (End::Finished, 1));
    }
}
