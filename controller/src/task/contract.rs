//! The trait that every task implements, and what passes through it.

use std::any::Any;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::training::Progress;
use crate::child::ChildError;
use crate::child::net::Path;
use crate::dataset::SplitSizes;
use crate::dataset::cifar10::CifarError;
use crate::dataset::digits::DigitsError;
use crate::dataset::shapes::ShapesError;
use crate::dataset::text::novel::NovelError;
use crate::outcome::{Stage, Trained};
use crate::stepper::{MakeStepper, StepperError};

/// Something to train, on which a rule shows how good it is.
///
/// A task makes its child anew, and equally, for a seed: data order and initial parameters are
/// functions of it. It holds nothing that training changes, so children can train in parallel.
pub trait Task: Debug + Send + Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;

    /// What the task is, for people and for the record of a trial.
    fn description(&self) -> Description;

    /// Steps that see the training data once: batches in an epoch.
    fn steps_per_epoch(&self) -> u64;

    /// Steps of a child when nobody asks for another number.
    fn default_steps(&self) -> u64;

    /// Learning rates of a sweep when nobody asks for others, in rising order.
    fn default_learning_rates(&self) -> Vec<f64>;

    /// Steps of a child of a sweep.
    fn steps_of_probe(&self, probe: &Probe) -> u64 {
        probe.epochs.saturating_mul(self.steps_per_epoch())
    }

    /// The short children of a sweep, when nobody asks for others; none if a sweep trains each
    /// learning rate to the end.
    fn default_probe(&self) -> Option<Probe> {
        None
    }

    /// The norm that gradients are clipped to, when nobody asks for another; none for no clipping.
    fn default_clip_norm(&self) -> Option<f64> {
        None
    }

    /// Steps after which a child is given up whose loss is above its start, when nobody asks for
    /// another number.
    fn default_patience(&self) -> Option<u64>;

    /// Trains one child. `progress` sees every step and every point of the curve and may stop the
    /// child.
    ///
    /// # Errors
    ///
    /// [`TaskError`] if the budget is not usable or the optimizer fails. A child that diverges is
    /// not an error but an outcome.
    fn train(
        &self,
        maker: &dyn MakeStepper,
        budget: &Budget,
        progress: &mut Progress<'_>,
    ) -> Result<Trained, TaskError>;
}

/// How far a child of a sweep trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The first so many training examples.
    pub examples: usize,
    /// Passes over them.
    pub epochs: u64,
}

/// What one child may use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Budget {
    /// `lr` of the language. Positive and finite.
    pub learning_rate: f64,
    /// Steps to do, `T` of the language; 0 evaluates the initial child.
    pub steps: u64,
    /// Seed of data order, initial parameters and the rule's noise.
    pub seed: u64,
    /// What the child is for.
    pub stage: Stage,
    /// Train on the first so many training examples only, where the task has any.
    pub examples: Option<usize>,
    /// Give the child up if after so many steps its loss is above that of the start: the mean of 10
    /// later batches, by a tenth. None if only numbers that are not finite end it.
    pub patience: Option<u64>,
}

impl Budget {
    /// A child that trains to its end whatever its loss, on all examples.
    pub fn new(learning_rate: f64, steps: u64, seed: u64) -> Self {
        Self { learning_rate, steps, seed, stage: Stage::Training, examples: None, patience: None }
    }
}

/// What a task is, in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Title of a plot.
    pub title: String,
    /// What is trained on what, and where it comes from, in a few sentences.
    pub summary: String,
    /// What the loss is, with its unit: label of an axis.
    pub loss: &'static str,
    /// The net that is trained, where there is a choice.
    pub child: Option<&'static str>,
    /// Number of parameters of a child.
    pub parameters: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// Numbers of examples, where the task has any.
    pub examples: Option<SplitSizes>,
    /// Names the data: [`ImageData::digest`](crate::dataset::ImageData::digest), 64 hexadecimal
    /// digits.
    pub data_digest: Option<String>,
    /// The kernels that compute a child, where there is a choice: its bits depend on them.
    #[serde(skip)]
    pub path: Option<Path>,
}

/// The known name that another one most likely means, else all of them.
fn meant(name: &str, known: &[&str], all: &str) -> String {
    match nosc_compiler::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{all} {}", known.join(", ")),
    }
}

/// Why a child could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// No task has this name.
    #[error("unknown task `{name}`; {}", meant(.name, &super::NAMES, "the tasks are"))]
    UnknownTask {
        /// The name as given.
        name: String,
    },
    /// No child has this name.
    #[error("unknown child `{name}`; {}", meant(.name, &super::CHILDREN, "the children are"))]
    UnknownChild {
        /// The name as given.
        name: String,
    },
    /// A child without a choice of kernels was given one.
    #[error("the child {child} has no `--path`: there is one way to compute it")]
    Path {
        /// The child.
        child: &'static str,
    },
    /// The noise is not a standard deviation.
    #[error("noise of {noise} is not a standard deviation; expected 0 or more")]
    Noise {
        /// The noise as given.
        noise: f64,
    },
    /// The learning rate is not a positive number.
    #[error("learning rate {value} is not a positive, finite number")]
    LearningRate {
        /// The learning rate as given.
        value: f64,
    },
    /// A sweep without learning rates.
    #[error("a sweep needs at least one learning rate")]
    NoLearningRates,
    /// A protocol without seeds.
    #[error("a protocol needs at least one seed")]
    NoSeeds,
    /// The data are not what they should be.
    #[error("the digits cannot be used")]
    Digits(#[from] DigitsError),
    /// The text is not what it should be.
    #[error("the text cannot be used")]
    Text(#[from] NovelError),
    /// The settings of drawn images are out of their range.
    #[error(transparent)]
    Shapes(#[from] ShapesError),
    /// The files of CIFAR-10 cannot be used.
    #[error(transparent)]
    Cifar(#[from] CifarError),
    /// A task that needs files was given none.
    #[error("the task cifar10 needs its files: add `--data DIR`")]
    NoData,
    /// An option that the task does not have.
    #[error("`{task}` takes no `--{option}`: it is an option of {tasks}")]
    Option {
        /// The option.
        option: &'static str,
        /// The task.
        task: String,
        /// Those that have it.
        tasks: String,
    },
    /// The child does not take data of these sizes.
    #[error(transparent)]
    Net(#[from] ChildError),
    /// The optimizer cannot be made for this child.
    #[error("no optimizer for this task")]
    Optimizer(#[source] StepperError),
    /// A fault of ours, kept from taking the other children with it.
    #[error("a child panicked: {message}; please report it")]
    Panic {
        /// What was said of it.
        message: String,
    },
    /// The optimizer refused a step.
    #[error("step {step} failed")]
    Step {
        /// Steps done before it.
        step: u64,
        /// What the optimizer says.
        #[source]
        source: StepperError,
    },
}

impl TaskError {
    /// A panic with what it carries.
    pub(crate) fn panic(carried: &(dyn Any + Send)) -> Self {
        let text = carried.downcast_ref::<&str>().copied();
        let text = text.or_else(|| carried.downcast_ref::<String>().map(String::as_str));
        Self::Panic { message: text.unwrap_or("without a message").to_owned() }
    }
}
