//! An optimizer on the processor and one on a device, moved by the same gradients.

use nosc_compiler::Rule;
use nosc_kernels::cuda::{Device, DeviceTensor, Stream};
use nosc_runtime::{
    Backend, CudaOptimizer, ElementType, FloatVec, Floats, FloatsMut, Optimizer, Settings,
    StepOptions, StepOutcome,
};

use crate::numbers::{typed, word};
use crate::rules::compiled;
use crate::run::gradients;

/// Both optimizers and what they move.
#[derive(Debug)]
pub struct Twins {
    /// The one on the processor.
    pub host: Optimizer,
    /// The one on the device.
    pub device: CudaOptimizer,
    /// What the first moves.
    pub parameters: Vec<FloatVec>,
    /// What the second moves.
    pub tensors: Vec<DeviceTensor>,
    /// Gradients on the device, of the last step.
    pub gradients: Vec<DeviceTensor>,
    types: Vec<(ElementType, ElementType)>,
    number: u64,
}

impl Twins {
    /// Tensors of f32, on a new stream of the first device.
    pub fn new(rule: &Rule, lengths: &[usize], settings: &Settings) -> Twins {
        let types = vec![(ElementType::F32, ElementType::F32); lengths.len()];
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        Twins::of(rule, &types, lengths, settings, &stream)
    }

    /// Tensors whose parameters and gradients have these types.
    pub fn of(
        rule: &Rule,
        types: &[(ElementType, ElementType)],
        lengths: &[usize],
        settings: &Settings,
        stream: &Stream,
    ) -> Twins {
        let compiled = || compiled(rule, Backend::Interpreter);
        let host = Optimizer::new(compiled(), lengths, settings.clone()).unwrap();
        let device = CudaOptimizer::new(compiled(), stream, lengths, settings.clone()).unwrap();
        let parameters: Vec<FloatVec> = (0..)
            .zip(lengths)
            .zip(types)
            .map(|((tensor, length), (of, _))| numbers(tensor, 1_000_000, *length, *of))
            .collect();
        let tensors = upload(stream, &parameters);
        let gradients = upload(
            stream,
            &(0..)
                .zip(lengths)
                .zip(types)
                .map(|((t, n), (_, of))| numbers(t, 0, *n, *of))
                .collect::<Vec<_>>(),
        );
        let types = types.to_vec();
        Twins { host, device, parameters, tensors, gradients, types, number: 0 }
    }

    /// The gradients of the coming step.
    pub fn next_gradients(&mut self) -> Vec<FloatVec> {
        self.number += 1;
        let arrays = (0..).zip(&self.parameters).zip(&self.types);
        arrays.map(|((t, w), (_, of))| numbers(t, self.number, w.len(), *of)).collect()
    }

    /// A step of both with the gradients of its number, which do the same.
    pub fn step(&mut self, options: &StepOptions) -> StepOutcome {
        let gradients = self.next_gradients();
        self.step_with(&gradients, options)
    }

    /// A step of both with given gradients. Both do the same, or fail with the same words.
    pub fn step_with(&mut self, gradients: &[FloatVec], options: &StepOptions) -> StepOutcome {
        self.show(gradients);
        let there = self.device.step_with(&mut self.tensors, &self.gradients, options);
        let here = self.step_host(gradients, options);
        match (here, there) {
            (Ok(here), Ok(there)) => {
                assert_eq!(here, there);
                here
            }
            (Err(here), Err(there)) => panic!("{here}\n{there}"),
            (here, there) => panic!("{here:?} on the processor, {there:?} on the device"),
        }
    }

    /// A step of the one on the processor.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step_with`].
    pub fn step_host(
        &mut self,
        gradients: &[FloatVec],
        options: &StepOptions,
    ) -> Result<StepOutcome, nosc_runtime::RuntimeError> {
        let mut slices: Vec<FloatsMut<'_>> =
            self.parameters.iter_mut().map(FloatVec::as_floats_mut).collect();
        let gradients: Vec<Floats<'_>> = gradients.iter().map(FloatVec::as_floats).collect();
        self.host.step_with(&mut slices, &gradients, options)
    }

    /// Copies gradients to the device.
    pub fn show(&mut self, gradients: &[FloatVec]) {
        let stream = self.device.stream().clone();
        for (tensor, gradient) in self.gradients.iter_mut().zip(gradients) {
            tensor.copy_from_host(&stream, gradient.as_floats()).unwrap();
        }
    }

    /// Some steps with learning rate 0.05.
    pub fn steps(&mut self, count: u64) {
        for _ in 0..count {
            assert_eq!(self.step(&StepOptions::new(0.05)), StepOutcome::Done);
        }
    }

    /// Stops if parameters, states or step numbers differ, any NaN standing for any other.
    pub fn assert_same(&self, what: &str) {
        assert_eq!(self.host.steps(), self.device.steps(), "{what}");
        assert_eq!(self.host.skipped(), self.device.skipped(), "{what}");
        for (tensor, (found, wanted)) in self.tensors.iter().zip(&self.parameters).enumerate() {
            let found = found.to_host(self.device.stream()).unwrap();
            assert_same_numbers(&found, wanted, &format!("{what}, tensor {tensor}"));
        }
        for slot in 0..self.host.compiled().lowered().slots.len() {
            for tensor in 0..self.parameters.len() {
                let found = FloatVec::F32(self.device.state(slot, tensor).unwrap().unwrap());
                let wanted = FloatVec::F32(self.host.state(slot, tensor).unwrap().to_vec());
                assert_same_numbers(&found, &wanted, &format!("{what}, state {slot}.{tensor}"));
            }
        }
    }
}

/// Copies of arrays on a device.
pub fn upload(stream: &Stream, arrays: &[FloatVec]) -> Vec<DeviceTensor> {
    let up = |array: &FloatVec| DeviceTensor::from_host(stream, array.as_floats()).unwrap();
    arrays.iter().map(up).collect()
}

/// Numbers of a tensor at a step.
pub(super) fn numbers(tensor: u32, step: u64, length: usize, of: ElementType) -> FloatVec {
    typed(of, gradients(tensor, step, length).into_iter())
}

pub(super) fn assert_same_numbers(found: &FloatVec, wanted: &FloatVec, what: &str) {
    assert_eq!(found.element_type(), wanted.element_type(), "{what}");
    assert_eq!(found.len(), wanted.len(), "{what}");
    let pairs = found.numbers().map(word).zip(wanted.numbers().map(word));
    for (element, (found, wanted)) in pairs.enumerate() {
        assert_eq!(found, wanted, "{what}, element {element}");
    }
}
