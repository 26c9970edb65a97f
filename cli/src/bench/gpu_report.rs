//! Results of a GPU as a table and JSON.

use nosc_kernels::cuda::Device;
use serde_json::{Value, json};

use super::gpu::Row;
use super::report::number;
use crate::output::aligned;

const HEAD: [&str; 9] =
    ["rule", "type", "n", "tensors", "us/step", "GB/s", "of copy", "host, us", "load, ms"];

/// A row for each result under a line that says what they are.
pub(super) fn table(device: &Device, rows: &[Row]) -> String {
    let rounds = rows.first().map_or(0, |row| row.rounds);
    let rounds = crate::output::counted(&rounds.to_string(), "round", "rounds");
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        vec![
            row.rule.clone(),
            row.element_type.to_string(),
            row.n.to_string(),
            row.tensors.to_string(),
            number(row.step_us),
            number(row.gigabytes_per_second()),
            format!("{:.2}", row.share_of_copy()),
            number(row.host_us),
            number(row.load_ms),
        ]
    }));
    let version = device.driver_version();
    format!(
        "{}, {}, driver for CUDA {}.{}; medians of {rounds}\n{}",
        device.name(),
        device.architecture(),
        version / 1000,
        version % 1000 / 10,
        aligned(&lines, &[0, 1])
    )
}

pub(super) fn json(device: &Device, rows: &[Row]) -> Value {
    let object = |row: &Row| {
        json!({
            "rule": row.rule,
            "n": row.n,
            "element_type": row.element_type.to_string(),
            "tensors": row.tensors,
            "device": device.name(),
            "architecture": device.architecture().to_string(),
            "driver_version": device.driver_version(),
            "us_per_step": row.step_us,
            "gigabytes_per_second": row.gigabytes_per_second(),
            "copy_us": row.copy_us,
            "share_of_copy": row.share_of_copy(),
            "host_us_per_step": row.host_us,
            "load_ms": row.load_ms,
            "compiled": row.is_compiled,
            "bytes_per_step": row.bytes,
            "rounds": row.rounds,
        })
    };
    Value::Array(rows.iter().map(object).collect())
}
