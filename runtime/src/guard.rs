//! What is looked at before anything moves: gradients that are infinite or NaN, and their norm.

use nosc_kernels::floats::Floats;

use crate::tensors::{Chunks, Cut, Gradients};

/// The policy for a gradient with an infinite or NaN element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NonFinite {
    /// The step happens and the value goes where the rule takes it.
    #[default]
    Propagate,
    /// The step does not happen and is counted as skipped; the step number stays.
    Skip,
    /// The step does not happen and is an error.
    Error,
}

/// The first gradient element that is not finite: tensor and element. `found` is memory to work in.
pub(crate) fn first_non_finite<G: Gradients + ?Sized>(
    gradients: &G,
    chunks: &Chunks,
    found: &mut Vec<Option<usize>>,
) -> Option<(usize, usize)> {
    let in_cut = |cut: &Cut| {
        let at = match cut.of(&gradients.get(cut.tensor)) {
            Floats::F32(part) => part.iter().position(|x| !x.is_finite()),
            // As a kernel loads it: beyond the largest f32 it is infinite.
            Floats::F64(part) => part.iter().position(|x| !(*x as f32).is_finite()),
            Floats::F16(part) => part.iter().position(|x| !x.is_finite()),
            Floats::Bf16(part) => part.iter().position(|x| !x.is_finite()),
        };
        at.map(|at| cut.start + at)
    };
    chunks.map(found, in_cut);
    let mut places = chunks.cuts().iter().zip(found);
    places.find_map(|(cut, at)| at.map(|at| (cut.tensor, at)))
}

/// The Euclidean norm of all gradients, each rounded to f32 as a kernel does, in f64.
///
/// The sum is taken in one order: 16 partial sums a chunk, the chunks from first to last. So it has the
/// same bits on any number of threads. `sums` is memory to work in.
pub(crate) fn norm<G: Gradients + ?Sized>(
    gradients: &G,
    chunks: &Chunks,
    sums: &mut Vec<f64>,
) -> f64 {
    let of_cut = |cut: &Cut| match cut.of(&gradients.get(cut.tensor)) {
        Floats::F32(part) => sum_of_squares(part, |x| f64::from(*x)),
        Floats::F64(part) => sum_of_squares(part, |x| f64::from(*x as f32)),
        Floats::F16(part) => sum_of_squares(part, |x| f64::from(*x)),
        Floats::Bf16(part) => sum_of_squares(part, |x| f64::from(*x)),
    };
    chunks.map(sums, of_cut);
    sums.iter().fold(0.0, |sum, of_chunk| sum + of_chunk).sqrt()
}

fn sum_of_squares<T>(values: &[T], number: impl Fn(&T) -> f64) -> f64 {
    const LANES: usize = 16;
    let mut lanes = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            let x = number(value);
            *lane += x * x;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        let x = number(value);
        *lane += x * x;
    }
    lanes.into_iter().sum()
}
