//! A child that learns from examples: any [`Model`], one loop.
//!
//! Choices: an order of the examples shuffled anew each epoch by the seed, the last batch of an epoch
//! being smaller. All parameters are one tensor, so a step is one call of a kernel. The curve has a
//! point before the first step, after each epoch and at the end: loss and accuracy on the validation
//! examples, in evaluation mode. The test examples are looked at once, when training is done.

use super::contract::{Budget, Description, Probe, Task, TaskError};
use super::training::{Halt, PAPER_LEARNING_RATES, Progress, Training};
use crate::child::{Child, ChildError, Model, Part};
use crate::dataset::SplitSizes;
use crate::outcome::Trained;
use crate::stepper::MakeStepper;

/// The paper's sweep: one pass over 10,000 examples.
pub(crate) const PROBE: Probe = Probe { examples: 10_000, epochs: 1 };
/// Steps after which a child above its start is given up: half of the paper's sweep.
const PATIENCE: u64 = 50;

/// What is said of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Name of the task on the command line.
    pub task: &'static str,
    /// Name of the child on the command line.
    pub child: &'static str,
    /// Title of a plot.
    pub title: String,
    /// What is trained on what, and where it comes from.
    pub summary: String,
    /// [`Description::data_digest`].
    pub digest: String,
}

/// A task on examples.
#[derive(Debug)]
pub struct Supervised {
    words: Words,
    model: Box<dyn Model>,
    parameters: usize,
    batch_size: usize,
    epochs: u64,
    clip_norm: Option<f64>,
    probe: Option<Probe>,
}

/// A child with its parameters and gradients.
struct Pupil<'a> {
    child: Box<dyn Child + 'a>,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
}

impl Supervised {
    /// A task of children of `model`, which takes batches of `batch_size`, at least 1; without another
    /// wish a child trains for `epochs`.
    pub fn new(words: Words, model: Box<dyn Model>, batch_size: usize, epochs: u64) -> Self {
        let parameters = model.initial_parameters(0).len();
        let batch_size = batch_size.max(1);
        let probe = Some(PROBE);
        Self { words, model, parameters, batch_size, epochs, clip_norm: None, probe }
    }

    /// The same, with gradients clipped to this norm unless somebody asks for another.
    #[must_use]
    pub fn with_clip_norm(mut self, norm: f64) -> Self {
        self.clip_norm = Some(norm);
        self
    }

    /// The same, with sweeps whose children train to the end: where that costs nothing.
    #[must_use]
    pub fn with_full_sweep(mut self) -> Self {
        self.probe = None;
        self
    }

    fn steps_of(&self, examples: usize) -> u64 {
        examples.min(self.model.examples(Part::Train)).div_ceil(self.batch_size) as u64
    }
}

fn step(
    pupil: &mut Pupil<'_>,
    training: &mut Training<'_, '_>,
    batch: &[usize],
) -> Result<(), Halt> {
    let Pupil { child, parameters, gradients } = pupil;
    training.batch_loss(child.differentiate(parameters, batch, gradients).map_err(failed)?)?;
    training.step(&mut [parameters], &[gradients])
}

fn record(pupil: &mut Pupil<'_>, training: &mut Training<'_, '_>) -> Result<(), Halt> {
    let score = pupil.child.evaluate(&pupil.parameters, Part::Validation).map_err(failed)?;
    training.record(score.loss, Some(score.accuracy()))
}

fn failed(error: ChildError) -> Halt {
    Halt::Failed(error.into())
}

impl Task for Supervised {
    fn name(&self) -> &'static str {
        self.words.task
    }

    fn description(&self) -> Description {
        let [train, validation, test] =
            [Part::Train, Part::Validation, Part::Test].map(|part| self.model.examples(part));
        Description {
            title: self.words.title.clone(),
            summary: self.words.summary.clone(),
            loss: "validation loss (mean cross-entropy, nats)",
            child: Some(self.words.child),
            parameters: self.parameters,
            batch_size: self.batch_size,
            examples: Some(SplitSizes { train, validation, test }),
            data_digest: Some(self.words.digest.clone()),
            path: self.model.path(),
        }
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps_of(usize::MAX)
    }

    fn steps_of_probe(&self, probe: &Probe) -> u64 {
        probe.epochs.saturating_mul(self.steps_of(probe.examples))
    }

    fn default_steps(&self) -> u64 {
        self.epochs.saturating_mul(self.steps_per_epoch())
    }

    fn default_learning_rates(&self) -> Vec<f64> {
        PAPER_LEARNING_RATES.to_vec()
    }

    fn default_probe(&self) -> Option<Probe> {
        self.probe
    }

    fn default_clip_norm(&self) -> Option<f64> {
        self.clip_norm
    }

    fn default_patience(&self) -> Option<u64> {
        Some(PATIENCE)
    }

    fn train(
        &self,
        maker: &dyn MakeStepper,
        budget: &Budget,
        progress: &mut Progress<'_>,
    ) -> Result<Trained, TaskError> {
        let parameters = self.model.initial_parameters(budget.seed);
        let gradients = vec![0.0; parameters.len()];
        let mut pupil = Pupil { child: self.model.child(), parameters, gradients };
        let lengths = [pupil.parameters.len()];
        let mut training =
            Training::begin(maker, budget, &lengths, progress)?.with_path(self.model.path());
        let all = self.model.examples(Part::Train);
        let examples = budget.examples.map_or(all, |examples| examples.min(all));
        let result = training.epochs(&mut pupil, (examples, self.batch_size), step, record);
        training.finish(result, || {
            let score = pupil.child.evaluate(&pupil.parameters, Part::Test)?;
            Ok((score.count > 0).then(|| score.accuracy()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{Supervised, Words};
    use crate::child::net::ConvNetModel;
    use crate::child::softmax::SoftmaxModel;
    use crate::dataset::shapes::Shapes;
    use crate::dataset::{SplitSizes, digits};
    use crate::outcome::{DivergenceReason, End, Outcome, Stage};
    use crate::stepper::fake::{Ascent, Momentum};
    use crate::task::{Budget, Event, Task};

    fn words() -> Words {
        let text = String::new();
        let (title, summary, digest) = (text.clone(), text.clone(), text);
        Words { task: "digits", child: "convnet", title, summary, digest }
    }

    fn convnet() -> Supervised {
        let model = ConvNetModel::new(digits::load().unwrap().normalized(), 100, None).unwrap();
        Supervised::new(words(), Box::new(model), 100, 5)
    }

    fn softmax() -> Supervised {
        let model = SoftmaxModel::new(digits::load().unwrap(), 100).unwrap();
        Supervised::new(words(), Box::new(model), 100, 20)
    }

    fn train(task: &dyn Task, budget: &Budget) -> Outcome {
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        task.train(&Momentum(0.9), budget, &mut progress).unwrap().outcome
    }

    #[test]
    fn the_digits_are_learned_in_an_epoch_or_two() {
        let task = convnet();
        assert_eq!(task.description().parameters, 10_922);
        assert_eq!((task.steps_per_epoch(), task.default_steps()), (13, 65));
        let budget = Budget::new(0.05, 26, 0);
        let outcome = train(&task, &budget);
        assert_eq!(outcome.end, End::Finished);
        assert_eq!(outcome.curve.len(), 3);
        assert!(outcome.curve[0].training_loss.is_none());
        let [first, second] = [1, 2].map(|index| outcome.curve[index].training_loss.unwrap());
        assert!(second < first, "{outcome:?}");
        assert!(outcome.validation_accuracy.unwrap() > 0.9, "{outcome:?}");
        assert!(outcome.test_accuracy.unwrap() > 0.85, "{outcome:?}");
        assert_eq!(outcome, train(&task, &budget));
        let other = Budget { steps: 3, seed: 1, ..budget };
        assert_ne!(outcome.curve, train(&task, &other).curve);
    }

    #[test]
    fn softmax_regression_classifies_nine_in_ten() {
        let task = softmax();
        let outcome = train(&task, &Budget::new(0.1, task.default_steps(), 0));
        assert_eq!((outcome.end, outcome.steps, outcome.curve.len()), (End::Finished, 260, 21));
        assert!((outcome.curve[0].loss - libm::log(10.0)).abs() < 1e-12);
        assert_eq!(outcome.curve[0].validation_accuracy, Some(0.1));
        assert!(outcome.validation_accuracy.unwrap() > 0.93, "{:?}", outcome.validation_accuracy);
        assert!(outcome.test_accuracy.unwrap() > 0.93, "{:?}", outcome.test_accuracy);
        assert_eq!(outcome.path, None);
    }

    #[test]
    fn a_sweep_is_short_and_never_tested() {
        let task = softmax();
        let probe = task.default_probe().unwrap();
        assert_eq!((probe.examples, task.steps_of_probe(&probe)), (10_000, 13));
        let budget = Budget { stage: Stage::Sweep, examples: Some(150), ..Budget::new(0.1, 3, 0) };
        let mut seen = Vec::new();
        let mut progress = |event: Event<'_>| {
            if let Event::Step { step, loss } = event {
                seen.push((step, loss.is_some()));
            }
            ControlFlow::Continue(())
        };
        let trained = task.train(&Momentum(0.9), &budget, &mut progress).unwrap();
        let steps: Vec<u64> = trained.outcome.curve.iter().map(|point| point.step).collect();
        assert_eq!(steps, [2, 3]);
        assert_eq!(trained.outcome.test_accuracy, None);
        assert_eq!(trained.cost.examples, 250);
        assert_eq!(seen, [(1, true), (2, true), (3, true)]);
    }

    #[test]
    fn a_child_that_only_rises_is_given_up() {
        let task = softmax();
        let budget = Budget { patience: Some(13), ..Budget::new(0.1, 260, 0) };
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        let outcome = task.train(&Ascent, &budget, &mut progress).unwrap().outcome;
        let divergence = outcome.divergence().unwrap();
        assert!(matches!(divergence.reason, DivergenceReason::Rising { .. }), "{divergence}");
        assert!((22..40).contains(&divergence.step), "{divergence}");
        assert_eq!((outcome.validation_accuracy, outcome.test_accuracy), (None, None));
        assert_eq!(outcome.curve.last().map(|point| point.step), Some(divergence.step / 13 * 13));
    }

    #[test]
    fn drawn_images_are_learned_and_a_wild_rate_is_given_up() {
        let sizes = SplitSizes { train: 600, validation: 200, test: 100 };
        let shapes = Shapes { side: 16, classes: 3, difficulty: 0.1, sizes };
        let data = shapes.generate().unwrap().normalized();
        let model = ConvNetModel::new(data, 100, None).unwrap();
        let task = Supervised::new(words(), Box::new(model), 100, 4);
        let outcome = train(&task, &Budget::new(0.02, 24, 0));
        assert!(outcome.validation_accuracy.unwrap() > 0.5, "{outcome:?}");
        let wild = train(&task, &Budget::new(1e30, 24, 0));
        assert!(matches!(wild.end, End::Diverged(_)), "{wild:?}");
    }
}
