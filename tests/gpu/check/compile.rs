//! Times from a canonical rule to machine code for a GPU: CUDA source and NVRTC, without a device.

use std::error::Error;
use std::time::Instant;

use nosc_compiler::Rule;
use nosc_kernels::LoweredRule;
use nosc_kernels::cuda::{Nvrtc, source};
use nosc_runtime::library;
use nosc_tests::{lowered, median};
use serde_json::json;

use crate::{Arguments, keep};

/// Milliseconds that the median of each kind may take.
const MOST_PLAIN: f64 = 120.0;
const MOST_DRAWING: f64 = 250.0;

/// A rule that draws twice, besides the standard ones.
const BOTH: &str = "drop(m, 0.1) / (exp(g^2) + eps)";

struct Row {
    name: String,
    is_generated: bool,
    draws: bool,
    ms: f64,
    source_ms: f64,
}

impl Row {
    fn kind(&self) -> &'static str {
        match (self.is_generated, self.draws) {
            (true, _) => "generated",
            (false, true) => "with draws",
            (false, false) => "plain",
        }
    }
}

/// Compiles all standard rules, and prints medians.
pub(crate) fn compile(arguments: &Arguments) -> Result<u8, Box<dyn Error>> {
    let start = Instant::now();
    let nvrtc = Nvrtc::find()?;
    let find_ms = start.elapsed().as_secs_f64() * 1e3;
    let both = Rule { name: "drop_and_noise".to_owned(), ..nosc_tests::rule(BOTH) };
    let generated = (0..arguments.scope.generated.unwrap_or(0))
        .map(|seed| Rule { name: format!("generated {seed}"), ..nosc_tests::generated(seed).1 });
    let rules: Vec<Rule> =
        library::rules().iter().cloned().chain([both]).chain(generated).collect();
    let mut first_ms = None;
    let mut rows = Vec::new();
    for rule in &rules {
        let lowered = lowered(rule);
        let mut times = Vec::new();
        for _ in 0..arguments.repeats.max(1) {
            let time = one(&nvrtc, &lowered, arguments)?;
            // The first of all also starts the compiler.
            first_ms.get_or_insert(time.0);
            times.push(time);
        }
        rows.push(Row {
            name: rule.name.clone(),
            is_generated: rule.name.starts_with("generated "),
            draws: !lowered.canonical.draws.is_empty(),
            ms: median(times.iter().map(|time| time.0).collect()),
            source_ms: median(times.iter().map(|time| time.1).collect()),
        });
    }
    let (major, minor) = nvrtc.version();
    let first_ms = first_ms.unwrap_or(f64::NAN);
    println!(
        "NVRTC {major}.{minor} for {}: found in {find_ms:.0} ms, first kernel {first_ms:.0} ms; \
         medians of {}",
        arguments.architecture, arguments.repeats
    );
    let kinds = [("plain", MOST_PLAIN), ("with draws", MOST_DRAWING), ("generated", f64::INFINITY)];
    for (name, most) in kinds {
        let mut of_kind: Vec<&Row> = rows.iter().filter(|row| row.kind() == name).collect();
        of_kind.sort_by(|a, b| a.ms.total_cmp(&b.ms));
        let middle = median(of_kind.iter().map(|row| row.ms).collect());
        let source = median(of_kind.iter().map(|row| row.source_ms).collect());
        let (Some(least), Some(last)) = (of_kind.first(), of_kind.last()) else { continue };
        println!(
            "{name}: {} rules, median {middle:.0} ms (source {source:.2} ms), from {:.0} ({}) to {:.0} ({}); \
             at most {most} wanted: {}",
            of_kind.len(),
            least.ms,
            least.name,
            last.ms,
            last.name,
            if middle <= most { "yes" } else { "NO" }
        );
    }
    let object = |row: &Row| json!({"rule": row.name, "draws": row.draws, "ms": row.ms});
    let standard = rows.iter().filter(|row| !row.is_generated);
    keep(
        arguments,
        &json!({
            "nvrtc": format!("{major}.{minor}"),
            "architecture": arguments.architecture.to_string(),
            "find_ms": find_ms,
            "first_ms": first_ms,
            "rows": standard.map(object).collect::<Vec<_>>(),
        }),
    )?;
    Ok(0)
}

/// Milliseconds of everything, and of the source alone.
fn one(
    nvrtc: &Nvrtc,
    lowered: &LoweredRule,
    arguments: &Arguments,
) -> Result<(f64, f64), Box<dyn Error>> {
    let start = Instant::now();
    let source = source(lowered);
    let source_ms = start.elapsed().as_secs_f64() * 1e3;
    let image = nvrtc.compile(&source, arguments.architecture)?;
    assert!(!image.cubin.is_empty());
    Ok((start.elapsed().as_secs_f64() * 1e3, source_ms))
}
