//! An optimizer with its tensors, moved by gradients that are a function of (tensor, step, element).

use nosc_compiler::Rule;
use nosc_runtime::{Backend, Optimizer, RuntimeError, Settings, StepOutcome};

use crate::numbers::{assert_same_bits, bits, plain_float, splitmix};
use crate::rules::{compiled, rule};

/// An optimizer and what it moves.
#[derive(Debug, Clone)]
pub struct Run {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The parameters.
    pub tensors: Vec<Vec<f32>>,
    first_tensor: u32,
}

/// All that a step may change, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    tensors: Vec<Vec<u32>>,
    states: Vec<Vec<Vec<u32>>>,
    checkpoint: Vec<u8>,
    skipped: u64,
}

impl Snapshot {
    /// The same with another number of skipped steps, which a policy may count.
    #[must_use]
    pub fn without_skipped(mut self) -> Snapshot {
        self.skipped = 0;
        self.checkpoint.clear();
        self
    }
}

/// Finite gradients of a tensor at a step.
pub fn gradients(tensor: u32, step: u64, length: usize) -> Vec<f32> {
    let base = splitmix(u64::from(tensor) << 32 ^ step);
    (0..length as u64).map(|element| plain_float(base ^ element)).collect()
}

impl Run {
    /// The rule of a text on machine code.
    pub fn new(text: &str, lengths: &[usize], settings: Settings) -> Run {
        Run::of(&rule(text), Backend::Cranelift, lengths, settings)
    }

    /// Any rule on any back end.
    pub fn of(rule: &Rule, backend: Backend, lengths: &[usize], settings: Settings) -> Run {
        let first_tensor = settings.first_tensor;
        let optimizer = Optimizer::new(compiled(rule, backend), lengths, settings);
        let mut optimizer = optimizer.unwrap_or_else(|error| panic!("{}\n{error}", rule.to_text()));
        optimizer.share_every_step();
        let tensors = lengths.iter().zip(first_tensor..).map(|(length, tensor)| {
            (0..*length as u64).map(|i| plain_float(splitmix(u64::from(tensor)) ^ i)).collect()
        });
        Run { optimizer, tensors: tensors.collect(), first_tensor }
    }

    /// The gradients of the coming step.
    pub fn gradients(&self) -> Vec<Vec<f32>> {
        let step = self.optimizer.steps();
        let tensors = self.tensors.iter().zip(self.first_tensor..);
        tensors.map(|(tensor, number)| gradients(number, step, tensor.len())).collect()
    }

    /// One step with the gradients of its number.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step`].
    pub fn step(&mut self, learning_rate: f64) -> Result<StepOutcome, RuntimeError> {
        let gradients = self.gradients();
        self.step_with(&gradients, learning_rate)
    }

    /// One step with given gradients.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step`].
    pub fn step_with(
        &mut self,
        gradients: &[Vec<f32>],
        learning_rate: f64,
    ) -> Result<StepOutcome, RuntimeError> {
        let mut tensors: Vec<&mut [f32]> = self.tensors.iter_mut().map(Vec::as_mut_slice).collect();
        let gradients: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
        self.optimizer.step(&mut tensors, &gradients, learning_rate)
    }

    /// Some steps with learning rate 0.05.
    pub fn steps(&mut self, count: u64) {
        for _ in 0..count {
            assert_eq!(self.step(0.05).unwrap(), StepOutcome::Done);
        }
    }

    /// State arrays by slot and tensor.
    pub fn states(&self) -> Vec<Vec<&[f32]>> {
        (0..self.optimizer.compiled().slots().len())
            .map(|slot| {
                (0..self.tensors.len()).filter_map(|t| self.optimizer.state(slot, t)).collect()
            })
            .collect()
    }

    /// All that a step may change.
    pub fn snapshot(&self) -> Snapshot {
        let raw = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
        Snapshot {
            tensors: self.tensors.iter().map(|tensor| raw(tensor)).collect(),
            states: self.states().iter().map(|s| s.iter().map(|v| raw(v)).collect()).collect(),
            checkpoint: self.optimizer.to_checkpoint().unwrap(),
            skipped: self.optimizer.skipped(),
        }
    }

    /// Stops if parameters, states or step numbers differ, any NaN standing for any other.
    pub fn assert_same_as(&self, wanted: &Run, what: &str) {
        assert_eq!(self.optimizer.steps(), wanted.optimizer.steps(), "{what}");
        assert_eq!(self.tensors.len(), wanted.tensors.len(), "{what}");
        for (tensor, (found, wanted)) in self.tensors.iter().zip(&wanted.tensors).enumerate() {
            assert_same_bits(found, wanted, || format!("{what}, tensor {tensor}"));
        }
        for (slot, (found, wanted)) in self.states().iter().zip(wanted.states()).enumerate() {
            assert_eq!(found.len(), wanted.len(), "{what}");
            for (found, wanted) in found.iter().zip(wanted) {
                assert_same_bits(found, wanted, || format!("{what}, state {slot}"));
            }
        }
    }

    /// Bits of a tensor, all NaNs being one.
    pub fn bits(&self, tensor: usize) -> Vec<u32> {
        self.tensors[tensor].iter().map(|value| bits(*value)).collect()
    }
}
