//! The optimizer: state for a list of tensors, and the step.

use nosc_kernels::kernel::{Elements, Uniforms};
use nosc_kernels::scalars::{StepInputs, StepScalars, key};
use rayon::prelude::*;

use crate::compiled::CompiledRule;
use crate::error::RuntimeError;
use crate::guard::{NonFinite, first_non_finite};
use crate::pool::{CHUNK_ELEMENTS, PARALLEL_ELEMENTS, Pool};

/// Arguments of an optimizer; changing them never recompiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Values of hyper-parameters by name; others keep the rule's defaults.
    pub parameters: Vec<(String, f64)>,
    /// T, which decays need.
    pub total_steps: Option<u64>,
    /// Seed of all draws; `None` is 0, or that of a checkpoint.
    pub seed: Option<u64>,
    /// What to do about infinite and NaN gradients.
    pub non_finite: NonFinite,
    /// Threads of a step; `None` for one a core. Results do not depend on it.
    pub threads: Option<usize>,
    /// Number of the first tensor: groups that share a seed draw apart.
    pub first_tensor: u32,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// Parameters and state have moved, the step number is one higher.
    Done,
    /// A gradient was not finite and the policy is [`NonFinite::Skip`]: nothing has changed.
    Skipped,
}

/// An update rule with its state for a list of tensors.
#[derive(Debug, Clone)]
pub struct Optimizer {
    pub(crate) compiled: CompiledRule,
    pub(crate) settings: Settings,
    /// Hyper-parameters that a checkpoint brought; settings go before them.
    pub(crate) restored: Vec<(String, f64)>,
    /// Values of all hyper-parameters.
    pub(crate) parameters: Vec<f64>,
    /// T, of the settings or of a checkpoint.
    pub(crate) total_steps: Option<u64>,
    pub(crate) lengths: Vec<usize>,
    pub(crate) progress: Progress,
    pool: Pool,
}

/// All that a checkpoint has to hold besides the settings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: u64,
    /// Steps skipped for a gradient that was not finite.
    pub(crate) skipped: u64,
    pub(crate) seed: u64,
    /// By slot, then by tensor.
    pub(crate) states: Vec<Vec<Vec<f32>>>,
    /// States that are one number a rule.
    pub(crate) uniform_states: Vec<f64>,
}

impl Optimizer {
    /// Makes the state for tensors of the given numbers of elements. Only slots that the rule needs are
    /// allocated: 4 bytes a parameter for each.
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
        let parameters = compiled.values(&settings.parameters)?;
        if lengths.len() as u64 + u64::from(settings.first_tensor) >= u64::from(u32::MAX) {
            return Err(RuntimeError::TooManyTensors(lengths.len()));
        }
        let slots = compiled.lowered().slots.len();
        let states = (0..slots)
            .map(|_| lengths.iter().map(|length| zeros(*length)).collect())
            .collect::<Result<_, _>>()?;
        let progress = Progress {
            step: 0,
            skipped: 0,
            seed: settings.seed.unwrap_or(0),
            states,
            uniform_states: vec![0.0; compiled.lowered().scalars.uniform_states().len()],
        };
        let pool = Pool::new(settings.threads)?;
        let (restored, total_steps) = (Vec::new(), settings.total_steps);
        let lengths = lengths.to_vec();
        Ok(Optimizer {
            compiled,
            settings,
            restored,
            parameters,
            total_steps,
            lengths,
            progress,
            pool,
        })
    }

    /// Moves all tensors by one step: for each element, with the rule's update `u` and schedule `s`,
    /// `w <- w - (lr * s) * u`.
    ///
    /// # Shapes
    ///
    /// `parameters` and `gradients` have one slice for each tensor, of the lengths that the optimizer was
    /// made for. A length may be 0. All values are f32.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if shapes do not fit, the learning rate is below 0 or not finite, a needed total of
    /// steps is missing, or a gradient is not finite under [`NonFinite::Error`]. After an error neither
    /// parameters nor state have changed.
    ///
    /// # Determinism
    ///
    /// Equal inputs give equal bits, whatever the back end and the threads.
    pub fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
        learning_rate: f64,
    ) -> Result<StepOutcome, RuntimeError> {
        self.check_shapes("parameters", parameters.iter().map(|p| p.len()))?;
        self.check_shapes("gradients", gradients.iter().map(|g| g.len()))?;
        if !learning_rate.is_finite() || learning_rate.is_sign_negative() {
            return Err(RuntimeError::LearningRate(learning_rate));
        }
        if self.settings.non_finite != NonFinite::Propagate
            && let Some((tensor, element)) = first_non_finite(gradients, &self.pool)
        {
            if self.settings.non_finite == NonFinite::Skip {
                self.progress.skipped += 1;
                return Ok(StepOutcome::Skipped);
            }
            let value = gradients[tensor][element];
            return Err(RuntimeError::NonFiniteGradient { tensor, element, value });
        }
        let starts = self.starts(learning_rate)?;
        let scalars = self.scalars(learning_rate, starts.as_deref())?;
        if let Some(starts) = starts {
            self.fill(&starts);
        }
        self.run(parameters, gradients, &scalars.scalars)?;
        self.progress.uniform_states = scalars.states;
        self.progress.step += 1;
        Ok(StepOutcome::Done)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.progress.step
    }

    /// Steps skipped because a gradient was not finite.
    pub fn skipped(&self) -> u64 {
        self.progress.skipped
    }

    /// The compiled rule.
    pub fn compiled(&self) -> &CompiledRule {
        &self.compiled
    }

    /// A state array: slot number as in [`CompiledRule::slots`], then tensor number.
    pub fn state(&self, slot: usize, tensor: usize) -> Option<&[f32]> {
        Some(self.progress.states.get(slot)?.get(tensor)?)
    }

    /// Sets a hyper-parameter from the next step on.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if the rule has no such parameter or the value is not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), RuntimeError> {
        let mut settings = self.settings.parameters.clone();
        settings.retain(|(known, _)| known != name);
        settings.push((name.to_owned(), value));
        self.parameters = self.compiled.values(&[&self.restored[..], &settings].concat())?;
        self.settings.parameters = settings;
        Ok(())
    }

    fn check_shapes(
        &self,
        what: &'static str,
        found: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(), RuntimeError> {
        let (count, expected) = (found.len(), self.lengths.len());
        if count != expected {
            return Err(RuntimeError::TensorCount { what, found: count, expected });
        }
        for (tensor, (found, expected)) in found.zip(&self.lengths).enumerate() {
            if found != *expected {
                let expected = *expected;
                return Err(RuntimeError::TensorLength { what, tensor, found, expected });
            }
        }
        Ok(())
    }

    fn inputs<'a>(&'a self, learning_rate: f64, states: &'a [f64]) -> StepInputs<'a> {
        StepInputs {
            step: self.progress.step,
            total_steps: self.total_steps,
            learning_rate,
            parameters: &self.parameters,
            seed: self.progress.seed,
            states,
        }
    }

    /// Values of all states before the first step; `None` after it.
    fn starts(&self, learning_rate: f64) -> Result<Option<Vec<f64>>, RuntimeError> {
        if self.progress.step > 0 {
            return Ok(None);
        }
        let lowered = self.compiled.lowered();
        let inputs = self.inputs(learning_rate, &[]);
        Ok(Some(lowered.scalars.initial_states(&lowered.canonical, &inputs)?))
    }

    fn scalars(
        &self,
        learning_rate: f64,
        starts: Option<&[f64]>,
    ) -> Result<StepScalars, RuntimeError> {
        let lowered = self.compiled.lowered();
        let uniform = lowered.scalars.uniform_states().iter();
        let starts: Option<Vec<f64>> =
            starts.map(|starts| uniform.map(|state| starts[state.index()]).collect());
        let states = starts.as_deref().unwrap_or(&self.progress.uniform_states);
        Ok(lowered.scalars.step(&lowered.canonical, &self.inputs(learning_rate, states))?)
    }

    fn fill(&mut self, starts: &[f64]) {
        let slots = &self.compiled.lowered().slots;
        for (arrays, state) in self.progress.states.iter_mut().zip(slots) {
            let start = starts[state.index()] as f32;
            for array in arrays {
                array.fill(start);
            }
        }
    }

    fn run(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
        scalars: &[f32],
    ) -> Result<(), RuntimeError> {
        let kernel = &*self.compiled.compiled().kernel;
        let (seed, step) = (self.progress.seed, self.progress.step as u32);
        let first_tensor = self.settings.first_tensor;
        let total: usize = self.lengths.iter().sum();
        let chunks = chunks(parameters, gradients, &mut self.progress.states);
        let one = |mut chunk: Chunk<'_>| {
            let key = key(seed, chunk.tensor as u32 + first_tensor);
            let uniforms = Uniforms { scalars, key, step };
            let mut states: Vec<&mut [f32]> = chunk.states.iter_mut().map(|s| &mut **s).collect();
            let mut elements = Elements {
                parameters: chunk.parameters.into(),
                gradients: chunk.gradients.into(),
                states: &mut states,
                first_element: chunk.first_element,
            };
            kernel.run(&mut elements, uniforms)
        };
        if total < PARALLEL_ELEMENTS || self.pool.threads() == 1 {
            chunks.into_iter().try_for_each(one)?;
        } else {
            self.pool.run(|| chunks.into_par_iter().try_for_each(one))?;
        }
        Ok(())
    }
}

/// A run of neighbouring elements of one tensor.
struct Chunk<'a> {
    tensor: usize,
    first_element: u64,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    states: Vec<&'a mut [f32]>,
}

/// All tensors cut in chunks; where the cuts are does not depend on the threads. Empty tensors have none.
fn chunks<'a>(
    parameters: &'a mut [&mut [f32]],
    gradients: &'a [&[f32]],
    states: &'a mut [Vec<Vec<f32>>],
) -> Vec<Chunk<'a>> {
    let mut out = Vec::new();
    let mut of_state: Vec<_> = states.iter_mut().map(|slot| slot.iter_mut()).collect();
    for (tensor, (w, g)) in parameters.iter_mut().zip(gradients).enumerate() {
        let arrays = of_state.iter_mut().filter_map(Iterator::next);
        let mut of_tensor: Vec<_> = arrays.map(|array| array.chunks_mut(CHUNK_ELEMENTS)).collect();
        let pairs = w.chunks_mut(CHUNK_ELEMENTS).zip(g.chunks(CHUNK_ELEMENTS));
        for (number, (parameters, gradients)) in pairs.enumerate() {
            out.push(Chunk {
                tensor,
                first_element: (number * CHUNK_ELEMENTS) as u64,
                parameters,
                gradients,
                states: of_tensor.iter_mut().filter_map(Iterator::next).collect(),
            });
        }
    }
    out
}

fn zeros(length: usize) -> Result<Vec<f32>, RuntimeError> {
    let mut out = Vec::new();
    let bytes = length.saturating_mul(4);
    out.try_reserve_exact(length).map_err(|_| RuntimeError::Memory { bytes })?;
    out.resize(length, 0.0);
    Ok(out)
}
