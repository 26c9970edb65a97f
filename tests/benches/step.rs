//! Times steps and compilations of standard rules; `tests/bench/peers.py` sets them beside PyTorch.
//!
//! ```text
//! cargo bench -p nosc-tests --bench step -- step RULE N THREADS [BACKEND]   ns per parameter
//! cargo bench -p nosc-tests --bench step -- compile                         microseconds per rule
//! ```
//!
//! A step is timed over at least 0.2 s after a warm-up, and the median of the repetitions is printed.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use nosc_compiler::RuleFile;
use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::LoweredRule;
use nosc_kernels::{Backend as KernelBackend, compile as compile_kernel};
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings, library};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["step", rule, n, threads, rest @ ..] => {
            let backend = rest.first().map_or(Ok(Backend::Auto), |text| text.parse());
            step(rule, n.parse().unwrap(), threads.parse().unwrap(), backend.unwrap());
        }
        ["compile"] => compile(),
        // `cargo test` runs benches too, without arguments: one short pass shows that they work.
        _ => step("powersign", 1000, 1, Backend::Auto),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn step(name: &str, n: usize, threads: usize, backend: Backend) {
    let rule = library::rule(name).unwrap();
    let compiled = CompiledRule::new(&rule, backend).unwrap();
    let settings =
        Settings { total_steps: Some(1_000_000), threads: Some(threads), ..Settings::default() };
    let mut optimizer = Optimizer::new(compiled, &[n], settings).unwrap();
    let mut w: Vec<f32> = (0..n).map(|i| (i % 1000) as f32 * 1e-3 - 0.5).collect();
    let g: Vec<f32> = (0..n).map(|i| ((i * 7919) % 1000) as f32 * 1e-3 - 0.5).collect();
    let mut once = || {
        let start = Instant::now();
        optimizer.step(&mut [&mut w], &[&g], 1e-6).unwrap();
        start.elapsed()
    };
    for _ in 0..3 {
        once();
    }
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || (begin.elapsed() < Duration::from_millis(200) && times.len() < 10_000)
    {
        times.push(once().as_secs_f64() * 1e9 / n as f64);
    }
    black_box(&w);
    println!("{:.4}", median(times));
}

fn compile() {
    let stage = |work: &mut dyn FnMut()| {
        let times = (0..41).map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        });
        median(times.collect())
    };
    println!("| rule | text to tree | canonical form | plan | Cranelift | wide | in all, us |");
    println!("|---|---|---|---|---|---|---|");
    let (mut totals, mut wides) = (Vec::new(), Vec::new());
    for rule in library::rules() {
        let text = rule.to_text();
        let canonical = CanonicalRule::new(&rule);
        let lowered = LoweredRule::new(canonical.clone()).unwrap();
        let times = [
            stage(&mut || drop(black_box(RuleFile::parse("rule", &text)))),
            stage(&mut || drop(black_box(CanonicalRule::new(&rule)))),
            stage(&mut || drop(black_box(LoweredRule::new(canonical.clone())))),
            stage(&mut || {
                drop(black_box(compile_kernel(&lowered, KernelBackend::Cranelift)));
            }),
            stage(&mut || drop(black_box(compile_kernel(&lowered, KernelBackend::Wide)))),
        ];
        let total: f64 = times.iter().sum();
        totals.push(total);
        let [parse, canonical, plan, code, wide] = times;
        let name = &rule.name;
        println!(
            "| {name} | {parse:.0} | {canonical:.0} | {plan:.0} | {code:.0} | {wide:.1} | {total:.0} |"
        );
        wides.push(wide);
    }
    println!(
        "\nmedian over {} rules: {:.0} us, of which wide {:.1} us",
        totals.len(),
        median(totals),
        median(wides)
    );
}
