//! Arguments of the commands that search for rules.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use nosc_compiler::canonical::Level;
use nosc_compiler::space::Constraints;

use super::queue::CredentialArguments;
use super::{ChildArguments, DataArguments};
use crate::{names, space};

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("folder").required(true).args(["run", "resume"])))]
pub(crate) struct SearchArguments {
    /// `paper`, `small`, or a space file; `paper` if left out
    #[arg(value_parser = names::SPACE, hide_possible_values = true)]
    pub(crate) space: Option<String>,
    /// Begin a run in this folder, which is made
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) run: Option<PathBuf>,
    /// Go on with the run of this folder: its settings are those it was begun with
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with_all = ["space", "preset", "task"])]
    pub(crate) resume: Option<PathBuf>,
    /// Settings for all that is left out: `quick` takes less than a minute on two cores, `paper` are those of the paper
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) preset: Option<Preset>,
    /// What children are trained on: digits, shapes, cifar10, text, rosenbrock or quadratic
    #[arg(long, value_name = "NAME", value_parser = names::TASK, hide_possible_values = true)]
    pub(crate) task: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) sampling: SamplingArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) children: ChildArguments,
    /// Children at once, each in a process; one a core if left out. The result does not depend on it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Running")]
    pub(crate) jobs: Option<u16>,
    /// Seconds without a sign of life after which a worker is given up; 60 if left out. With `--queue` it is that of the
    /// whole queue, which keeps the one it has if left out
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Running")]
    pub(crate) lease: Option<u64>,
    /// With `--resume`: try trials again that came to no end
    #[arg(long, requires = "resume", help_heading = "Running")]
    pub(crate) retry_failed: bool,
    /// Have the trials carried out by `nosc worker`s, which find them on this NATS server: `nats://HOST:4222`, or
    /// `nats://HOST:4222/NAME` for a queue of its own. The result is the same
    #[arg(long, value_name = "URL", conflicts_with = "jobs", help_heading = "Running")]
    pub(crate) queue: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: CredentialArguments,
    /// Print JSON about the run at its end
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing while it searches
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BestArguments {
    /// Folder of the run
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// How many rules
    #[arg(short = 'n', long, default_value_t = 10, value_parser = count)]
    pub(crate) count: usize,
    /// Write each as a rule file into this folder, which is made
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) emit: Option<PathBuf>,
    /// Print a JSON list
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// Folder of the run; no search may be under way in it
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// How many rules, the best of the search
    #[arg(long, value_name = "RULES", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,
    /// Seeds, which the search has not used; the first chooses the learning rate
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) seeds: u16,
    /// Go on to longer training and larger children with those that hold
    #[arg(long)]
    pub(crate) funnel: bool,
    /// Passes over the training examples; as in the search if left out, in a funnel in its first round
    #[arg(long, conflicts_with = "steps", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) epochs: Option<u64>,
    /// Steps of each child
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) steps: Option<u64>,
    /// Take the best learning rate of the sweep, without a third of it and three times it
    #[arg(long)]
    pub(crate) coarse: bool,
    /// Children at once, each on one thread; one a core if left out. The result does not depend on it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) output: EvaluateOutput,
}

/// Where judged rules go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct EvaluateOutput {
    /// Write the results
    #[arg(short, long, value_name = "FILE.csv|FILE.json")]
    pub(crate) output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing while children train
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What a run is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A line a trial
    Csv,
    /// A JSON object a line
    Jsonl,
    /// For data frames
    Parquet,
    /// An event file, into a folder
    Tensorboard,
    /// A journal that Optuna loads
    Optuna,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Folder of the run
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub(crate) format: ExportFormat,
    /// Columns of a table, with commas; all if left out
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) columns: Vec<String>,
    /// The best first
    #[arg(long)]
    pub(crate) best_first: bool,
    /// Where to; standard output if left out, for `tensorboard` the folder `tensorboard` in that of the run
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Folder of the run
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// The page; `report.html` in the folder of the run if left out
    #[arg(short, long, value_name = "FILE.html")]
    pub(crate) output: Option<PathBuf>,
    /// How many of the best rules have a step of theirs timed
    #[arg(long, value_name = "RULES", default_value_t = 30)]
    pub(crate) timed: usize,
    /// Leave times of steps out: the same run makes the same page then
    #[arg(long)]
    pub(crate) no_times: bool,
}

/// Settings by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// The handwritten digits, the small space, less than a minute on two cores.
    Quick,
    /// Section 4.2 of the paper: CIFAR-10, the paper's space and controller.
    Paper,
}

/// Where a search ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Budget")]
pub(crate) struct LimitArguments {
    /// End when so many different rules are trained
    #[arg(long, value_name = "RULES")]
    pub(crate) budget: Option<u64>,
    /// End when so many strings are sampled, rules seen before among them
    #[arg(long, value_name = "STRINGS")]
    pub(crate) samples: Option<u64>,
    /// End after this time, such as 90s, 30m, 12h; children in training are trained to their end all the same
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
}

/// What is sampled, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArguments {
    /// What proposes strings; `ppo` if left out, with the preset quick `evolution`
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) sampler: Option<SamplerName>,
    /// Sets something of the sampler, such as `learning_rate`, or of the screening, such as `screen.most_left`; may be given
    /// several times
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = setting, allow_hyphen_values = true)]
    pub(crate) with: Vec<(String, String)>,
    /// Groups of five tokens in a string; what the space file says, or 2, if left out
    #[arg(short = 'n', long, value_parser = space::groups, value_name = "N")]
    pub(crate) groups: Option<RangeInclusive<usize>>,
    /// What the space file says, or `paper`, if left out; `none`, or names with commas: operands-differ, last-not-add, reuse, all-used
    #[arg(long, value_parser = space::constraints)]
    pub(crate) constraints: Option<Constraints>,
    /// Which rules are trained once: those equal in every bit, over the real numbers, or up to the size of steps; `real`
    /// if left out
    #[arg(long, value_name = "exact|real|scale", value_parser = level)]
    pub(crate) dedup: Option<Level>,
    /// Strings that are sampled together and learnt from together, the controller's batch; 5 if left out
    #[arg(long, value_name = "STRINGS")]
    pub(crate) update_every: Option<usize>,
    /// Rules in training, or waiting for it, before earlier ones are learnt from: some more than there are jobs, but the
    /// more, the older what is learnt; 8 if left out. With `--queue` about twice the jobs of all workers
    #[arg(long, value_name = "RULES")]
    pub(crate) ahead: Option<u64>,
    /// Most batches that are sampled before an earlier one is learnt from; 31 if left out, or as many as hold four
    /// times `--ahead`
    #[arg(long, value_name = "BATCHES")]
    pub(crate) lag: Option<u64>,
    /// What is done with rules that cannot train anything; `usual` if left out
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) screen: Option<ScreenName>,
    /// Standard rules to compare with; `none` for none, sgd, momentum, adam and rmsprop if left out
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    pub(crate) baselines: Vec<String>,
    /// How often a trial is begun whose worker dies or whose rule fails; 3 if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: Option<u32>,
    /// Children that train each rule for its reward, which is their mean: with one, as in the paper, chance decides
    /// between rules that are about as good; 1 if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: Option<u64>,
    /// Seed of all samples, and of the seeds of the children; 0 if left out
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// A sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SamplerName {
    /// The paper's recurrent controller, by policy gradients
    Ppo,
    /// Equally likely strings, none twice
    Random,
    /// Regularized evolution
    Evolution,
}

/// What is done with rules before they are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScreenName {
    /// Turn down those that cannot train anything
    Usual,
    /// The same, but those that climb are trained with the opposite sign
    Flip,
    /// Train all
    None,
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected 1 or more".to_owned())
}

fn level(text: &str) -> Result<Level, String> {
    text.parse().map_err(|_| "expected exact, real or scale".to_owned())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A whole number of seconds, minutes, hours or days.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write a number and s, m, h or d, such as 90s");
    let unit = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let found =
        unit.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = found.ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}
