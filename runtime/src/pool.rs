//! Threads of a step. Each takes a fixed part of the chunks, so results never depend on how many there
//! are, and a thread meets the same elements at every step, in its own cache.

use std::mem::ManuallyDrop;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::RuntimeError;
use crate::tensors::Cut;

/// The threads that share the work of a step; the calling one is among them.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    threads: usize,
    /// None for one thread.
    helpers: Option<Helpers>,
}

/// All threads but the calling one.
#[derive(Debug, Clone)]
struct Helpers {
    pool: Arc<rayon::ThreadPool>,
    /// Counts the runs, so that threads that wait for the next one see it come.
    turn: Arc<AtomicU64>,
    /// Whether there is a core for each of them, so that looking out takes none from others of a step.
    look_out: bool,
    /// The process that has the threads: one that was forked from it has none of them.
    process: u32,
}

/// How long a thread looks out for the next run before it sleeps. To wake one took 40 us where this was
/// measured, which is as much as a step over half a million elements, and much more on a busy host. Threads
/// of OpenMP look out for some milliseconds.
const LOOKOUT: Duration = Duration::from_micros(500);

/// The most threads of a step: more than any machine has cores.
pub const MOST_THREADS: usize = 1024;

/// The helpers of all optimizers that take as many threads as there are cores.
static SHARED: Mutex<Option<Helpers>> = Mutex::new(None);

impl Helpers {
    fn new(threads: usize) -> Result<Helpers, RuntimeError> {
        let name = |_| "nosc-step".to_owned();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
        let pool = pool.map_err(|error| RuntimeError::Threads(error.to_string()))?;
        let (look_out, process) = (threads < cores(), std::process::id());
        Ok(Helpers { pool: Arc::new(pool), turn: Arc::default(), look_out, process })
    }

    fn shared(threads: usize) -> Result<Helpers, RuntimeError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(helpers) = shared.as_ref().filter(|helpers| helpers.are_here()) {
            return Ok(helpers.clone());
        }
        let helpers = Helpers::new(threads)?;
        // What a fork left is never dropped: that would wait for threads that are elsewhere.
        let _left = ManuallyDrop::new(shared.replace(helpers.clone()));
        Ok(helpers)
    }

    /// Whether this process has the threads.
    fn are_here(&self) -> bool {
        self.process == std::process::id()
    }

    /// Lets the threads look out for the next run.
    fn look_out(&self, turn: u64) {
        if !self.look_out {
            return;
        }
        for _ in 0..self.pool.current_num_threads() {
            let current = Arc::clone(&self.turn);
            self.pool.spawn(move || {
                let start = Instant::now();
                while current.load(Ordering::Relaxed) == turn && start.elapsed() < LOOKOUT {
                    (0..16).for_each(|_| std::hint::spin_loop());
                }
            });
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

impl Pool {
    /// `None` for as many threads as the machine has cores.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::ThreadCount`] for none or more than [`MOST_THREADS`]; [`RuntimeError::Threads`].
    pub(crate) fn new(threads: Option<usize>) -> Result<Pool, RuntimeError> {
        if let Some(found) = threads.filter(|count| !(1..=MOST_THREADS).contains(count)) {
            return Err(RuntimeError::ThreadCount { found, most: MOST_THREADS });
        }
        let count = threads.unwrap_or_else(cores).clamp(1, MOST_THREADS);
        let helpers = match threads {
            _ if count == 1 => None,
            None => Some(Helpers::shared(count - 1)?),
            Some(_) => Some(Helpers::new(count - 1)?),
        };
        Ok(Pool { threads: count, helpers })
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
        let helpers = self.helpers.as_ref().filter(|_| ends.len() > 1);
        let Some(helpers) = helpers.filter(|helpers| helpers.are_here()) else {
            return work(0, whole);
        };
        let turn = helpers.turn.fetch_add(1, Ordering::Relaxed) + 1;
        let left = AtomicUsize::new(ends.len() - 1);
        helpers.pool.in_place_scope(|scope| {
            spread(scope, whole, ends, &work, &left);
            wait(&left);
        });
        helpers.look_out(turn);
    }
}

/// Neighbouring items, and for each of them so many others.
pub(crate) type Part<'a, T, U> = (&'a mut [T], &'a mut [U], usize);

/// Looks at the number of parts that are left for a while, so as not to sleep when it is nearly zero.
fn wait(left: &AtomicUsize) {
    let start = Instant::now();
    while left.load(Ordering::Acquire) > 0 && start.elapsed() < LOOKOUT {
        std::hint::spin_loop();
    }
    // The scope learns of the last end a moment later.
    (0..64).for_each(|_| std::hint::spin_loop());
}

fn spread<'s, T: Send, U: Send>(
    scope: &rayon::Scope<'s>,
    (items, others, width): Part<'s, T, U>,
    ends: &[usize],
    work: &'s (impl Fn(usize, Part<'_, T, U>) + Sync),
    left: &'s AtomicUsize,
) {
    let first_end = ends.first().copied().unwrap_or(items.len()).min(items.len());
    let (first, mut rest) = items.split_at_mut(first_end);
    let (first_others, mut rest_others) = others.split_at_mut(first_end * width);
    for pair in ends.windows(2) {
        let length = pair[1].saturating_sub(pair[0]).min(rest.len());
        let (part, after) = std::mem::take(&mut rest).split_at_mut(length);
        let (others, after_others) = std::mem::take(&mut rest_others).split_at_mut(length * width);
        (rest, rest_others) = (after, after_others);
        let start = pair[0];
        scope.spawn(move |_| {
            work(start, (part, others, width));
            left.fetch_sub(1, Ordering::Release);
        });
    }
    work(0, (first, first_others, width));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_out_of_range_are_refused() {
        for count in [0, MOST_THREADS + 1] {
            let error = Pool::new(Some(count)).unwrap_err().to_string();
            assert_eq!(error, format!("{count} threads: expected 1 to 1024"));
        }
    }

    #[test]
    fn parts_hold_every_chunk_once_and_nearly_as_many_elements() {
        for threads in 1..9 {
            let pool = Pool::new(Some(threads)).unwrap();
            for lengths in
                [&[][..], &[1_000_000], &[70_000; 9], &[1_000; 1_000], &[2_000_000, 5, 0, 40_000]]
            {
                let cuts = Cut::all(lengths).unwrap();
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
