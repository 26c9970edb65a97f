//! Times steps and compilations of standard rules; `tests/bench/peers.py` sets the steps beside those of others.
//!
//! ```text
//! cargo bench -p nosc-tests --bench step -- step RULE N THREADS [BACKEND]   ns per parameter
//! cargo bench -p nosc-tests --bench step -- compile                         microseconds per rule
//! cargo bench -p nosc-tests --bench step -- serve                           answers requests, see below
//! ```
//!
//! A step is timed over at least 0.2 s after a warm-up, and the median of the repetitions is printed.
//! `nosc bench` times more, beside a plain loop.
//!
//! `serve` reads requests from standard input, one a line, and answers each in a line. Arrays and states stay
//! until they are forgotten, so whoever asks can take turns with it without starting it anew:
//!
//! ```text
//! first  RULE N THREADS BACKEND LR            seconds from the text of the rule to the end of the first step
//! time   RULE N THREADS BACKEND LR STEPS      seconds for so many steps
//! values RULE N THREADS BACKEND LR STEPS      parameters after so many steps from the start, with spaces
//! forget                                      0; drops all arrays
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use nosc_compiler::RuleFile;
use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::LoweredRule;
use nosc_kernels::{Backend as KernelBackend, compile as compile_kernel};
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings, library};
use nosc_tests::median;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["step", rule, n, threads, rest @ ..] => {
            let backend = rest.first().map_or(Ok(Backend::Auto), |text| text.parse());
            step(rule, n.parse().unwrap(), threads.parse().unwrap(), backend.unwrap());
        }
        ["compile"] => compile(),
        ["serve"] => serve(),
        // `cargo test` runs benches too, without arguments: one short pass shows that they work.
        _ => {
            step("powersign", 1000, 1, Backend::Auto);
            println!("{}", Served::default().answer("time powersign 1000 1 auto 1e-6 3").unwrap());
        }
    }
}

/// An array that starts on a huge page if the allocator is asked for such pages, and in any case on a cache
/// line; `number` tells those of one step apart modulo 4 KiB.
struct Array {
    memory: Vec<f32>,
    start: usize,
    length: usize,
}

impl Array {
    fn new(length: usize, number: usize, value: impl Fn(usize) -> f32) -> Array {
        const HUGE_PAGE: usize = 2 << 20;
        let apart = number * 256;
        let memory = vec![0.0; length + HUGE_PAGE / 4 + apart];
        let start = memory.as_ptr().align_offset(HUGE_PAGE) + apart;
        let mut out = Array { memory, start, length };
        out.values_mut().iter_mut().enumerate().for_each(|(i, x)| *x = value(i));
        out
    }

    fn parameters(length: usize) -> Array {
        Array::new(length, 0, |i| (i % 1000) as f32 * 1e-3 - 0.5)
    }

    fn gradients(length: usize) -> Array {
        Array::new(length, 1, |i| ((i * 7919) % 1000) as f32 * 1e-3 - 0.5)
    }

    fn values(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.length]
    }

    fn values_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

fn optimizer(name: &str, n: usize, threads: usize, backend: Backend) -> Optimizer {
    let rule = library::rule(name).unwrap();
    let compiled = CompiledRule::new(&rule, backend).unwrap();
    let settings =
        Settings { total_steps: Some(1_000_000), threads: Some(threads), ..Settings::default() };
    Optimizer::new(compiled, &[n], settings).unwrap()
}

fn step(name: &str, n: usize, threads: usize, backend: Backend) {
    let mut optimizer = optimizer(name, n, threads, backend);
    let (mut w, g) = (Array::parameters(n), Array::gradients(n));
    let mut once = || {
        let start = Instant::now();
        optimizer.step(&mut [w.values_mut()], &[g.values()], 1e-6).unwrap();
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
    black_box(w.values());
    println!("{:.4}", median(times));
}

/// Arrays and optimizers of `serve`; all optimizers of a size work on the same arrays.
#[derive(Default)]
struct Served {
    arrays: Option<(Array, Array)>,
    optimizers: Vec<(String, Optimizer)>,
}

impl Served {
    /// `None` for a request that is none.
    fn answer(&mut self, request: &str) -> Option<String> {
        let words: Vec<&str> = request.split_whitespace().collect();
        let &[verb, name, n, threads, backend, lr, ref rest @ ..] = words.as_slice() else {
            *self = Served::default();
            return (request.trim() == "forget").then(|| "0".to_owned());
        };
        library::rule(name)?;
        let (n, threads) = (n.parse().ok()?, threads.parse().ok()?);
        let backend: Backend = backend.parse().ok()?;
        let lr: f64 = lr.parse().ok()?;
        let steps: u32 = rest.first().map_or(Some(1), |steps| steps.parse().ok())?;
        let key = words[1..5].join(" ");
        if self.arrays.as_ref().is_none_or(|(w, _)| w.length != n) {
            self.optimizers.clear();
            self.arrays = Some((Array::parameters(n), Array::gradients(n)));
        }
        let (w, g) = self.arrays.as_mut()?;
        let start = Instant::now();
        let known = self.optimizers.iter().position(|(known, _)| *known == key);
        let index = if let Some(index) = known.filter(|_| verb == "time") {
            index
        } else {
            self.optimizers.retain(|(known, _)| *known != key);
            self.optimizers.push((key, optimizer(name, n, threads, backend)));
            self.optimizers.len() - 1
        };
        if verb == "values" {
            *w = Array::parameters(n);
        }
        let start = if verb == "time" { Instant::now() } else { start };
        for _ in 0..steps {
            let optimizer = &mut self.optimizers[index].1;
            optimizer.step(&mut [w.values_mut()], &[g.values()], lr).ok()?;
        }
        let seconds = start.elapsed().as_secs_f64();
        match verb {
            "first" | "time" => Some(format!("{seconds:e}")),
            "values" => {
                let texts: Vec<String> = w.values().iter().map(|x| format!("{x:e}")).collect();
                Some(texts.join(" "))
            }
            _ => None,
        }
    }
}

fn serve() {
    let mut served = Served::default();
    for request in std::io::stdin().lock().lines() {
        let answer = served.answer(&request.unwrap());
        println!("{}", answer.as_deref().unwrap_or("not a request"));
        std::io::stdout().flush().unwrap();
    }
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
    println!(
        "| rule | text to tree | canonical form | plan | Cranelift | wide | text to wide, us |"
    );
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
        let [parse, canonical, plan, code, wide] = times;
        let total = parse + canonical + plan + wide;
        totals.push(total);
        let name = &rule.name;
        println!(
            "| {name} | {parse:.0} | {canonical:.0} | {plan:.0} | {code:.0} | {wide:.1} | {total:.0} |"
        );
        wides.push(wide);
    }
    println!(
        "\nmedian over {} rules: {:.0} us from text to wide vectors, of which wide {:.1} us",
        totals.len(),
        median(totals),
        median(wides)
    );
}
