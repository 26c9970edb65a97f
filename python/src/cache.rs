//! Compiled rules of the process: compiling one again is a look-up.

use std::sync::{Mutex, PoisonError};

use indexmap::IndexMap;
use nosc_compiler::canonical::Key;
use nosc_runtime::{Backend, CompiledRule, RuntimeError};
use pyo3::prelude::*;

use crate::error;
use crate::rule::Parts;

/// Rules that are kept; the one that was not asked for the longest leaves. A rule in use stays where it is used.
const CAPACITY: usize = 256;

/// What a compiled rule depends on. Parameters that the canonical rule has no use for may be set all the same, and
/// messages have the rule's name.
type CacheKey = (Key, Backend, String, Vec<(String, u64)>);

static CACHE: Mutex<Option<IndexMap<CacheKey, CompiledRule>>> = Mutex::new(None);

/// The compiled rule, compiled if it is not there. Python's lock is not held meanwhile.
pub(crate) fn compiled(py: Python<'_>, parts: &Parts, backend: Backend) -> PyResult<CompiledRule> {
    py.detach(|| get(parts, backend)).map_err(|error| error::of_runtime(py, &error))
}

fn get(parts: &Parts, backend: Backend) -> Result<CompiledRule, RuntimeError> {
    let declared = parts.rule.parameters.iter();
    let declared = declared.map(|p| (p.name.clone(), p.default.to_bits())).collect();
    let key = (parts.exact().key, backend, parts.rule.name.clone(), declared);
    if let Some(known) = with(|cache| {
        cache.shift_remove_entry(&key).inspect(|(key, known)| {
            cache.insert(key.clone(), known.clone());
        })
    }) {
        return Ok(known.1);
    }
    // Compiled outside the lock: another thread may do the same, and one of the two is dropped.
    let compiled = CompiledRule::new(&parts.rule, backend)?;
    with(|cache| {
        cache.insert(key, compiled.clone());
        while cache.len() > CAPACITY {
            cache.shift_remove_index(0);
        }
    });
    Ok(compiled)
}

fn with<R>(work: impl FnOnce(&mut IndexMap<CacheKey, CompiledRule>) -> R) -> R {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    work(cache.get_or_insert_default())
}
