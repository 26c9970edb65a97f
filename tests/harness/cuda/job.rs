//! Launches over some tensors: what a program is given, and what the interpreter makes of the same.

use nosc_kernels::cuda::abi::{Tensor, chunks, tensor_bytes};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::scalars::{ScalarError, key};
use nosc_kernels::{ElementType, FloatVec, LoweredRule};

use crate::numbers::typed;
use crate::parity::{gradient, inputs, parameter};

pub(super) const SEED: u64 = 0x0123_4567_89ab_cdef;

/// Some launches of a kernel over the same tensors, one for each step.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The rule.
    pub lowered: &'a LoweredRule,
    /// The tensors.
    pub places: Vec<Place>,
    /// How it is launched.
    pub launch: Launch,
    /// Numbers of the steps.
    pub steps: Vec<u64>,
    /// What the arrays are made of.
    pub salt: u64,
    /// A fault: the kernel is given another step number.
    pub wrong_step: bool,
}

/// A tensor, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of elements.
    pub length: usize,
    /// Index of the first in its tensor.
    pub first_element: u64,
    /// Which tensor it is.
    pub id: u32,
    /// Elements by which its arrays start behind a multiple of 16 bytes.
    pub skipped: u32,
}

/// How a kernel is launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Elements of a chunk.
    pub chunk_elements: u32,
    /// Number of blocks; one for each chunk if none is given.
    pub blocks: Option<u32>,
    /// Threads of a block.
    pub threads: u32,
}

/// The arrays of a tensor that a step moves.
pub(super) struct Arrays {
    pub(super) parameters: FloatVec,
    pub(super) states: Vec<Vec<f32>>,
}

impl Arrays {
    /// What the interpreter makes of a step.
    pub(super) fn step(
        &mut self,
        interpreter: &Interpreter,
        gradients: &FloatVec,
        place: &Place,
        (scalars, step): (&[f32], u64),
    ) {
        let mut states: Vec<&mut [f32]> = self.states.iter_mut().map(Vec::as_mut_slice).collect();
        let mut elements = Elements {
            parameters: self.parameters.as_floats_mut(),
            gradients: gradients.as_floats(),
            states: &mut states,
            first_element: place.first_element,
        };
        let uniforms = Uniforms { scalars, key: key(SEED, place.id), step: step as u32 };
        interpreter.run(&mut elements, uniforms).unwrap();
    }

    fn buffers(&self) -> impl Iterator<Item = FloatVec> {
        let states = self.states.iter().cloned().map(FloatVec::F32);
        [self.parameters.clone()].into_iter().chain(states)
    }
}

impl Job<'_> {
    /// Arrays of all tensors that a step moves.
    pub(super) fn arrays(&self) -> usize {
        self.places.len() * (1 + self.lowered.slots.len())
    }

    /// The job as a program reads it, and the arrays after each step. `None` if the rule refuses its first step.
    pub(crate) fn prepared(&self, kernel: u32) -> Option<(Vec<u8>, Vec<FloatVec>)> {
        let (starts, scalars) = self.scalars()?;
        let mut arrays: Vec<Arrays> =
            (0..).zip(&self.places).map(|(t, place)| self.start(t, place, &starts)).collect();
        let mut input = self.head(kernel, scalars.len() as u32);
        for (place, arrays) in self.places.iter().zip(&arrays) {
            input.extend(place.skipped.to_le_bytes());
            input.extend(arrays.buffers().flat_map(|buffer| buffer.to_le_bytes()));
        }
        let interpreter = Interpreter::new(self.lowered.plan.clone());
        let mut expected = Vec::new();
        for (step, scalars) in self.steps.iter().zip(&scalars) {
            input.extend(scalars.iter().flat_map(|scalar| scalar.to_le_bytes()));
            let number = *step as u32 + u32::from(self.wrong_step);
            let words = [SEED as u32, (SEED >> 32) as u32, number];
            input.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            for ((t, place), arrays) in (0..).zip(&self.places).zip(&mut arrays) {
                let gradients = self.gradients(t, place, *step);
                input.extend(gradients.to_le_bytes());
                arrays.step(&interpreter, &gradients, place, (scalars, *step));
            }
            expected.extend(arrays.iter().flat_map(Arrays::buffers));
        }
        Some((input, expected))
    }

    /// Starting values of states, and the scalars of all steps up to one that the rule refuses.
    pub(super) fn scalars(&self) -> Option<(Vec<f64>, Vec<Vec<f32>>)> {
        let (rule, program) = (&self.lowered.canonical, &self.lowered.scalars);
        let defaults: Vec<f64> = rule.rule.parameters.iter().map(|p| p.default).collect();
        let starts = program.initial_states(rule, &inputs(&defaults, 0, &[])).ok()?;
        let mut uniform: Vec<f64> =
            program.uniform_states().iter().map(|state| starts[state.index()]).collect();
        let mut scalars = Vec::new();
        for step in &self.steps {
            match program.step(rule, &inputs(&defaults, *step, &uniform)) {
                Ok(of_step) => {
                    scalars.push(of_step.scalars);
                    uniform = of_step.states;
                }
                Err(ScalarError::Decay { .. }) => break,
                Err(error) => panic!("{}\n{error}", rule.text()),
            }
        }
        let slots = self.lowered.slots.iter().map(|slot| starts[slot.index()]);
        (!scalars.is_empty()).then(|| (slots.collect(), scalars))
    }

    pub(super) fn start(&self, tensor: u64, place: &Place, starts: &[f64]) -> Arrays {
        let offset = self.offset(tensor);
        let parameters = (0..place.length).map(|i| parameter(offset, i));
        Arrays {
            parameters: typed(self.lowered.plan.parameter, parameters),
            states: starts.iter().map(|start| vec![*start as f32; place.length]).collect(),
        }
    }

    pub(super) fn gradients(&self, tensor: u64, place: &Place, step: u64) -> FloatVec {
        let offset = self.offset(tensor);
        let gradients = (0..place.length).map(|i| gradient(offset, step, i));
        typed(self.lowered.plan.gradient, gradients)
    }

    fn offset(&self, tensor: u64) -> u64 {
        self.salt.wrapping_mul(1_000_003).wrapping_add(tensor * 61)
    }

    /// Numbers, map of chunks and table of tensors; the program puts the addresses in.
    fn head(&self, kernel: u32, steps: u32) -> Vec<u8> {
        let (plan, launch) = (&self.lowered.plan, self.launch);
        let lengths: Vec<u64> = self.places.iter().map(|place| place.length as u64).collect();
        let chunks = chunks(&lengths, launch.chunk_elements).unwrap();
        let bytes = |of: ElementType| of.bytes() as u32;
        let blocks = launch.blocks.unwrap_or(chunks.len() as u32);
        let numbers = [
            kernel,
            self.places.len() as u32,
            plan.states.into(),
            bytes(plan.parameter),
            bytes(plan.gradient),
            plan.scalars.into(),
            steps,
            chunks.len() as u32,
            launch.chunk_elements,
            blocks,
            launch.threads,
            tensor_bytes(plan.states) as u32,
        ];
        let mut out: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        for chunk in chunks {
            chunk.write(&mut out);
        }
        let states = vec![0; usize::from(plan.states)];
        for place in &self.places {
            let (length, first_element, id) = (place.length as u64, place.first_element, place.id);
            let row = Tensor { parameters: 0, gradients: 0, length, first_element, id };
            row.write(&states, &mut out);
        }
        out
    }
}
