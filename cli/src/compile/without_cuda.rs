//! In the place of NVRTC, in a program that is built without CUDA.

use nosc_kernels::LoweredRule;
use nosc_runtime::RuntimeError;

use super::{Stats, is_needed};
use crate::arguments::{CompileArguments, Emit};
use crate::error::CliError;

/// Refuses what needs NVRTC.
pub(super) struct Compiler;

impl Compiler {
    pub(super) fn new(arguments: &CompileArguments, emits: &[Emit]) -> Result<Compiler, CliError> {
        if is_needed(arguments, emits) {
            return Err(RuntimeError::NoCuda.into());
        }
        Ok(Compiler)
    }

    pub(super) fn compile(&mut self, _: &LoweredRule) -> Result<(), CliError> {
        Ok(())
    }

    pub(super) fn emitted(&self, _: Emit) -> Result<Vec<u8>, CliError> {
        Err(RuntimeError::NoCuda.into())
    }

    pub(super) fn stats(&self) -> Result<Stats, CliError> {
        Err(RuntimeError::NoCuda.into())
    }
}
