//! Why a plan was not compiled.

use cranelift_codegen::CodegenError;
use cranelift_codegen::isa::LookupError;
use cranelift_codegen::settings::SetError;
use cranelift_module::ModuleError;
use target_lexicon::{Architecture, Triple};

/// What a library says that is not part of this interface.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a plan was not compiled. The interpreter takes every verified plan, so a caller may fall back
/// to it after any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CpuError {
    /// The plan is longer than [`super::MAX_INSTRUCTIONS`].
    #[error("the plan has {found} instructions, the CPU back end takes at most {limit}")]
    PlanTooLong {
        /// Number of instructions of the plan.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The plan breaks an invariant of [`crate::plan::verify`].
    #[error("the plan is not valid: {0}")]
    InvalidPlan(String),
    /// This machine's architecture has no code generator here.
    #[error("no code generator for this machine: {0}")]
    Host(&'static str),
    /// The triple's architecture has no code generator here.
    #[error("no code generator for `{triple}`")]
    Target {
        /// The triple as asked for.
        triple: String,
        /// Cranelift's reason.
        source: Cause,
    },
    /// There is a code generator for the triple's architecture, but not in this build.
    #[error("no code generator for `{triple}` in this build: it is part of the feature `cross`")]
    NotInThisBuild {
        /// The triple as asked for.
        triple: String,
    },
    /// A setting that the target does not know.
    #[error("the code generator refused a setting")]
    Setting(#[source] Cause),
    /// Fused multiply-add was asked for, and the target has none.
    #[error("the target has no fused multiply-add")]
    NoFusedMultiplyAdd,
    /// Code for another machine cannot be run; it can be emitted.
    #[error("a kernel runs on the host, expected the host as target, found `{0}`")]
    ForeignTarget(String),
    /// Cranelift gave up.
    #[error("code generation failed")]
    Codegen(#[source] Cause),
    /// Cranelift's module refused the function.
    #[error("the code could not be placed in a module")]
    Module(#[source] Cause),
    /// The system gave no memory for code, or did not let it become executable.
    #[error("the system refused executable memory")]
    ExecutableMemory(#[source] Cause),
    /// The processor lacks what the wide back end asks for.
    #[error("the processor has no {}, which wide vectors need; use `auto` or `cranelift`", missing.join(", "))]
    MissingFeatures {
        /// Names of the features, as `/proc/cpuinfo` spells them.
        missing: Vec<&'static str>,
    },
    /// The plan keeps more alive than the stack frame of a wide kernel holds.
    #[error("a wide kernel of the plan needs {found} bytes of stack, expected at most {limit}")]
    FrameTooLarge {
        /// Bytes that it needs.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A machine instruction that cannot be written: a mistake in the wide back end.
    #[error("the wide back end could not write an instruction: {0}")]
    Encoding(String),
    /// A long plan is compiled on a thread of its own, which did not start.
    #[error("no thread to compile a long plan on")]
    Thread(#[source] std::io::Error),
    /// The thread that compiled a long plan ended early.
    #[error("the thread that compiled a long plan stopped")]
    ThreadStopped,
    /// Variants for several processors are made for x86-64 with System V's calls.
    #[error(
        "variants for several processors need an x86-64 target such as x86_64-unknown-linux-gnu, found `{0}`"
    )]
    Multiversion(String),
    /// A name that is no C identifier.
    #[error("`{0}` is no name for a C function, expected letters, digits and `_`")]
    Symbol(String),
    /// The object file could not be written.
    #[error("the object file could not be written: {0}")]
    Object(String),
}

impl CpuError {
    /// Why there is no code generator for another machine.
    pub(super) fn no_code_generator(triple: &Triple, source: LookupError) -> CpuError {
        let is_of_cross =
            matches!(triple.architecture, Architecture::X86_64 | Architecture::Aarch64(_));
        let triple = triple.to_string();
        match source {
            LookupError::SupportDisabled if is_of_cross => CpuError::NotInThisBuild { triple },
            source => CpuError::Target { triple, source: source.into() },
        }
    }
}

#[doc(hidden)]
impl From<ModuleError> for CpuError {
    fn from(error: ModuleError) -> CpuError {
        match error {
            ModuleError::Compilation(inner) => CpuError::Codegen(Box::new(inner)),
            refused @ (ModuleError::Allocation { .. } | ModuleError::Backend(_)) => {
                CpuError::ExecutableMemory(Box::new(refused))
            }
            other => CpuError::Module(Box::new(other)),
        }
    }
}

#[doc(hidden)]
impl From<SetError> for CpuError {
    fn from(error: SetError) -> CpuError {
        CpuError::Setting(Box::new(error))
    }
}

#[doc(hidden)]
impl From<CodegenError> for CpuError {
    fn from(error: CodegenError) -> CpuError {
        CpuError::Codegen(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_build_has_is_told_apart() {
        let reason = |triple: &str| {
            CpuError::no_code_generator(&triple.parse().unwrap(), LookupError::SupportDisabled)
        };
        let error = reason("aarch64-unknown-linux-gnu");
        assert!(matches!(error, CpuError::NotInThisBuild { .. }), "{error}");
        let error = reason("riscv64gc-unknown-linux-gnu");
        assert!(matches!(error, CpuError::Target { .. }), "{error}");
    }
}
