//! The launches of a step on a GPU, whoever keeps the states: kernels by types, numbers, checks of gradients.

use nosc_kernels::cuda::{
    CudaError, CudaKernel, Device, DeviceTensor, GradientChecks, Launcher, Place, Row, Stream,
};
use nosc_kernels::scalars::StepScalars;
use nosc_kernels::{DecayKind, Edges, ElementType, GradientGuard, LoweredRule};

use crate::error::RuntimeError;
use crate::guard::NonFinite;
use crate::host::{Host, Progress};
use crate::options::StepOptions;

/// Types of the parameters and gradients of a tensor.
pub(crate) type Types = (ElementType, ElementType);

/// What a step does to gradients and updates besides the rule: with another one its kernels are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Treatment {
    guarded: bool,
    decay: DecayKind,
}

impl Treatment {
    pub(crate) fn of(options: &StepOptions) -> Treatment {
        let GradientGuard { scale, limit } = options.guard(None);
        let is_guard = scale as f32 != 1.0 || limit as f32 != f32::INFINITY;
        let guarded = options.clip_norm.is_some() || is_guard;
        Treatment { guarded, decay: options.weight_decay.kind() }
    }
}

/// Where the states of a step are.
#[derive(Debug)]
pub(crate) enum States<'s> {
    /// For each slot an array with the elements of all tensors, from their places on.
    BySlot(&'s mut [DeviceTensor]),
    /// For each tensor an array for each slot.
    ByTensor(&'s mut [DeviceTensor]),
}

/// The launches of a step, for tensors of some types.
#[derive(Debug)]
pub(crate) struct Formation {
    types: Vec<Types>,
    treatment: Treatment,
    groups: Vec<Group>,
}

/// A launch: the tensors of one pair of types.
#[derive(Debug)]
struct Group {
    lowered: LoweredRule,
    tensors: Vec<usize>,
    launcher: Launcher,
    scalars: StepScalars,
}

/// What a step has to know of the states.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// Values of all states before the first step, if this is it.
    pub(crate) starts: Option<Vec<f64>>,
    /// The states that are one number a rule, after it.
    pub(crate) uniform_states: Vec<f64>,
}

impl Formation {
    /// Compiles and allocates; `place` says where the tensor of a number stands, for this kernel.
    pub(crate) fn new(
        host: &Host,
        (device, stream): (&Device, &Stream),
        types: Vec<Types>,
        treatment: Treatment,
        place: impl Fn(usize, &CudaKernel) -> Result<Place, RuntimeError>,
    ) -> Result<Formation, RuntimeError> {
        let mut groups: Vec<(Edges, Vec<usize>)> = Vec::new();
        let (rounding, Treatment { guarded, decay }) = (host.settings.rounding, treatment);
        for (tensor, (parameter, gradient)) in types.iter().copied().enumerate() {
            let edges = Edges { parameter, gradient, rounding, guarded, weight_decay: decay };
            let edges = edges.normal();
            match groups.iter_mut().find(|(known, _)| *known == edges) {
                Some((_, tensors)) => tensors.push(tensor),
                None => groups.push((edges, vec![tensor])),
            }
        }
        let group = |(edges, tensors): (Edges, Vec<usize>)| -> Result<Group, RuntimeError> {
            let lowered = LoweredRule::with_edges(host.compiled.canonical().clone(), edges)?;
            let kernel = device.kernel(&lowered)?;
            let places = tensors.iter().map(|tensor| place(*tensor, &kernel));
            let places = places.collect::<Result<Vec<_>, _>>()?;
            let launcher = Launcher::new(&kernel, stream, places)?;
            Ok(Group { lowered, tensors, launcher, scalars: StepScalars::default() })
        };
        let groups = groups.into_iter().map(group).collect::<Result<Vec<_>, _>>()?;
        Ok(Formation { types, treatment, groups })
    }

    /// Whether it is for tensors of these types.
    pub(crate) fn is_for(&self, treatment: Treatment, types: impl Iterator<Item = Types>) -> bool {
        self.has(treatment) && types.eq(self.types.iter().copied())
    }

    pub(crate) fn has(&self, treatment: Treatment) -> bool {
        self.treatment == treatment
    }

    /// Puts the numbers of a step that have been worked out into the stream.
    pub(crate) fn put_arguments(
        &mut self,
        stream: &Stream,
        progress: &Progress,
    ) -> Result<(), CudaError> {
        for Group { launcher, scalars, .. } in &mut self.groups {
            let step = progress.step as u32;
            launcher.put_arguments(stream, &scalars.scalars, progress.seed, step)?;
        }
        Ok(())
    }

    /// Puts the launches of a step into the stream, and before them the norm if they clip by it; everything has been
    /// checked.
    pub(crate) fn launch(
        &mut self,
        stream: &Stream,
        parameters: &mut [DeviceTensor],
        gradients: &[DeviceTensor],
        states: States<'_>,
        norm: Option<&mut GradientChecks>,
    ) -> Result<(), CudaError> {
        if let Some(checks) = norm {
            let groups = self.groups.iter_mut();
            let mut launchers: Vec<&mut Launcher> =
                groups.map(|group| &mut group.launcher).collect();
            checks.clip(stream, gradients.iter(), &mut launchers)?;
        }
        let (by_slot, by_tensor): (&mut [DeviceTensor], &mut [DeviceTensor]) = match states {
            States::BySlot(arrays) => (arrays, &mut []),
            States::ByTensor(arrays) => (&mut [], arrays),
        };
        for Group { lowered, tensors, launcher, .. } in &mut self.groups {
            let mut members = tensors.iter().copied().peekable();
            let mut own = by_tensor.chunks_exact_mut(lowered.slots.len().max(1));
            let rows = parameters.iter_mut().zip(gradients).enumerate();
            let rows = rows.filter_map(|(tensor, (parameters, gradients))| {
                let states = own.next().unwrap_or_default();
                let row = Row { parameters, gradients, states };
                members.next_if_eq(&tensor).map(|_| row)
            });
            launcher.launch(stream, rows, by_slot)?;
        }
        Ok(())
    }

    /// Takes note that recorded launches go into the stream.
    pub(crate) fn note_replay(&mut self, clips: bool) {
        for group in &mut self.groups {
            group.launcher.note_replay(clips);
        }
    }
}

/// Works out the numbers of a step for some formations; nothing goes into a stream.
pub(crate) fn work_out<'f>(
    host: &Host,
    formations: impl Iterator<Item = &'f mut Formation>,
    options: &StepOptions,
) -> Result<Numbers, RuntimeError> {
    let starts = host.starts(options.learning_rate)?;
    let uniform = host.uniform_states(starts.as_deref());
    // With a norm the device finds the scale.
    let inputs = host.inputs(options, options.guard(None), &uniform);
    let mut after = None;
    for Group { lowered, scalars, .. } in formations.flat_map(|formation| &mut formation.groups) {
        lowered.scalars.step_into(&lowered.canonical, &inputs, scalars)?;
        after.get_or_insert_with(|| scalars.states.clone());
    }
    let uniform_states = if let Some(after) = after {
        after
    } else {
        // No tensor: the states that are one number a rule move all the same.
        let lowered = host.compiled.lowered();
        lowered.scalars.step(&lowered.canonical, &inputs)?.states
    };
    Ok(Numbers { starts, uniform_states })
}

/// Puts what a step clips the norm of its gradients by into the stream, if it does.
pub(crate) fn put_limits(
    checks: &mut GradientChecks,
    stream: &Stream,
    options: &StepOptions,
) -> Result<(), CudaError> {
    let Some(most) = options.clip_norm else { return Ok(()) };
    let sign = if options.maximize { -1.0 } else { 1.0 };
    checks.put_limits(stream, sign * options.loss_scale, most)
}

/// Looks for gradients that are not finite, and waits for that: whether the policy is to skip the step.
pub(crate) fn is_skipped(
    policy: NonFinite,
    checks: &mut GradientChecks,
    stream: &Stream,
    gradients: &[DeviceTensor],
) -> Result<bool, RuntimeError> {
    let Some((tensor, element)) = checks.first_non_finite(stream, gradients.iter())? else {
        return Ok(false);
    };
    if policy == NonFinite::Skip {
        return Ok(true);
    }
    let value = match gradients.get(tensor) {
        Some(gradient) => gradient.read(stream, element..element + 1)?.numbers().next(),
        None => None,
    };
    let value = value.unwrap_or(f64::NAN);
    Err(RuntimeError::NonFiniteGradient { tensor, element, value })
}

/// What a launch would check of its own tensors, before the first launch of several.
pub(crate) fn check_places<'t>(
    device: &Device,
    tensors: impl Iterator<Item = &'t DeviceTensor>,
) -> Result<(), CudaError> {
    let ordinal = device.ordinal();
    for tensor in tensors {
        let fault = if tensor.ordinal() != ordinal {
            format!("a tensor on cuda:{} for an optimizer on cuda:{ordinal}", tensor.ordinal())
        } else if !tensor.is_empty() && tensor.address() == 0 {
            format!("a tensor of {} elements at address 0", tensor.len())
        } else {
            continue;
        };
        return Err(CudaError::Call(fault));
    }
    Ok(())
}

/// The memory for looking at gradients, allocated when it is first needed.
pub(crate) fn checks<'c>(
    place: &'c mut Option<GradientChecks>,
    device: &Device,
    stream: &Stream,
    lengths: &[usize],
) -> Result<&'c mut GradientChecks, RuntimeError> {
    let made = match place.take() {
        Some(known) => known,
        None => GradientChecks::new(device, stream, lengths)?,
    };
    Ok(place.insert(made))
}
