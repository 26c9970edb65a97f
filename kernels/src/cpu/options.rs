//! What the caller of the compiler may choose.

use std::str::FromStr;

use target_lexicon::Triple;

/// The longest plan that is compiled. Register allocation takes memory in proportion to it.
pub const MAX_INSTRUCTIONS: usize = 65_536;

/// Which machine the code is for: the one that we run on, with all that it can do, if nothing else is said.
///
/// ```
/// use nosc_kernels::cpu::Target;
///
/// let target: Target = "aarch64-unknown-linux-gnu".parse()?;
/// assert_ne!(target, Target::HOST);
/// # Ok::<(), nosc_kernels::cpu::UnknownTriple>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target(pub(super) Option<Triple>);

impl Target {
    /// The machine that we run on.
    pub const HOST: Target = Target(None);
}

/// A text that is no target triple.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{triple}` is no target triple: {reason}")]
#[non_exhaustive]
pub struct UnknownTriple {
    /// The text.
    pub triple: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Target {
    type Err = UnknownTriple;

    /// The oldest machine of a triple such as `x86_64-unknown-linux-gnu`; for emission only.
    fn from_str(text: &str) -> Result<Target, UnknownTriple> {
        let unknown = |error: target_lexicon::ParseError| UnknownTriple {
            triple: text.to_owned(),
            reason: error.to_string(),
        };
        text.parse().map(|triple| Target(Some(triple))).map_err(unknown)
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
            target: Target::HOST,
            simd: true,
            fma: None,
            optimization: Optimization::default(),
            early_constants: None,
        }
    }
}
