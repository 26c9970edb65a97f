//! Machine code in the memory of this process: the only `unsafe` of the CPU back end.
//!
//! A kernel has a module of its own, because a module's memory can only be freed as a whole, and
//! Cranelift leaks it unless told to free it. [`KernelCode`] owns both the memory and the only
//! pointer into it. The pointer never leaves, and a call borrows the owner, so no code runs when the
//! memory goes.
#![expect(unsafe_code, reason = "code is made, called and freed here, and nowhere else")]

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Mutex;

use cranelift_codegen::Context;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, default_libcall_names};

use super::abi::{Call, EntryPoint};
use super::error::CpuError;
use super::lower::{Strategy, lower};
use crate::kernel::{CallError, Demands, Elements, Uniforms};
use crate::plan::Plan;

/// Executable code of one plan.
pub(super) struct KernelCode {
    entry: EntryPoint,
    demands: Demands,
    bytes: usize,
    /// Nobody locks it: the mutex makes a module, which is no `Sync`, part of a value that is.
    _memory: Mutex<CodeMemory>,
}

impl KernelCode {
    /// Compiles a plan for the host.
    ///
    /// `isa` must be the host's instruction set or a part of it; `super::kernel` sees to that.
    pub(super) fn new(
        plan: &Plan,
        strategy: Strategy,
        isa: OwnedTargetIsa,
    ) -> Result<KernelCode, CpuError> {
        KernelCode::in_module(plan, strategy, JITBuilder::with_isa(isa, default_libcall_names()))
    }

    fn in_module(
        plan: &Plan,
        strategy: Strategy,
        builder: JITBuilder,
    ) -> Result<KernelCode, CpuError> {
        // From here on an error frees what the module has allocated.
        let mut memory = CodeMemory(ManuallyDrop::new(JITModule::new(builder)));
        let module = &mut *memory.0;
        let function = lower(plan, strategy, module.isa())?;
        let id = module.declare_anonymous_function(&function.signature)?;
        let mut context = Context::for_function(function);
        module.define_function(id, &mut context)?;
        module.finalize_definitions()?;
        let address = module.get_finalized_function(id);
        let bytes = context.compiled_code().map_or(0, |code| code.code_buffer().len());
        // SAFETY: `address` is the start of a finalized function whose signature is
        // `abi::signature` under the host's C convention, of which `EntryPoint` is the Rust type.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryPoint>(address) };
        let demands = Demands::of(plan);
        Ok(KernelCode { entry, demands, bytes, _memory: Mutex::new(memory) })
    }

    /// Size of the machine code, constants included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls the code on arrays whose lengths and number have been checked.
    pub(super) fn run(
        &self,
        elements: &mut Elements<'_, '_>,
        uniforms: Uniforms<'_>,
    ) -> Result<(), CallError> {
        let call = Call::new(self.demands, elements, &uniforms)?;
        // SAFETY: `self` keeps the code in memory during the call. `Call::new` has found that all
        // arrays have `count` elements of the plan's types, that `states` has a pointer for each slot of the plan and
        // `scalars` a float for each of its scalars; `words` has `WORDS` integers. `lower` takes
        // verified plans only, and the code it makes touches arrays at elements below `count`,
        // slots and scalars below the plan's numbers, and writes parameters and states only, which
        // are borrowed mutably and so overlap nothing.
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

impl fmt::Debug for KernelCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelCode")
            .field("demands", &self.demands)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// A module whose memory is freed when this is dropped.
struct CodeMemory(ManuallyDrop<JITModule>);

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: this is the drop of `self`, after which nothing reads the field again.
        let module = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: the only pointer into the module's memory is the entry of the `KernelCode` that
        // owns this value, and `KernelCode::run`, which alone calls it, borrows that owner.
        unsafe { module.free_memory() };
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider, SystemMemoryProvider};
    use cranelift_module::{ModuleError, ModuleResult};

    use super::super::options::{CpuOptions, Optimization};
    use super::super::target::{self, Effort, Placement};
    use super::super::testing::momentum;
    use super::*;

    /// A system that refuses to give memory, or to make it executable.
    struct Refusal {
        memory: SystemMemoryProvider,
        allocates: bool,
    }

    impl JITMemoryProvider for Refusal {
        fn allocate(&mut self, n: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
            let refused = io::Error::from(io::ErrorKind::OutOfMemory);
            if self.allocates { self.memory.allocate(n, align, kind) } else { Err(refused) }
        }

        unsafe fn free_memory(&mut self) {
            // SAFETY: the caller promises of this memory what it would of the system's.
            unsafe { self.memory.free_memory() }
        }

        fn finalize(&mut self, _: BranchProtection) -> ModuleResult<()> {
            let err = io::Error::from(io::ErrorKind::PermissionDenied);
            Err(ModuleError::Allocation { err })
        }
    }

    #[test]
    fn refused_memory_is_a_typed_error() {
        for allocates in [true, false] {
            let options = CpuOptions::default();
            let effort = Effort::Chosen(Optimization::None);
            let isa = target::instruction_set(&options, effort, Placement::Memory).unwrap();
            let strategy = target::strategy(&options, isa.as_ref()).unwrap();
            let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
            builder.memory_provider(Box::new(Refusal {
                memory: SystemMemoryProvider::new(),
                allocates,
            }));
            let error = KernelCode::in_module(&momentum(), strategy, builder).unwrap_err();
            assert!(matches!(error, CpuError::ExecutableMemory(_)), "{error:?}");
        }
    }
}
