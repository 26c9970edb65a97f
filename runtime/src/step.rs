//! One step over the chunks of all tensors, in memory that is kept from step to step.

use nosc_kernels::floats::{Floats, FloatsMut};
use nosc_kernels::kernel::{CallError, Elements, Uniforms};
use nosc_kernels::scalars::{StepScalars, key};

use crate::compiled::Variant;
use crate::states::States;
use crate::tensors::{CHUNK_ELEMENTS, Chunks, Gradients, Parameters};

/// Memory of the steps of an optimizer. Nothing in it outlives a step but its size.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    chunks: Vec<Chunk<'static, 'static>>,
    states: Vec<&'static mut [f32]>,
    /// By variant of the kernel.
    pub(crate) scalars: Vec<StepScalars>,
    pub(crate) variants: Vec<Variant>,
    /// By tensor: which variant moves it.
    pub(crate) of_tensor: Vec<usize>,
    /// Partial sums of a norm, by chunk.
    pub(crate) sums: Vec<f64>,
    /// By chunk: the first gradient that is not finite.
    pub(crate) found: Vec<Option<usize>>,
}

/// A clone needs no memory of steps that it has not taken.
impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }
}

/// A run of neighbouring elements of one tensor.
#[derive(Debug)]
struct Chunk<'a, 's> {
    tensor: usize,
    first_element: u64,
    parameters: FloatsMut<'a>,
    gradients: Floats<'a>,
    states: &'s mut [&'a mut [f32]],
    result: Result<(), CallError>,
}

/// What is the same for all chunks of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    pub(crate) seed: u64,
    pub(crate) step: u32,
    pub(crate) first_tensor: u32,
}

/// Moves all tensors by a step; everything has been checked.
pub(crate) fn advance<P: Parameters + ?Sized, G: Gradients + ?Sized>(
    scratch: &mut Scratch,
    common: Common,
    (parameters, gradients): (&mut P, &G),
    states: &mut States,
    all: &Chunks,
) -> Result<(), CallError> {
    let slots = states.slots();
    let mut slices: Vec<&mut [f32]> = recycled(std::mem::take(&mut scratch.states));
    let mut chunks: Vec<Chunk<'_, '_>> = recycled(std::mem::take(&mut scratch.chunks));
    cut_states(states, &mut slices);
    let mut rest = slices.as_mut_slice();
    let mut tensors = parameters.iter().enumerate();
    let mut open: Option<(usize, FloatsMut<'_>)> = None;
    for cut in all.cuts() {
        while open.as_ref().is_none_or(|(tensor, _)| *tensor != cut.tensor) {
            open = tensors.next();
            if open.is_none() {
                break;
            }
        }
        let Some((tensor, left)) = open.take() else { break };
        let (parameters, left) = left.split_at(cut.length);
        open = Some((tensor, left));
        let (states, after) = std::mem::take(&mut rest).split_at_mut(slots);
        rest = after;
        chunks.push(Chunk {
            tensor,
            first_element: cut.start as u64,
            parameters,
            gradients: cut.of(&gradients.get(tensor)),
            states,
            result: Ok(()),
        });
    }
    let (variants, of_tensor) = (&scratch.variants, &scratch.of_tensor);
    let (all_scalars, Common { seed, step, first_tensor }) = (&scratch.scalars, common);
    all.for_each(&mut chunks, |chunk| {
        let variant = of_tensor[chunk.tensor];
        let key = key(seed, chunk.tensor as u32 + first_tensor);
        let uniforms = Uniforms { scalars: &all_scalars[variant].scalars, key, step };
        let mut elements = Elements {
            parameters: std::mem::replace(&mut chunk.parameters, FloatsMut::F32(&mut [])),
            gradients: chunk.gradients,
            states: std::mem::take(&mut chunk.states),
            first_element: chunk.first_element,
        };
        chunk.result = variants[variant].kernel().run(&mut elements, uniforms);
    });
    let result =
        chunks.iter_mut().try_for_each(|chunk| std::mem::replace(&mut chunk.result, Ok(())));
    scratch.chunks = recycled(chunks);
    scratch.states = recycled(slices);
    result
}

/// The states of each chunk, those of one after those of the other.
fn cut_states<'a>(states: &'a mut States, slices: &mut Vec<&'a mut [f32]>) {
    states.for_each_tensor(|arrays| {
        let length = arrays.first().map_or(0, |array| array.len());
        for _ in 0..length.div_ceil(CHUNK_ELEMENTS) {
            for array in arrays.iter_mut() {
                let whole = std::mem::take(array);
                let middle = CHUNK_ELEMENTS.min(whole.len());
                let (first, rest) = whole.split_at_mut(middle);
                slices.push(first);
                *array = rest;
            }
        }
    });
}

/// An empty vector that keeps its memory, for values of another lifetime: a vector collected from another
/// one's iterator takes its memory over.
fn recycled<A, B>(mut vector: Vec<A>) -> Vec<B> {
    vector.clear();
    vector.into_iter().filter_map(|_| None).collect()
}
