//! An ill-conditioned quadratic, the smallest test of how a rule copes with many curvatures.
//!
//! ```text
//! f(x) = sum_i l_i x_i^2 / 2      df/dx_i = l_i x_i      l_i = 10^(-4 i/99),  i = 0..99
//! ```
//!
//! The 100 curvatures fall evenly on a log scale from 1 to 1e-4, so the condition number is 1e4.
//! Plain descent needs a learning rate below 2 for the first, and then a thousand steps for the
//! last to move by a tenth. The axes are those of the parameters, which is the best case for rules
//! that scale each parameter on its own. The start is 1 in all of them; the least value is 0, at 0.
//!
//! Optionally each element of each gradient gets noise of the normal distribution, with one standard
//! deviation for all, as the gradients of batches have. It is a function of the seed, the step and
//! the element. The loss of the curve is without noise.
//!
//! The point is f32, as parameters are; f and its gradient are computed in f64, in the order of the
//! elements, and rounded once. Learning rates are 10^i for i = -3..0, and 1000 steps.

use super::contract::{Budget, Description, Task, TaskError};
use super::training::{Halt, Progress, Training};
use crate::outcome::Trained;
use crate::random::Random;
use crate::stepper::MakeStepper;

/// The task `quadratic`, without noise by default.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quadratic {
    noise: f64,
}

impl Quadratic {
    /// Its name on the command line.
    pub const NAME: &'static str = "quadratic";
    /// Number of parameters.
    pub const DIMENSION: usize = 100;
    /// The largest curvature over the smallest, as a power of ten.
    pub const CONDITION_EXPONENT: f64 = 4.0;

    /// The task with noise of this standard deviation in the gradient; `None` if that is negative
    /// or not finite.
    pub fn with_noise(noise: f64) -> Option<Self> {
        (noise.is_finite() && noise >= 0.0).then_some(Self { noise })
    }

    /// The curvatures, falling.
    pub fn spectrum() -> Vec<f64> {
        let last = (Self::DIMENSION - 1) as f64;
        let exponent = |index| -Self::CONDITION_EXPONENT * index as f64 / last;
        (0..Self::DIMENSION).map(|index| libm::pow(10.0, exponent(index))).collect()
    }

    /// Steps from the start until the budget is used up, a point of the curve before and after each.
    fn descend(self, seed: u64, training: &mut Training<'_, '_>) -> Result<(), Halt> {
        let spectrum = Self::spectrum();
        let mut point = vec![1.0; Self::DIMENSION];
        let mut gradient = vec![0.0; Self::DIMENSION];
        training.record_whole(value(&spectrum, &point))?;
        while !training.is_over() {
            let mut random = Random::new(seed, training.steps_done());
            self.differentiate(&spectrum, &point, &mut random, &mut gradient);
            training.step(&mut [&mut point], &[&gradient])?;
            training.record_whole(value(&spectrum, &point))?;
        }
        Ok(())
    }

    fn differentiate(
        self,
        spectrum: &[f64],
        point: &[f32],
        random: &mut Random,
        gradient: &mut [f32],
    ) {
        for ((slope, x), curvature) in gradient.iter_mut().zip(point).zip(spectrum) {
            let noise = if self.noise > 0.0 { self.noise * random.normal() } else { 0.0 };
            *slope = (curvature * f64::from(*x) + noise) as f32;
        }
    }
}

impl Task for Quadratic {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn description(&self) -> Description {
        Description {
            title: "Quadratic, condition number 1e4".to_owned(),
            summary: "f(x) = sum of l_i x_i^2 / 2 over 100 parameters that start at 1, l_i from 1 \
                      to 1e-4 evenly on a log scale."
                .to_owned(),
            loss: "f(x)",
            child: None,
            parameters: Self::DIMENSION,
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
        1000
    }

    fn default_learning_rates(&self) -> Vec<f64> {
        vec![1e-3, 1e-2, 1e-1, 1e0]
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
        let mut training = Training::begin(maker, budget, &[Self::DIMENSION], progress)?;
        let result = self.descend(budget.seed, &mut training);
        training.finish(result, || Ok(None))
    }
}

/// f(x).
fn value(spectrum: &[f64], point: &[f32]) -> f64 {
    let terms = spectrum.iter().zip(point).map(|(curvature, x)| {
        let x = f64::from(*x);
        0.5 * curvature * (x * x)
    });
    terms.fold(0.0, |sum, term| sum + term)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{Quadratic, value};
    use crate::outcome::{End, Outcome};
    use crate::random::Random;
    use crate::stepper::fake::{Ascent, Momentum};
    use crate::task::{Budget, Event, Task};

    fn train(task: Quadratic, momentum: f32, learning_rate: f64, seed: u64) -> Outcome {
        let budget = Budget::new(learning_rate, task.default_steps(), seed);
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        task.train(&Momentum(momentum), &budget, &mut progress).unwrap().outcome
    }

    #[test]
    fn the_spectrum_is_the_documented_one() {
        let spectrum = Quadratic::spectrum();
        assert_eq!(spectrum.len(), 100);
        assert_eq!((spectrum[0], spectrum[99]), (1.0, 1e-4));
        assert!((spectrum[33] - libm::pow(10.0, -4.0 / 3.0)).abs() < 1e-15);
        assert!(spectrum.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let spectrum = Quadratic::spectrum();
        let mut random = Random::new(1, 0);
        let point: Vec<f32> = (0..100).map(|_| random.between(-2.0, 2.0)).collect();
        let mut gradient = vec![0.0; 100];
        Quadratic::default().differentiate(&spectrum, &point, &mut random, &mut gradient);
        for index in 0..100 {
            let along = |by: f32| {
                let mut point = point.clone();
                point[index] += by;
                (f64::from(point[index]), value(&spectrum, &point))
            };
            let ((left, low), (right, high)) = (along(-0.0625), along(0.0625));
            let slope = (high - low) / (right - left);
            assert!((slope - f64::from(gradient[index])).abs() < 1e-6, "{index}");
        }
    }

    #[test]
    fn descent_follows_its_closed_form() {
        let outcome = train(Quadratic::default(), 0.0, 1.0, 0);
        assert_eq!((outcome.end, outcome.curve.len()), (End::Finished, 1001));
        let left = |curvature: f64| curvature * (1.0 - curvature).powi(2000) / 2.0;
        let expected: f64 = Quadratic::spectrum().into_iter().map(left).sum();
        let found = outcome.final_loss.unwrap();
        assert!((found / expected - 1.0).abs() < 1e-3, "{found}, expected {expected}");
    }

    #[test]
    fn momentum_is_faster_and_a_rate_above_two_diverges() {
        let task = Quadratic::default();
        let loss = |momentum| train(task, momentum, 1.0, 0).final_loss.unwrap();
        assert!(loss(0.9) < loss(0.0) / 2.0, "{}, {}", loss(0.9), loss(0.0));
        assert!(train(task, 0.0, 2.5, 0).divergence().is_some());
    }

    #[test]
    fn a_child_above_its_start_is_given_up_after_the_steps_it_was_given() {
        let task = Quadratic::default();
        let train = |patience| {
            let budget = Budget { patience, ..Budget::new(1e-3, 200, 0) };
            let mut progress = |_: Event<'_>| ControlFlow::Continue(());
            task.train(&Ascent, &budget, &mut progress).unwrap().outcome
        };
        assert_eq!(train(None).end, End::Finished);
        let divergence = train(Some(100)).divergence().unwrap();
        assert_eq!(divergence.step, 109);
        let message = divergence.to_string();
        assert!(message.contains("109 steps: the loss of the last batches is 6.29"), "{message}");
        assert_eq!(train(Some(192)).end, End::Finished);
    }

    #[test]
    fn noise_is_a_function_of_the_seed_and_leaves_a_floor() {
        assert_eq!(Quadratic::with_noise(-1.0), None);
        assert_eq!(Quadratic::with_noise(f64::NAN), None);
        assert_eq!(Quadratic::with_noise(0.0), Some(Quadratic::default()));
        let task = Quadratic::with_noise(0.1).unwrap();
        assert_eq!(train(task, 0.0, 0.1, 1), train(task, 0.0, 0.1, 1));
        assert_ne!(train(task, 0.0, 0.1, 1).final_loss, train(task, 0.0, 0.1, 2).final_loss);
        let clean = train(Quadratic::default(), 0.9, 1.0, 0).final_loss;
        assert!(train(task, 0.9, 1.0, 0).final_loss > clean);
        let quiet = Quadratic::default();
        assert_eq!(train(quiet, 0.0, 0.1, 1).curve, train(quiet, 0.0, 0.1, 2).curve);
    }
}
