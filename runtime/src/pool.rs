//! Threads of a step. Each takes a fixed part of the chunks, so results never depend on how many there
//! are, and a thread meets the same elements at every step, in its own cache.

use std::sync::Arc;

use crate::error::RuntimeError;
use crate::tensors::Cut;

/// The threads that share the work of a step; the calling one is among them.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    threads: usize,
    helpers: Helpers,
}

#[derive(Debug, Clone)]
enum Helpers {
    /// Those of rayon, which all optimizers share.
    Global,
    Own(Arc<rayon::ThreadPool>),
}

impl Pool {
    /// `None` for as many threads as the machine has cores.
    pub(crate) fn new(threads: Option<usize>) -> Result<Pool, RuntimeError> {
        let Some(threads) = threads.map(|threads| threads.max(1)) else {
            return Ok(Pool { threads: rayon::current_num_threads(), helpers: Helpers::Global });
        };
        if threads == 1 {
            return Ok(Pool { threads, helpers: Helpers::Global });
        }
        let name = |_| "nosc-step".to_owned();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads - 1).thread_name(name);
        let pool = pool.build().map_err(|error| RuntimeError::Threads(error.to_string()))?;
        Ok(Pool { threads, helpers: Helpers::Own(Arc::new(pool)) })
    }

    /// Cuts the chunks in a part for each thread, of nearly as many elements; the result has where each
    /// part ends.
    pub(crate) fn parts(&self, cuts: &[Cut]) -> Vec<usize> {
        let total: usize = cuts.iter().map(|cut| cut.length).sum();
        if self.threads == 1 || cuts.len() < 2 {
            return vec![cuts.len()];
        }
        let mut ends = Vec::new();
        let mut before = 0;
        for (place, cut) in cuts.iter().enumerate() {
            // A chunk belongs to the part in which its middle is.
            let middle = before + cut.length / 2;
            while ends.len() + 1 < self.threads
                && middle >= (total / self.threads) * (ends.len() + 1)
            {
                ends.push(place);
            }
            before += cut.length;
        }
        ends.resize(self.threads - 1, cuts.len());
        ends.push(cuts.len());
        ends
    }

    /// Calls `work` with each part of the items and the place where it starts, the first here and the others
    /// on threads of their own.
    pub(crate) fn run<T: Send, U: Send>(
        &self,
        whole: Part<'_, T, U>,
        ends: &[usize],
        work: impl Fn(usize, Part<'_, T, U>) + Sync,
    ) {
        if ends.len() <= 1 {
            return work(0, whole);
        }
        match &self.helpers {
            Helpers::Global => rayon::in_place_scope(|scope| spread(scope, whole, ends, &work)),
            Helpers::Own(pool) => pool.in_place_scope(|scope| spread(scope, whole, ends, &work)),
        }
    }
}

/// Neighbouring items, and for each of them so many others.
pub(crate) type Part<'a, T, U> = (&'a mut [T], &'a mut [U], usize);

fn spread<'s, T: Send, U: Send>(
    scope: &rayon::Scope<'s>,
    (items, others, width): Part<'s, T, U>,
    ends: &[usize],
    work: &'s (impl Fn(usize, Part<'_, T, U>) + Sync),
) {
    let first_end = ends.first().copied().unwrap_or(items.len()).min(items.len());
    let (first, mut rest) = items.split_at_mut(first_end);
    let (first_others, mut rest_others) = others.split_at_mut(first_end * width);
    for pair in ends.windows(2) {
        let length = pair[1].saturating_sub(pair[0]).min(rest.len());
        let (part, after) = std::mem::take(&mut rest).split_at_mut(length);
        let (others, after_others) = std::mem::take(&mut rest_others).split_at_mut(length * width);
        (rest, rest_others) = (after, after_others);
        if !part.is_empty() {
            let start = pair[0];
            scope.spawn(move |_| work(start, (part, others, width)));
        }
    }
    work(0, (first, first_others, width));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_chunk_once_and_nearly_as_many_elements() {
        for threads in 1..9 {
            let pool = Pool::new(Some(threads)).unwrap();
            for lengths in
                [&[][..], &[1_000_000], &[70_000; 9], &[1_000; 1_000], &[2_000_000, 5, 0, 40_000]]
            {
                let cuts = Cut::all(lengths);
                let ends = pool.parts(&cuts);
                assert_eq!(ends.last(), Some(&cuts.len()));
                assert!(ends.is_sorted() && (ends.len() == threads || ends.len() == 1), "{ends:?}");
                let total: usize = lengths.iter().sum();
                let mut start = 0;
                for end in &ends {
                    let part: usize = cuts[start..*end].iter().map(|cut| cut.length).sum();
                    let fair = total / ends.len();
                    assert!(part.abs_diff(fair) <= 32_768, "{part} of {total}, {threads} threads");
                    start = *end;
                }
                let mut seen = vec![0_u8; cuts.len()];
                let mut others = vec![0_u8; 2 * cuts.len()];
                pool.run((&mut seen, &mut others, 2), &ends, |_, (part, others, _)| {
                    assert_eq!(others.len(), 2 * part.len());
                    part.iter_mut().chain(others).for_each(|seen| *seen += 1);
                });
                assert!(seen.iter().chain(&others).all(|seen| *seen == 1));
            }
        }
    }
}
