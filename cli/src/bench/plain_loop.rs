//! The plain loop that steps are measured against: the same arrays read and written, with next to no
//! arithmetic, in the widest vectors that the processor has.

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};
use rayon::ThreadPool;

/// Below this many elements a second thread costs more than it brings.
const PARALLEL_ELEMENTS: usize = 131_072;
/// States that one pass goes over; more of them take further passes, block by block.
const STATES: usize = 4;
/// Elements of a block: those of all arrays of two passes fit in the first cache.
const BLOCK: usize = 1024;
/// What an old value is multiplied by, close to but below 1.
const KEEP: f32 = 0.999;
/// What is added of a gradient.
const ADD: f32 = 0.001;
/// What a parameter moves by.
const MOVE: f32 = -1e-6;

/// The arrays of a step.
pub(super) struct Streams<'a> {
    pub(super) parameters: &'a mut [f32],
    pub(super) gradients: &'a [f32],
    pub(super) states: Vec<&'a mut [f32]>,
}

/// Goes over all elements once: reads all arrays, and writes all but the gradients.
///
/// With workers, and enough elements, each of them and the calling thread has a fixed share.
pub(super) fn pass(mut streams: Streams<'_>, workers: Option<&ThreadPool>) {
    let arch = Arch::new();
    let workers = workers.filter(|_| streams.parameters.len() >= PARALLEL_ELEMENTS);
    let Some(workers) = workers else { return streams.pass(arch) };
    let shares: Vec<Mutex<Streams<'_>>> =
        streams.split(1 + workers.current_num_threads()).into_iter().map(Mutex::new).collect();
    let pass = |share: usize| {
        if let Some(share) = shares.get(share) {
            share.lock().unwrap_or_else(PoisonError::into_inner).pass(arch);
        }
    };
    workers.in_place_scope(|scope| {
        scope.spawn_broadcast(|_, worker| pass(1 + worker.index()));
        pass(0);
    });
}

impl<'a> Streams<'a> {
    /// Cuts the arrays in as many runs of neighbouring elements.
    fn split(self, shares: usize) -> Vec<Streams<'a>> {
        let share = self.parameters.len().div_ceil(shares.max(1)).next_multiple_of(BLOCK);
        let mut of_state: Vec<_> = self.states.into_iter().map(|s| s.chunks_mut(share)).collect();
        let pairs = self.parameters.chunks_mut(share).zip(self.gradients.chunks(share));
        pairs
            .map(|(parameters, gradients)| Streams {
                parameters,
                gradients,
                states: of_state.iter_mut().filter_map(Iterator::next).collect(),
            })
            .collect()
    }

    fn pass(&mut self, arch: Arch) {
        if self.states.len() <= STATES {
            return one_pass(arch, self.parameters, self.gradients, &mut self.states);
        }
        let blocks = self.parameters.chunks_mut(BLOCK).zip(self.gradients.chunks(BLOCK));
        let mut of_state: Vec<_> = self.states.iter_mut().map(|s| s.chunks_mut(BLOCK)).collect();
        for (w, g) in blocks {
            let mut states: Vec<_> = of_state.iter_mut().filter_map(Iterator::next).collect();
            let (first, mut rest) = states.split_at_mut(STATES);
            one_pass(arch, w, g, first);
            // In a further pass a state stands in the place of the parameters.
            while let Some((state, after)) = rest.split_first_mut() {
                let (now, later) = after.split_at_mut(after.len().min(STATES));
                one_pass(arch, state, g, now);
                rest = later;
            }
        }
    }
}

fn one_pass(arch: Arch, w: &mut [f32], g: &[f32], states: &mut [&mut [f32]]) {
    match states {
        [] => arch.dispatch(Pass { w, g, states: [] }),
        [a] => arch.dispatch(Pass { w, g, states: [a] }),
        [a, b] => arch.dispatch(Pass { w, g, states: [a, b] }),
        [a, b, c] => arch.dispatch(Pass { w, g, states: [a, b, c] }),
        [a, b, c, d, ..] => arch.dispatch(Pass { w, g, states: [a, b, c, d] }),
    }
}

/// One loop over parameters, gradients and `N` states.
struct Pass<'a, const N: usize> {
    w: &'a mut [f32],
    g: &'a [f32],
    states: [&'a mut [f32]; N],
}

impl<const N: usize> WithSimd for Pass<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let count = self.w.len().min(self.g.len());
        let (w, w_rest) = S::as_mut_simd_f32s(&mut self.w[..count]);
        let (g, g_rest) = S::as_simd_f32s(&self.g[..count]);
        let parts = self.states.map(|state| S::as_mut_simd_f32s(&mut state[..count]));
        let vectors = w.len();
        let g = &g[..vectors];
        let mut rests: [&mut [f32]; N] = [(); N].map(|()| Default::default());
        let mut states: [&mut [S::f32s]; N] = [(); N].map(|()| Default::default());
        for (n, (head, rest)) in parts.into_iter().enumerate() {
            states[n] = &mut head[..vectors];
            rests[n] = rest;
        }
        let (keep, add) = (simd.splat_f32s(KEEP), simd.splat_f32s(ADD));
        let by = simd.splat_f32s(MOVE);
        for i in 0..vectors {
            let added = simd.mul_f32s(g[i], add);
            let mut sum = g[i];
            for state in &mut states {
                state[i] = simd.mul_add_f32s(state[i], keep, added);
                sum = simd.add_f32s(sum, state[i]);
            }
            w[i] = simd.mul_add_f32s(sum, by, w[i]);
        }
        for (i, (w, g)) in w_rest.iter_mut().zip(g_rest).enumerate() {
            let mut sum = *g;
            for state in &mut rests {
                state[i] = state[i] * KEEP + *g * ADD;
                sum += state[i];
            }
            *w += sum * MOVE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one element of a pass over at most [`STATES`] states becomes.
    fn expected(w: f32, g: f32, states: &[f32]) -> (f32, Vec<f32>) {
        let states: Vec<f32> = states.iter().map(|s| s * KEEP + g * ADD).collect();
        (w + (g + states.iter().sum::<f32>()) * MOVE, states)
    }

    #[test]
    fn every_element_of_every_array_is_passed_once() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for (n, count) in [(1, 0), (37, 2), (1000, 4), (5000, 4), (PARALLEL_ELEMENTS + 5, 1)] {
            let mut w: Vec<f32> = (0..n).map(|i| i as f32 * 1e-4).collect();
            let g: Vec<f32> = (0..n).map(|i| 1.0 - i as f32 * 1e-4).collect();
            let mut states = vec![vec![0.5_f32; n]; count];
            let before = w.clone();
            let streams = Streams {
                parameters: &mut w,
                gradients: &g,
                states: states.iter_mut().map(|s| &mut s[..]).collect(),
            };
            pass(streams, Some(&pool));
            for i in 0..n {
                let (wanted, wanted_states) = expected(before[i], g[i], &vec![0.5; count]);
                assert!((w[i] - wanted).abs() < 1e-6, "{n} {count} {i}");
                for (state, wanted) in states.iter().zip(wanted_states) {
                    assert!((state[i] - wanted).abs() < 1e-6, "{n} {count} {i}");
                }
            }
        }
    }

    #[test]
    fn more_states_than_one_pass_takes_are_passed_too() {
        for count in [5, 6, 11] {
            let n = BLOCK * 2 + 3;
            let (mut w, g) = (vec![1.0_f32; n], vec![1.0_f32; n]);
            let mut states = vec![vec![0.5_f32; n]; count];
            let states_of = states.iter_mut().map(|s| &mut s[..]).collect();
            pass(Streams { parameters: &mut w, gradients: &g, states: states_of }, None);
            let moved = |array: &[f32], from: f32| array.iter().all(|x| *x != from);
            assert!(moved(&w, 1.0) && states.iter().all(|state| moved(state, 0.5)), "{count}");
        }
    }
}
