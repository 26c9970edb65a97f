//! Memory for states that Python hands to another library.

use nosc_runtime::StateArena;
use pyo3::prelude::*;

use crate::error::of_runtime;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Arena>()
}

/// Arrays of f32, zero at first, that live as long as this object: whoever uses their addresses holds it.
#[pyclass(frozen, module = "nosc._nosc")]
#[derive(Debug)]
pub(crate) struct Arena {
    /// Nobody here looks at the memory again.
    _memory: StateArena,
    /// By tensor: the address of the array of each slot.
    addresses: Vec<Vec<usize>>,
}

#[pymethods]
impl Arena {
    /// An array for each slot of each tensor of so many elements.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "as Python hands it over")]
    fn new(py: Python<'_>, slots: usize, lengths: Vec<usize>) -> PyResult<Arena> {
        let memory = py.detach(|| StateArena::zeros(slots, &lengths));
        let mut memory = memory.map_err(|error| of_runtime(py, &error))?;
        let mut address = |slot, tensor| {
            memory.get_mut(slot, tensor).map_or(0, |array| array.as_mut_ptr() as usize)
        };
        let tensors = 0..lengths.len();
        let addresses =
            tensors.map(|tensor| (0..slots).map(|slot| address(slot, tensor)).collect()).collect();
        Ok(Arena { _memory: memory, addresses })
    }

    /// Addresses of the arrays of a tensor, by slot; they say nothing for a tensor without elements.
    fn addresses(&self, tensor: usize) -> Option<Vec<usize>> {
        self.addresses.get(tensor).cloned()
    }
}
