//! Kernels that are dropped leave no memory behind. In a process of its own, because other tests take
//! memory meanwhile.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use nosc_kernels::cpu::wide::{CpuFeatures, WideKernel, WideOptions, Width};
use nosc_kernels::math::Ops;
use nosc_kernels::plan::{Array, PlanBuilder};

fn resident_pages() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

/// `NOSC_CYCLES` sets how many kernels are made and dropped.
#[test]
fn memory_stays_flat_over_many_kernels() {
    let mut plan = PlanBuilder::new();
    let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
    let rate = plan.scalar(0);
    let moved = plan.fma(rate, g, w);
    plan.store(Array::Parameter, moved);
    let plan = plan.finish();
    let cycles: u32 = std::env::var("NOSC_CYCLES").map_or(5_000, |text| text.parse().unwrap());
    for width in Width::ALL {
        if !CpuFeatures::detected().missing(width).is_empty() {
            println!("SKIPPED: {} on a machine without it", width.name());
            continue;
        }
        let options = WideOptions { width: Some(width), ..WideOptions::default() };
        let cycle = || drop(WideKernel::compile(&plan, &options).unwrap());
        (0..200).for_each(|_| cycle());
        let before = resident_pages();
        (0..cycles).for_each(|_| cycle());
        let after = resident_pages();
        // Leaked kernels would be a page each at least.
        assert!(after - before < 400, "{before} resident pages, then {after}");
    }
}
