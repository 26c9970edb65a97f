//! The instruction set that code is made for, and whether it has a fused multiply-add.

use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};
use target_lexicon::{Architecture, Triple};

use super::error::CpuError;
use super::lower::Strategy;
use super::options::{CpuOptions, Optimization};

/// Features of every x86-64 processor with a fused multiply-add, by Cranelift's names.
const X86_WITH_FMA: [&str; 7] =
    ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt", "has_avx", "has_fma"];

/// Where the code is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// Memory of this process.
    Memory,
    /// An object file, which a linker may put anywhere.
    Object,
}

/// How much work goes into a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// What the options say.
    Chosen(Optimization),
    /// Time in proportion to the length: no e-graph, registers allocated in a single pass. The
    /// backtracking allocator took 40 s for 65,000 instructions with many values alive at once.
    Linear,
}

/// An instruction set with our settings.
pub(super) fn instruction_set(
    options: &CpuOptions,
    effort: Effort,
    placement: Placement,
) -> Result<OwnedTargetIsa, CpuError> {
    let builder = match &options.target.0 {
        None => cranelift_native::builder().map_err(CpuError::Host)?,
        Some(triple) => cross_builder(triple, options.fma)?,
    };
    Ok(builder.finish(flags(effort, placement)?)?)
}

/// How the options ask plans to be lowered for an instruction set.
pub(super) fn strategy(options: &CpuOptions, isa: &dyn TargetIsa) -> Result<Strategy, CpuError> {
    let native_fma = match (options.fma, has_fma(isa)) {
        (Some(true), false) => return Err(CpuError::NoFusedMultiplyAdd),
        (wanted, there) => there && wanted != Some(false),
    };
    let suits = match isa.triple().architecture {
        Architecture::Aarch64(_) => 12,
        _ => 0,
    };
    let early_constants = options.early_constants.unwrap_or(suits);
    Ok(Strategy { simd: options.simd, native_fma, early_constants })
}

/// Whether the instruction set has a fused multiply-add that Cranelift uses.
fn has_fma(isa: &dyn TargetIsa) -> bool {
    let enabled =
        |name| isa.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool() == Some(true));
    match isa.triple().architecture {
        Architecture::X86_64 => enabled("has_fma") && enabled("has_avx"),
        // Part of the base instruction set.
        Architecture::Aarch64(_) => true,
        _ => false,
    }
}

fn cross_builder(triple: &Triple, fma: Option<bool>) -> Result<isa::Builder, CpuError> {
    let mut builder = isa::lookup(triple.clone())
        .map_err(|source| CpuError::no_code_generator(triple, source))?;
    if triple.architecture == Architecture::X86_64 && fma == Some(true) {
        X86_WITH_FMA.iter().try_for_each(|feature| builder.enable(feature))?;
    }
    Ok(builder)
}

fn flags(effort: Effort, placement: Placement) -> Result<Flags, CpuError> {
    let (level, allocator) = match effort {
        Effort::Linear => ("none", "single_pass"),
        Effort::Chosen(Optimization::None) => ("none", "backtracking"),
        Effort::Chosen(Optimization::Speed) => ("speed", "backtracking"),
    };
    let yes_if = |condition| if condition { "true" } else { "false" };
    let mut flags = settings::builder();
    flags.set("opt_level", level)?;
    flags.set("regalloc_algorithm", allocator)?;
    flags.set("enable_verifier", yes_if(cfg!(debug_assertions)))?;
    flags.set("is_pic", yes_if(placement == Placement::Object))?;
    flags.set("unwind_info", yes_if(placement == Placement::Object))?;
    // A long plan may spill more than the guard page under the stack would catch.
    flags.set("enable_probestack", "true")?;
    flags.set("probestack_strategy", "inline")?;
    Ok(Flags::new(flags))
}
