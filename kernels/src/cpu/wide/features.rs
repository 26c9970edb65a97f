//! What the processor can do, as far as the wide back end asks.

use super::program::Width;

/// A feature of x86-64 processors that the wide back end asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// 256-bit vectors of integers.
    Avx2,
    /// Fused multiply-add.
    Fma,
    /// 512-bit vectors.
    Avx512F,
    /// 512-bit vectors: conversions, logic on floats.
    Avx512Dq,
    /// 512-bit vectors of bytes and 16-bit words.
    Avx512Bw,
    /// The instructions of AVX-512 on shorter vectors.
    Avx512Vl,
}

impl Feature {
    const ALL: [Feature; 6] = [
        Feature::Avx2,
        Feature::Fma,
        Feature::Avx512F,
        Feature::Avx512Dq,
        Feature::Avx512Bw,
        Feature::Avx512Vl,
    ];

    /// Name as `/proc/cpuinfo` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Feature::Avx2 => "avx2",
            Feature::Fma => "fma",
            Feature::Avx512F => "avx512f",
            Feature::Avx512Dq => "avx512dq",
            Feature::Avx512Bw => "avx512bw",
            Feature::Avx512Vl => "avx512vl",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The features of a processor. To see what happens on a smaller one, take some away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CpuFeatures(u8);

impl CpuFeatures {
    /// What this processor has and the operating system lets programs use.
    pub fn detected() -> CpuFeatures {
        let there = Feature::ALL.into_iter().filter(|feature| is_detected(*feature));
        CpuFeatures(there.fold(0, |bits, feature| bits | feature.bit()))
    }

    /// The same without some features.
    #[must_use]
    pub fn without(self, features: &[Feature]) -> CpuFeatures {
        CpuFeatures(features.iter().fold(self.0, |bits, feature| bits & !feature.bit()))
    }

    /// What both have.
    #[must_use]
    pub(super) fn and(self, other: CpuFeatures) -> CpuFeatures {
        CpuFeatures(self.0 & other.0)
    }

    /// Whether a feature is there.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// The features that a width asks for and that are not there, by name.
    pub fn missing(self, width: Width) -> Vec<&'static str> {
        let wanted = match width {
            Width::Avx2 => &Feature::ALL[..2],
            Width::Avx512 => &Feature::ALL[2..],
        };
        wanted.iter().filter(|f| !self.has(**f)).map(|f| f.name()).collect()
    }

    /// The widest vectors that can be used.
    pub fn widest(self) -> Option<Width> {
        Width::ALL.into_iter().rev().find(|width| self.missing(*width).is_empty())
    }
}

#[cfg(target_arch = "x86_64")]
fn is_detected(feature: Feature) -> bool {
    match feature {
        Feature::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
        Feature::Fma => std::arch::is_x86_feature_detected!("fma"),
        Feature::Avx512F => std::arch::is_x86_feature_detected!("avx512f"),
        Feature::Avx512Dq => std::arch::is_x86_feature_detected!("avx512dq"),
        Feature::Avx512Bw => std::arch::is_x86_feature_detected!("avx512bw"),
        Feature::Avx512Vl => std::arch::is_x86_feature_detected!("avx512vl"),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn is_detected(_: Feature) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_machines_take_narrower_vectors_or_none() {
        let all = CpuFeatures(0x3f);
        assert_eq!(all.widest(), Some(Width::Avx512));
        for feature in &Feature::ALL[2..] {
            let without = all.without(&[*feature]);
            assert_eq!(without.widest(), Some(Width::Avx2), "{feature:?}");
            assert_eq!(without.missing(Width::Avx512), [feature.name()]);
        }
        let old = all.without(&[Feature::Avx512F, Feature::Fma]);
        assert_eq!((old.widest(), old.missing(Width::Avx2)), (None, vec!["fma"]));
        assert_eq!(CpuFeatures(0).widest(), None);
    }
}
