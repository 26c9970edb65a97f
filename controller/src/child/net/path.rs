//! Which code computes the convolutions: chosen once for a net, recorded with a trial.

use std::fmt;

use pulp::Arch;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

use super::error::NetError;
use super::shape::Shape;

/// Most channels of an image for which there are direct kernels.
const MAX_DIRECT_CHANNELS: usize = 4;

/// How the convolutions are computed. Results of two paths differ in rounding only; those of one
/// path are the same on every run, whatever else the machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// Direct kernels on vectors of 512 bits.
    Avx512,
    /// Direct kernels on vectors of 256 bits, with fused multiply-adds.
    Avx2,
    /// Matrix products, on any processor.
    Gemm,
}

impl Path {
    /// All paths, the fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Gemm];

    /// The name that a trial records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Gemm => "gemm",
        }
    }

    /// Whether this processor has the vectors that the path needs, and the path kernels for the
    /// shape. [`Path::Gemm`] always runs.
    pub fn runs(self, shape: &Shape) -> bool {
        Vectors::of(self).is_some()
            && (self == Self::Gemm || shape.channels() <= MAX_DIRECT_CHANNELS)
    }

    /// The fastest path that runs here.
    pub fn best(shape: &Shape) -> Self {
        Self::ALL.into_iter().find(|path| path.runs(shape)).unwrap_or(Self::Gemm)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Proof that the processor has the vectors of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vectors {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    Any(Arch),
}

impl Vectors {
    /// # Errors
    ///
    /// [`NetError::Path`] if the path does not run.
    pub(super) fn new(path: Path, shape: &Shape) -> Result<Self, NetError> {
        Self::of(path).filter(|_| path.runs(shape)).ok_or(NetError::Path { path })
    }

    /// Those of a path that is known to run.
    pub(super) fn best(path: Path) -> Self {
        Self::of(path).unwrap_or_else(|| Self::Any(Arch::new()))
    }

    #[cfg(target_arch = "x86_64")]
    fn of(path: Path) -> Option<Self> {
        match path {
            Path::Avx512 => V4::try_new().map(Self::Avx512),
            Path::Avx2 => V3::try_new().map(Self::Avx2),
            Path::Gemm => Some(Self::Any(Arch::new())),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of(path: Path) -> Option<Self> {
        (path == Path::Gemm).then(|| Self::Any(Arch::new()))
    }
}
