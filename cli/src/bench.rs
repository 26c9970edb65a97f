//! `nosc bench`: steps and compilations of rules, timed on this machine.
//!
//! ```text
//! arguments ─► subject (rules, kernels, times to compile) ─► rounds (steps beside a plain loop) ─► report
//!          └► gpu (steps beside copies of the device) ─► gpu_report
//! ```

mod buffer;
mod plain_loop;
mod subject;
mod rounds;
mod report;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(feature = "cuda")]
mod gpu_report;

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "search")]
use clap::Subcommand;
use nosc_runtime::{Backend, ElementType, MOST_THREADS, Placement};

use crate::arguments::{Colour, RuleSource, element_type};
use crate::common::{cores, distinct, has_ending};
use crate::error::CliError;
use crate::memory;
use crate::output::{check_writable, print, print_json, write_file};

/// More rounds than anybody waits for.
const MAX_ROUNDS: usize = 1_000_000;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArguments {
    #[cfg(feature = "search")]
    #[command(subcommand)]
    other: Option<BenchCommand>,
    #[command(flatten)]
    source: RuleSource,
    /// Rules to time, with commas: standard names, `FILE` or `FILE:NAME`; if no rule is given, those of the
    /// paper that draw no random numbers
    #[arg(long, value_delimiter = ',', value_parser = crate::names::RULE, hide_possible_values = true)]
    rules: Vec<String>,
    /// Numbers of parameters, with commas
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = size,
        default_value = "10000,1000000,30000000"
    )]
    sizes: Vec<u64>,
    /// Threads of a step, with commas; 1 and 2, where there are two cores, if left out
    #[arg(long, value_delimiter = ',')]
    threads: Vec<usize>,
    /// What runs the step; several with commas
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "auto",
        value_name = "auto|wide|cranelift|interpreter"
    )]
    backend: Vec<Backend>,
    /// The processor, or an NVIDIA GPU by its number
    #[arg(long, default_value_t = Placement::Cpu, value_name = "cpu|cuda:N")]
    device: Placement,
    /// With a GPU: types of parameters and gradients, with commas
    #[arg(long, value_delimiter = ',', value_parser = element_type, value_name = "f32|f64|f16|bf16")]
    types: Vec<ElementType>,
    /// With a GPU: numbers of tensors that the parameters are split into, with commas
    #[arg(long, value_delimiter = ',')]
    tensors: Vec<usize>,
    /// How often each step is timed; the medians are shown
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Write times over sizes as a picture, in SVG
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print a JSON list of results
    #[arg(long)]
    json: bool,
}

/// What else can be timed.
#[cfg(feature = "search")]
#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// A queue of trials on a NATS server, with workers that train nothing
    Queue(crate::arguments::QueueBenchArguments),
}

/// What a benchmark is asked for, checked.
struct Plan {
    sizes: Vec<usize>,
    threads: Vec<usize>,
    rounds: usize,
}

/// Why there is no benchmark.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A size that is none.
    #[error("size {0}: expected at least 1 parameter")]
    Size(u64),
    /// A number of threads out of range.
    #[error("{0} threads: expected 1 to {MOST_THREADS}")]
    Threads(usize),
    /// A number of rounds out of range.
    #[error("{0} rounds: expected 1 to {MAX_ROUNDS}")]
    Rounds(usize),
    /// Arrays that would not fit in memory.
    #[error(
        "size {size}: the arrays of `{rule}` take {}, and the limit is {}, 80 % of the memory that is free",
        memory::shown(*.needed),
        memory::shown(u128::from(*.limit))
    )]
    Memory { size: u64, rule: String, needed: u128, limit: u64 },
    /// Arrays that the system refused.
    #[error("no memory for an array of {bytes} bytes")]
    Array { bytes: usize, source: std::io::Error },
    /// Threads that the system refused.
    #[error("the threads could not be started: {0}")]
    Pool(#[from] rayon::ThreadPoolBuildError),
}

impl BenchError {
    /// The way out.
    pub(crate) fn help(&self) -> Option<&'static str> {
        match self {
            BenchError::Size(_) => Some("give numbers of parameters, such as `--sizes 10000,1e6`"),
            BenchError::Threads(_) => Some("give numbers of threads, such as `--threads 1,2`"),
            BenchError::Memory { .. } => {
                Some("give smaller `--sizes`, or fewer of `--threads` and `--backend`")
            }
            BenchError::Rounds(_) | BenchError::Array { .. } | BenchError::Pool(_) => None,
        }
    }
}

pub(crate) fn bench(arguments: &BenchArguments, colour: Colour) -> Result<(), CliError> {
    #[cfg(feature = "search")]
    if let Some(BenchCommand::Queue(arguments)) = &arguments.other {
        return crate::queue::bench(arguments);
    }
    if let Some(path) = &arguments.plot {
        if !has_ending(path, "svg") {
            let message = format!("`{}`: a plot is an SVG picture; use .svg", path.display());
            return Err(CliError::Usage(message));
        }
        check_writable(path)?;
    }
    if arguments.device != Placement::Cpu {
        return on_gpu(arguments, colour);
    }
    if !arguments.types.is_empty() || !arguments.tensors.is_empty() {
        let message = "`--types` and `--tensors` are about GPUs: add `--device cuda`";
        return Err(CliError::Usage(message.to_owned()));
    }
    let plan = plan(arguments)?;
    let subjects =
        subject::subjects(&arguments.source, &arguments.rules, &arguments.backend, colour)?;
    let rows = rounds::run(&subjects, &plan)?;
    if let Some(path) = &arguments.plot {
        write_file(path, report::chart(&rows).to_svg()?.as_bytes())?;
    }
    if arguments.json {
        return print_json(&report::json(&rows));
    }
    print(&report::table(&rows))
}

#[cfg(feature = "cuda")]
fn on_gpu(arguments: &BenchArguments, colour: Colour) -> Result<(), CliError> {
    if !arguments.threads.is_empty()
        || arguments.backend != [Backend::Auto]
        || arguments.plot.is_some()
    {
        let message = "`--threads`, `--backend` and `--plot` are about the processor: leave them out with \
                       `--device cuda`";
        return Err(CliError::Usage(message.to_owned()));
    }
    let Plan { sizes, rounds, .. } = plan(arguments)?;
    let or = |list: &[usize], default: usize| match list {
        [] => vec![default],
        list => distinct(list.to_vec()),
    };
    let types = match &arguments.types[..] {
        [] => vec![ElementType::F32],
        types => distinct(types.to_vec()),
    };
    let tensors = or(&arguments.tensors, 1);
    let least = sizes.iter().copied().min().unwrap_or(1);
    if let Some(count) = tensors.iter().find(|count| !(1..=least).contains(*count)) {
        let message =
            format!("{count} tensors: expected at least 1, and at most {least} parameters");
        return Err(CliError::Usage(message));
    }
    let rules = subject::rules(&arguments.source, &arguments.rules, colour)?;
    let ordinal = if let Placement::Cuda(ordinal) = arguments.device { ordinal } else { 0 };
    let plan = gpu::Plan { ordinal, sizes, types, tensors, rounds };
    let (device, rows) = gpu::run(&rules, &plan)?;
    if arguments.json {
        return print_json(&gpu_report::json(&device, &rows));
    }
    print(&gpu_report::table(&device, &rows))
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: &BenchArguments, _: Colour) -> Result<(), CliError> {
    Err(nosc_runtime::RuntimeError::NoCuda.into())
}

fn plan(arguments: &BenchArguments) -> Result<Plan, CliError> {
    let size = |size: &u64| match usize::try_from(*size) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(BenchError::Size(*size)),
    };
    let sizes = arguments.sizes.iter().map(size).collect::<Result<_, _>>()?;
    let mut threads = arguments.threads.clone();
    if threads.is_empty() {
        threads = (1..=cores().min(2)).collect();
    }
    if let Some(count) = threads.iter().find(|count| !(1..=MOST_THREADS).contains(*count)) {
        return Err(BenchError::Threads(*count).into());
    }
    if !(1..=MAX_ROUNDS).contains(&arguments.rounds) {
        return Err(BenchError::Rounds(arguments.rounds).into());
    }
    Ok(Plan { sizes: distinct(sizes), threads: distinct(threads), rounds: arguments.rounds })
}

/// A whole number, also as `1e6`.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let is_whole = |value: &f64| value.fract() == 0.0 && (0.0..1e18).contains(value);
    let short = || text.parse::<f64>().ok().filter(is_whole).map(|value| value as u64);
    text.parse().ok().or_else(short).ok_or_else(|| {
        format!("`{text}` is no number of parameters; expected one such as 10000 or 1e6")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_in_either_form() {
        assert_eq!(size("10000"), Ok(10_000));
        assert_eq!(size(" 3e7"), Ok(30_000_000));
        assert_eq!(size("0"), Ok(0));
        for text in ["1.5", "-1", "1e300", "many", "", "NaN", "inf"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
