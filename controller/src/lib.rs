//! Tasks that train a small model, a *child*, with an update rule, to find out how good it is.
//!
//! ```text
//! rule -> MakeStepper -> [ Task: child, data, loss ] -> Outcome -> protocol, trials -> plot
//! ```
//!
//! A [`Task`](task::Task) knows models and data and no rules; what moves the parameters comes in
//! through [`MakeStepper`](stepper::MakeStepper), so that a task trains with a compiled rule, an
//! interpreter or a plain function alike. So does the search.
//!
//! # What holds
//!
//! 1. **Same seed, same bits**, for any number of children at once and on any run, by the same kernels
//!    ([`child::net::Path`], which an outcome names): all random numbers come from [`random`], `exp` and
//!    `log` from the `libm` crate, and sums have one order.
//! 2. **The test set is for the report.** It is looked at once, after training; no reward, no sweep
//!    and no choice of a rule reads it.
//! 3. **A lost child stops at once**, with the step and the reason ([`outcome::Divergence`]).
//!
//! # Example
//!
//! Plain gradient descent on Rosenbrock's valley:
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use nosc_controller::stepper::{MakeStepper, Stepper, StepperError, StepperSettings};
//! use nosc_controller::task::{Budget, Event, open};
//!
//! struct Descent(f32);
//!
//! impl Stepper for Descent {
//!     fn step(&mut self, w: &mut [&mut [f32]], g: &[&[f32]]) -> Result<(), StepperError> {
//!         for (w, g) in w.iter_mut().zip(g) {
//!             w.iter_mut().zip(*g).for_each(|(w, g)| *w -= self.0 * g);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct MakeDescent;
//!
//! impl MakeStepper for MakeDescent {
//!     fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
//!         Ok(Box::new(Descent(settings.learning_rate as f32)))
//!     }
//! }
//!
//! let mut progress = |_: Event<'_>| ControlFlow::Continue(());
//! let child = open("rosenbrock")?.train(&MakeDescent, &Budget::new(1e-3, 4000, 0), &mut progress)?;
//! assert!(child.outcome.final_loss.is_some_and(|loss| loss < 0.01));
//! # Ok::<(), nosc_controller::task::TaskError>(())
//! ```
//!
//! Start reading at [`task::Task`], then `task/rosenbrock.rs`, the smallest one.

#![warn(clippy::self_named_module_files)]
#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "references of tests are computed by other means")
)]

pub mod task;
pub mod dataset;
pub mod child;
pub mod stepper;
pub mod compiled_stepper;
pub mod learning_rate;
pub mod random;
pub mod outcome;
pub mod protocol;
pub mod trials;
pub mod spread;
pub mod transfer;
pub mod plot;
#[cfg(feature = "search")]
pub mod search;
