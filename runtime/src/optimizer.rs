//! The optimizer: state for a list of tensors, and the step.

use std::time::Instant;

use nosc_kernels::floats::{Floats, FloatsMut};
use nosc_kernels::{Edges, GradientGuard};

use crate::compiled::CompiledRule;
use crate::error::RuntimeError;
use crate::guard::{NonFinite, first_non_finite, norm};
use crate::host::Host;
use crate::options::{Settings, StepOptions, StepOutcome};
use crate::pool::Pool;
use crate::states::States;
use crate::step::{Common, Scratch, advance};
use crate::tensors::{Chunks, Gradients, Parameters};

/// An update rule with its state for a list of tensors.
#[derive(Debug, Clone)]
pub struct Optimizer {
    pub(crate) host: Host,
    pub(crate) states: States,
    chunks: Chunks,
    /// Of the gradients of the last step that clipped by it.
    norm: Option<f64>,
    scratch: Scratch,
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
        let threads = settings.threads;
        let host = Host::new(compiled, lengths, settings)?;
        let states = States::zeros(host.compiled.lowered().slots.len(), lengths)?;
        let chunks = Chunks::new(lengths, Pool::new(threads)?)?;
        Ok(Optimizer { host, states, chunks, norm: None, scratch: Scratch::default() })
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
    /// ever. Use one thread there, or no lock. After a fork the child has no such threads: it needs an
    /// optimizer of its own.
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
        let length = |tensor| parameters.length(tensor);
        self.host.check_shapes("parameters", parameters.count(), length)?;
        self.host
            .check_shapes("gradients", gradients.count(), |tensor| gradients.get(tensor).len())?;
        options.check()?;
        if options.found_inf {
            self.host.progress.skipped += 1;
            return Ok(StepOutcome::Skipped);
        }
        if self.host.settings.non_finite != NonFinite::Propagate
            && let Some((tensor, element)) =
                first_non_finite(gradients, &self.chunks, &mut self.scratch.found)
        {
            if self.host.settings.non_finite == NonFinite::Skip {
                self.host.progress.skipped += 1;
                return Ok(StepOutcome::Skipped);
            }
            let value = gradients.get(tensor).get(element).unwrap_or(f64::NAN);
            return Err(RuntimeError::NonFiniteGradient { tensor, element, value });
        }
        let sums = &mut self.scratch.sums;
        let norm = options.clip_norm.map(|_| norm(gradients, &self.chunks, sums));
        let guard = options.guard(norm);
        self.find_variants(parameters, gradients, guard)?;
        self.find_scalars(options.learning_rate, guard)?;
        // From here on nothing fails.
        let common = Common {
            seed: self.host.progress.seed,
            step: self.host.progress.step as u32,
            first_tensor: self.host.settings.first_tensor,
        };
        let states = &mut self.states;
        let arrays = (parameters, gradients);
        let start = self.chunks.is_timed().then(Instant::now);
        advance(&mut self.scratch, common, arrays, states, &self.chunks)?;
        if let Some(start) = start {
            self.chunks.note(start.elapsed());
        }
        let first_used = self.scratch.used.trailing_zeros() as usize;
        if let Some(scalars) = self.scratch.scalars.get(first_used) {
            self.host.progress.uniform_states.clone_from(&scalars.states);
        }
        self.norm = norm.map(|norm| norm / options.loss_scale).or(self.norm);
        self.host.progress.step += 1;
        Ok(StepOutcome::Done)
    }

    /// The kernel for the types of each tensor.
    fn find_variants<P: Parameters + ?Sized, G: Gradients + ?Sized>(
        &mut self,
        parameters: &P,
        gradients: &G,
        guard: GradientGuard,
    ) -> Result<(), RuntimeError> {
        let Scratch { variants, of_tensor, used, .. } = &mut self.scratch;
        let guarded = guard.scale as f32 != 1.0 || guard.limit as f32 != f32::INFINITY;
        of_tensor.clear();
        *used = 0;
        for tensor in 0..self.host.lengths.len() {
            let edges = Edges {
                parameter: parameters.element_type(tensor),
                gradient: gradients.get(tensor).element_type(),
                rounding: self.host.settings.rounding,
                guarded,
            };
            let edges = edges.normal();
            let known = variants.iter().position(|variant| variant.lowered().edges == edges);
            let place = known.unwrap_or(variants.len());
            of_tensor.push(place);
            *used |= 1 << place;
            if known.is_none() {
                variants.push(self.host.compiled.variant(edges)?);
            }
        }
        // States that are one number a rule move without tensors too.
        if of_tensor.is_empty() {
            if variants.is_empty() {
                variants.push(self.host.compiled.variant(Edges::default())?);
            }
            *used = 1;
        }
        Ok(())
    }

    /// The step scalars of each kernel; at the first step the states get their first values.
    fn find_scalars(
        &mut self,
        learning_rate: f64,
        guard: GradientGuard,
    ) -> Result<(), RuntimeError> {
        let wanted = (learning_rate, guard, self.scratch.used);
        if self.host.progress.step > 0 && self.scratch.known == Some(wanted) {
            return Ok(());
        }
        self.scratch.known = None;
        let starts = self.host.starts(learning_rate)?;
        let mut scalars = std::mem::take(&mut self.scratch.scalars);
        let found = self.scalars_into(&mut scalars, learning_rate, guard, starts.as_deref());
        self.scratch.scalars = scalars;
        found?;
        if let Some(starts) = starts {
            self.fill(&starts);
        }
        let varies = self.host.compiled.lowered().scalars.varies_by_step();
        self.scratch.known = (!varies).then_some(wanted);
        Ok(())
    }

    fn scalars_into(
        &self,
        out: &mut Vec<nosc_kernels::scalars::StepScalars>,
        learning_rate: f64,
        guard: GradientGuard,
        starts: Option<&[f64]>,
    ) -> Result<(), RuntimeError> {
        let from_starts = starts.map(|starts| self.host.uniform_states(Some(starts)));
        let states = from_starts.as_deref().unwrap_or(&self.host.progress.uniform_states);
        out.resize_with(self.scratch.variants.len(), Default::default);
        let variants = self.scratch.variants.iter().enumerate().zip(out);
        let used = |place: usize| self.scratch.used >> place & 1 == 1;
        for ((_, variant), out) in variants.filter(|((place, _), _)| used(*place)) {
            let inputs = self.host.inputs(learning_rate, guard, states);
            let lowered = variant.lowered();
            lowered.scalars.step_into(&lowered.canonical, &inputs, out)?;
        }
        Ok(())
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.host.progress.step
    }

    /// Steps skipped because a gradient was not finite.
    pub fn skipped(&self) -> u64 {
        self.host.progress.skipped
    }

    /// The Euclidean norm of all gradients, divided by the loss scale, at the last step that clipped by it.
    pub fn gradient_norm(&self) -> Option<f64> {
        self.norm
    }

    /// The compiled rule.
    pub fn compiled(&self) -> &CompiledRule {
        &self.host.compiled
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
        self.host.set(name, value)?;
        self.forget_scalars();
        Ok(())
    }

    /// Lets the threads share every step, where it does not pay too. For tests of what threads may not change.
    #[doc(hidden)]
    pub fn share_every_step(&mut self) {
        self.chunks.share();
    }

    /// The next step works out its scalars anew.
    pub(crate) fn forget_scalars(&mut self) {
        self.scratch.known = None;
    }

    fn fill(&mut self, starts: &[f64]) {
        let slots = &self.host.compiled.lowered().slots;
        for (slot, state) in slots.iter().enumerate() {
            let start = starts[state.index()] as f32;
            for tensor in 0..self.host.lengths.len() {
                let array = self.states.get_mut(slot, tensor).unwrap_or_default();
                // A fresh array is zero already, and not written before it is needed.
                if array.iter().any(|x| x.to_bits() != start.to_bits()) {
                    array.fill(start);
                }
            }
        }
    }
}
