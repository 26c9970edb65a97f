//! Launches over some tensors: what a program is given, and what the interpreter makes of the same.

use nosc_kernels::cuda::abi::{Tensor, chunks, tensor_bytes};
use nosc_kernels::floats::{Floats, FloatsMut, bf16, f16};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::scalars::{ScalarError, key};
use nosc_kernels::{ElementType, LoweredRule};

use crate::parity::{gradient, inputs, parameter};

const SEED: u64 = 0x0123_4567_89ab_cdef;

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

/// Elements of an array.
#[derive(Debug, Clone)]
pub(super) enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

/// The same expression for elements of every type.
macro_rules! for_each_type {
    ($buffer:expr, |$vector:ident| $body:expr) => {
        match $buffer {
            Buffer::F32($vector) => $body,
            Buffer::F64($vector) => $body,
            Buffer::F16($vector) => $body,
            Buffer::Bf16($vector) => $body,
        }
    };
}

impl Buffer {
    /// Elements near these; of binary64, between those of binary32.
    fn of(kind: ElementType, values: impl Iterator<Item = f32>) -> Buffer {
        match kind {
            ElementType::F32 => Buffer::F32(values.collect()),
            ElementType::F64 => Buffer::F64(values.map(|x| f64::from(x) * 1.000_000_01).collect()),
            ElementType::F16 => Buffer::F16(values.map(f16::from_f32).collect()),
            ElementType::Bf16 => Buffer::Bf16(values.map(bf16::from_f32).collect()),
        }
    }

    /// The elements of a program's results, of this one's type.
    pub(super) fn like(&self, bytes: &[u8]) -> Buffer {
        macro_rules! read {
            ($kind:ident, $type:ty) => {
                Buffer::$kind(
                    bytes
                        .chunks_exact(size_of::<$type>())
                        .map(|chunk| <$type>::from_le_bytes(chunk.try_into().unwrap()))
                        .collect(),
                )
            };
        }
        match self {
            Buffer::F32(_) => read!(F32, f32),
            Buffer::F64(_) => read!(F64, f64),
            Buffer::F16(_) => read!(F16, f16),
            Buffer::Bf16(_) => read!(Bf16, bf16),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        for_each_type!(self, |vector| vector.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// Bits of each element, `None` for any NaN.
    pub(super) fn words(&self) -> Vec<Option<u64>> {
        for_each_type!(self, |vector| vector
            .iter()
            .map(|x| (!x.is_nan()).then(|| word(x.to_bits())))
            .collect())
    }

    fn read(&self) -> Floats<'_> {
        for_each_type!(self, |vector| vector.into())
    }

    fn write(&mut self) -> FloatsMut<'_> {
        for_each_type!(self, |vector| vector.into())
    }
}

fn word(bits: impl Into<u64>) -> u64 {
    bits.into()
}

/// The arrays of a tensor that a step moves.
struct Arrays {
    parameters: Buffer,
    states: Vec<Vec<f32>>,
}

impl Arrays {
    fn buffers(&self) -> impl Iterator<Item = Buffer> {
        let states = self.states.iter().cloned().map(Buffer::F32);
        [self.parameters.clone()].into_iter().chain(states)
    }
}

impl Job<'_> {
    /// Arrays of all tensors that a step moves.
    pub(super) fn arrays(&self) -> usize {
        self.places.len() * (1 + self.lowered.slots.len())
    }

    /// The job as a program reads it, and the arrays after each step. `None` if the rule refuses its first step.
    pub(super) fn prepared(&self, kernel: u32) -> Option<(Vec<u8>, Vec<Buffer>)> {
        let (starts, scalars) = self.scalars()?;
        let mut arrays: Vec<Arrays> =
            (0..).zip(&self.places).map(|(t, place)| self.start(t, place, &starts)).collect();
        let mut input = self.head(kernel, scalars.len() as u32);
        for (place, arrays) in self.places.iter().zip(&arrays) {
            input.extend(place.skipped.to_le_bytes());
            input.extend(arrays.buffers().flat_map(|buffer| buffer.bytes()));
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
                input.extend(gradients.bytes());
                let mut states: Vec<&mut [f32]> =
                    arrays.states.iter_mut().map(Vec::as_mut_slice).collect();
                let mut elements = Elements {
                    parameters: arrays.parameters.write(),
                    gradients: gradients.read(),
                    states: &mut states,
                    first_element: place.first_element,
                };
                let key = key(SEED, place.id);
                let uniforms = Uniforms { scalars, key, step: *step as u32 };
                interpreter.run(&mut elements, uniforms).unwrap();
            }
            expected.extend(arrays.iter().flat_map(Arrays::buffers));
        }
        Some((input, expected))
    }

    /// Starting values of states, and the scalars of all steps up to one that the rule refuses.
    fn scalars(&self) -> Option<(Vec<f64>, Vec<Vec<f32>>)> {
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

    fn start(&self, tensor: u64, place: &Place, starts: &[f64]) -> Arrays {
        let offset = self.offset(tensor);
        let parameters = (0..place.length).map(|i| parameter(offset, i));
        Arrays {
            parameters: Buffer::of(self.lowered.plan.parameter, parameters),
            states: starts.iter().map(|start| vec![*start as f32; place.length]).collect(),
        }
    }

    fn gradients(&self, tensor: u64, place: &Place, step: u64) -> Buffer {
        let offset = self.offset(tensor);
        let gradients = (0..place.length).map(|i| gradient(offset, step, i));
        Buffer::of(self.lowered.plan.gradient, gradients)
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
