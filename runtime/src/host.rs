//! What the host keeps of an optimizer, whatever has its arrays: the rule, its settings, and how far it is.

use nosc_kernels::GradientGuard;
use nosc_kernels::scalars::StepInputs;

use crate::compiled::CompiledRule;
use crate::error::RuntimeError;
use crate::options::{Settings, StepOptions};

/// An optimizer without arrays.
#[derive(Debug, Clone)]
pub(crate) struct Host {
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
}

/// All that a checkpoint has to hold besides settings and states.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: u64,
    /// Steps skipped for a gradient that was not finite.
    pub(crate) skipped: u64,
    pub(crate) seed: u64,
    /// States that are one number a rule.
    pub(crate) uniform_states: Vec<f64>,
}

impl Host {
    pub(crate) fn new(
        compiled: CompiledRule,
        lengths: &[usize],
        settings: Settings,
    ) -> Result<Host, RuntimeError> {
        let parameters = compiled.values(&settings.parameters)?;
        let progress = Progress {
            step: 0,
            skipped: 0,
            seed: settings.seed.unwrap_or(0),
            uniform_states: vec![0.0; compiled.lowered().scalars.uniform_states().len()],
        };
        let (restored, total_steps) = (Vec::new(), settings.total_steps);
        let lengths = lengths.to_vec();
        let host =
            Host { compiled, settings, restored, parameters, total_steps, lengths, progress };
        host.check_count(host.lengths.len())?;
        Ok(host)
    }

    /// Whether so many tensors have numbers.
    pub(crate) fn check_count(&self, tensors: usize) -> Result<(), RuntimeError> {
        if tensors as u64 + u64::from(self.settings.first_tensor) >= u64::from(u32::MAX) {
            return Err(RuntimeError::TooManyTensors(tensors));
        }
        Ok(())
    }

    /// Sets a hyper-parameter from the next step on.
    pub(crate) fn set(&mut self, name: &str, value: f64) -> Result<(), RuntimeError> {
        let mut settings = self.settings.parameters.clone();
        settings.retain(|(known, _)| known != name);
        settings.push((name.to_owned(), value));
        self.parameters = self.compiled.values(&[&self.restored[..], &settings].concat())?;
        self.settings.parameters = settings;
        Ok(())
    }

    pub(crate) fn check_shapes(
        &self,
        what: &'static str,
        found: usize,
        length: impl Fn(usize) -> usize,
    ) -> Result<(), RuntimeError> {
        let expected = self.lengths.len();
        if found != expected {
            return Err(RuntimeError::TensorCount { what, found, expected });
        }
        for (tensor, expected) in self.lengths.iter().copied().enumerate() {
            let found = length(tensor);
            if found != expected {
                return Err(RuntimeError::TensorLength { what, tensor, found, expected });
            }
        }
        Ok(())
    }

    /// What the scalars of the next step are made of; `states` are those that are one number a rule.
    pub(crate) fn inputs<'a>(
        &'a self,
        options: &StepOptions,
        guard: GradientGuard,
        states: &'a [f64],
    ) -> StepInputs<'a> {
        StepInputs {
            step: self.progress.step,
            total_steps: self.total_steps,
            learning_rate: options.learning_rate,
            parameters: &self.parameters,
            seed: self.progress.seed,
            states,
            guard,
            weight_decay: options.weight_decay.strength(),
        }
    }

    /// Values of all states before the first step; `None` after it.
    pub(crate) fn starts(&self, learning_rate: f64) -> Result<Option<Vec<f64>>, RuntimeError> {
        if self.progress.step > 0 {
            return Ok(None);
        }
        self.first_values(learning_rate).map(Some)
    }

    /// Values of all states before step 0.
    pub(crate) fn first_values(&self, learning_rate: f64) -> Result<Vec<f64>, RuntimeError> {
        let lowered = self.compiled.lowered();
        let inputs = self.inputs(&StepOptions::new(learning_rate), GradientGuard::default(), &[]);
        Ok(lowered.scalars.initial_states(&lowered.canonical, &inputs)?)
    }

    /// Of these, the values of the slots that vary by element, in their order.
    pub(crate) fn first_slots(&self, learning_rate: f64) -> Result<Vec<f32>, RuntimeError> {
        let starts = self.first_values(learning_rate)?;
        let slots = self.compiled.lowered().slots.iter();
        Ok(slots.map(|state| starts[state.index()] as f32).collect())
    }

    /// The states that are one number a rule, before the next step.
    pub(crate) fn uniform_states(&self, starts: Option<&[f64]>) -> Vec<f64> {
        let uniform = self.compiled.lowered().scalars.uniform_states();
        match starts {
            Some(starts) => uniform.iter().map(|state| starts[state.index()]).collect(),
            None => self.progress.uniform_states.clone(),
        }
    }
}
