//! Times what grows: many tensors, threads, kernels that come and go.
//!
//! ```text
//! cargo bench -p nosc-tests --bench scaling -- tensors [COUNT LENGTH]   1,000 tensors of 1,000 elements beside one of a million
//! cargo bench -p nosc-tests --bench scaling -- threads [T]    T threads (2) beside one, by size
//! cargo bench -p nosc-tests --bench scaling -- cycles N BACKEND   resident memory over N compilations
//! ```
//!
//! The two of a pair take turns, and medians are printed.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]

use std::time::Instant;

use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::{LoweredRule, compile};
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings, library};
use nosc_tests::median;

const RULES: [&str; 5] = ["sgd", "adam_rule", "powersign", "addsign", "t6_14"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tensors"] => tensors(1_000, 1_000),
        ["tensors", count, length] => tensors(count.parse().unwrap(), length.parse().unwrap()),
        ["threads"] => threads(2),
        ["threads", count] => threads(count.parse().unwrap()),
        ["cycles", count, backend] => cycles(count.parse().unwrap(), backend.parse().unwrap()),
        // `cargo test` runs benches too, without arguments: a short pass shows that they work.
        _ => cycles(3, Backend::Auto),
    }
}

/// An optimizer with its arrays.
struct Contestant {
    optimizer: Optimizer,
    parameters: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
}

impl Contestant {
    fn new(rule: &str, lengths: &[usize], threads: usize) -> Contestant {
        let compiled = CompiledRule::new(&library::rule(rule).unwrap(), Backend::Auto).unwrap();
        let settings = Settings {
            total_steps: Some(1_000_000_000),
            threads: Some(threads),
            ..Settings::default()
        };
        let optimizer = Optimizer::new(compiled, lengths, settings).unwrap();
        let array = |n: &usize| (0..*n).map(|i| (i % 1000) as f32 * 1e-3 - 0.5).collect();
        let parameters: Vec<Vec<f32>> = lengths.iter().map(array).collect();
        Contestant { optimizer, gradients: parameters.clone(), parameters }
    }

    /// Nanoseconds for each element, over some steps.
    fn time(&mut self, steps: usize) -> f64 {
        let mut w: Vec<&mut [f32]> = self.parameters.iter_mut().map(Vec::as_mut_slice).collect();
        let g: Vec<&[f32]> = self.gradients.iter().map(Vec::as_slice).collect();
        let elements: usize = g.iter().map(|g| g.len()).sum();
        let start = Instant::now();
        for _ in 0..steps {
            self.optimizer.step(&mut w, &g, 1e-6).unwrap();
        }
        start.elapsed().as_secs_f64() * 1e9 / (steps * elements) as f64
    }
}

/// Medians of both and of the ratio b / a.
fn in_turns(a: &mut Contestant, b: &mut Contestant, steps: usize, rounds: usize) -> [f64; 3] {
    for contestant in [&mut *a, &mut *b] {
        contestant.time(steps);
    }
    let times: Vec<[f64; 2]> = (0..rounds).map(|_| [a.time(steps), b.time(steps)]).collect();
    let of = |f: &dyn Fn(&[f64; 2]) -> f64| median(times.iter().map(f).collect());
    [of(&|t| t[0]), of(&|t| t[1]), of(&|t| t[1] / t[0])]
}

fn tensors(count: usize, length: usize) {
    let whole = count * length;
    println!("| rule | one of {whole}, ns | {count} of {length}, ns | ratio |\n|---|---|---|---|");
    for rule in RULES {
        let mut one = Contestant::new(rule, &[whole], 1);
        let mut many = Contestant::new(rule, &vec![length; count], 1);
        let [one, many, ratio] = in_turns(&mut one, &mut many, 10, 21);
        println!("| {rule} | {one:.3} | {many:.3} | {ratio:.2} |");
    }
}

fn threads(count: usize) {
    println!(
        "| rule | elements | 1 thread, ns | {count} threads, ns | ratio |\n|---|---|---|---|---|"
    );
    for rule in RULES {
        for n in [32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 4_194_304, 30_000_000] {
            let mut one = Contestant::new(rule, &[n], 1);
            let mut several = Contestant::new(rule, &[n], count);
            let steps = (4_000_000 / n).max(1);
            let [one, several, ratio] = in_turns(&mut one, &mut several, steps, 15);
            println!("| {rule} | {n} | {one:.3} | {several:.3} | {ratio:.2} |");
        }
    }
}

fn cycles(count: usize, backend: Backend) {
    let plans: Vec<LoweredRule> = library::rules()
        .iter()
        .map(|rule| LoweredRule::new(CanonicalRule::new(rule)).unwrap())
        .collect();
    let cycle = |number: usize| drop(compile(&plans[number % plans.len()], backend).unwrap());
    (0..1_000.min(count)).for_each(cycle);
    let before = resident_megabytes();
    let start = Instant::now();
    (0..count).for_each(cycle);
    let (after, each) = (resident_megabytes(), start.elapsed().as_secs_f64() * 1e6 / count as f64);
    println!("{count} cycles, {each:.1} us each: {before:.1} MB resident, then {after:.1}");
}

/// 0 where the system does not say.
fn resident_megabytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0 / 1e6
}
