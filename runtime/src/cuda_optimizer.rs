//! The optimizer whose arrays are in the memory of a GPU.

use nosc_kernels::cuda::{
    CudaError, CudaKernel, Device, DeviceTensor, GradientChecks, Place, Stream,
};
use nosc_kernels::{ElementType, FloatVec};

use crate::compiled::CompiledRule;
use crate::cuda_launches::{
    Formation, States, Treatment, check_places, checks, is_skipped, put_limits, work_out,
};
use crate::error::RuntimeError;
use crate::guard::NonFinite;
use crate::host::Host;
use crate::options::{Settings, StepOptions, StepOutcome};

const UNPREPARED: RuntimeError = RuntimeError::Recording("`prepare` comes first");

/// Elements between which the states of tensors start: 256 bytes.
const ALIGNED: usize = 64;

/// An update rule with its state for a list of tensors on a GPU.
///
/// It does what [`Optimizer`](crate::Optimizer) does, to the same bits. A step puts its work into a stream and
/// returns: unless a method says that it waits, it does not. Work of other streams on the same tensors, or with
/// the same optimizer, has to be kept apart by whoever puts it there.
///
/// # Example
///
/// ```no_run
/// use nosc_runtime::{Backend, CompiledRule, CudaOptimizer, Device, DeviceTensor, Floats, Settings, library};
///
/// let rule = library::rule("lion").expect("a standard rule");
/// let stream = Device::open(0)?.new_stream()?;
/// let mut w = [DeviceTensor::from_host(&stream, Floats::F32(&[1.0, 2.0]))?];
/// let g = [DeviceTensor::from_host(&stream, Floats::F32(&[0.5, -0.5]))?];
/// let compiled = CompiledRule::new(&rule, Backend::Interpreter)?;
/// let mut optimizer = CudaOptimizer::new(compiled, &stream, &[2], Settings::default())?;
/// optimizer.step(&mut w, &g, 0.1)?; // in the stream; nothing waits
/// println!("{:?}", w[0].to_host(&stream)?); // waits
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Recorded steps
///
/// [`CudaOptimizer::prepare`] allocates and compiles what steps need, [`CudaOptimizer::record`] inside
/// [`Stream::capture`] records a step without its numbers, and [`CudaOptimizer::begin`] before each launch of
/// the graph brings those: step number, learning rate, hyper-parameters.
#[derive(Debug)]
pub struct CudaOptimizer {
    pub(crate) host: Host,
    device: Device,
    pub(crate) stream: Stream,
    /// An array for each slot, with the elements of all tensors.
    pub(crate) states: Vec<DeviceTensor>,
    /// Where tensors start in those.
    pub(crate) starts: Vec<usize>,
    /// Launchers of the steps so far, by types and options.
    formations: Vec<Known>,
    /// The one of the last step, and whether that clips by the norm.
    prepared: Option<(usize, bool)>,
    checks: Option<GradientChecks>,
    /// Whether a step has clipped by the norm.
    has_norm: bool,
}

/// The launches of steps with some types and options.
#[derive(Debug)]
struct Known {
    formation: Formation,
    /// Whether a step of it has been recorded that does not clip by the norm, and one that does.
    recorded: [bool; 2],
}

impl CudaOptimizer {
    /// Makes the state for tensors of the given numbers of elements, on the device of the stream, which is
    /// also the stream of its steps until [`CudaOptimizer::set_stream`].
    ///
    /// # Errors
    ///
    /// As [`Optimizer::new`](crate::Optimizer::new), and [`RuntimeError::Cuda`] if the device has no memory.
    pub fn new(
        compiled: CompiledRule,
        stream: &Stream,
        lengths: &[usize],
        settings: Settings,
    ) -> Result<CudaOptimizer, RuntimeError> {
        let host = Host::new(compiled, lengths, settings)?;
        let device = Device::open(stream.ordinal())?;
        let bytes = usize::MAX;
        let mut starts = Vec::with_capacity(lengths.len());
        let mut total = 0_usize;
        for length in lengths {
            starts.push(total);
            let padded = length.checked_next_multiple_of(ALIGNED);
            let end = padded.and_then(|padded| total.checked_add(padded));
            total = end.ok_or(RuntimeError::Memory { bytes })?;
        }
        let slots = host.compiled.lowered().slots.len();
        let states = (0..slots)
            .map(|_| DeviceTensor::zeros(stream, ElementType::F32, total))
            .collect::<Result<Vec<_>, _>>()?;
        // Steps may go into another stream.
        stream.synchronize()?;
        Ok(CudaOptimizer {
            host,
            device,
            stream: stream.clone(),
            states,
            starts,
            formations: Vec::new(),
            prepared: None,
            checks: None,
            has_norm: false,
        })
    }

    /// Moves all tensors by one step, as [`Optimizer::step`](crate::Optimizer::step) does. All are of f32.
    ///
    /// # Errors
    ///
    /// As [`CudaOptimizer::step_with`].
    pub fn step(
        &mut self,
        parameters: &mut [DeviceTensor],
        gradients: &[DeviceTensor],
        learning_rate: f64,
    ) -> Result<StepOutcome, RuntimeError> {
        self.step_with(parameters, gradients, &StepOptions::new(learning_rate))
    }

    /// Moves all tensors by one step, as [`Optimizer::step_with`](crate::Optimizer::step_with) does, to the same
    /// bits, any NaN standing for any other. The tensors are those that the optimizer was made for, of any mixture
    /// of types.
    ///
    /// Nothing waits for the device, unless gradients that are not finite are to be skipped or are an
    /// error: that has to be known before the step, so then it waits for the gradients. The first step of each
    /// mixture of types and options compiles and allocates.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step_with`](crate::Optimizer::step_with), and [`RuntimeError::Cuda`]. After an error neither
    /// parameters nor state have changed, unless the device has failed: a failure of work that was already put
    /// into the stream comes with a later call.
    pub fn step_with(
        &mut self,
        parameters: &mut [DeviceTensor],
        gradients: &[DeviceTensor],
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        let _current = self.stream.enter()?;
        if self.stream.is_capturing()? {
            let message = "a step brings its numbers, which a recording would keep for ever: use `record`, \
                           and call `begin` before each launch of the graph";
            return Err(RuntimeError::Recording(message));
        }
        self.prepare(parameters, gradients, options)?;
        if options.found_inf {
            self.host.progress.skipped += 1;
            return Ok(StepOutcome::Skipped);
        }
        if self.host.settings.non_finite != NonFinite::Propagate {
            let checks = checks(&mut self.checks, &self.device, &self.stream, &self.host.lengths)?;
            if is_skipped(self.host.settings.non_finite, checks, &self.stream, gradients)? {
                self.host.progress.skipped += 1;
                return Ok(StepOutcome::Skipped);
            }
        }
        let Some((place, _)) = self.prepared else { return Err(UNPREPARED) };
        let uniform_states = self.put_numbers(&[place], options)?;
        self.put_launches(parameters, gradients)?;
        self.advance(uniform_states);
        Ok(StepOutcome::Done)
    }

    /// Compiles and allocates what steps with such tensors and options need: nothing of it happens in a step then.
    /// Of the options it only matters which are there.
    ///
    /// # Errors
    ///
    /// As [`CudaOptimizer::step_with`].
    pub fn prepare(
        &mut self,
        parameters: &[DeviceTensor],
        gradients: &[DeviceTensor],
        options: &StepOptions,
    ) -> Result<(), RuntimeError> {
        self.check_shapes(parameters, gradients)?;
        check_places(&self.device, parameters.iter().chain(gradients))?;
        options.check()?;
        let treatment = Treatment::of(options);
        let types = || {
            let pairs = parameters.iter().zip(gradients);
            pairs.map(|(w, g)| (w.element_type(), g.element_type()))
        };
        let clips = options.clip_norm.is_some();
        let is_it = |known: &Known| known.formation.is_for(treatment, types());
        let place = if let Some(known) = self.formations.iter().position(is_it) {
            known
        } else {
            let place = |tensor: usize, _: &CudaKernel| {
                Ok(Place {
                    length: self.host.lengths[tensor],
                    id: tensor as u32 + self.host.settings.first_tensor,
                    first_element: 0,
                    state: self.starts[tensor],
                })
            };
            let on = (&self.device, &self.stream);
            let formation = Formation::new(&self.host, on, types().collect(), treatment, place)?;
            self.formations.push(Known { formation, recorded: [false; 2] });
            self.formations.len() - 1
        };
        if clips {
            checks(&mut self.checks, &self.device, &self.stream, &self.host.lengths)?;
        }
        self.prepared = Some((place, clips));
        Ok(())
    }

    /// Begins a step that has been recorded: puts its numbers into the stream, to be followed by the graph. The step
    /// counts as done.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Recording`] if no step with such options was recorded, while the stream is being recorded, or
    /// with a policy that has to look at the gradients first; else as [`CudaOptimizer::step_with`].
    pub fn begin(&mut self, options: &StepOptions) -> Result<(), RuntimeError> {
        options.check()?;
        let refuse = |message| Err(RuntimeError::Recording(message));
        if self.host.settings.non_finite != NonFinite::Propagate || options.found_inf {
            return refuse("a recorded step cannot be skipped: use the policy `propagate`");
        }
        if self.stream.is_capturing()? {
            return refuse(
                "`begin` brings the numbers of a step: call it before the graph is launched",
            );
        }
        let _current = self.stream.enter()?;
        let (treatment, clips) = (Treatment::of(options), options.clip_norm.is_some());
        // Whichever of them the graph is.
        let is_it =
            |known: &Known| known.formation.has(treatment) && known.recorded[usize::from(clips)];
        let places: Vec<usize> =
            (0..self.formations.len()).filter(|place| is_it(&self.formations[*place])).collect();
        if places.is_empty() {
            return refuse(
                "no step was recorded with such options: call `prepare` and record again",
            );
        }
        let uniform_states = self.put_numbers(&places, options)?;
        for place in places {
            self.formations[place].formation.note_replay(clips);
        }
        if let (true, Some(checks)) = (clips, &mut self.checks) {
            checks.note_replay();
            self.has_norm = true;
        }
        self.advance(uniform_states);
        Ok(())
    }

    /// Records the launches of a step, with the numbers that [`CudaOptimizer::begin`] brings: within
    /// [`Stream::capture`] of the optimizer's stream. Parameters, gradients and the optimizer have to stay while a
    /// graph of it is launched.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Recording`] if the step is not prepared for such tensors or the stream is not being recorded,
    /// [`RuntimeError::Cuda`].
    pub fn record(
        &mut self,
        parameters: &mut [DeviceTensor],
        gradients: &[DeviceTensor],
    ) -> Result<(), RuntimeError> {
        let (place, clips) = self.prepared.ok_or(UNPREPARED)?;
        if !self.stream.is_capturing()? {
            let message = "`record` is for recordings of the optimizer's own stream, which is not being \
                           recorded: `step_with` moves tensors at once";
            return Err(RuntimeError::Recording(message));
        }
        self.check_shapes(parameters, gradients)?;
        self.put_launches(parameters, gradients)?;
        self.formations[place].recorded[usize::from(clips)] = true;
        Ok(())
    }

    fn check_shapes(
        &self,
        parameters: &[DeviceTensor],
        gradients: &[DeviceTensor],
    ) -> Result<(), RuntimeError> {
        for (what, tensors) in [("parameters", parameters), ("gradients", gradients)] {
            self.host.check_shapes(what, tensors.len(), |tensor| tensors[tensor].len())?;
        }
        Ok(())
    }

    /// Puts the launches of a step into the stream; everything has been checked.
    fn put_launches(
        &mut self,
        parameters: &mut [DeviceTensor],
        gradients: &[DeviceTensor],
    ) -> Result<(), RuntimeError> {
        let (place, clips) = self.prepared.ok_or(UNPREPARED)?;
        let _current = self.stream.enter()?;
        let norm = if clips { self.checks.as_mut() } else { None };
        let has_norm = norm.is_some();
        let states = States::BySlot(&mut self.states);
        let formation = &mut self.formations[place].formation;
        formation.launch(&self.stream, parameters, gradients, states, norm)?;
        self.has_norm |= has_norm;
        Ok(())
    }

    /// Works out the numbers of a step and puts them into the stream, for the formations at these places. Returns the
    /// uniform states after it.
    fn put_numbers(
        &mut self,
        places: &[usize],
        options: &StepOptions,
    ) -> Result<Vec<f64>, RuntimeError> {
        let formations = self.formations.iter_mut().enumerate();
        let formations = formations.filter(|(place, _)| places.contains(place));
        let formations = formations.map(|(_, known)| &mut known.formation);
        let numbers = work_out(&self.host, formations, options)?;
        if let Some(starts) = numbers.starts {
            self.fill(&starts)?;
        }
        for place in places {
            let formation = &mut self.formations[*place].formation;
            formation.put_arguments(&self.stream, &self.host.progress)?;
        }
        if let Some(checks) = &mut self.checks {
            put_limits(checks, &self.stream, options)?;
        }
        Ok(numbers.uniform_states)
    }

    /// The first values of the states.
    fn fill(&mut self, starts: &[f64]) -> Result<(), RuntimeError> {
        for (array, state) in self.states.iter_mut().zip(&self.host.compiled.lowered().slots) {
            let length = array.len();
            array.fill(&self.stream, starts[state.index()] as f32, 0, length)?;
        }
        Ok(())
    }

    fn advance(&mut self, uniform_states: Vec<f64>) {
        self.host.progress.uniform_states = uniform_states;
        self.host.progress.step = self.host.progress.step.saturating_add(1);
    }

    /// Steps done, or put into the stream.
    pub fn steps(&self) -> u64 {
        self.host.progress.step
    }

    /// Steps skipped because a gradient was not finite.
    pub fn skipped(&self) -> u64 {
        self.host.progress.skipped
    }

    /// The Euclidean norm of all gradients, divided by the loss scale, at the last step that clipped by it. Waits for
    /// the stream.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Cuda`], also for work before that failed.
    pub fn gradient_norm(&self) -> Result<Option<f64>, RuntimeError> {
        match &self.checks {
            Some(checks) if self.has_norm => Ok(Some(checks.norm(&self.stream)?)),
            _ => Ok(None),
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

    /// The stream that steps go into.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Has the next steps go into another stream of the same device, after what this optimizer has put into the one
    /// before. Neither may be in a recording.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Cuda`] for a stream of another device, [`RuntimeError::Recording`] within one.
    pub fn set_stream(&mut self, stream: &Stream) -> Result<(), RuntimeError> {
        if self.stream.is_same(stream) {
            return Ok(());
        }
        if stream.ordinal() != self.device.ordinal() {
            let message = format!(
                "a stream of cuda:{} for an optimizer on cuda:{}",
                stream.ordinal(),
                self.device.ordinal()
            );
            return Err(CudaError::Call(message).into());
        }
        if stream.is_capturing()? || self.stream.is_capturing()? {
            let message = "the stream of an optimizer cannot change within a recording";
            return Err(RuntimeError::Recording(message));
        }
        // Tables and numbers of earlier steps are read until those are done.
        stream.wait_for(&self.stream)?;
        self.stream = stream.clone();
        Ok(())
    }

    /// A copy of a state array: slot number as in [`CompiledRule::slots`], then tensor number. Waits for the stream.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Cuda`], also for work before that failed.
    pub fn state(&self, slot: usize, tensor: usize) -> Result<Option<Vec<f32>>, RuntimeError> {
        let places = (self.states.get(slot), self.starts.get(tensor));
        let (Some(array), Some(start)) = places else { return Ok(None) };
        let end = start + self.host.lengths[tensor];
        match array.read(&self.stream, *start..end)? {
            FloatVec::F32(values) => Ok(Some(values)),
            _ => Ok(None),
        }
    }

    /// Sets a hyper-parameter from the next step on.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if the rule has no such parameter or the value is not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), RuntimeError> {
        self.host.set(name, value)
    }
}
