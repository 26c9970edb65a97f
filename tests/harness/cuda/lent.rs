//! Optimizers that borrow their states, on the processor and on a device, moved by the same gradients.

use nosc_compiler::Rule;
use nosc_kernels::cuda::{Device, DeviceTensor, Stream};
use nosc_runtime::{
    Backend, CudaLists, CudaStatelessOptimizer, ElementType, FloatVec, Floats, FloatsMut, Lists,
    Moment, RuntimeError, Settings, StatelessOptimizer, StepOptions, StepOutcome, TensorPlace,
};

use super::twins::{assert_same_numbers, numbers, upload};
use crate::rules::compiled;

/// Both optimizers, and all that they are lent.
#[derive(Debug)]
pub struct LentTwins {
    /// The one on the processor.
    pub host: StatelessOptimizer,
    /// The one on the device.
    pub device: CudaStatelessOptimizer,
    /// Of the next step.
    pub stream: Stream,
    /// What the first moves.
    pub parameters: Vec<FloatVec>,
    /// What the second moves.
    pub tensors: Vec<DeviceTensor>,
    /// Gradients on the device, of the last step.
    pub gradients: Vec<DeviceTensor>,
    /// States on the device, by tensor.
    pub states: Vec<DeviceTensor>,
    /// For both.
    pub places: Vec<TensorPlace>,
    /// How far the one on the device is.
    pub moment: Moment,
    here: Vec<Vec<f32>>,
    moment_here: Moment,
    types: Vec<(ElementType, ElementType)>,
    number: u64,
}

/// What stands in states before the first step, which is not read.
const STALE: f32 = 9.0;

impl LentTwins {
    /// Whole tensors of f32.
    pub fn new(rule: &Rule, lengths: &[usize], settings: &Settings) -> LentTwins {
        let types = vec![(ElementType::F32, ElementType::F32); lengths.len()];
        let place = |id| TensorPlace { id, first_element: 0 };
        let places: Vec<_> = (0..).map(place).take(lengths.len()).collect();
        LentTwins::of(rule, &types, lengths, &places, settings)
    }

    /// Tensors whose parameters and gradients have these types, or parts of some, on a new stream of the first device.
    pub fn of(
        rule: &Rule,
        types: &[(ElementType, ElementType)],
        lengths: &[usize],
        places: &[TensorPlace],
        settings: &Settings,
    ) -> LentTwins {
        let (device, compiled) = (Device::open(0).unwrap(), compiled(rule, Backend::Interpreter));
        let stream = device.new_stream().unwrap();
        let slots = compiled.lowered().slots.len();
        let arrays = |step: u64, of: fn(&(ElementType, ElementType)) -> ElementType| {
            let tensors = (0..).zip(lengths).zip(types);
            tensors.map(|((t, n), types)| numbers(t, step, *n, of(types))).collect::<Vec<_>>()
        };
        let parameters = arrays(1_000_000, |types| types.0);
        let here: Vec<Vec<f32>> =
            lengths.iter().flat_map(|length| vec![vec![STALE; *length]; slots]).collect();
        let there: Vec<FloatVec> = here.iter().cloned().map(FloatVec::F32).collect();
        LentTwins {
            host: StatelessOptimizer::new(compiled.clone(), settings.clone()).unwrap(),
            device: CudaStatelessOptimizer::new(compiled, &device, settings.clone()).unwrap(),
            tensors: upload(&stream, &parameters),
            gradients: upload(&stream, &arrays(0, |types| types.1)),
            states: upload(&stream, &there),
            parameters,
            here,
            stream,
            places: places.to_vec(),
            moment: Moment::default(),
            moment_here: Moment::default(),
            types: types.to_vec(),
            number: 0,
        }
    }

    /// The gradients of the coming step.
    pub fn next_gradients(&mut self) -> Vec<FloatVec> {
        self.number += 1;
        let arrays = (0..).zip(&self.parameters).zip(&self.types);
        arrays.map(|((t, w), (_, of))| numbers(t, self.number, w.len(), *of)).collect()
    }

    /// Steps of both with the gradients of its number, which do the same.
    pub fn step(&mut self, options: &StepOptions) -> StepOutcome {
        let gradients = self.next_gradients();
        self.step_with(&gradients, options).unwrap()
    }

    /// Some steps with learning rate 0.05.
    pub fn steps(&mut self, count: u64) {
        for _ in 0..count {
            assert_eq!(self.step(&StepOptions::new(0.05)), StepOutcome::Done);
        }
    }

    /// Steps of both with given gradients. Both do the same, or fail with the same words.
    ///
    /// # Errors
    ///
    /// That of the one on the device.
    pub fn step_with(
        &mut self,
        gradients: &[FloatVec],
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        self.gradients = upload(&self.stream, gradients);
        let checked = self.check_device(options);
        let there = self.step_device(options);
        assert_eq!(checked.is_err(), there.is_err(), "{checked:?}, {there:?}");
        let here = self.step_host(gradients, options);
        let words = |outcome: &Result<StepOutcome, RuntimeError>| match outcome {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(words(&there), words(&here));
        there
    }

    /// A step of the one on the device, with the gradients that are there.
    ///
    /// # Errors
    ///
    /// As [`CudaStatelessOptimizer::step`].
    pub fn step_device(&mut self, options: &StepOptions) -> Result<StepOutcome, RuntimeError> {
        let (parameters, gradients) = (&mut self.tensors[..], &self.gradients[..]);
        let lists =
            CudaLists { parameters, gradients, states: &mut self.states, places: &self.places };
        self.device.step(&self.stream, lists, &mut self.moment, options)
    }

    /// Whether that step would be refused.
    ///
    /// # Errors
    ///
    /// As [`CudaStatelessOptimizer::check`].
    pub fn check_device(&mut self, options: &StepOptions) -> Result<StepOutcome, RuntimeError> {
        let (parameters, gradients) = (&mut self.tensors[..], &self.gradients[..]);
        let lists =
            CudaLists { parameters, gradients, states: &mut self.states, places: &self.places };
        self.device.check(&self.stream, &lists, &self.moment, options)
    }

    /// A step of the one on the processor.
    ///
    /// # Errors
    ///
    /// As [`StatelessOptimizer::step`].
    pub fn step_host(
        &mut self,
        gradients: &[FloatVec],
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        let mut parameters: Vec<FloatsMut<'_>> =
            self.parameters.iter_mut().map(FloatVec::as_floats_mut).collect();
        let gradients: Vec<Floats<'_>> = gradients.iter().map(FloatVec::as_floats).collect();
        let mut states: Vec<&mut [f32]> = self.here.iter_mut().map(Vec::as_mut_slice).collect();
        let lists = Lists {
            parameters: &mut parameters,
            gradients: &gradients,
            states: &mut states,
            places: &self.places,
        };
        self.host.step(lists, &mut self.moment_here, options)
    }

    /// Copies what the device has to other memory, and frees the old one.
    pub fn move_away(&mut self) {
        for tensors in [&mut self.tensors, &mut self.states] {
            let mut owners = Vec::new();
            for tensor in tensors.iter() {
                let (of, length) = (tensor.element_type(), tensor.len());
                let mut other = DeviceTensor::zeros(&self.stream, of, length).unwrap();
                other.copy_from(&self.stream, tensor).unwrap();
                owners.push(other);
            }
            // Freed when the copies have been made.
            *tensors = owners;
        }
    }

    /// Stops if parameters, states or moments differ, any NaN standing for any other.
    pub fn assert_same(&self, what: &str) {
        assert_eq!(self.moment, self.moment_here, "{what}");
        for (tensor, (found, wanted)) in self.tensors.iter().zip(&self.parameters).enumerate() {
            let found = found.to_host(&self.stream).unwrap();
            assert_same_numbers(&found, wanted, &format!("{what}, tensor {tensor}"));
        }
        for (state, (found, wanted)) in self.states.iter().zip(&self.here).enumerate() {
            let found = found.to_host(&self.stream).unwrap();
            let wanted = FloatVec::F32(wanted.clone());
            assert_same_numbers(&found, &wanted, &format!("{what}, state {state}"));
        }
    }
}
