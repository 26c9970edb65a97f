//! Threads of a step. Work is split in fixed chunks, so results never depend on how many there are.

use std::sync::Arc;

use crate::error::RuntimeError;
use crate::tensors::Cut;

/// Below this many elements one thread is quicker than waking a second.
pub(crate) const PARALLEL_ELEMENTS: usize = 131_072;

/// The global threads of rayon, or some of one's own.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Global,
    Own(Arc<rayon::ThreadPool>),
    Single,
}

impl Pool {
    /// `None` for as many threads as the machine has cores.
    pub(crate) fn new(threads: Option<usize>) -> Result<Pool, RuntimeError> {
        match threads {
            None => Ok(Pool::Global),
            Some(0 | 1) => Ok(Pool::Single),
            Some(threads) => rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map(|pool| Pool::Own(Arc::new(pool)))
                .map_err(|error| RuntimeError::Threads(error.to_string())),
        }
    }

    fn threads(&self) -> usize {
        match self {
            Pool::Global => rayon::current_num_threads(),
            Pool::Own(pool) => pool.current_num_threads(),
            Pool::Single => 1,
        }
    }

    /// Whether several threads are quicker at these chunks than one.
    pub(crate) fn pays(&self, cuts: &[Cut]) -> bool {
        let mut elements = 0;
        let many = cuts.iter().any(|cut| {
            elements += cut.length;
            elements >= PARALLEL_ELEMENTS
        });
        many && self.threads() > 1
    }

    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Pool::Own(pool) => pool.install(work),
            Pool::Global | Pool::Single => work(),
        }
    }
}
