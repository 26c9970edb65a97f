//! What can go wrong in making an optimizer, in a step and with a checkpoint.

use std::error::Error;
use std::path::PathBuf;

use nosc_kernels::LowerError;
use nosc_kernels::cpu::CpuError;
use nosc_kernels::kernel::CallError;
use nosc_kernels::scalars::ScalarError;

/// Why an optimizer was not made or a step did not happen. After any of these nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The rule is too large for a kernel.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The back end that was asked for does not take the rule.
    #[error("the back end does not compile the rule")]
    Compile(#[from] CpuError),
    /// A setting that the rule does not have.
    #[error("rule `{rule}` has no parameter `{name}`{}", listed(.known))]
    UnknownParameter {
        /// The rule.
        rule: String,
        /// The name as given.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// A parameter that is not finite.
    #[error("parameter `{name}` is {value}, expected a finite number")]
    ParameterValue {
        /// The parameter.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A learning rate below 0 or not finite.
    #[error("the learning rate is {0}, expected a finite number of at least 0")]
    LearningRate(f64),
    /// An option of a step out of its range.
    #[error("{option} is {value}, expected {expected}")]
    StepOption {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The numbers of tensors differ.
    #[error("{what}: {found} tensors, expected {expected}")]
    TensorCount {
        /// "parameters", "gradients", "states" or "places".
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many the optimizer was made for.
        expected: usize,
    },
    /// The length of a tensor differs.
    #[error("{what} of tensor {tensor}: {found} elements, expected {expected}")]
    TensorLength {
        /// "parameters", "gradients" or "states".
        what: &'static str,
        /// Number of the tensor.
        tensor: usize,
        /// Its length.
        found: usize,
        /// The length that the optimizer was made for.
        expected: usize,
    },
    /// States that are one number a rule are missing, or too many.
    #[error("{found} states that are one number a rule, expected {expected}")]
    UniformStates {
        /// How many were given.
        found: usize,
        /// How many the rule has.
        expected: usize,
    },
    /// A part of a tensor that starts where a GPU does not take parts.
    #[error(
        "tensor {tensor} is a part from element {first_element}: on a GPU a rule that draws, or rounding that is \
         stochastic, takes parts from a multiple of 4 on; cut there, or step on the processor"
    )]
    Part {
        /// Number of the tensor.
        tensor: usize,
        /// Index of its first element in the whole.
        first_element: u64,
    },
    /// A gradient is infinite or NaN, and the policy is to stop.
    #[error("gradient of tensor {tensor}, element {element} is {value}")]
    NonFiniteGradient {
        /// Number of the tensor.
        tensor: usize,
        /// Place of the first such element.
        element: usize,
        /// Its value.
        value: f64,
    },
    /// The step scalars do not exist for these settings.
    #[error(transparent)]
    Scalars(#[from] ScalarError),
    /// No memory for the state.
    #[error("no memory for {bytes} bytes of state")]
    Memory {
        /// How much was asked for.
        bytes: usize,
    },
    /// More tensors than a draw can name.
    #[error("{0} tensors, expected fewer than 4294967295")]
    TooManyTensors(usize),
    /// A number of threads out of range.
    #[error("{found} threads: expected 1 to {most}")]
    ThreadCount {
        /// The number.
        found: usize,
        /// The largest that is taken.
        most: usize,
    },
    /// The threads could not be started.
    #[error("the threads could not be started: {0}")]
    Threads(String),
    /// CUDA, or a device.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] nosc_kernels::cuda::CudaError),
    /// A program that was built without CUDA.
    #[error("this program was built without CUDA")]
    NoCuda,
    /// A step of a recording that does not go with what was recorded.
    #[error("{0}")]
    Recording(&'static str),
    /// A fault of nosc itself: a kernel refused a call that had been checked.
    #[error("a kernel refused a checked call; please report this")]
    Call(#[from] CallError),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "; it has none".to_owned();
    }
    format!("; it has {}", names.join(", "))
}

/// Why a checkpoint was not written or not taken. The optimizer, and a file that was there, are as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file could not be read or written.
    #[error("{action} `{}`", .path.display())]
    Io {
        /// "could not read" or "could not write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is larger than any checkpoint of these tensors.
    #[error("`{}` has more than {most} bytes, which no checkpoint of these tensors has", .path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// The limit.
        most: u64,
    },
    /// Not a checkpoint.
    #[error("not a nosc checkpoint: {0}")]
    Format(String),
    /// The checkpoint of another rule.
    #[error(
        "the checkpoint is of another rule: {} (key {found}), expected key {expected}",
        shortened(.found_text)
    )]
    OtherRule {
        /// Key in the file.
        found: String,
        /// Canonical text in the file.
        found_text: String,
        /// Key of the optimizer's rule.
        expected: String,
    },
    /// The tensors do not fit.
    #[error("tensor `{name}` {problem}")]
    Tensor {
        /// Name in the file.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// The states could not be copied from or to their device.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Device(#[from] nosc_kernels::cuda::CudaError),
    /// Another seed than the one asked for.
    #[error("the checkpoint has seed {found}, expected {expected}")]
    Seed {
        /// Seed in the file.
        found: u64,
        /// Seed of the settings.
        expected: u64,
    },
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// The rule of a file that may come from a stranger, as a message may hold it.
fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    let line = nosc_compiler::line::one_line(text);
    let short: String = line.chars().take(MOST).collect();
    let end = if short.len() < line.len() { "..." } else { "" };
    format!("{}{end}", nosc_compiler::plain::plain(&short))
}
