//! The optimizer: state for a list of tensors, and the step.

use nosc_kernels::floats::{Floats, FloatsMut};

use crate::compiled::CompiledRule;
use crate::engine::Engine;
use crate::error::RuntimeError;
#[cfg(doc)]
use crate::guard::NonFinite;
use crate::options::{Settings, StepOptions, StepOutcome};
use crate::states::States;
use crate::tensors::{Gradients, Parameters};

/// An update rule with its state for a list of tensors.
#[derive(Debug, Clone)]
pub struct Optimizer {
    pub(crate) engine: Engine,
    pub(crate) states: States,
}

impl Optimizer {
    /// Makes the state for tensors of the given numbers of elements. Only slots that the rule needs are
    /// allocated: 4 bytes a parameter for each, whatever the types of parameters and gradients.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] for a setting that the rule does not have or that is not finite, or if there is no
    /// memory.
    pub fn new(
        compiled: CompiledRule,
        lengths: &[usize],
        settings: Settings,
    ) -> Result<Optimizer, RuntimeError> {
        let engine = Engine::new(compiled, lengths, settings)?;
        let states = States::zeros(engine.host.compiled.lowered().slots.len(), lengths)?;
        Ok(Optimizer { engine, states })
    }

    /// Moves all tensors by one step: for each element, with the rule's update `u` and schedule `s`,
    /// `w <- w - (lr * s) * u`.
    ///
    /// # Shapes
    ///
    /// `parameters` and `gradients` have one slice for each tensor, of the lengths that the optimizer was
    /// made for. A length may be 0. All values are f32; [`Optimizer::step_with`] takes other types.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if shapes do not fit, the learning rate is below 0 or not finite, a needed total of
    /// steps is missing, or a gradient is not finite under [`NonFinite::Error`]. After an error neither
    /// parameters nor state have changed.
    ///
    /// # Determinism
    ///
    /// Equal inputs give equal bits, whatever the back end and the threads. Where it is not the wide back end
    /// that runs, the calling thread has to be in the usual floating-point mode: one that flushes subnormal
    /// numbers flushes them here too, and the other threads of a step do not.
    ///
    /// # Threads
    ///
    /// A step of several threads waits for them with rayon. Within a job of another rayon pool that thread may
    /// take up other jobs of its pool meanwhile; if those wait for a lock that this job holds, all wait for
    /// ever. Use one thread there, or no lock. After a fork the child has no such threads, and
    /// takes its steps on the calling one.
    pub fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
        learning_rate: f64,
    ) -> Result<StepOutcome, RuntimeError> {
        self.advance(parameters, gradients, &StepOptions::new(learning_rate))
    }

    /// [`Optimizer::step`] for tensors of f32, f64, f16 and bf16 in any mixture, with gradient clipping and
    /// loss scaling.
    ///
    /// Elements are widened or rounded to f32 when they are loaded, and the arithmetic is in f32. A
    /// parameter of f16 or bf16 is rounded when it is stored; for one of f64 the last line is computed in
    /// f64. The rule is compiled once more for each pair of types, when it first comes up.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step`], and [`RuntimeError::StepOption`] for an option out of its range.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_runtime::{CompiledRule, Optimizer, Settings, StepOptions, bf16, library};
    ///
    /// let rule = library::rule("sgd").expect("a standard rule");
    /// let compiled = CompiledRule::new(&rule, nosc_runtime::Backend::Auto)?;
    /// let mut optimizer = Optimizer::new(compiled, &[2], Settings::default())?;
    /// let mut w = [bf16::from_f32(1.0), bf16::from_f32(2.0)];
    /// let g = [3.0_f32, 4.0];
    /// let options = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.5) };
    /// optimizer.step_with(&mut [(&mut w).into()], &[(&g).into()], &options)?;
    /// assert_eq!(optimizer.gradient_norm(), Some(5.0));
    /// assert_eq!(w.map(|w| w.to_f32()), [0.69921875, 1.6015625]); // 0.7 and 1.6 in bf16
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn step_with(
        &mut self,
        parameters: &mut [FloatsMut<'_>],
        gradients: &[Floats<'_>],
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        self.advance(parameters, gradients, options)
    }

    fn advance<P: Parameters + ?Sized, G: Gradients + ?Sized>(
        &mut self,
        parameters: &mut P,
        gradients: &G,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        self.engine.advance(parameters, gradients, &mut self.states, None, options)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.engine.host.progress.step
    }

    /// Steps skipped because a gradient was not finite.
    pub fn skipped(&self) -> u64 {
        self.engine.host.progress.skipped
    }

    /// The Euclidean norm of all gradients, divided by the loss scale, at the last step that clipped by it.
    pub fn gradient_norm(&self) -> Option<f64> {
        self.engine.norm()
    }

    /// The compiled rule.
    pub fn compiled(&self) -> &CompiledRule {
        &self.engine.host.compiled
    }

    /// A state array: slot number as in [`CompiledRule::slots`], then tensor number.
    pub fn state(&self, slot: usize, tensor: usize) -> Option<&[f32]> {
        self.states.get(slot, tensor)
    }

    /// Sets a hyper-parameter from the next step on.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if the rule has no such parameter or the value is not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), RuntimeError> {
        self.engine.host.set(name, value)?;
        self.engine.forget_scalars();
        Ok(())
    }

    /// Lets the threads share every step, where it does not pay too. For tests of what threads may not change.
    #[doc(hidden)]
    pub fn share_every_step(&mut self) {
        self.engine.share_every_step();
    }
}
