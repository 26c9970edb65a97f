//! The device, and how kernels come onto it and go.

use std::collections::BTreeMap;

use nosc_kernels::LoweredRule;
use nosc_kernels::cuda::{Allotment, Architecture, CudaKernel, Device, Nvrtc, Origin};
use nosc_runtime::library;
use nosc_tests::{lowered, rule};
use rayon::prelude::*;

use crate::corpus::{FEW, compare};
use crate::{Found, Scope};

/// Names the device and all versions.
pub(crate) fn device(_: Scope) -> Found {
    let (device, nvrtc) = (Device::open(0).unwrap(), Nvrtc::find().unwrap());
    let (free, all) = device.memory().unwrap();
    let (driver, version) = (device.driver_version(), nvrtc.version());
    Found::Counted(format!(
        "{}, {}, {} multiprocessors, {} of {} MiB free, driver for CUDA {}.{}, NVRTC {}.{} at {}",
        device.name(),
        device.architecture(),
        device.multiprocessors(),
        free >> 20,
        all >> 20,
        driver / 1000,
        driver % 1000 / 10,
        version.0,
        version.1,
        nvrtc.place().display()
    ))
}

/// Intermediate code, which the driver translates, does the same as machine code.
pub(crate) fn intermediate(scope: Scope) -> Found {
    let names = if scope.small { &FEW[..1] } else { &FEW[..] };
    let rules: Vec<LoweredRule> =
        names.iter().map(|name| lowered(&nosc_tests::library(name))).collect();
    compare(scope, &rules, |device, lowered| {
        let kernel = CudaKernel::load_intermediate(device, lowered)?;
        assert!(!kernel.is_machine_code() && kernel.origin() == Origin::Compiled);
        Ok(kernel)
    })
}

/// What the driver gives the kernels of all standard rules: everything is in registers, and there are few.
pub(crate) fn registers(scope: Scope) -> Found {
    let device = Device::open(0).unwrap();
    let rules = library::rules();
    let rules = if scope.small { &rules[..1] } else { &rules[..] };
    let allotted = |rule: &nosc_compiler::Rule| -> (String, Allotment) {
        let kernel = CudaKernel::load(&device, &lowered(rule)).unwrap();
        (rule.name.clone(), kernel.allotment().unwrap())
    };
    let found: Vec<(String, Allotment)> = rules.par_iter().map(allotted).collect();
    // 64 leave room for four blocks of 256 threads at once on most devices.
    let most = if device.architecture() == Architecture::new(9, 0) { 64 } else { 96 };
    for (name, Allotment { registers, local_bytes, most_threads, .. }) in &found {
        assert_eq!(*local_bytes, 0, "{name} has memory beside its registers");
        assert!((1..=most).contains(registers), "{name} has {registers} registers");
        assert!(*most_threads >= 256, "{name} runs at most {most_threads} threads");
    }
    let mut by_count: BTreeMap<u32, usize> = BTreeMap::new();
    for (_, of) in &found {
        *by_count.entry(of.registers).or_default() += 1;
    }
    let counts: Vec<String> =
        by_count.iter().map(|(registers, rules)| format!("{registers}: {rules}")).collect();
    Found::Counted(format!("rules by registers, none in local memory: {}", counts.join(", ")))
}

/// Kernels that are dropped leave no memory behind.
pub(crate) fn leaks(scope: Scope) -> Found {
    let cycles = if scope.small { 6 } else { 200 };
    let device = Device::open(0).unwrap();
    let cycle = |number: u32| {
        let lowered = lowered(&rule(&format!("{number}e-3 * g + 1e-4 * w")));
        let kernel = CudaKernel::load(&device, &lowered).unwrap();
        assert!(kernel.allotment().unwrap().registers > 0);
    };
    let memory = || device.memory().unwrap().0;
    // What the driver keeps is there after some.
    (1..=cycles / 4 + 1).into_par_iter().for_each(cycle);
    let before = memory();
    (1_000..1_000 + cycles).into_par_iter().for_each(cycle);
    let lost = before.saturating_sub(memory());
    assert!(lost <= 8 << 20, "{cycles} kernels were loaded and dropped: {lost} bytes are gone");
    Found::Counted(format!("{cycles} different kernels loaded and dropped, {lost} bytes gone"))
}
