//! The command line: what can be asked, and how it is written.

#[cfg(all(test, feature = "search"))]
mod documents;
#[cfg(feature = "search")]
mod queue;
#[cfg(feature = "search")]
mod search;
mod training;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use nosc_kernels::Backend;
use nosc_kernels::cuda::Architecture;
use nosc_runtime::{ElementType, NonFinite, Placement, Rounding};

use crate::error::CliError;
use crate::{names, version};
#[cfg(feature = "nats")]
pub(crate) use queue::{AddressArguments, QueueCommand};
#[cfg(feature = "search")]
pub(crate) use queue::{CredentialArguments, QueueArguments, QueueBenchArguments, WorkerArguments};
#[cfg(feature = "search")]
pub(crate) use search::{
    BestArguments, EvaluateArguments, ExportArguments, ExportFormat, LimitArguments, Preset,
    ReportArguments, SamplerName, ScreenName, SearchArguments,
};
pub(crate) use training::{
    ChildArguments, ClipNorm, DataArguments, ImageArguments, ProtocolArguments, RateArguments,
    TrainArguments, TrainOutput, TransferArguments, TransferTarget, Values,
};

/// Compile, explain, run and train with update rules for neural-network optimizers.
#[derive(Debug, Parser)]
#[command(name = "nosc", version, long_version = version::long(), propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// When to colour messages; `NO_COLOR` is honoured
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to colour messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find all mistakes in rule files
    Check(CheckArguments),
    /// Say what a rule is: canonical form, key, state, cost
    Explain(ExplainArguments),
    /// Compile rules and show or write the result
    Compile(CompileArguments),
    /// Run a rule over arrays, a step for each gradient
    Run(RunArguments),
    /// Train a small model with rules and compare them
    Train(TrainArguments),
    /// Judge rules on other nets and data, beside tuned baselines
    ///
    /// What rules were not searched on: a deeper net, a residual net, text.
    Transfer(TransferArguments),
    /// Search for rules
    #[cfg(feature = "search")]
    Search(Box<SearchArguments>),
    /// Make a page with plots of a search
    #[cfg(feature = "search")]
    Report(ReportArguments),
    /// List the best rules of a search, or write them as rule files
    #[cfg(feature = "search")]
    Best(BestArguments),
    /// Judge the best rules of a search again, by new seeds and baselines
    ///
    /// Other seeds than those of the search, tuned baselines, and on request longer training and larger children.
    #[cfg(feature = "search")]
    Evaluate(EvaluateArguments),
    /// Write a search as a table, or for other programs
    #[cfg(feature = "search")]
    Export(ExportArguments),
    /// Carry out trials that a NATS server holds, of any search
    #[cfg(feature = "search")]
    Worker(WorkerArguments),
    /// Show or clear what a NATS server holds of searches
    #[cfg(feature = "search")]
    Queue(QueueArguments),
    /// Carry out trials of a search, which starts it
    #[cfg(feature = "search")]
    #[command(hide = true)]
    SearchWorker,
    /// Time steps and compilations of rules
    Bench(crate::bench::BenchArguments),
    /// Print canonical forms and keys
    Canon(crate::canon::CanonArguments),
    /// Compare two rules, with a counterexample where they differ
    Eq(crate::eq::EqArguments),
    /// Turn formulas into token strings and back
    Convert(crate::convert::ConvertArguments),
    /// Format rule files
    Fmt(crate::fmt::FmtArguments),
    /// Draw random token strings from a search space
    Sample(crate::sample::SampleArguments),
    /// Find the classes of equivalent rules in a list
    Dedup(crate::dedup::DedupArguments),
    /// List the standard rules, or show the text of some
    Rules(RulesArguments),
    /// List the names, functions and tokens of the language
    Language,
    /// A language server for editors
    ///
    /// Problems as you type, fixes, completion, what a rule is, renaming, formatting. An editor starts it and speaks
    /// the Language Server Protocol over standard input and output: docs/editors/README.md says how to set up
    /// VS Code, Neovim, Helix, Emacs, Sublime Text and Kate
    #[cfg(feature = "lsp")]
    Lsp(crate::lsp::LspArguments),
    /// Print completions for a shell
    Completions(crate::completions::CompletionsArguments),
    /// Print manual pages, or write them as files
    Man(crate::man::ManArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Rule files; `-` is standard input
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// Print a JSON list of problems
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a rule comes from.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct RuleSource {
    /// `FILE`, `FILE:NAME`, the name of a standard rule, or `-` for standard input
    #[arg(value_parser = names::RULE, hide_possible_values = true)]
    pub(crate) rule: Option<String>,
    /// A formula, block or bracketed token string
    #[arg(short, long, allow_hyphen_values = true)]
    pub(crate) expression: Option<String>,
    /// A token string, such as 'g m id sign mul'
    #[arg(long)]
    pub(crate) tokens: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) source: RuleSource,
    /// Print JSON: an object for one rule, a list for several
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a rule is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// This machine's processor, or that of `--triple`
    Cpu,
    /// NVIDIA's graphics processors
    Cuda,
    /// PyTorch: a file with a `torch.optim.Optimizer`, which needs no nosc
    Torch,
    /// JAX and optax: a file with a gradient transformation, which needs no nosc
    Jax,
    /// Any C compiler: a file of C99 with the bits of the other targets, which needs no nosc
    C,
}

/// A form of a compiled rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The straight-line program of an element
    Plan,
    /// Cranelift's intermediate form
    Clif,
    /// Machine code as text
    Asm,
    /// A linkable object file
    Obj,
    /// The C header of the object file
    Header,
    /// CUDA C source, for the target cuda
    Cu,
    /// Intermediate code of GPUs, by NVRTC
    Ptx,
    /// Machine code of a GPU, by NVRTC
    Cubin,
    /// Machine code of a GPU as text, by NVRTC and nvdisasm
    Sass,
    /// Python source, for the targets torch and jax
    Py,
    /// C source, for the target c
    C,
}

/// Which GPU code is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    /// That of the first GPU of this machine.
    Native,
    /// The one of a name.
    Named(Architecture),
}

#[derive(Debug, Args)]
pub(crate) struct CompileArguments {
    #[command(flatten)]
    pub(crate) source: RuleSource,
    /// What to compile for
    #[arg(long, value_enum, default_value_t = Target::Cpu)]
    pub(crate) target: Target,
    /// What to write; several with commas. If left out `plan`, for the target cuda `cu`, for torch and jax `py`, for c
    /// `c`; with `--stats` none
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) emit: Vec<Emit>,
    /// Type of the parameters
    #[arg(long, value_parser = element_type, default_value = "f32", value_name = "f32|f64|f16|bf16")]
    pub(crate) param_type: ElementType,
    /// Type of the gradients
    #[arg(long, value_parser = element_type, default_value = "f32", value_name = "f32|f64|f16|bf16")]
    pub(crate) grad_type: ElementType,
    /// How parameters of f16 and bf16 are rounded
    #[arg(long, value_parser = rounding, default_value = "nearest", value_name = "nearest|stochastic")]
    pub(crate) rounding: Rounding,
    /// With `--emit ptx`, `cubin`, `sass` or `--stats`: the GPU, such as `sm_75`, `sm_80`, `sm_90`, `sm_120`;
    /// `native` is the one in this machine
    #[arg(long, value_parser = arch, value_name = "sm_90|native")]
    pub(crate) arch: Option<Arch>,
    /// Show what the GPU's code needs: registers, stack, spills, widths of accesses
    #[arg(long)]
    pub(crate) stats: bool,
    /// The machine, such as aarch64-unknown-linux-gnu, if not this one
    #[arg(long)]
    pub(crate) triple: Option<String>,
    /// With `--emit asm`: the back end whose code to show; `auto` is the one that runs here
    #[arg(long, value_name = "auto|wide|cranelift")]
    pub(crate) backend: Option<Backend>,
    /// With `--emit obj`: code for AVX2 and AVX-512 too, chosen when it is first called; x86-64 only
    #[arg(long)]
    pub(crate) multiversion: bool,
    /// A file for one result, a folder for several; standard output if left out
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Print JSON about what was compiled
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) source: RuleSource,
    /// Parameters: .npy, or .safetensors with all its tensors by name
    #[arg(long)]
    pub(crate) params: PathBuf,
    /// Gradients: a file for each step, or files whose first axis is the step
    #[arg(long, required = true, num_args = 1..)]
    pub(crate) grads: Vec<PathBuf>,
    /// Learning rate
    #[arg(long, value_parser = number, allow_hyphen_values = true)]
    pub(crate) lr: f64,
    /// Where the parameters go after the last step; shown if left out
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Total number of steps, which decays need
    #[arg(long)]
    pub(crate) total_steps: Option<u64>,
    /// Seed of noise and drops
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Sets a parameter of the rule; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter, allow_hyphen_values = true)]
    pub(crate) set: Vec<(String, f64)>,
    /// Write the parameters after every step, along a new first axis
    #[arg(long)]
    pub(crate) trace: bool,
    /// State to resume from, if the file is there, and to save to
    #[arg(long)]
    pub(crate) state: Option<PathBuf>,
    /// What to do about infinite and NaN gradients
    #[arg(long, value_parser = non_finite, default_value = "propagate", value_name = "propagate|skip|error")]
    pub(crate) non_finite: NonFinite,
    /// Scale all gradients so that their norm is at most this
    #[arg(long, value_name = "NORM", value_parser = number, allow_hyphen_values = true)]
    pub(crate) clip_norm: Option<f64>,
    /// Clip each gradient to this magnitude
    #[arg(long, value_name = "LIMIT", value_parser = number, allow_hyphen_values = true)]
    pub(crate) clip_value: Option<f64>,
    /// What the loss was multiplied by: gradients are divided by it
    #[arg(long, default_value_t = 1.0, value_parser = number, allow_hyphen_values = true)]
    pub(crate) loss_scale: f64,
    /// How parameters of f16 and bf16 are rounded
    #[arg(long, value_parser = rounding, default_value = "nearest", value_name = "nearest|stochastic")]
    pub(crate) rounding: Rounding,
    #[command(flatten)]
    pub(crate) backend: BackendArguments,
    /// Threads of a step; one a core if left out
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Print JSON about what was done
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackendArguments {
    /// What runs the step
    #[arg(long, default_value_t = Backend::Auto, value_name = "auto|wide|cranelift|interpreter")]
    backend: Backend,
    /// Where the step runs: the processor, or an NVIDIA GPU by its number
    #[arg(long, default_value_t = Placement::Cpu, value_name = "cpu|cuda:N")]
    device: Placement,
}

impl BackendArguments {
    /// Where the step runs.
    pub(crate) fn placement(&self) -> Result<Placement, CliError> {
        if self.device != Placement::Cpu && self.backend != Backend::Auto {
            let message = "`--backend` chooses among those of the processor: leave it out with `--device cuda`";
            return Err(CliError::Usage(message.to_owned()));
        }
        Ok(self.device)
    }

    /// What compiles a rule for the processor: with a device, nothing needs to.
    pub(crate) fn backend(&self) -> Backend {
        if self.device == Placement::Cpu { self.backend } else { Backend::Interpreter }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RulesArguments {
    /// Rules whose text to show; all names if left out
    #[arg(value_parser = names::RULE, hide_possible_values = true)]
    pub(crate) names: Vec<String>,
}

/// A number with a point.
fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| match text.replacen(',', ".", 1) {
        point if text.contains(',') && point.parse::<f64>().is_ok() => {
            format!("expected a number; write {point} with a point")
        }
        _ => "expected a number".to_owned(),
    })
}

fn parameter(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value: f64 = value.trim().parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok((name.trim().to_owned(), value))
}

pub(crate) fn element_type(text: &str) -> Result<ElementType, String> {
    let known = ElementType::ALL.into_iter().find(|known| known.name() == text);
    known.ok_or_else(|| "expected f32, f64, f16 or bf16".to_owned())
}

fn arch(text: &str) -> Result<Arch, String> {
    let named = |_| "expected one such as sm_90, or native".to_owned();
    if text == "native" { Ok(Arch::Native) } else { text.parse().map(Arch::Named).map_err(named) }
}

fn rounding(text: &str) -> Result<Rounding, String> {
    match text {
        "nearest" => Ok(Rounding::Nearest),
        "stochastic" => Ok(Rounding::Stochastic),
        _ => Err("expected nearest or stochastic".to_owned()),
    }
}

fn non_finite(text: &str) -> Result<NonFinite, String> {
    match text {
        "propagate" => Ok(NonFinite::Propagate),
        "skip" => Ok(NonFinite::Skip),
        "error" => Ok(NonFinite::Error),
        _ => Err("expected propagate, skip or error".to_owned()),
    }
}
