//! Arguments of the commands that train children.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nosc_controller::child::net::Path as ChildPath;

use super::BackendArguments;
use crate::names;

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// rosenbrock, quadratic, digits, shapes, cifar10 or text
    #[arg(value_parser = names::TASK, hide_possible_values = true)]
    pub(crate) task: String,
    /// Rules to compare, with commas: standard names, `FILE` or `FILE:NAME`
    #[arg(long, required = true, value_delimiter = ',', value_parser = names::RULE, hide_possible_values = true)]
    pub(crate) rules: Vec<String>,
    /// Sets a parameter of every rule that has it; each of several values is tried
    #[arg(long = "set", value_name = "NAME=VALUE[,VALUE]", value_parser = values, allow_hyphen_values = true)]
    pub(crate) set: Vec<(String, Values)>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) rates: RateArguments,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArguments,
    #[command(flatten)]
    pub(crate) output: TrainOutput,
    #[command(flatten, next_help_heading = "Steps")]
    pub(crate) backend: BackendArguments,
}

/// Images to train on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data and child")]
pub(crate) struct ImageArguments {
    /// `cifar10`: the folder or the archive of the official binary files
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// `shapes`: pixels of a side, a multiple of 4
    #[arg(long)]
    pub(crate) side: Option<usize>,
    /// `shapes`: number of classes
    #[arg(long)]
    pub(crate) classes: Option<usize>,
    /// `shapes`: from 0 to 1
    #[arg(long)]
    pub(crate) difficulty: Option<f64>,
    /// `shapes` and `cifar10`: number of training images
    #[arg(long)]
    pub(crate) count: Option<usize>,
    /// Examples a step; if left out 100 images, or 50 windows of text
    #[arg(long)]
    pub(crate) batch: Option<usize>,
}

/// What is trained on what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data and child")]
pub(crate) struct DataArguments {
    #[command(flatten)]
    pub(crate) images: ImageArguments,
    /// `quadratic`: standard deviation of the noise in gradients
    #[arg(long)]
    pub(crate) noise: Option<f64>,
    /// What learns the images: convnet, which is the paper's, softmax, deep or residual
    #[arg(long, value_name = "NAME")]
    pub(crate) child: Option<String>,
    /// Kernels of a net; the fastest that run here if left out
    #[arg(long, value_name = "avx512|avx2|gemm")]
    pub(crate) path: Option<ChildPath>,
}

/// Which learning rates are tried.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct RateArguments {
    /// `sweep`, or learning rates with commas, each of which trains to the end
    #[arg(long, default_value = "sweep", allow_hyphen_values = true)]
    pub(crate) lr: String,
    /// No short children: every learning rate of the sweep trains to the end
    #[arg(long, conflicts_with_all = ["sweep_examples", "sweep_epochs"])]
    pub(crate) full_sweep: bool,
}

/// How long children train.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct ChildArguments {
    /// Steps of each child
    #[arg(long, conflicts_with = "epochs")]
    pub(crate) steps: Option<u64>,
    /// Passes over the training examples
    #[arg(long)]
    pub(crate) epochs: Option<u64>,
    /// Learning rates of the sweep, with commas
    #[arg(long, value_name = "RATES", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) sweep_rates: Vec<f64>,
    /// Training examples of a child of the sweep; 10,000 if left out
    #[arg(long, value_name = "N")]
    pub(crate) sweep_examples: Option<NonZeroUsize>,
    /// Passes over them; 1 if left out
    #[arg(long, value_name = "N")]
    pub(crate) sweep_epochs: Option<NonZeroU64>,
    /// Give a child up if its loss is above the start after so many steps; `never` for not at all
    #[arg(long, value_name = "STEPS|never", value_parser = patience)]
    pub(crate) give_up_after: Option<Patience>,
}

/// How each rule is tried.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct ProtocolArguments {
    #[command(flatten)]
    pub(crate) children: ChildArguments,
    /// Over the schedule of each rule: a formula such as 'ld*cd', or 'step(0.1, 50%, 75%)'
    #[arg(long, value_name = "FORMULA")]
    pub(crate) schedule: Option<String>,
    /// Scale gradients down to this norm where they are longer; `text` does so at 5 if it is left out
    #[arg(long, value_name = "NORM|never", value_parser = clip_norm, allow_hyphen_values = true)]
    pub(crate) clip_norm: Option<ClipNorm>,
    /// Seed of initial parameters, data order and draws
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Train with so many seeds, from `--seed` on; the sweep takes the first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,
    /// Children at once, each on one thread; one a core if left out
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArguments {
    /// Rules that were found, with commas: standard names, `FILE` or `FILE:NAME`
    #[arg(required = true, value_delimiter = ',', value_parser = names::RULE, hide_possible_values = true)]
    pub(crate) rules: Vec<String>,
    /// What the rules were searched on: digits, shapes or cifar10
    #[arg(long, value_name = "TASK", default_value = "digits")]
    pub(crate) on: String,
    /// What to judge them on, with commas: deep, residual (nets on the same images), text
    #[arg(long, value_name = "TARGETS", value_delimiter = ',', default_values = ["deep", "residual", "text"])]
    pub(crate) to: Vec<TransferTarget>,
    /// Rules to tune and compare with; `none` for none
    #[arg(long, value_delimiter = ',', default_values = ["sgd", "momentum", "adam", "rmsprop"])]
    pub(crate) baselines: Vec<String>,
    /// Weight decays that each baseline is tried with, as far as it has the parameter
    #[arg(long, value_name = "DECAYS", value_delimiter = ',', allow_hyphen_values = true, default_values_t = [0.0, 5e-4])]
    pub(crate) weight_decays: Vec<f64>,
    /// The learning rate that was best in the search; swept on the paper's child if left out
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub(crate) around: Option<f64>,
    #[command(flatten)]
    pub(crate) images: ImageArguments,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArguments,
    #[command(flatten, next_help_heading = "Steps")]
    pub(crate) backend: BackendArguments,
    /// Write the results
    #[arg(short, long, value_name = "FILE.json", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Print a JSON list of results
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing while children train
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// What rules are judged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransferTarget {
    /// A deeper net on the same images.
    Deep,
    /// A residual net on the same images.
    Residual,
    /// A recurrent net on characters.
    Text,
}

/// Where results go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct TrainOutput {
    /// Write the results, one child a row or an object
    #[arg(short, long, value_name = "FILE.csv|FILE.json")]
    pub(crate) output: Option<PathBuf>,
    /// Write the points of all learning curves
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) curves: Option<PathBuf>,
    /// Write the learning curves of the best as a picture, in SVG
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Print a JSON list of results
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing while children train
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// After how many steps a child above its start is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Option<u64>);

/// The norm that gradients are clipped to, if they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClipNorm(pub(crate) Option<f64>);

fn clip_norm(text: &str) -> Result<ClipNorm, String> {
    let is_norm = |norm: &f64| norm.is_finite() && *norm > 0.0;
    match (text, text.parse().ok().filter(is_norm)) {
        ("never", _) => Ok(ClipNorm(None)),
        (_, Some(norm)) => Ok(ClipNorm(Some(norm))),
        (_, None) => Err("expected a positive number, or `never`".to_owned()),
    }
}

/// Values of a parameter; at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Values(pub(crate) Vec<f64>);

fn values(text: &str) -> Result<(String, Values), String> {
    let (name, values) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let parse = |value: &str| {
        let value = value.trim();
        value.parse().map_err(|_| format!("`{value}` is not a number"))
    };
    let values = values.split(',').map(parse).collect::<Result<_, String>>()?;
    Ok((name.trim().to_owned(), Values(values)))
}

fn patience(text: &str) -> Result<Patience, String> {
    match text {
        "never" => Ok(Patience(None)),
        _ => match text.parse() {
            Ok(steps) => Ok(Patience(Some(steps))),
            Err(_) => Err("expected a number of steps, or `never`".to_owned()),
        },
    }
}
