//! The optimizer for whoever keeps the states: steps over arrays that the caller lends.

use nosc_kernels::floats::{Floats, FloatsMut};

use crate::compiled::CompiledRule;
use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::host::Host;
use crate::options::{Settings, StepOptions, StepOutcome};
use crate::states::Lent;
use crate::step::TensorPlace;

/// An update rule that keeps nothing from one step to the next but memory to work in: states, their step and
/// the lists of tensors come with each step, and may be others each time.
///
/// What a step computes is what an [`Optimizer`](crate::Optimizer) computes, to the same bits.
///
/// # Example
///
/// ```
/// use nosc_runtime::{
///     Backend, CompiledRule, Lists, Moment, Settings, StatelessOptimizer, StepOptions, TensorPlace, library,
/// };
///
/// let rule = library::rule("momentum").expect("a standard rule");
/// let compiled = CompiledRule::new(&rule, Backend::Auto)?;
/// let mut optimizer = StatelessOptimizer::new(compiled, Settings::default())?;
/// let (mut w, g, mut m) = ([1.0_f32, 2.0], [0.5_f32, 0.5], [0.0_f32; 2]);
/// let mut moment = Moment::default();
/// let lists = Lists {
///     parameters: &mut [(&mut w).into()],
///     gradients: &[(&g).into()],
///     states: &mut [&mut m],
///     places: &[TensorPlace::default()],
/// };
/// optimizer.step(lists, &mut moment, &StepOptions::new(0.1))?;
/// assert_eq!((w, m, moment.step), ([0.95, 1.95], [0.5, 0.5], 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StatelessOptimizer {
    engine: Engine,
}

/// The arrays of a step, in lists by tensor.
#[derive(Debug)]
pub struct Lists<'s, 'a> {
    /// `w`, updated in place.
    pub parameters: &'s mut [FloatsMut<'a>],
    /// `g`, of the same lengths.
    pub gradients: &'s [Floats<'a>],
    /// For each tensor one array for each slot that varies by element, in the order of
    /// [`CompiledRule::slots`]; of the same length as the tensor. They are set before step 0.
    pub states: &'s mut [&'a mut [f32]],
    /// Which tensors these are, and which parts of them.
    pub places: &'s [TensorPlace],
}

/// How far tensors are, and the states that are one number a rule; a step moves it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moment {
    /// Steps done.
    pub step: u64,
    /// States that are one number a rule, in the order of [`CompiledRule::slots`]. Before step 0 they are not
    /// read; after a step there is one for each.
    pub uniform_states: Vec<f64>,
}

impl StatelessOptimizer {
    /// Takes a rule and settings, of which [`Settings::first_tensor`] is not used.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] for a setting that the rule does not have or that is not finite.
    pub fn new(
        compiled: CompiledRule,
        settings: Settings,
    ) -> Result<StatelessOptimizer, RuntimeError> {
        Ok(StatelessOptimizer { engine: Engine::new(compiled, &[], settings)? })
    }

    /// Moves all tensors by one step, as [`Optimizer::step_with`](crate::Optimizer::step_with) does.
    ///
    /// # Errors
    ///
    /// As there, and [`RuntimeError::TensorCount`], [`RuntimeError::TensorLength`] or
    /// [`RuntimeError::UniformStates`] if the lists do not fit together. Nothing has changed then.
    pub fn step(
        &mut self,
        lists: Lists<'_, '_>,
        moment: &mut Moment,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        self.take_up(&lists, moment)?;
        let Lists { parameters, gradients, states, places } = lists;
        let slots = self.engine.host.compiled.lowered().slots.len();
        let mut lent = Lent { states, slots, tensors: parameters.len() };
        let engine = &mut self.engine;
        let outcome = engine.advance(parameters, gradients, &mut lent, Some(places), options)?;
        if outcome == StepOutcome::Done {
            moment.step = self.engine.host.progress.step;
            moment.uniform_states.clone_from(&self.engine.host.progress.uniform_states);
        }
        Ok(outcome)
    }

    /// What a step would do; nothing moves. Who takes several steps, one for each group of tensors, and wants all of
    /// them or none asks this of each first.
    ///
    /// # Errors
    ///
    /// Those of [`StatelessOptimizer::step`].
    pub fn check(
        &mut self,
        lists: &Lists<'_, '_>,
        moment: &Moment,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        self.take_up(lists, moment)?;
        self.engine.check(&*lists.parameters, lists.gradients, options)
    }

    /// The engine is for these lists, at this moment.
    fn take_up(&mut self, lists: &Lists<'_, '_>, moment: &Moment) -> Result<(), RuntimeError> {
        let Lists { parameters, gradients, states, places } = lists;
        let counts = Counts {
            parameters: parameters.len(),
            gradients: gradients.len(),
            states: states.len(),
            places: places.len(),
        };
        let length = |tensor: usize| parameters[tensor].len();
        let host = &self.engine.host;
        check_lists(host, counts, length, |state| states[state].len(), moment)?;
        self.engine.fit(parameters.iter().map(FloatsMut::len))?;
        let progress = &mut self.engine.host.progress;
        progress.step = moment.step;
        progress.uniform_states.clone_from(&moment.uniform_states);
        Ok(())
    }

    /// Values of the slots that vary by element before step 0, in their order.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Scalars`] if a needed total of steps is missing or a decay is out of range.
    pub fn first_values(&self, learning_rate: f64) -> Result<Vec<f32>, RuntimeError> {
        self.engine.host.first_slots(learning_rate)
    }

    /// Sets a hyper-parameter from the next step on.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if the rule has no such parameter or the value is not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), RuntimeError> {
        self.engine.host.set(name, value)?;
        self.engine.forget_scalars();
        Ok(())
    }

    /// Sets T from the next step on.
    pub fn set_total_steps(&mut self, total_steps: Option<u64>) {
        self.engine.host.total_steps = total_steps;
        self.engine.forget_scalars();
    }

    /// Sets the seed of all draws from the next step on.
    pub fn set_seed(&mut self, seed: u64) {
        self.engine.host.progress.seed = seed;
        self.engine.forget_scalars();
    }

    /// The Euclidean norm of all gradients, divided by the loss scale, at the last step that clipped by it.
    pub fn gradient_norm(&self) -> Option<f64> {
        self.engine.norm()
    }

    /// The compiled rule.
    pub fn compiled(&self) -> &CompiledRule {
        &self.engine.host.compiled
    }
}

/// Numbers of arrays in the lists of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) parameters: usize,
    pub(crate) gradients: usize,
    pub(crate) states: usize,
    pub(crate) places: usize,
}

/// Whether lists of a step fit together, wherever their arrays are, and the moment goes with the rule. Lengths are those
/// of parameters and of states, by number; those of gradients are left.
pub(crate) fn check_lists(
    host: &Host,
    counts: Counts,
    length: impl Fn(usize) -> usize,
    state_length: impl Fn(usize) -> usize,
    moment: &Moment,
) -> Result<(), RuntimeError> {
    let lowered = host.compiled.lowered();
    let (slots, tensors) = (lowered.slots.len(), counts.parameters);
    let count = |what, found: usize, expected: usize| {
        if found == expected {
            return Ok(());
        }
        Err(RuntimeError::TensorCount { what, found, expected })
    };
    count("gradients", counts.gradients, tensors)?;
    count("places", counts.places, tensors)?;
    count("states", counts.states, tensors * slots)?;
    host.check_count(tensors)?;
    for tensor in 0..tensors {
        let expected = length(tensor);
        let of_tensor = (tensor * slots..(tensor + 1) * slots).map(&state_length);
        if let Some(found) = of_tensor.into_iter().find(|found| *found != expected) {
            return Err(RuntimeError::TensorLength { what: "states", tensor, found, expected });
        }
    }
    let (expected, found) = (lowered.scalars.uniform_states().len(), moment.uniform_states.len());
    if moment.step > 0 && found != expected {
        return Err(RuntimeError::UniformStates { found, expected });
    }
    Ok(())
}
