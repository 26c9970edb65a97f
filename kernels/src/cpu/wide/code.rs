//! Machine code in the memory of this process: the only `unsafe` of the wide back end.
//!
//! [`WideCode`] owns both the memory and the only pointer into it. The memory is written first and
//! made executable then, never both at once, and is freed with its owner. The pointer never leaves, and
//! a call borrows the owner, so no code runs when the memory goes. The code calls nothing, so nothing
//! unwinds through it.
#![expect(unsafe_code, reason = "code is called here, and nowhere else")]

use std::fmt;
use std::io;

use memmap2::{Mmap, MmapMut};

use super::super::abi::Call;
use super::super::error::CpuError;
use super::function::{self, Image};
use super::program::Width;
use crate::kernel::{CallError, Demands, Elements, Uniforms};
use crate::plan::Plan;

/// A kernel as Rust calls it: the arguments of [`super::super::abi`], in the convention of System V on
/// every operating system.
type EntryPoint = unsafe extern "sysv64" fn(
    parameters: *mut u8,
    gradients: *const u8,
    states: *const *mut f32,
    scalars: *const f32,
    words: *const u32,
    first_element: u64,
    count: u64,
);

/// Executable code of one plan.
pub(super) struct WideCode {
    entry: EntryPoint,
    demands: Demands,
    memory: Mmap,
}

impl WideCode {
    /// Compiles a verified plan for vectors that this processor has; `super::kernel` sees to both.
    pub(super) fn new(plan: &Plan, width: Width, registers: usize) -> Result<WideCode, CpuError> {
        let image = function::write(plan, width, registers)?;
        WideCode::in_memory(&image, plan, MmapMut::map_anon, MmapMut::make_exec)
    }

    fn in_memory(
        image: &Image,
        plan: &Plan,
        allocate: impl Fn(usize) -> io::Result<MmapMut>,
        protect: impl Fn(MmapMut) -> io::Result<Mmap>,
    ) -> Result<WideCode, CpuError> {
        let refused = |error: io::Error| CpuError::ExecutableMemory(Box::new(error));
        let mut writable = allocate(image.bytes.len()).map_err(refused)?;
        writable.copy_from_slice(&image.bytes);
        let memory = protect(writable).map_err(refused)?;
        let address = memory[image.entry..].as_ptr();
        // SAFETY: `address` is the entry of a function that `function::write` has written for the
        // arguments and the convention of `EntryPoint`.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryPoint>(address) };
        Ok(WideCode { entry, demands: Demands::of(plan), memory })
    }

    /// The machine code, constants first.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory
    }

    /// Calls the code on arrays whose lengths and number have been checked.
    pub(super) fn run(
        &self,
        elements: &mut Elements<'_, '_>,
        uniforms: Uniforms<'_>,
    ) -> Result<(), CallError> {
        let call = Call::new(self.demands, elements, &uniforms)?;
        // SAFETY: `self` keeps the code in memory during the call, and `super::kernel` has found that
        // the processor has its instructions. `Call::new` has found that all arrays have `count`
        // elements of the plan's types, that `states` has a pointer for each slot of the plan and
        // `scalars` a float for each of its scalars; `words` has `WORDS` integers. The plan was
        // verified, and the code made of it touches arrays at elements below `count` only, slots and
        // scalars below the plan's numbers, and writes its frame, parameters and states, which are
        // borrowed mutably and so overlap nothing.
        unsafe {
            (self.entry)(
                call.parameters,
                call.gradients,
                call.states.as_ptr(),
                call.scalars,
                call.words.as_ptr(),
                call.first_element,
                call.count,
            );
        }
        Ok(())
    }
}

impl fmt::Debug for WideCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WideCode")
            .field("demands", &self.demands)
            .field("bytes", &self.memory.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::momentum;
    use super::*;

    fn refuse<T>(_: impl Sized) -> io::Result<T> {
        Err(io::ErrorKind::OutOfMemory.into())
    }

    #[test]
    fn refused_memory_is_a_typed_error() {
        let image = function::write(&momentum(), Width::Avx2, usize::MAX).unwrap();
        let none = WideCode::in_memory(&image, &momentum(), refuse, MmapMut::make_exec);
        assert!(matches!(none, Err(CpuError::ExecutableMemory(_))), "{none:?}");
        let inert = WideCode::in_memory(&image, &momentum(), MmapMut::map_anon, refuse);
        assert!(matches!(inert, Err(CpuError::ExecutableMemory(_))), "{inert:?}");
    }
}
