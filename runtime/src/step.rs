//! One step over the chunks of all tensors, in memory that is kept from step to step.

use std::sync::{Mutex, PoisonError};

use nosc_kernels::GradientGuard;
use nosc_kernels::floats::{Floats, FloatsMut};
use nosc_kernels::kernel::{CallError, Elements, Uniforms};
use nosc_kernels::scalars::{StepScalars, key};
use smallvec::SmallVec;

use crate::compiled::Variant;
use crate::states::States;
use crate::tensors::{Chunks, Cut, Gradients, Parameters};

/// Memory of the steps of an optimizer. Nothing in it outlives a step but its size.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    lists: Lists,
    /// The kernels that steps have needed so far.
    pub(crate) variants: Vec<Variant>,
    /// The variants that this step needs, a bit for each: there are 32 pairs of types with and without a
    /// guard.
    pub(crate) used: u64,
    /// By variant of the kernel; those that are not used may be old.
    pub(crate) scalars: Vec<StepScalars>,
    /// What `scalars` were worked out for, if another step may use them: learning rate, guard, variants.
    pub(crate) known: Option<(f64, GradientGuard, u64)>,
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

/// A run of neighbouring elements of one tensor.
#[derive(Debug)]
struct Chunk<'a> {
    tensor: usize,
    first_element: u64,
    parameters: FloatsMut<'a>,
    gradients: Floats<'a>,
}

/// The states of a chunk, by slot.
type Slices<'a> = SmallVec<[&'a mut [f32]; 16]>;

/// What is the same for all chunks of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    pub(crate) seed: u64,
    pub(crate) step: u32,
    pub(crate) first_tensor: u32,
}

/// The kernels of a step and their arguments.
#[derive(Debug, Clone, Copy)]
struct Calls<'c> {
    common: Common,
    scalars: &'c [StepScalars],
    variants: &'c [Variant],
    of_tensor: &'c [usize],
}

impl Calls<'_> {
    fn run<'a>(self, chunk: Chunk<'a>, states: &mut [&'a mut [f32]]) -> Result<(), CallError> {
        let variant = self.of_tensor[chunk.tensor];
        let Common { seed, step, first_tensor } = self.common;
        let key = key(seed, chunk.tensor as u32 + first_tensor);
        let uniforms = Uniforms { scalars: &self.scalars[variant].scalars, key, step };
        let Chunk { first_element, parameters, gradients, .. } = chunk;
        let mut elements = Elements { parameters, gradients, states, first_element };
        self.variants[variant].kernel().run(&mut elements, uniforms)
    }
}

/// Moves all tensors by a step; everything has been checked.
pub(crate) fn advance<P: Parameters + ?Sized, G: Gradients + ?Sized>(
    scratch: &mut Scratch,
    common: Common,
    arrays: (&mut P, &G),
    states: &mut States,
    all: &Chunks,
) -> Result<(), CallError> {
    let Scratch { lists, scalars, variants, of_tensor, .. } = scratch;
    let calls = Calls { common, scalars, variants, of_tensor };
    if all.is_shared() {
        return shared(lists, arrays, states, all, calls);
    }
    let mut result = Ok(());
    walk(arrays, states, all.cuts(), |chunk, states| {
        if result.is_ok() {
            result = calls.run(chunk, states);
        }
    });
    result
}

/// The same on several threads, with lists of what each has to do.
fn shared<P: Parameters + ?Sized, G: Gradients + ?Sized>(
    lists: &mut Lists,
    arrays: (&mut P, &G),
    states: &mut States,
    all: &Chunks,
    calls: Calls<'_>,
) -> Result<(), CallError> {
    let mut slices: Vec<&mut [f32]> = recycled(std::mem::take(&mut lists.slices));
    let mut chunks: Vec<Option<Chunk<'_>>> = recycled(std::mem::take(&mut lists.chunks));
    let slots = states.slots();
    walk(arrays, states, all.cuts(), |chunk, states| {
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
fn walk<'a, P: Parameters + ?Sized, G: Gradients + ?Sized>(
    (parameters, gradients): (&'a mut P, &'a G),
    states: &'a mut States,
    cuts: &[Cut],
    mut each: impl FnMut(Chunk<'a>, &mut Slices<'a>),
) {
    let mut slots: Slices<'a> = states.slots_mut();
    let mut slices: Slices<'a> = SmallVec::new();
    let mut tensors = parameters.iter().enumerate();
    let mut open: Option<(usize, FloatsMut<'a>)> = None;
    for cut in cuts {
        while open.as_ref().is_none_or(|(tensor, _)| *tensor != cut.tensor) {
            open = tensors.next();
            if open.is_none() {
                return;
            }
        }
        let Some((tensor, left)) = open.take() else { return };
        let parameters = if cut.is_last() {
            left
        } else {
            let (parameters, left) = left.split_at(cut.length);
            open = Some((tensor, left));
            parameters
        };
        slices.clear();
        for slot in &mut slots {
            let (own, after) = std::mem::take(slot).split_at_mut(cut.padded());
            *slot = after;
            slices.push(own.split_at_mut(cut.length).0);
        }
        let gradients = cut.of(&gradients.get(tensor));
        each(Chunk { tensor, first_element: cut.start as u64, parameters, gradients }, &mut slices);
    }
}

/// An empty vector that keeps its memory, for values of another lifetime: a vector collected from another
/// one's iterator takes its memory over.
fn recycled<A, B>(mut vector: Vec<A>) -> Vec<B> {
    vector.clear();
    vector.into_iter().filter_map(|_| None).collect()
}
