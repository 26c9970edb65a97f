//! What to do about gradients that are infinite or NaN, decided before anything moves.

use rayon::prelude::*;

use crate::pool::{PARALLEL_ELEMENTS, Pool};

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

/// The first gradient element that is not finite: tensor and element.
pub(crate) fn first_non_finite(gradients: &[&[f32]], pool: &Pool) -> Option<(usize, usize)> {
    let total: usize = gradients.iter().map(|g| g.len()).sum();
    let in_tensor = |g: &[f32]| g.iter().position(|value| !value.is_finite());
    if total < PARALLEL_ELEMENTS || pool.threads() == 1 {
        return gradients.iter().enumerate().find_map(|(t, g)| in_tensor(g).map(|e| (t, e)));
    }
    pool.run(|| {
        gradients.par_iter().enumerate().find_map_first(|(tensor, g)| {
            let chunks = g.par_chunks(PARALLEL_ELEMENTS).enumerate();
            let found = chunks.find_map_first(|(chunk, part)| {
                in_tensor(part).map(|at| chunk * PARALLEL_ELEMENTS + at)
            });
            found.map(|element| (tensor, element))
        })
    })
}
