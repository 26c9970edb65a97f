//! Steps and plain loops in turns, so that what slows the machine down for a while slows down all alike.
//!
//! In a round every step of a size is timed once, each right after a plain loop over as many arrays. The
//! ratio of the two is taken within the round, and medians over the rounds are kept.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use nosc_runtime::{Backend, Optimizer, Settings};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::buffer::Buffer;
use super::plain_loop::{Streams, pass};
use super::subject::{Subject, TimedKernel};
use super::{BenchError, Plan};
use crate::common::styled;
use crate::error::CliError;
use crate::memory;

/// What is timed at once lasts at least this long.
const SAMPLE: Duration = Duration::from_millis(1);
/// Work that lasts longer finds nothing in the caches that an earlier run of it has left there.
const UNCACHED: Duration = Duration::from_millis(5);
/// States of all steps that take turns take no more than this, or than those of a single rule.
const TURNS: u64 = 4_000_000_000;
/// T, which decays need.
pub(super) const TOTAL_STEPS: u64 = 1_000_000;
/// So small that no value leaves the range in which arithmetic takes the same time.
pub(super) const LEARNING_RATE: f64 = 1e-6;

/// What was measured of one rule, size, number of threads and back end.
pub(super) struct Row {
    /// Which of the rules that were asked for.
    pub(super) number: usize,
    pub(super) rule: String,
    pub(super) n: usize,
    pub(super) threads: usize,
    pub(super) backend: Backend,
    /// Medians.
    pub(super) ns_per_parameter: f64,
    pub(super) plain_loop_ns_per_parameter: f64,
    pub(super) plain_loop_ratio: f64,
    /// First and third quartile of the step.
    pub(super) quartiles: [f64; 2],
    pub(super) compile_us: f64,
    pub(super) compile_from_text_us: f64,
    pub(super) states: usize,
    pub(super) bytes_per_parameter: usize,
    pub(super) rounds: usize,
}

impl Row {
    /// Bytes a nanosecond.
    pub(super) fn gigabytes_per_second(&self) -> f64 {
        self.bytes_per_parameter as f64 / self.ns_per_parameter
    }
}

/// Measures every subject at every size. Nothing is allocated if one of them would not fit.
pub(super) fn run(subjects: &[Subject], plan: &Plan) -> Result<Vec<Row>, CliError> {
    let limit = memory::tenths(8);
    let turns: Vec<_> =
        plan.sizes.iter().map(|n| turns(subjects, *n, plan, limit)).collect::<Result<_, _>>()?;
    let pools = pools(&plan.threads)?;
    let steps: usize = subjects.iter().map(|subject| subject.kernels.len()).sum();
    let bar = progress_bar(steps * plan.threads.len() * plan.sizes.len() * plan.rounds);
    let mut rows = Vec::new();
    for (n, turns) in plan.sizes.iter().zip(turns) {
        bar.set_message(format!("{n} parameters"));
        for turn in turns {
            rows.extend(Table::new(turn, *n, plan, &pools)?.run(plan.rounds, &bar)?);
        }
    }
    bar.finish_and_clear();
    rows.sort_by_key(|row| row.number);
    Ok(rows)
}

/// Bytes for the states of all steps of a subject.
fn state_bytes(subject: &Subject, n: usize, plan: &Plan) -> u128 {
    let optimizers = subject.kernels.len() * plan.threads.len();
    4 * n as u128 * subject.states() as u128 * optimizers as u128
}

/// Neighbouring subjects that take turns: as many as fit in memory together.
fn turns<'a>(
    subjects: &'a [Subject],
    n: usize,
    plan: &Plan,
    limit: u64,
) -> Result<Vec<&'a [Subject]>, BenchError> {
    let states = subjects.iter().map(Subject::states).max().unwrap_or(0);
    let arrays = 4 * n as u128 * (2 + states as u128);
    let budget = u128::from(limit).saturating_sub(arrays).min(u128::from(TURNS));
    let mut out = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, subject) in subjects.iter().enumerate() {
        let own = state_bytes(subject, n, plan);
        let needed = arrays + own;
        if needed > u128::from(limit) {
            let (size, rule) = (n as u64, subject.rule.name.clone());
            return Err(BenchError::Memory { size, rule, needed, limit });
        }
        if index > start && bytes + own > budget {
            out.push(&subjects[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += own;
    }
    out.push(&subjects[start..]);
    Ok(out)
}

/// The workers of plain loops: a pool for each number of threads above 1, less the calling thread.
fn pools(threads: &[usize]) -> Result<Vec<Option<ThreadPool>>, BenchError> {
    let pool = |count: &usize| match count {
        1 => Ok(None),
        _ => ThreadPoolBuilder::new().num_threads(count - 1).build().map(Some),
    };
    Ok(threads.iter().map(pool).collect::<Result<_, _>>()?)
}

/// All that takes turns, and the arrays that it works on.
struct Table<'a> {
    n: usize,
    arrays: Arrays,
    entries: Vec<Entry<'a>>,
}

struct Arrays {
    parameters: Buffer,
    gradients: Buffer,
    /// States of plain loops.
    states: Vec<Buffer>,
}

/// The steps of a subject with a number of threads, and the plain loop beside them.
struct Entry<'a> {
    subject: &'a Subject,
    threads: usize,
    pool: Option<&'a ThreadPool>,
    pace: Pace,
    plain: Vec<f64>,
    steps: Vec<Step<'a>>,
}

struct Step<'a> {
    kernel: &'a TimedKernel,
    optimizer: Optimizer,
    pace: Pace,
    ns: Vec<f64>,
    ratios: Vec<f64>,
}

impl<'a> Table<'a> {
    fn new(
        subjects: &'a [Subject],
        n: usize,
        plan: &Plan,
        pools: &'a [Option<ThreadPool>],
    ) -> Result<Table<'a>, CliError> {
        let states = subjects.iter().map(Subject::states).max().unwrap_or(0);
        let mut arrays = Arrays {
            parameters: Buffer::new(n, 0)?,
            gradients: Buffer::new(n, 1)?,
            states: (0..states).map(|state| Buffer::new(n, 2 + state)).collect::<Result<_, _>>()?,
        };
        arrays.parameters.fill(|i| (i % 1000) as f32 * 1e-3 - 0.5);
        arrays.gradients.fill(|i| (i.wrapping_mul(7919) % 1000) as f32 * 1e-3 - 0.5);
        // The states of an optimizer are touched by its first step, these here.
        arrays.states.iter_mut().for_each(|state| state.fill(|_| 0.0));
        let mut entries = Vec::new();
        for subject in subjects {
            for (threads, pool) in plan.threads.iter().zip(pools) {
                entries.push(Entry::new(subject, *threads, pool.as_ref(), &mut arrays)?);
            }
        }
        Ok(Table { n, arrays, entries })
    }

    fn run(mut self, rounds: usize, bar: &ProgressBar) -> Result<Vec<Row>, CliError> {
        for _ in 0..rounds {
            for entry in &mut self.entries {
                entry.round(&mut self.arrays)?;
                bar.inc(entry.steps.len() as u64);
            }
        }
        Ok(self.entries.into_iter().flat_map(|entry| entry.rows(self.n)).collect())
    }
}

impl<'a> Entry<'a> {
    /// Starts all states and finds out how long everything takes.
    fn new(
        subject: &'a Subject,
        threads: usize,
        pool: Option<&'a ThreadPool>,
        arrays: &mut Arrays,
    ) -> Result<Entry<'a>, CliError> {
        let pace = Pace::of(|| {
            plain_loop(subject, pool, arrays);
            Ok(())
        })?;
        let mut steps = Vec::new();
        for kernel in &subject.kernels {
            let total_steps = Some(TOTAL_STEPS);
            let settings = Settings { total_steps, threads: Some(threads), ..Settings::default() };
            let lengths = [arrays.parameters.values().len()];
            let mut optimizer = Optimizer::new(kernel.compiled.clone(), &lengths, settings)?;
            let pace = Pace::of(|| step(&mut optimizer, arrays))?;
            steps.push(Step { kernel, optimizer, pace, ns: Vec::new(), ratios: Vec::new() });
        }
        Ok(Entry { subject, threads, pool, pace, plain: Vec::new(), steps })
    }

    fn round(&mut self, arrays: &mut Arrays) -> Result<(), CliError> {
        let (subject, pool) = (self.subject, self.pool);
        for one in &mut self.steps {
            let plain = self.pace.sample(|| {
                plain_loop(subject, pool, arrays);
                Ok(())
            })?;
            let own = one.pace.sample(|| step(&mut one.optimizer, arrays))?;
            self.plain.push(plain);
            one.ns.push(own);
            one.ratios.push(own / plain);
        }
        Ok(())
    }

    fn rows(mut self, n: usize) -> Vec<Row> {
        let subject = self.subject;
        let plain = median(&mut self.plain) / n as f64;
        let row = |mut step: Step<'_>| Row {
            number: subject.number,
            rule: subject.rule.name.clone(),
            n,
            threads: self.threads,
            backend: step.kernel.backend(),
            ns_per_parameter: median(&mut step.ns) / n as f64,
            plain_loop_ns_per_parameter: plain,
            plain_loop_ratio: median(&mut step.ratios),
            quartiles: [0.25, 0.75].map(|share| quantile(&mut step.ns, share) / n as f64),
            compile_us: step.kernel.compile_us,
            compile_from_text_us: step.kernel.compile_from_text_us,
            states: subject.states(),
            bytes_per_parameter: subject.bytes(),
            rounds: step.ns.len(),
        };
        self.steps.into_iter().map(row).collect()
    }
}

fn plain_loop(subject: &Subject, pool: Option<&ThreadPool>, arrays: &mut Arrays) {
    let states = arrays.states.iter_mut().take(subject.states());
    let streams = Streams {
        parameters: arrays.parameters.values_mut(),
        gradients: arrays.gradients.values(),
        states: states.map(Buffer::values_mut).collect(),
    };
    pass(streams, pool);
}

fn step(optimizer: &mut Optimizer, arrays: &mut Arrays) -> Result<(), CliError> {
    let (w, g) = (arrays.parameters.values_mut(), arrays.gradients.values());
    optimizer.step(&mut [w], &[g], LEARNING_RATE)?;
    Ok(())
}

/// How often a piece of work is repeated to be timed.
struct Pace {
    repeats: u32,
    /// Whether it runs once before it is timed, to find its data in the caches.
    is_cached: bool,
}

impl Pace {
    /// Runs the work a few times.
    fn of(mut work: impl FnMut() -> Result<(), CliError>) -> Result<Pace, CliError> {
        work()?;
        let mut least = Duration::MAX;
        for _ in 0..2 {
            let start = Instant::now();
            work()?;
            least = least.min(start.elapsed());
        }
        let repeats = SAMPLE.as_nanos().div_ceil(least.as_nanos().max(1)).clamp(1, 100_000);
        Ok(Pace { repeats: repeats as u32, is_cached: least < UNCACHED })
    }

    /// Nanoseconds that the work takes.
    fn sample(&self, mut work: impl FnMut() -> Result<(), CliError>) -> Result<f64, CliError> {
        if self.is_cached {
            work()?;
        }
        let start = Instant::now();
        for _ in 0..self.repeats {
            work()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(self.repeats))
    }
}

/// The middle value; of two the mean.
pub(super) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the others lies, between neighbours in proportion.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = share * values.len().saturating_sub(1) as f64;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor() as usize), at(place.ceil() as usize));
    low + (high - low) * place.fract()
}

fn progress_bar(samples: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(Some(samples as u64), target);
    let template = "{msg:20} {wide_bar} {pos}/{len} samples, {eta} left";
    styled(bar, template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&mut values), 2.5);
        assert_eq!(quantile(&mut values, 0.25), 1.75);
        assert_eq!(median(&mut [7.0]), 7.0);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn short_work_is_repeated_and_long_work_is_not() {
        let short = Pace::of(|| Ok(())).unwrap();
        assert!(short.repeats > 100 && short.is_cached);
        let wait = || {
            std::thread::sleep(UNCACHED + SAMPLE);
            Ok(())
        };
        let long = Pace::of(wait).unwrap();
        assert!(long.repeats == 1 && !long.is_cached);
    }
}
