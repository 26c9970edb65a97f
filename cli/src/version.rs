//! What `nosc --version` says beyond the number: what a report of a fault should say.

use std::sync::LazyLock;

/// Version, revision where whoever built it has said one, features, and what steps run on here.
pub(crate) fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = env!("CARGO_PKG_VERSION").to_owned();
        let there = FEATURES.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name);
        let features = there.collect::<Vec<_>>().join(", ");
        let machine = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        // A build script that asks git would run at every build.
        let revision = option_env!("NOSC_REVISION").filter(|revision| !revision.is_empty());
        let rows = revision.map(|revision| ("revision", revision)).into_iter().chain([
            ("features", features.as_str()),
            ("machine", machine.as_str()),
            ("steps by", vectors()),
        ]);
        for (name, value) in rows {
            text += &format!("\n{name:<10}{value}");
        }
        text
    });
    &TEXT
}

/// Features of this program, and whether they are compiled in.
const FEATURES: &[(&str, bool)] = &[
    ("cuda", cfg!(feature = "cuda")),
    ("search", cfg!(feature = "search")),
    ("lsp", cfg!(feature = "lsp")),
    ("nats", cfg!(feature = "nats")),
    ("parquet", cfg!(feature = "parquet")),
    ("cross", cfg!(feature = "cross")),
];

/// What `--backend auto` comes to on this processor.
#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    use nosc_kernels::cpu::wide::{CpuFeatures, Width};
    match CpuFeatures::detected().widest() {
        Some(Width::Avx512) => "wide, AVX-512",
        Some(Width::Avx2) => "wide, AVX2",
        None => "cranelift",
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    "cranelift"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feature that the manifest has and the text does not know would be missing from reports.
    #[test]
    fn every_feature_of_the_manifest_is_known() {
        let manifest = include_str!("../Cargo.toml");
        let section =
            manifest.split("[features]\n").nth(1).and_then(|rest| rest.split("\n\n").next());
        let names = section.unwrap_or_default().lines().filter_map(|line| line.split_once(" = "));
        let mut named: Vec<&str> = names.map(|(name, _)| name).collect();
        named.retain(|name| !["default", "full"].contains(name));
        let mut known: Vec<&str> = FEATURES.iter().map(|(name, _)| *name).collect();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
        assert!(long().starts_with(env!("CARGO_PKG_VERSION")));
    }
}
