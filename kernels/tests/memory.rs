//! Kernels that are dropped leave no memory behind. In a process of its own, because other tests take
//! memory meanwhile.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[cfg(target_arch = "x86_64")]
use nosc_kernels::cpu::wide::{CpuFeatures, WideKernel, WideOptions, Width};
use nosc_kernels::cpu::{CpuKernel, CpuOptions};
use nosc_kernels::math::Ops;
use nosc_kernels::plan::{Array, Plan, PlanBuilder};

fn resident_pages() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

/// `NOSC_CYCLES` sets how many kernels are made and dropped.
fn stays_flat(what: &str, cycle: impl Fn()) {
    let cycles: i64 = std::env::var("NOSC_CYCLES").map_or(1_000, |text| text.parse().unwrap());
    (0..200).for_each(|_| cycle());
    let before = resident_pages();
    (0..cycles).for_each(|_| cycle());
    let after = resident_pages();
    // Leaked kernels would be a page each at least.
    let most = (cycles / 4).min(400);
    assert!(after - before < most, "{what}: {before} resident pages, then {after}");
}

fn plan() -> Plan {
    let mut plan = PlanBuilder::new();
    let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
    let rate = plan.scalar(0);
    let moved = plan.fma(rate, g, w);
    plan.store(Array::Parameter, moved);
    plan.finish()
}

#[test]
fn memory_stays_flat_over_many_kernels() {
    let plan = plan();
    stays_flat("cranelift", || {
        drop(CpuKernel::compile(&plan, &CpuOptions::default()).unwrap());
    });
    #[cfg(target_arch = "x86_64")]
    for width in Width::ALL {
        if !CpuFeatures::detected().missing(width).is_empty() {
            println!("SKIPPED: {} on a machine without it", width.name());
            continue;
        }
        let options = WideOptions { width: Some(width), ..WideOptions::default() };
        stays_flat(width.name(), || drop(WideKernel::compile(&plan, &options).unwrap()));
    }
}
