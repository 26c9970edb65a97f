//! From a lowered rule to a kernel, by the back end that is asked for, through a bounded cache.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use nosc_compiler::canonical::Key;

use crate::cpu::{CpuError, CpuKernel, CpuOptions};
use crate::interpreter::Interpreter;
use crate::kernel::Kernel;
use crate::plan::Plan;
use crate::{Edges, LoweredRule};

/// What runs a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Backend {
    /// Wide vectors where they work, else Cranelift, else the interpreter.
    #[default]
    Auto,
    /// Machine code for the vectors of x86-64 with AVX-512, or with AVX2 and FMA.
    Wide,
    /// Machine code made by Cranelift.
    Cranelift,
    /// The plan, instruction by instruction; it defines the results.
    Interpreter,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Auto => "auto",
            Backend::Wide => "wide",
            Backend::Cranelift => "cranelift",
            Backend::Interpreter => "interpreter",
        })
    }
}

/// A name of no back end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown back end `{found}`, expected auto, wide, cranelift or interpreter")]
pub struct UnknownBackend {
    /// The name as given.
    pub found: String,
}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<Backend, UnknownBackend> {
        [Backend::Auto, Backend::Wide, Backend::Cranelift, Backend::Interpreter]
            .into_iter()
            .find(|backend| backend.to_string() == text)
            .ok_or_else(|| UnknownBackend { found: text.to_owned() })
    }
}

/// A kernel and how it came about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Compiled {
    /// What runs.
    pub kernel: Arc<dyn Kernel>,
    /// The back end that runs it; never [`Backend::Auto`].
    pub backend: Backend,
    /// Why `auto` did not take the first of its back ends.
    pub fallback: Option<String>,
}

/// Compiles without a cache.
///
/// # Errors
///
/// [`CpuError`] if [`Backend::Wide`] or [`Backend::Cranelift`] was asked for and does not take the
/// plan, or the machine.
pub fn compile(lowered: &LoweredRule, backend: Backend) -> Result<Compiled, CpuError> {
    let order: &[Backend] = match backend {
        Backend::Auto => &[Backend::Wide, Backend::Cranelift, Backend::Interpreter],
        _ => &[backend],
    };
    let mut refusals: Vec<String> = Vec::new();
    let mut refused = None;
    for backend in order {
        match compile_with(&lowered.plan, *backend) {
            Ok(kernel) => {
                let last_resort = *backend == Backend::Interpreter && !refusals.is_empty();
                let fallback = last_resort.then(|| refusals.join("; "));
                return Ok(Compiled { kernel, backend: *backend, fallback });
            }
            Err(error) => {
                refusals.push(error.to_string());
                refused = Some(error);
            }
        }
    }
    // The interpreter refuses nothing, so a back end was asked for by name.
    Err(refused.unwrap_or(CpuError::Host("no back end was tried")))
}

fn compile_with(plan: &Plan, backend: Backend) -> Result<Arc<dyn Kernel>, CpuError> {
    match backend {
        Backend::Wide => wide(plan),
        Backend::Cranelift => Ok(Arc::new(CpuKernel::compile(plan, &CpuOptions::default())?)),
        Backend::Auto | Backend::Interpreter => Ok(Arc::new(Interpreter::new(plan.clone()))),
    }
}

#[cfg(target_arch = "x86_64")]
fn wide(plan: &Plan) -> Result<Arc<dyn Kernel>, CpuError> {
    use crate::cpu::wide::{WideKernel, WideOptions};
    Ok(Arc::new(WideKernel::compile(plan, &WideOptions::default())?))
}

#[cfg(not(target_arch = "x86_64"))]
fn wide(_: &Plan) -> Result<Arc<dyn Kernel>, CpuError> {
    Err(CpuError::MissingFeatures { missing: vec!["x86-64"] })
}

/// Kernels by (canonical key, back end, edges), the least recently used one leaving first.
///
/// A kernel that leaves is freed when the last step that uses it has ended. The version of nosc is a
/// constant of the process, so it is not in the key.
#[derive(Debug)]
pub struct KernelCache {
    capacity: usize,
    entries: Mutex<Vec<(CacheKey, Compiled)>>,
}

type CacheKey = (Key, Backend, Edges);

impl KernelCache {
    /// A cache of at most `capacity` kernels.
    pub fn new(capacity: usize) -> KernelCache {
        KernelCache { capacity, entries: Mutex::new(Vec::new()) }
    }

    /// Number of kernels held.
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no kernel is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kernel of a rule, compiled if it is not there.
    ///
    /// # Errors
    ///
    /// As [`compile`].
    pub fn get(&self, lowered: &LoweredRule, backend: Backend) -> Result<Compiled, CpuError> {
        let key = (lowered.canonical.key, backend, lowered.edges);
        {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = entries.iter().position(|(known, _)| *known == key) {
                let entry = entries.remove(at);
                let compiled = entry.1.clone();
                entries.push(entry);
                return Ok(compiled);
            }
        }
        // Compiled outside the lock: another thread may do the same, and one of the two is dropped.
        let compiled = compile(lowered, backend)?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(known, _)| *known != key);
        entries.push((key, compiled.clone()));
        let excess = entries.len().saturating_sub(self.capacity);
        entries.drain(..excess);
        Ok(compiled)
    }
}

#[cfg(test)]
mod tests {
    use nosc_compiler::{Rule, canonical::CanonicalRule};

    use super::*;

    fn lowered(text: &str) -> LoweredRule {
        LoweredRule::new(CanonicalRule::new(&Rule::parse(text).unwrap())).unwrap()
    }

    #[test]
    fn one_key_is_compiled_once_and_the_oldest_leaves() {
        let cache = KernelCache::new(2);
        let first = cache.get(&lowered("g + m"), Backend::Auto).unwrap();
        let again = cache.get(&lowered("m + g"), Backend::Auto).unwrap();
        assert!(Arc::ptr_eq(&first.kernel, &again.kernel));
        cache.get(&lowered("g"), Backend::Auto).unwrap();
        cache.get(&lowered("w"), Backend::Auto).unwrap();
        assert_eq!(cache.len(), 2);
        let anew = cache.get(&lowered("g + m"), Backend::Auto).unwrap();
        assert!(!Arc::ptr_eq(&first.kernel, &anew.kernel));
    }
}
