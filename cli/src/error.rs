//! Why a command failed, and the exit code that says so.

use std::io::ErrorKind;
use std::path::PathBuf;

use nosc_controller::learning_rate::LearningRateError;
use nosc_controller::plot::PlotError;
#[cfg(feature = "search")]
use nosc_controller::search::{ledger::LedgerError, run::RunError};
use nosc_controller::task::TaskError;
use nosc_kernels::LowerError;
use nosc_kernels::cpu::CpuError;
use nosc_runtime::{CheckpointError, RuntimeError};

use crate::bench::BenchError;
use crate::output::message;
use crate::system::{meant, reason};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Arguments that clap lets through but that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The last word on problems that have been shown already.
    #[error("{0}")]
    Problems(String),
    /// Problems that have been shown and counted already.
    #[error("")]
    Shown,
    /// A file that could not be read.
    #[error("could not read `{}`: {}", .path.display(), reason(.source))]
    Read { path: PathBuf, source: std::io::Error },
    /// A file that could not be written.
    #[error("could not write `{}`: {}", .path.display(), reason(.source))]
    Write { path: PathBuf, source: std::io::Error },
    /// A stepwise decay that cannot be read.
    #[error("`--schedule`: {0}")]
    Schedule(Box<LearningRateError>),
    /// A rule, or a child of it, that could not go on.
    #[error("{name}: {source}")]
    Rule { name: String, source: TaskError },
    /// Ctrl-C.
    #[error("interrupted; what was done is above")]
    Interrupted,
    /// Something that this program was built without.
    #[cfg(all(feature = "search", not(all(feature = "parquet", feature = "nats"))))]
    #[error("{0}")]
    Absent(String),
    /// A queue on a server that cannot be used.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Queue(#[from] nosc_controller::search::queue::nats::NatsError),
    /// No server to measure.
    #[cfg(feature = "nats")]
    #[error("no `nats-server` could be started: {0}")]
    NoServer(String),
    /// Ctrl-C in a worker.
    #[cfg(feature = "nats")]
    #[error("stopped; what was not done is with the queue")]
    Stopped,
    /// Ctrl-C in a search.
    #[cfg(feature = "search")]
    #[error("stopped; `nosc search --resume {}{}` goes on from here", .folder.display(), if *.is_elsewhere { " --queue URL" } else { "" })]
    Paused {
        folder: PathBuf,
        /// Whether its trials are on a server.
        is_elsewhere: bool,
    },
    /// Ctrl-C where what is complete is kept.
    #[cfg(feature = "search")]
    #[error("stopped; rules that are complete are kept: the same command goes on from here")]
    Kept,
    /// Rules of a run that cannot be judged again.
    #[cfg(feature = "search")]
    #[error(transparent)]
    Evaluation(#[from] nosc_controller::search::evaluation::EvaluationError),
    /// A run that cannot be begun, taken up or read.
    #[cfg(feature = "search")]
    #[error(transparent)]
    Run(#[from] RunError),
    /// Ctrl-C, before there was anything to show.
    #[error("interrupted in the sweep of learning rates; no rule is judged yet")]
    InterruptedEarly,
    /// Standard output is gone.
    #[error("could not write to standard output: {}", reason(.0))]
    Output(std::io::Error),
    /// No rule of that name.
    #[error("{0}")]
    NoSuchRule(String),
    /// An array file that does not fit.
    #[error("`{}`: {problem}", .path.display())]
    Array { path: PathBuf, problem: String },
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A step that was refused, after others.
    #[error("step {step}: {source}")]
    Step { step: usize, source: RuntimeError },
    #[error("`{}`: {source}", .path.display())]
    Checkpoint { path: PathBuf, source: CheckpointError },
    #[error(transparent)]
    Lower(#[from] LowerError),
    #[error(transparent)]
    Cpu(#[from] CpuError),
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] nosc_kernels::cuda::CudaError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Plot(#[from] PlotError),
    #[error(transparent)]
    Bench(#[from] BenchError),
}

impl CliError {
    /// 1 for wrong input, 2 for wrong usage, 3 if the machine lacks something, 130 for Ctrl-C.
    pub(crate) fn exit_code(&self) -> u8 {
        #[cfg(feature = "cuda")]
        if let Some(error) = self.cuda() {
            return if error.is_missing_hardware() { 3 } else { 1 };
        }
        match self {
            CliError::Usage(_) => 2,
            CliError::Interrupted | CliError::InterruptedEarly => crate::interrupt::EXIT_CODE,
            #[cfg(feature = "search")]
            CliError::Paused { .. } | CliError::Kept => crate::interrupt::EXIT_CODE,
            #[cfg(all(feature = "search", not(all(feature = "parquet", feature = "nats"))))]
            CliError::Absent(_) => 3,
            #[cfg(feature = "nats")]
            CliError::Queue(error) => of_queue(error),
            #[cfg(feature = "nats")]
            CliError::NoServer(_) => 3,
            #[cfg(feature = "nats")]
            CliError::Stopped => crate::interrupt::EXIT_CODE,
            #[cfg(feature = "search")]
            CliError::Run(RunError::Settings(_)) => 2,
            CliError::Cpu(error) => of_cpu(error),
            CliError::Bench(BenchError::Array { .. } | BenchError::Pool(_)) => 3,
            _ => match self.runtime() {
                Some(RuntimeError::Compile(error)) => of_cpu(error),
                Some(
                    RuntimeError::Memory { .. } | RuntimeError::Threads(_) | RuntimeError::NoCuda,
                ) => 3,
                _ => 1,
            },
        }
    }

    /// A failure of the runtime's, wherever it came up.
    fn runtime(&self) -> Option<&RuntimeError> {
        match self {
            CliError::Runtime(error) | CliError::Step { source: error, .. } => Some(error),
            CliError::Task(task) | CliError::Rule { source: task, .. } => match task {
                TaskError::Optimizer(error) | TaskError::Step { source: error, .. } => {
                    error.downcast_ref()
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A failure of CUDA's, wherever it came up.
    #[cfg(feature = "cuda")]
    fn cuda(&self) -> Option<&nosc_kernels::cuda::CudaError> {
        match self {
            CliError::Cuda(error)
            | CliError::Checkpoint { source: CheckpointError::Device(error), .. } => Some(error),
            _ => match self.runtime()? {
                RuntimeError::Cuda(error) => Some(error),
                _ => None,
            },
        }
    }

    /// Whether whoever read our output has seen enough.
    pub(crate) fn is_closed_output(&self) -> bool {
        matches!(self, CliError::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }

    /// The way out, where the message does not name it already.
    pub(crate) fn help(&self) -> Option<String> {
        use nosc_kernels::scalars::ScalarError;
        #[cfg(feature = "cuda")]
        if let Some(error) = self.cuda() {
            return error.help().map(str::to_owned);
        }
        let text = match self {
            CliError::Read { path, source } if source.kind() == ErrorKind::NotFound => {
                return meant(path);
            }
            CliError::Runtime(error) | CliError::Step { source: error, .. } => match error {
                RuntimeError::Scalars(ScalarError::TotalSteps) => "add `--total-steps T`",
                RuntimeError::NonFiniteGradient { .. } => {
                    "use `--non-finite skip` to leave such steps out, or `propagate` to let them pass"
                }
                RuntimeError::LearningRate(_) => {
                    "an update is subtracted: a positive learning rate goes down"
                }
                RuntimeError::Compile(_) => "use `--backend interpreter`",
                _ => return None,
            },
            #[cfg(feature = "search")]
            CliError::Run(RunError::Ledger(LedgerError::NoFolder { folder })) => {
                return meant(folder);
            }
            CliError::Task(TaskError::UnknownTask { name })
                if nosc_runtime::library::rule(name).is_some() =>
            {
                "the task comes first and rules after `--rules`: `nosc train digits --rules sgd`"
            }
            CliError::Checkpoint { source: CheckpointError::Format(_), .. } => {
                "give a file that `--state` wrote, or the name of a new one to begin from nothing"
            }
            CliError::Cpu(CpuError::NotInThisBuild { .. }) => {
                "build nosc with it: `cargo install --path cli --features cross`"
            }
            CliError::Checkpoint { source: CheckpointError::OtherRule { .. }, .. } => {
                "give the rule that the file was saved with, or another file"
            }
            CliError::Checkpoint { source: CheckpointError::Seed { .. }, .. } => {
                "leave `--seed` out to go on with the seed of the file"
            }
            CliError::Checkpoint { source: CheckpointError::Tensor { .. }, .. } => {
                "give the parameters that the file was saved with"
            }
            #[cfg(feature = "nats")]
            CliError::NoServer(_) => {
                "install it, name the program by `NOSC_NATS_SERVER`, or give a server that runs by `--server nats://HOST:4222`"
            }
            CliError::Bench(error) => error.help()?,
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Says it on standard error, with its causes and the way out.
    pub(crate) fn tell(&self) {
        message(&format!("error: {self}"));
        for cause in self.causes() {
            message(&format!("  because: {cause}"));
        }
        if let Some(help) = self.help() {
            message(&format!("  help: {help}"));
        }
    }

    /// The chain of causes that the message does not contain.
    fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(self);
        let mut last = self.to_string();
        while let Some(cause) = source {
            let text = cause.downcast_ref().map_or_else(|| cause.to_string(), reason);
            if !last.contains(&text) {
                causes.push(text.clone());
            }
            last = text;
            source = cause.source();
        }
        causes
    }
}

/// The exit code of a queue that cannot be used.
#[cfg(feature = "nats")]
fn of_queue(error: &nosc_controller::search::queue::nats::NatsError) -> u8 {
    use nosc_controller::search::queue::nats::NatsError;
    match error {
        NatsError::Address { .. } => 2,
        NatsError::Connect { .. } | NatsError::NoJetStream { .. } | NatsError::Start { .. } => 3,
        _ => 1,
    }
}

/// The exit code of a failure to compile for the processor.
fn of_cpu(error: &CpuError) -> u8 {
    match error {
        CpuError::Host(_)
        | CpuError::NotInThisBuild { .. }
        | CpuError::ExecutableMemory(_)
        | CpuError::Thread(_) => 3,
        _ => 1,
    }
}
