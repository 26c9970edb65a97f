//! The optimizer on a GPU for whoever keeps the states: steps over tensors of device memory that the caller lends.

use nosc_kernels::ElementType;
use nosc_kernels::cuda::{
    CudaError, CudaKernel, Device, DeviceTensor, GradientChecks, Place, Stream,
};

use crate::compiled::CompiledRule;
use crate::cuda_launches::{
    Formation, Numbers, States, Treatment, check_places, checks, is_skipped, put_limits, work_out,
};
use crate::engine::outcome;
use crate::error::RuntimeError;
use crate::guard::NonFinite;
use crate::host::Host;
use crate::options::{Settings, StepOptions, StepOutcome};
use crate::stateless::{Counts, Moment, check_lists};
use crate::step::TensorPlace;

/// Lists of tensors for which memory is kept, those of other types and options counted too.
const KEPT: usize = 8;

/// An update rule on a GPU that keeps nothing from one step to the next but memory to work in: it is to
/// [`CudaOptimizer`](crate::CudaOptimizer) what [`StatelessOptimizer`](crate::StatelessOptimizer) is to
/// [`Optimizer`](crate::Optimizer), and computes the same bits, any NaN standing for any other.
///
/// A step puts its work into a stream and returns: unless a method says that it waits, it does not. The stream may be
/// another one at each step, and whoever calls then lets it wait for the one before, as for any other
/// work on the same tensors.
///
/// Tables of the last few lists of tensors are kept on the device. A step with other lengths, places, element types or
/// kinds of options makes new ones and may free old ones, for both of which it waits.
///
/// # Example
///
/// ```no_run
/// use nosc_runtime::{
///     Backend, CompiledRule, CudaLists, CudaStatelessOptimizer, Device, DeviceTensor, ElementType, Floats, Moment,
///     Settings, StepOptions, TensorPlace, library,
/// };
///
/// let rule = library::rule("momentum").expect("a standard rule");
/// let device = Device::open(0)?;
/// let compiled = CompiledRule::new(&rule, Backend::Interpreter)?;
/// let mut optimizer = CudaStatelessOptimizer::new(compiled, &device, Settings::default())?;
/// let stream = device.new_stream()?;
/// let mut w = [DeviceTensor::from_host(&stream, Floats::F32(&[1.0, 2.0]))?];
/// let g = [DeviceTensor::from_host(&stream, Floats::F32(&[0.5, 0.5]))?];
/// let mut m = [DeviceTensor::zeros(&stream, ElementType::F32, 2)?];
/// let mut moment = Moment::default();
/// let places = [TensorPlace::default()];
/// let lists =
///     CudaLists { parameters: &mut w, gradients: &g, states: &mut m, places: &places };
/// optimizer.step(&stream, lists, &mut moment, &StepOptions::new(0.1))?; // in the stream; nothing waits
/// println!("{:?}", w[0].to_host(&stream)?); // waits
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CudaStatelessOptimizer {
    host: Host,
    device: Device,
    /// The one of the last step at the end.
    kept: Vec<Kept>,
    /// How many were made.
    made: u64,
    /// The one that has the norm of the last step that clipped by it.
    norm_in: Option<u64>,
}

/// Memory on the device for steps of some tensors.
#[derive(Debug)]
struct Kept {
    number: u64,
    lengths: Vec<usize>,
    places: Vec<TensorPlace>,
    formation: Formation,
    checks: Option<GradientChecks>,
}

/// The tensors of a step on a GPU, in lists.
#[derive(Debug)]
pub struct CudaLists<'s> {
    /// `w`, updated in place.
    pub parameters: &'s mut [DeviceTensor],
    /// `g`, of the same lengths.
    pub gradients: &'s [DeviceTensor],
    /// For each parameter tensor one of f32 for each slot that varies by element, in the order of
    /// [`CompiledRule::slots`], with the length of the parameters. They are set before step 0.
    pub states: &'s mut [DeviceTensor],
    /// Which tensors these are, and which parts of them. A part of which each element draws has to start at a
    /// multiple of 4.
    pub places: &'s [TensorPlace],
}

impl CudaStatelessOptimizer {
    /// Takes a rule and settings, of which [`Settings::first_tensor`] and [`Settings::threads`] are not used.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] for a setting that the rule does not have or that is not finite.
    pub fn new(
        compiled: CompiledRule,
        device: &Device,
        settings: Settings,
    ) -> Result<CudaStatelessOptimizer, RuntimeError> {
        let host = Host::new(compiled, &[], settings)?;
        let device = device.clone();
        Ok(CudaStatelessOptimizer { host, device, kept: Vec::new(), made: 0, norm_in: None })
    }

    /// Puts a step of all tensors into the stream, as [`CudaOptimizer::step_with`](crate::CudaOptimizer::step_with)
    /// does. The moment is then that after the step.
    ///
    /// Nothing waits for the device, unless gradients that are not finite are to be skipped or are an error, or
    /// the lists are new. Nothing of the host is read after this returns.
    ///
    /// # Errors
    ///
    /// As [`StatelessOptimizer::step`](crate::StatelessOptimizer::step), [`RuntimeError::Part`],
    /// [`RuntimeError::Recording`] if the stream is being recorded, and [`RuntimeError::Cuda`]. Nothing has changed
    /// then, unless the device has failed: a failure of work that was already put into the stream comes with a
    /// later call. States before step 0 may be anything.
    pub fn step(
        &mut self,
        stream: &Stream,
        lists: CudaLists<'_>,
        moment: &mut Moment,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        let _current = stream.enter()?;
        let Some(Numbers { starts, uniform_states }) =
            self.prepare(stream, &lists, moment, options)?
        else {
            return Ok(StepOutcome::Skipped);
        };
        let CudaLists { parameters, gradients, states, .. } = lists;
        if let Some(starts) = starts {
            let slots = self.host.compiled.lowered().slots.iter();
            let values = slots.map(|state| starts[state.index()] as f32).cycle();
            for (state, value) in states.iter_mut().zip(values) {
                let length = state.len();
                state.fill(stream, value, 0, length)?;
            }
        }
        if let Some(Kept { number, formation, checks, .. }) = self.kept.last_mut() {
            formation.put_arguments(stream, &self.host.progress)?;
            let mut norm = checks.as_mut().filter(|_| options.clip_norm.is_some());
            if let Some(checks) = &mut norm {
                put_limits(checks, stream, options)?;
            }
            formation.launch(stream, parameters, gradients, States::ByTensor(states), norm)?;
            if options.clip_norm.is_some() {
                self.norm_in = Some(*number);
            }
        }
        moment.step = moment.step.saturating_add(1);
        moment.uniform_states = uniform_states;
        Ok(StepOutcome::Done)
    }

    /// What a step would do; nothing moves. Who takes several steps, one for each group of tensors, and
    /// wants all of them or none asks this of each first. It compiles and allocates what the step needs, and waits where
    /// the step would.
    ///
    /// # Errors
    ///
    /// Those of [`CudaStatelessOptimizer::step`].
    pub fn check(
        &mut self,
        stream: &Stream,
        lists: &CudaLists<'_>,
        moment: &Moment,
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        let _current = stream.enter()?;
        Ok(outcome(self.prepare(stream, lists, moment, options)?.as_ref()))
    }

    /// All that may be refused of a step; `None` if it is to be skipped. What it needs on the device is then the last
    /// that is kept.
    fn prepare(
        &mut self,
        stream: &Stream,
        lists: &CudaLists<'_>,
        moment: &Moment,
        options: &StepOptions,
    ) -> Result<Option<Numbers>, RuntimeError> {
        self.take_up(stream, lists, moment)?;
        options.check()?;
        if options.found_inf {
            return Ok(None);
        }
        self.keep(stream, lists, options)?;
        let Some(Kept { lengths, formation, checks: own, .. }) = self.kept.last_mut() else {
            return Ok(None);
        };
        let policy = self.host.settings.non_finite;
        if policy != NonFinite::Propagate || options.clip_norm.is_some() {
            let checks = checks(own, &self.device, stream, lengths)?;
            if policy != NonFinite::Propagate
                && is_skipped(policy, checks, stream, lists.gradients)?
            {
                return Ok(None);
            }
        }
        work_out(&self.host, std::iter::once(formation), options).map(Some)
    }

    /// The host's part is for these lists, at this moment.
    fn take_up(
        &mut self,
        stream: &Stream,
        lists: &CudaLists<'_>,
        moment: &Moment,
    ) -> Result<(), RuntimeError> {
        let (found, ordinal) = (stream.ordinal(), self.device.ordinal());
        if found != ordinal {
            let message = format!("a stream of cuda:{found} for an optimizer on cuda:{ordinal}");
            return Err(CudaError::Call(message).into());
        }
        if stream.is_capturing()? {
            let message = "a step brings its numbers, which a recording would keep for ever: take it outside of the \
                           recording, or record the steps of a `CudaOptimizer`";
            return Err(RuntimeError::Recording(message));
        }
        let CudaLists { parameters, gradients, states, places } = lists;
        let counts = Counts {
            parameters: parameters.len(),
            gradients: gradients.len(),
            states: states.len(),
            places: places.len(),
        };
        let length = |tensor: usize| parameters[tensor].len();
        check_lists(&self.host, counts, length, |state| states[state].len(), moment)?;
        self.host.lengths.clear();
        self.host.lengths.extend(parameters.iter().map(DeviceTensor::len));
        self.host.check_shapes("gradients", gradients.len(), |tensor| gradients[tensor].len())?;
        check_places(&self.device, parameters.iter().chain(*gradients).chain(states.iter()))?;
        if let Some(state) = states.iter().find(|state| state.element_type() != ElementType::F32) {
            let message = format!("states of {}, expected f32", state.element_type());
            return Err(CudaError::Call(message).into());
        }
        self.host.progress.step = moment.step;
        self.host.progress.uniform_states.clone_from(&moment.uniform_states);
        Ok(())
    }

    /// Puts what is kept for these lists at the end, made if it is not there.
    fn keep(
        &mut self,
        stream: &Stream,
        lists: &CudaLists<'_>,
        options: &StepOptions,
    ) -> Result<(), RuntimeError> {
        let (lengths, treatment) = (&self.host.lengths, Treatment::of(options));
        let types = || {
            let pairs = lists.parameters.iter().zip(lists.gradients);
            pairs.map(|(w, g)| (w.element_type(), g.element_type()))
        };
        let is_it = |kept: &Kept| {
            let same = kept.lengths == *lengths && kept.places == lists.places;
            same && kept.formation.is_for(treatment, types())
        };
        // Mostly it is the one of the step before.
        if let Some(at) = self.kept.iter().rposition(is_it) {
            if at + 1 < self.kept.len() {
                let known = self.kept.remove(at);
                self.kept.push(known);
            }
            return Ok(());
        }
        let place = |tensor: usize, kernel: &CudaKernel| {
            let TensorPlace { id, first_element } = lists.places[tensor];
            // Where nothing is drawn a part may start anywhere.
            let first_element = if kernel.draws_by_element() { first_element } else { 0 };
            if !first_element.is_multiple_of(4) {
                return Err(RuntimeError::Part { tensor, first_element });
            }
            Ok(Place { length: lengths[tensor], id, first_element, state: 0 })
        };
        let types = types().collect();
        let on = (&self.device, stream);
        let formation = Formation::new(&self.host, on, types, treatment, place)?;
        // Its memory is freed when all work that uses it has happened: the driver waits.
        if self.kept.len() >= KEPT
            && let Some(oldest) =
                self.kept.iter().position(|kept| Some(kept.number) != self.norm_in)
        {
            self.kept.remove(oldest);
        }
        let (lengths, places) = (lengths.clone(), lists.places.to_vec());
        self.kept.push(Kept { number: self.made, lengths, places, formation, checks: None });
        self.made += 1;
        Ok(())
    }

    /// Values of the slots that vary by element before step 0, in their order.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Scalars`] if a needed total of steps is missing or a decay is out of range.
    pub fn first_values(&self, learning_rate: f64) -> Result<Vec<f32>, RuntimeError> {
        self.host.first_slots(learning_rate)
    }

    /// Sets a hyper-parameter from the next step on.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if the rule has no such parameter or the value is not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), RuntimeError> {
        self.host.set(name, value)
    }

    /// Sets T from the next step on.
    pub fn set_total_steps(&mut self, total_steps: Option<u64>) {
        self.host.total_steps = total_steps;
    }

    /// Sets the seed of all draws from the next step on.
    pub fn set_seed(&mut self, seed: u64) {
        self.host.progress.seed = seed;
    }

    /// The Euclidean norm of all gradients, divided by the loss scale, at the last step that clipped by it. Waits for
    /// the stream, which is that step's or one that waits for it.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Cuda`], also for work before that failed.
    pub fn gradient_norm(&self, stream: &Stream) -> Result<Option<f64>, RuntimeError> {
        let kept = self.kept.iter().find(|kept| Some(kept.number) == self.norm_in);
        match kept.and_then(|kept| kept.checks.as_ref()) {
            Some(checks) => Ok(Some(checks.norm(stream)?)),
            None => Ok(None),
        }
    }

    /// The compiled rule.
    pub fn compiled(&self) -> &CompiledRule {
        &self.host.compiled
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
