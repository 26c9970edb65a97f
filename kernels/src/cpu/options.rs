//! What the caller of the compiler may choose.

use target_lexicon::{ParseError, Triple};

/// The longest plan that is compiled. Register allocation takes memory in proportion to it.
pub const MAX_INSTRUCTIONS: usize = 65_536;

/// Which machine the code is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// The machine that we run on, with all that it can do.
    #[default]
    Host,
    /// The oldest machine of a triple, such as `x86_64-unknown-linux-gnu`; for emission only.
    Triple(Triple),
}

impl Target {
    /// The target of a triple such as `aarch64-unknown-linux-gnu`.
    ///
    /// # Errors
    ///
    /// What is wrong with the triple.
    pub fn parse(triple: &str) -> Result<Target, ParseError> {
        triple.parse().map(Target::Triple)
    }
}

/// How hard Cranelift tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimization {
    /// Instruction selection and register allocation. A plan has its common subexpressions shared,
    /// its constants folded and its uniform part hoisted already, so little is left to gain.
    #[default]
    None,
    /// The e-graph of Cranelift as well, which recurses; never used for long plans.
    Speed,
}

/// Settings of a compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuOptions {
    /// Which machine the code is for.
    pub target: Target,
    /// Whether four elements go through the loop together.
    pub simd: bool,
    /// Whether to use the target's fused multiply-add. `None`: if it has one. Without it the same
    /// bits are computed in binary64, several times slower.
    pub fma: Option<bool>,
    /// How hard Cranelift tries.
    pub optimization: Optimization,
    /// How many constants are kept in registers over the loop. `None`: what suits the target.
    pub early_constants: Option<usize>,
}

impl Default for CpuOptions {
    fn default() -> CpuOptions {
        CpuOptions {
            target: Target::Host,
            simd: true,
            fma: None,
            optimization: Optimization::default(),
            early_constants: None,
        }
    }
}
