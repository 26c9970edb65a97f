//! A plan compiled for the vectors of this machine.

use std::sync::Arc;

use super::super::error::CpuError;
use super::code::WideCode;
use super::features::CpuFeatures;
use super::program::Width;
use crate::kernel::{CallError, Elements, Kernel, Uniforms};
use crate::plan::{Plan, verify};

/// The longest plan that is compiled for wide vectors; Cranelift takes longer ones.
pub const MAX_WIDE_INSTRUCTIONS: usize = 8_192;

/// Settings of a compilation for wide vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WideOptions {
    /// What the processor may be taken to have.
    pub features: CpuFeatures,
    /// How wide the vectors are. `None`: as wide as the features allow.
    pub width: Option<Width>,
    /// How many registers of a kind may be used, four at least. Fewer than the machine has make
    /// slower code with the same results.
    pub registers: usize,
}

impl Default for WideOptions {
    fn default() -> WideOptions {
        WideOptions { features: CpuFeatures::detected(), width: None, registers: usize::MAX }
    }
}

/// Machine code of a plan. Clones share the code, which is freed with the last of them.
#[derive(Debug, Clone)]
pub struct WideKernel {
    code: Arc<WideCode>,
    width: Width,
}

impl WideKernel {
    /// Compiles a plan for this machine.
    ///
    /// # Errors
    ///
    /// [`CpuError`] if the processor lacks the vectors, if the plan is not valid, too long or keeps
    /// too much alive, or if the system refuses executable memory.
    pub fn compile(plan: &Plan, options: &WideOptions) -> Result<WideKernel, CpuError> {
        let width = width(options)?;
        check(plan)?;
        let code = Arc::new(WideCode::new(plan, width, options.registers)?);
        Ok(WideKernel { code, width })
    }

    /// How wide its vectors are.
    pub fn width(&self) -> Width {
        self.width
    }

    /// The machine code, constants first, as it stands in memory.
    pub fn code(&self) -> &[u8] {
        self.code.bytes()
    }
}

/// What holds of every plan that machine code is made of: it is valid, and not too long.
pub(super) fn check(plan: &Plan) -> Result<(), CpuError> {
    let found = plan.instructions.len();
    if found > MAX_WIDE_INSTRUCTIONS {
        return Err(CpuError::PlanTooLong { found, limit: MAX_WIDE_INSTRUCTIONS });
    }
    verify(plan).map_err(CpuError::InvalidPlan)
}

/// The width that is asked for, or the widest there is.
fn width(options: &WideOptions) -> Result<Width, CpuError> {
    // A feature that the processor lacks is not there, whatever the options say.
    let features = options.features.and(CpuFeatures::detected());
    match options.width.or_else(|| features.widest()) {
        Some(width) if features.missing(width).is_empty() => Ok(width),
        wanted => {
            let missing = features.missing(wanted.unwrap_or(Width::Avx2));
            Err(CpuError::MissingFeatures { missing })
        }
    }
}

impl Kernel for WideKernel {
    fn run(
        &self,
        elements: &mut Elements<'_, '_>,
        uniforms: Uniforms<'_>,
    ) -> Result<(), CallError> {
        self.code.run(elements, uniforms)
    }
}
