//! The optimizer as a task sees it: a thing that is made for a child and then moves its parameters.
//!
//! The runtime's optimizer implements these traits for compiled rules; tests implement them with
//! a few lines of Rust.

use std::error::Error;
use std::fmt::Debug;

/// Any error of an optimizer, kept as the source of a task's error.
pub type StepperError = Box<dyn Error + Send + Sync>;

/// What a maker has to know about a child before its first step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepperSettings<'a> {
    /// Number of elements of each parameter tensor, in the order in which steps receive them.
    pub tensor_lengths: &'a [usize],
    /// The caller's learning rate, `lr` of the language; positive and finite.
    pub learning_rate: f64,
    /// `T` of the language: how many steps the child will do.
    pub total_steps: u64,
    /// Seed of the rule's own noise.
    pub seed: u64,
}

/// Moves the parameters of one child; owns the optimizer's state and counts the steps.
pub trait Stepper {
    /// Does one step, in place.
    ///
    /// `parameters[k]` and `gradients[k]` have the `k`-th length of
    /// [`StepperSettings::tensor_lengths`], in every call.
    ///
    /// # Errors
    ///
    /// Whatever the optimizer refuses. Then neither parameters nor state have changed.
    fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
    ) -> Result<(), StepperError>;
}

/// Makes a fresh [`Stepper`] for each child: one rule with its settings.
///
/// Children train in parallel, and each is made on its own thread.
pub trait MakeStepper: Debug + Sync {
    /// A stepper at step 0.
    ///
    /// # Errors
    ///
    /// If the rule cannot run with these settings.
    fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError>;
}

/// Optimizers for tests, in plain Rust.
#[cfg(test)]
pub(crate) mod fake {
    use super::{MakeStepper, Stepper, StepperError, StepperSettings};

    /// Gradient descent with momentum; 0 is plain SGD.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Momentum(pub(crate) f32);

    /// Gradient ascent: the loss rises.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Ascent;

    struct AscentStepper(f32);

    impl MakeStepper for Ascent {
        fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
            Ok(Box::new(AscentStepper(settings.learning_rate as f32)))
        }
    }

    impl Stepper for AscentStepper {
        fn step(
            &mut self,
            parameters: &mut [&mut [f32]],
            gradients: &[&[f32]],
        ) -> Result<(), StepperError> {
            for (w, g) in parameters.iter_mut().zip(gradients) {
                w.iter_mut().zip(*g).for_each(|(w, g)| *w += self.0 * g);
            }
            Ok(())
        }
    }

    /// Fails when this many steps are done, and moves nothing before.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct FailingAt(pub(crate) u64);

    struct MomentumStepper {
        momentum: f32,
        learning_rate: f32,
        buffers: Vec<Vec<f32>>,
    }

    impl MakeStepper for Momentum {
        fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
            Ok(Box::new(MomentumStepper {
                momentum: self.0,
                learning_rate: settings.learning_rate as f32,
                buffers: settings.tensor_lengths.iter().map(|n| vec![0.0; *n]).collect(),
            }))
        }
    }

    impl Stepper for MomentumStepper {
        fn step(
            &mut self,
            parameters: &mut [&mut [f32]],
            gradients: &[&[f32]],
        ) -> Result<(), StepperError> {
            for ((w, g), buffer) in parameters.iter_mut().zip(gradients).zip(&mut self.buffers) {
                for ((w, g), a) in w.iter_mut().zip(*g).zip(buffer) {
                    *a = self.momentum * *a + *g;
                    *w -= self.learning_rate * *a;
                }
            }
            Ok(())
        }
    }

    impl MakeStepper for FailingAt {
        fn make(&self, _: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
            Ok(Box::new(*self))
        }
    }

    impl Stepper for FailingAt {
        fn step(&mut self, _: &mut [&mut [f32]], _: &[&[f32]]) -> Result<(), StepperError> {
            match self.0.checked_sub(1) {
                Some(left) => self.0 = left,
                None => return Err("out of steps".into()),
            }
            Ok(())
        }
    }
}
