//! One compiled kernel for many threads, a cache that stays small, code that is freed.

use std::sync::{Arc, Weak};
use std::thread;

use nosc_kernels::kernel::Kernel;
use nosc_kernels::{Backend as KernelBackend, KernelCache, LoweredRule};
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings};
use nosc_tests::{bits, cases, compiled, library, lowered, rule};

/// Bits after some steps of an optimizer of its own.
fn after_steps(compiled: &CompiledRule, seed: u64, steps: u32) -> Vec<u32> {
    let settings = Settings { seed: Some(seed), threads: Some(1), ..Settings::default() };
    let mut optimizer = Optimizer::new(compiled.clone(), &[37], settings).unwrap();
    let mut w: Vec<f32> = (0..37).map(|i| i as f32 - seed as f32).collect();
    let g: Vec<f32> = (0..37).map(|i| (i as f32 * 0.37 + seed as f32).sin()).collect();
    for _ in 0..steps {
        optimizer.step(&mut [&mut w], &[&g], 0.01).unwrap();
    }
    w.into_iter().map(bits).collect()
}

// E14: 16 threads, one kernel, tensors of their own.
#[test]
fn sixteen_threads_share_one_kernel_as_if_alone() {
    let most = cases(2_000) as u32;
    for backend in [Backend::Cranelift, Backend::Interpreter] {
        let steps = if backend == Backend::Cranelift { most } else { most / 10 };
        let compiled = compiled(&rule("adam + drop(m, 0.3) + eps"), backend);
        let alone: Vec<_> = (0..16).map(|seed| after_steps(&compiled, seed, steps)).collect();
        thread::scope(|scope| {
            for (seed, wanted) in alone.iter().enumerate() {
                let compiled = &compiled;
                scope.spawn(move || {
                    assert_eq!(after_steps(compiled, seed as u64, steps), *wanted, "thread {seed}");
                });
            }
        });
    }
}

fn numbered(number: usize) -> LoweredRule {
    lowered(&rule(&format!("g + {number}*w")))
}

// E15.
#[test]
fn a_cache_holds_no_more_than_its_capacity() {
    const CAPACITY: usize = 20;
    let cache = KernelCache::new(CAPACITY);
    let kernels: Vec<Weak<dyn Kernel>> = (0..400)
        .map(|number| {
            let compiled = cache.get(&numbered(number), KernelBackend::Cranelift).unwrap();
            Arc::downgrade(&compiled.kernel)
        })
        .collect();
    assert_eq!(cache.len(), CAPACITY);
    let alive: Vec<usize> =
        (0..kernels.len()).filter(|at| kernels[*at].strong_count() > 0).collect();
    assert_eq!(alive, (380..400).collect::<Vec<_>>(), "only the newest are alive");
}

// E15, E21: a kernel that leaves the cache lives until its last user is done.
#[test]
fn a_kernel_in_use_outlives_its_place_in_the_cache() {
    let cache = KernelCache::new(1);
    let held = cache.get(&lowered(&library("adam")), KernelBackend::Cranelift).unwrap();
    for number in 0..50 {
        cache.get(&numbered(number), KernelBackend::Cranelift).unwrap();
    }
    let weak = Arc::downgrade(&held.kernel);
    assert_eq!(weak.strong_count(), 1);
    let after = after_steps(&compiled(&library("adam"), Backend::Cranelift), 1, 2);
    assert_eq!(after.len(), 37);
    drop(held);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn a_cache_of_no_capacity_still_compiles() {
    let cache = KernelCache::new(0);
    cache.get(&numbered(1), KernelBackend::Auto).unwrap();
    assert!(cache.is_empty());
}

#[test]
fn back_ends_do_not_share_a_place_in_the_cache() {
    let cache = KernelCache::new(8);
    let rule = lowered(&library("adam"));
    let machine = cache.get(&rule, KernelBackend::Cranelift).unwrap();
    let interpreter = cache.get(&rule, KernelBackend::Interpreter).unwrap();
    assert_eq!(machine.backend, KernelBackend::Cranelift);
    assert_eq!(interpreter.backend, KernelBackend::Interpreter);
    assert!(!Arc::ptr_eq(&machine.kernel, &interpreter.kernel));
}

#[test]
fn threads_fill_one_cache_together() {
    let cache = KernelCache::new(10);
    thread::scope(|scope| {
        for thread in 0..8 {
            let cache = &cache;
            scope.spawn(move || {
                for number in 0..40 {
                    cache.get(&numbered((number * 7 + thread) % 15), KernelBackend::Auto).unwrap();
                    assert!(cache.len() <= 10);
                }
            });
        }
    });
    assert_eq!(cache.len(), 10);
}

/// Alone in a process, since other tests take memory too.
// E15, E21.
#[cfg(target_os = "linux")]
#[test]
fn compiling_thousands_of_rules_leaves_no_memory_behind() {
    const ALONE: &str = "NOSC_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "sharing::compiling_thousands_of_rules_leaves_no_memory_behind";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let output = alone.args(["--exact", name]).env(ALONE, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let resident_pages = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<i64>().unwrap()
    };
    let rounds = cases(3_000) as usize;
    let cache = KernelCache::new(100);
    let fill = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            cache.get(&numbered(number), KernelBackend::Cranelift).unwrap();
            drop(compiled(&rule("m"), Backend::Cranelift));
        }
    };
    fill(0..500);
    let before = resident_pages();
    fill(500..500 + rounds);
    let after = resident_pages();
    println!("{rounds} rules: {before} resident pages, then {after}");
    // Leaked kernels would be a page each at least.
    assert!(after - before < 700, "{before} resident pages, then {after}");
}
