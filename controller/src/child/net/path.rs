//! Which code computes the convolutions: chosen once for a net, recorded with a trial.

use std::fmt;
use std::str::FromStr;

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// Most channels of an image for which there are direct kernels.
#[cfg(target_arch = "x86_64")]
const MAX_DIRECT_CHANNELS: usize = 4;

/// How the convolutions are computed. Results of two paths differ in rounding only; those of one
/// path are the same on every run, whatever else the machine does. [`Path::Gemm`] may round
/// otherwise on another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// The fastest path that runs here.
    pub fn fastest(shape: &Shape) -> Self {
        Self::ALL.into_iter().find(|path| path.runs(shape)).unwrap_or(Self::Gemm)
    }

    /// Whether this processor has the vectors that the path needs, and the path kernels for the
    /// shape. [`Path::Gemm`] always runs.
    pub fn runs(self, shape: &Shape) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => shape.channels() <= MAX_DIRECT_CHANNELS && V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => shape.channels() <= MAX_DIRECT_CHANNELS && V3::try_new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Gemm => true,
        }
    }
}

/// A word that names no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path, expected avx512, avx2 or gemm")]
pub struct UnknownPath(pub String);

impl FromStr for Path {
    type Err = UnknownPath;

    fn from_str(text: &str) -> Result<Self, UnknownPath> {
        let named = Self::ALL.into_iter().find(|path| path.name() == text);
        named.ok_or_else(|| UnknownPath(text.to_owned()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
