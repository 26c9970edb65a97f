//! What every optimizer on the processor does in a step, whoever owns the states.

use std::time::Instant;

use nosc_kernels::{Edges, GradientGuard};

use crate::compiled::CompiledRule;
use crate::error::RuntimeError;
use crate::guard::{NonFinite, first_non_finite, norm};
use crate::host::Host;
use crate::options::{Settings, StepOptions, StepOutcome};
use crate::pool::Pool;
use crate::states::StateArrays;
use crate::step::{Common, Inputs, Scratch, TensorPlace, advance};
use crate::tensors::{Chunks, Gradients, Parameters};

/// An optimizer without states.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) host: Host,
    chunks: Chunks,
    /// Of the gradients of the last step that clipped by it.
    norm: Option<f64>,
    scratch: Scratch,
}

/// What a step is made of, when everything has been checked.
#[derive(Debug)]
struct Ready {
    norm: Option<f64>,
    /// Values of all states before the first step.
    starts: Option<Vec<f64>>,
}

impl Engine {
    pub(crate) fn new(
        compiled: CompiledRule,
        lengths: &[usize],
        settings: Settings,
    ) -> Result<Engine, RuntimeError> {
        let threads = settings.threads;
        let host = Host::new(compiled, lengths, settings)?;
        let chunks = Chunks::new(lengths, Pool::new(threads)?)?;
        Ok(Engine { host, chunks, norm: None, scratch: Scratch::default() })
    }

    /// Is for tensors of other lengths from now on.
    pub(crate) fn fit(
        &mut self,
        lengths: impl Iterator<Item = usize> + Clone,
    ) -> Result<(), RuntimeError> {
        if self.host.lengths.iter().copied().eq(lengths.clone()) {
            return Ok(());
        }
        let lengths: Vec<usize> = lengths.collect();
        self.host.check_count(lengths.len())?;
        self.chunks = self.chunks.fitted(&lengths)?;
        self.host.lengths = lengths;
        Ok(())
    }

    /// The step, whole or not at all.
    pub(crate) fn advance<P, G, S>(
        &mut self,
        parameters: &mut P,
        gradients: &G,
        states: &mut S,
        places: Option<&[TensorPlace]>,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError>
    where
        P: Parameters + ?Sized,
        G: Gradients + ?Sized,
        S: StateArrays + ?Sized,
    {
        let Some(Ready { norm, starts }) = self.prepare(parameters, gradients, options)? else {
            self.host.progress.skipped += 1;
            return Ok(StepOutcome::Skipped);
        };
        // From here on nothing fails.
        if let Some(starts) = starts {
            let slots = &self.host.compiled.lowered().slots;
            let starts = slots.iter().map(|state| starts[state.index()] as f32);
            states.fill(&starts.collect::<Vec<_>>());
        }
        let common = Common {
            seed: self.host.progress.seed,
            step: self.host.progress.step as u32,
            first_tensor: self.host.settings.first_tensor,
        };
        let start = self.chunks.is_timed().then(Instant::now);
        let inputs = Inputs { parameters, gradients, states, places };
        advance(&mut self.scratch, common, inputs, &self.chunks)?;
        if let Some(start) = start {
            self.chunks.note(start.elapsed());
        }
        let first_used = self.scratch.used.trailing_zeros() as usize;
        if let Some(scalars) = self.scratch.scalars.get(first_used) {
            self.host.progress.uniform_states.clone_from(&scalars.states);
        }
        self.norm = norm.map(|norm| norm / options.loss_scale).or(self.norm);
        self.host.progress.step = self.host.progress.step.saturating_add(1);
        Ok(StepOutcome::Done)
    }

    /// What a step would do; nothing moves.
    pub(crate) fn check<P, G>(
        &mut self,
        parameters: &P,
        gradients: &G,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError>
    where
        P: Parameters + ?Sized,
        G: Gradients + ?Sized,
    {
        Ok(outcome(self.prepare(parameters, gradients, options)?.as_ref()))
    }

    /// All that may fail of a step; `None` if it is to be skipped.
    fn prepare<P, G>(
        &mut self,
        parameters: &P,
        gradients: &G,
        options: &StepOptions,
    ) -> Result<Option<Ready>, RuntimeError>
    where
        P: Parameters + ?Sized,
        G: Gradients + ?Sized,
    {
        let length = |tensor| parameters.length(tensor);
        self.host.check_shapes("parameters", parameters.count(), length)?;
        self.host
            .check_shapes("gradients", gradients.count(), |tensor| gradients.get(tensor).len())?;
        options.check()?;
        if options.found_inf {
            return Ok(None);
        }
        if self.host.settings.non_finite != NonFinite::Propagate
            && let Some((tensor, element)) =
                first_non_finite(gradients, &self.chunks, &mut self.scratch.found)
        {
            if self.host.settings.non_finite == NonFinite::Skip {
                return Ok(None);
            }
            let value = gradients.get(tensor).get(element).unwrap_or(f64::NAN);
            return Err(RuntimeError::NonFiniteGradient { tensor, element, value });
        }
        let sums = &mut self.scratch.sums;
        let norm = options.clip_norm.map(|_| norm(gradients, &self.chunks, sums));
        let guard = options.guard(norm);
        self.find_variants(parameters, gradients, options, guard)?;
        let starts = self.find_scalars(options, guard)?;
        Ok(Some(Ready { norm, starts }))
    }

    /// The kernel for the types of each tensor.
    fn find_variants<P: Parameters + ?Sized, G: Gradients + ?Sized>(
        &mut self,
        parameters: &P,
        gradients: &G,
        options: &StepOptions,
        guard: GradientGuard,
    ) -> Result<(), RuntimeError> {
        let weight_decay = options.weight_decay.kind();
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
                weight_decay,
            };
            let edges = edges.normal();
            let known = variants.iter().position(|variant| variant.lowered().edges == edges);
            let place = if let Some(known) = known {
                known
            } else {
                variants.push(self.host.compiled.variant(edges)?);
                variants.len() - 1
            };
            of_tensor.push(place);
            *used |= 1 << place;
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

    /// The step scalars of each kernel, and before the first step the first values of all states.
    fn find_scalars(
        &mut self,
        options: &StepOptions,
        guard: GradientGuard,
    ) -> Result<Option<Vec<f64>>, RuntimeError> {
        let wanted = (options.learning_rate, guard, options.weight_decay, self.scratch.used);
        if self.host.progress.step > 0 && self.scratch.known == Some(wanted) {
            return Ok(None);
        }
        self.scratch.known = None;
        let starts = self.host.starts(options.learning_rate)?;
        let mut scalars = std::mem::take(&mut self.scratch.scalars);
        let found = self.scalars_into(&mut scalars, options, guard, starts.as_deref());
        self.scratch.scalars = scalars;
        found?;
        let varies = self.host.compiled.lowered().scalars.varies_by_step();
        self.scratch.known = (!varies).then_some(wanted);
        Ok(starts)
    }

    fn scalars_into(
        &self,
        out: &mut Vec<nosc_kernels::scalars::StepScalars>,
        options: &StepOptions,
        guard: GradientGuard,
        starts: Option<&[f64]>,
    ) -> Result<(), RuntimeError> {
        let from_starts = starts.map(|starts| self.host.uniform_states(Some(starts)));
        let states = from_starts.as_deref().unwrap_or(&self.host.progress.uniform_states);
        out.resize_with(self.scratch.variants.len(), Default::default);
        let variants = self.scratch.variants.iter().enumerate().zip(out);
        let used = |place: usize| self.scratch.used >> place & 1 == 1;
        for ((_, variant), out) in variants.filter(|((place, _), _)| used(*place)) {
            let inputs = self.host.inputs(options, guard, states);
            let lowered = variant.lowered();
            lowered.scalars.step_into(&lowered.canonical, &inputs, out)?;
        }
        Ok(())
    }

    /// The Euclidean norm of all gradients, divided by the loss scale, at the last step that clipped by it.
    pub(crate) fn norm(&self) -> Option<f64> {
        self.norm
    }

    /// The next step works out its scalars anew.
    pub(crate) fn forget_scalars(&mut self) {
        self.scratch.known = None;
    }

    /// Lets the threads share every step, where it does not pay too.
    pub(crate) fn share_every_step(&mut self) {
        self.chunks.share();
    }
}

/// What a step does that was prepared.
pub(crate) fn outcome<T>(ready: Option<&T>) -> StepOutcome {
    if ready.is_some() { StepOutcome::Done } else { StepOutcome::Skipped }
}
