//! One step over the chunks of all tensors, in memory that is kept from step to step.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use nosc_kernels::floats::{Floats, FloatsMut};
use nosc_kernels::kernel::{CallError, Elements, Uniforms};
use nosc_kernels::scalars::{StepScalars, key};
use nosc_kernels::{FloatVec, GradientGuard};
use smallvec::SmallVec;

use crate::compiled::Variant;
use crate::options::WeightDecay;
use crate::states::{Slices, StateArrays};
use crate::tensors::{Chunks, Cut, Gradients, Parameters};

/// Memory of the steps of an optimizer. Nothing in it outlives a step but its size.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    lists: Lists,
    /// The kernels that steps have needed so far.
    pub(crate) variants: Vec<Variant>,
    /// The variants that this step needs, a bit for each: there are 16 pairs of types, with and without a
    /// guard, with three kinds of weight decay.
    pub(crate) used: u128,
    /// By variant of the kernel; those that are not used may be old.
    pub(crate) scalars: Vec<StepScalars>,
    /// What `scalars` were worked out for, if another step may use them: learning rate, guard, decay, variants.
    pub(crate) known: Option<(f64, GradientGuard, WeightDecay, u128)>,
    /// By tensor: which variant moves it.
    pub(crate) of_tensor: Vec<usize>,
    /// Partial sums of a norm, by chunk.
    pub(crate) sums: Vec<f64>,
    /// By chunk: the first gradient that is not finite.
    pub(crate) found: Vec<Option<usize>>,
}

/// What the threads of a step have to do.
#[derive(Debug, Default)]
struct Lists {
    chunks: Vec<Option<Chunk<'static>>>,
    slices: Vec<&'static mut [f32]>,
}

/// A clone needs no memory of steps that it has not taken.
impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }
}

/// Which tensor it is, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TensorPlace {
    /// Number of the tensor, for random draws; less than 2^32 - 1.
    pub id: u32,
    /// Index of the first element in the whole tensor: above 0 for a part of one that is spread over processes.
    pub first_element: u64,
}

/// A run of neighbouring elements of one tensor.
#[derive(Debug)]
struct Chunk<'a> {
    tensor: usize,
    first_element: u64,
    parameters: FloatsMut<'a>,
    gradients: Floats<'a>,
}

/// What is the same for all chunks of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    pub(crate) seed: u64,
    pub(crate) step: u32,
    pub(crate) first_tensor: u32,
}

/// The arrays of a step.
#[derive(Debug)]
pub(crate) struct Inputs<'a, P: ?Sized, G: ?Sized, S: ?Sized> {
    pub(crate) parameters: &'a mut P,
    pub(crate) gradients: &'a G,
    pub(crate) states: &'a mut S,
    /// By tensor; without them tensors are whole and numbered in order.
    pub(crate) places: Option<&'a [TensorPlace]>,
}

/// The kernels of a step and their arguments.
#[derive(Debug, Clone, Copy)]
struct Calls<'c> {
    common: Common,
    places: Option<&'c [TensorPlace]>,
    scalars: &'c [StepScalars],
    variants: &'c [Variant],
    of_tensor: &'c [usize],
}

impl Calls<'_> {
    fn run<'a>(self, chunk: Chunk<'a>, states: &mut [&'a mut [f32]]) -> Result<(), CallError> {
        let variant = self.of_tensor[chunk.tensor];
        let Common { seed, step, first_tensor } = self.common;
        let place = match self.places {
            Some(places) => places[chunk.tensor],
            None => TensorPlace { id: chunk.tensor as u32 + first_tensor, first_element: 0 },
        };
        let key = key(seed, place.id);
        let uniforms = Uniforms { scalars: &self.scalars[variant].scalars, key, step };
        let Chunk { parameters, gradients, .. } = chunk;
        let first_element = place.first_element.wrapping_add(chunk.first_element);
        let mut elements = Elements { parameters, gradients, states, first_element };
        let variant = &self.variants[variant];
        if !first_element.is_multiple_of(4) {
            return unaligned(variant, elements, uniforms);
        }
        variant.kernel().run(&mut elements, uniforms)
    }
}

/// Moves all tensors by a step; everything has been checked.
pub(crate) fn advance<P, G, S>(
    scratch: &mut Scratch,
    common: Common,
    inputs: Inputs<'_, P, G, S>,
    all: &Chunks,
) -> Result<(), CallError>
where
    P: Parameters + ?Sized,
    G: Gradients + ?Sized,
    S: StateArrays + ?Sized,
{
    let Scratch { lists, scalars, variants, of_tensor, .. } = scratch;
    let calls = Calls { common, places: inputs.places, scalars, variants, of_tensor };
    if all.is_shared() {
        return shared(lists, inputs, all, calls);
    }
    let mut result = Ok(());
    walk(inputs, all.cuts(), |chunk, states| {
        if result.is_ok() {
            result = calls.run(chunk, states);
        }
    });
    result
}

/// The same on several threads, with lists of what each has to do.
fn shared<P, G, S>(
    lists: &mut Lists,
    inputs: Inputs<'_, P, G, S>,
    all: &Chunks,
    calls: Calls<'_>,
) -> Result<(), CallError>
where
    P: Parameters + ?Sized,
    G: Gradients + ?Sized,
    S: StateArrays + ?Sized,
{
    let mut slices: Vec<&mut [f32]> = recycled(std::mem::take(&mut lists.slices));
    let mut chunks: Vec<Option<Chunk<'_>>> = recycled(std::mem::take(&mut lists.chunks));
    let slots = inputs.states.slots();
    walk(inputs, all.cuts(), |chunk, states| {
        slices.extend(states.drain(..));
        chunks.push(Some(chunk));
    });
    let failed = Mutex::new(Ok(()));
    all.for_each(&mut chunks, &mut slices, slots, |chunk, states| {
        if let Some(Err(error)) = chunk.take().map(|chunk| calls.run(chunk, states)) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
        }
    });
    lists.chunks = recycled(chunks);
    lists.slices = recycled(slices);
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `each` with every chunk and its states, in order.
fn walk<'a, P, G, S>(
    inputs: Inputs<'a, P, G, S>,
    cuts: &[Cut],
    mut each: impl FnMut(Chunk<'a>, &mut Slices<'a>),
) where
    P: Parameters + ?Sized,
    G: Gradients + ?Sized,
    S: StateArrays + ?Sized,
{
    let Inputs { parameters, gradients, states, .. } = inputs;
    let mut tensors = parameters.iter().zip(states.iter()).enumerate();
    let mut slices: Slices<'a> = SmallVec::new();
    let mut open: Option<(usize, (FloatsMut<'a>, Slices<'a>))> = None;
    for cut in cuts {
        while open.as_ref().is_none_or(|(tensor, _)| *tensor != cut.tensor) {
            open = tensors.next();
            if open.is_none() {
                return;
            }
        }
        let Some((tensor, (left, mut states))) = open.take() else { return };
        let gradients = cut.of(&gradients.get(tensor));
        let first_element = cut.start as u64;
        if cut.is_last() {
            each(Chunk { tensor, first_element, parameters: left, gradients }, &mut states);
            continue;
        }
        let (parameters, left) = left.split_at(cut.length);
        slices.clear();
        for state in &mut states {
            let (own, after) = std::mem::take(state).split_at_mut(cut.length);
            *state = after;
            slices.push(own);
        }
        open = Some((tensor, (left, states)));
        each(Chunk { tensor, first_element, parameters, gradients }, &mut slices);
    }
}

/// A run that does not start where draws come in fours: the elements before the next such place, by
/// themselves, behind others that stand for those before them; then the rest.
fn unaligned(
    variant: &Variant,
    elements: Elements<'_, '_>,
    uniforms: Uniforms<'_>,
) -> Result<(), CallError> {
    let Elements { mut parameters, gradients, states, first_element } = elements;
    let before = (first_element % 4) as usize;
    let count = (4 - before).min(parameters.len());
    let mut block = Block::new(&parameters, gradients, states, before..before + count);
    block.run(variant, uniforms, first_element - before as u64)?;
    block.write_back(&mut parameters, states, before..before + count);
    if count == parameters.len() {
        return Ok(());
    }
    let mut rest: Slices<'_> =
        states.iter_mut().map(|state| std::mem::take(state).split_at_mut(count).1).collect();
    let length = gradients.len();
    let (parameters, gradients) = (parameters.split_at(count).1, gradients.part(count..length));
    let first_element = first_element.wrapping_add(count as u64);
    let states = &mut rest[..];
    variant.kernel().run(&mut Elements { parameters, gradients, states, first_element }, uniforms)
}

/// A block of four elements.
struct Block {
    parameters: FloatVec,
    gradients: FloatVec,
    states: Vec<[f32; 4]>,
}

impl Block {
    /// The first elements of the arrays, at `range` of the block.
    fn new(w: &FloatsMut<'_>, g: Floats<'_>, states: &[&mut [f32]], range: Range<usize>) -> Block {
        let count = range.len();
        let four = |from: Floats<'_>| {
            let mut four = FloatVec::rounded(from.element_type(), std::iter::repeat_n(0.0, 4));
            let part = four.as_floats_mut().split_at(range.start).1;
            part.split_at(count).0.copy_from(from.part(0..count));
            four
        };
        let of_state = |state: &&mut [f32]| {
            let mut four = [0.0; 4];
            four[range.clone()].copy_from_slice(&state[..count]);
            four
        };
        Block {
            parameters: four(w.as_floats()),
            gradients: four(g),
            states: states.iter().map(of_state).collect(),
        }
    }

    fn run(
        &mut self,
        variant: &Variant,
        uniforms: Uniforms<'_>,
        first_element: u64,
    ) -> Result<(), CallError> {
        let mut states: Slices<'_> = self.states.iter_mut().map(|state| &mut state[..]).collect();
        let mut elements = Elements {
            parameters: self.parameters.as_floats_mut(),
            gradients: self.gradients.as_floats(),
            states: &mut states,
            first_element,
        };
        variant.kernel().run(&mut elements, uniforms)
    }

    fn write_back(&self, w: &mut FloatsMut<'_>, states: &mut [&mut [f32]], range: Range<usize>) {
        let count = range.len();
        let mut to = w.reborrow().split_at(count).0;
        to.copy_from(self.parameters.as_floats().part(range.clone()));
        for (state, block) in states.iter_mut().zip(&self.states) {
            state[..count].copy_from_slice(&block[range.clone()]);
        }
    }
}

/// An empty vector that keeps its memory, for values of another lifetime: a vector collected from another
/// one's iterator takes its memory over.
fn recycled<A, B>(mut vector: Vec<A>) -> Vec<B> {
    vector.clear();
    vector.into_iter().filter_map(|_| None).collect()
}
