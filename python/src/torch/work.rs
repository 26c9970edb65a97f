//! A step over memory that torch owns.

#![expect(unsafe_code, reason = "tensors of a step, seen as slices while it runs")]

#[cfg(feature = "cuda")]
use nosc_runtime::{CudaLists, Device, DeviceTensor};
use nosc_runtime::{
    Floats, FloatsMut, Lists, Moment, RuntimeError, StepOptions, StepOutcome, TensorPlace,
};
use pyo3::prelude::*;

#[cfg(feature = "cuda")]
use super::engine::Gpu;
use super::engine::{Engine, Numbers};
use crate::arrays::{Lent, Range, disjoint, number, ranges, set_number};
use crate::error::raise;

/// A tensor of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) parameters: Lent,
    pub(super) gradients: Lent,
    pub(super) place: TensorPlace,
    /// Where its step number is.
    pub(super) step: Lent,
}

/// The tensors of a step; their owners are held by whoever has this.
#[derive(Debug)]
pub(super) struct Tensors {
    pub(super) rows: Vec<Row>,
    /// By row: the states of its slots.
    pub(super) states: Vec<Lent>,
    /// By row: the states that are one number.
    pub(super) uniform: Vec<Lent>,
    slots: usize,
    width: usize,
}

impl Tensors {
    /// None yet, with so many states of both kinds for each.
    pub(super) fn with_capacity(count: usize, slots: usize, width: usize) -> Tensors {
        Tensors {
            rows: Vec::with_capacity(count),
            states: Vec::with_capacity(count * slots),
            uniform: Vec::with_capacity(count * width),
            slots,
            width,
        }
    }

    fn states(&self, row: usize) -> &[Lent] {
        &self.states[row * self.slots..(row + 1) * self.slots]
    }

    fn uniform(&self, row: usize) -> &[Lent] {
        &self.uniform[row * self.width..(row + 1) * self.width]
    }

    /// Whether nothing that is written is anything else; `known` are tensors of which that was found.
    fn are_disjoint(&self, known: &mut Vec<Range>) -> bool {
        let parameters = self.rows.iter().map(|row| row.parameters);
        let numbers = self.rows.iter().map(|row| row.step).chain(self.uniform.iter().copied());
        let written = parameters.chain(numbers).chain(self.states.iter().copied());
        let all = ranges(written, self.rows.iter().map(|row| row.gradients));
        if *known == all {
            return true;
        }
        let disjoint = disjoint(all.clone());
        *known = if disjoint { all } else { Vec::new() };
        disjoint
    }
}

/// All that a step needs.
#[derive(Debug)]
pub(super) struct Work {
    tensors: Tensors,
    buckets: Vec<Bucket>,
    numbers: Numbers,
    options: StepOptions,
}

/// Tensors that are at the same moment, on the same device.
#[derive(Debug)]
struct Bucket {
    moment: Moment,
    gpu: Option<usize>,
    rows: Vec<usize>,
}

impl Work {
    /// Puts tensors at the same moment together; `known` are ranges that were found to be disjoint.
    ///
    /// # Errors
    ///
    /// `StepError` if memory that is written belongs to two of them, or a step number is none.
    pub(super) fn new(
        py: Python<'_>,
        known: &mut Vec<Range>,
        tensors: Tensors,
        numbers: Numbers,
        options: StepOptions,
    ) -> PyResult<Work> {
        if !tensors.are_disjoint(known) {
            let message = "parameters, gradients and states share memory: a step writes to some of it and reads it too";
            return Err(raise(py, "StepError", message.to_owned()));
        }
        let mut buckets: Vec<Bucket> = Vec::new();
        for (index, row) in tensors.rows.iter().enumerate() {
            let step = number(row.step).and_then(whole);
            let no_step =
                || raise(py, "StepError", "the state `step` is no number of steps".to_owned());
            let step = step.ok_or_else(no_step)?;
            let of_row = tensors.uniform(index);
            let gpu = row.parameters.gpu();
            let fits = |bucket: &&mut Bucket| bucket.gpu == gpu && bucket.is_at(step, of_row);
            if let Some(bucket) = buckets.iter_mut().find(fits) {
                bucket.rows.push(index);
                continue;
            }
            let uniform_states = of_row.iter().filter_map(|lent| number(*lent)).collect();
            let moment = Moment { step, uniform_states };
            buckets.push(Bucket { moment, gpu, rows: vec![index] });
        }
        Ok(Work { tensors, buckets, numbers, options })
    }

    /// Whether it takes several steps, since its tensors are at different moments.
    pub(super) fn is_mixed(&self) -> bool {
        self.buckets.len() > 1
    }

    /// The GPUs that have some of the tensors.
    #[cfg(feature = "cuda")]
    pub(super) fn gpus(&self) -> impl Iterator<Item = usize> {
        self.buckets.iter().filter_map(|bucket| bucket.gpu)
    }

    /// Whether the step would happen; nothing moves.
    pub(super) fn check(&self, engine: &mut Engine) -> Result<StepOutcome, RuntimeError> {
        engine.take_up(&self.numbers)?;
        for bucket in &self.buckets {
            let done = self.carry_out(engine, bucket, None).map_err(|e| self.told(e, bucket))?;
            if done == StepOutcome::Skipped {
                return Ok(StepOutcome::Skipped);
            }
        }
        Ok(StepOutcome::Done)
    }

    /// The step, of all tensors or of none.
    pub(super) fn run(&self, engine: &mut Engine) -> Result<StepOutcome, RuntimeError> {
        engine.take_up(&self.numbers)?;
        if self.is_mixed() && self.check(engine)? == StepOutcome::Skipped {
            return Ok(StepOutcome::Skipped);
        }
        for bucket in &self.buckets {
            let mut moment = bucket.moment.clone();
            let done = self.carry_out(engine, bucket, Some(&mut moment));
            if done.map_err(|error| self.told(error, bucket))? == StepOutcome::Skipped {
                return Ok(StepOutcome::Skipped);
            }
            for row in &bucket.rows {
                set_number(self.tensors.rows[*row].step, moment.step as f64);
                for (lent, value) in self.tensors.uniform(*row).iter().zip(&moment.uniform_states) {
                    set_number(*lent, *value);
                }
            }
        }
        Ok(StepOutcome::Done)
    }

    /// The step of a bucket, which then is at the moment after it; without one, only whether it would happen.
    fn carry_out(
        &self,
        engine: &mut Engine,
        bucket: &Bucket,
        after: Option<&mut Moment>,
    ) -> Result<StepOutcome, RuntimeError> {
        match bucket.gpu {
            None => {
                let optimizer = &mut engine.optimizer;
                self.with_lists(bucket, |lists| match after {
                    Some(moment) => optimizer.step(lists, moment, &self.options),
                    None => optimizer.check(&lists, &bucket.moment, &self.options),
                })
            }
            #[cfg(feature = "cuda")]
            Some(gpu) => {
                let Gpu { optimizer, stream, device } = engine.gpu(gpu)?;
                self.with_device_lists(bucket, device, |lists| match after {
                    Some(moment) => optimizer.step(stream, lists, moment, &self.options),
                    None => optimizer.check(stream, &lists, &bucket.moment, &self.options),
                })
            }
            #[cfg(not(feature = "cuda"))]
            Some(_) => Err(RuntimeError::NoCuda),
        }
    }

    /// The error with the parameter's number among all of the optimizer, in the place of that in the bucket.
    fn told(&self, error: RuntimeError, bucket: &Bucket) -> RuntimeError {
        match error {
            RuntimeError::NonFiniteGradient { tensor, element, value } => {
                let row = bucket.rows.get(tensor).map(|row| &self.tensors.rows[*row]);
                let tensor = row.map_or(tensor, |row| row.place.id as usize);
                RuntimeError::NonFiniteGradient { tensor, element, value }
            }
            other => other,
        }
    }

    #[cfg(feature = "cuda")]
    fn with_device_lists<T>(
        &self,
        bucket: &Bucket,
        device: &Device,
        then: impl FnOnce(CudaLists<'_>) -> T,
    ) -> T {
        let rows = || bucket.rows.iter().map(|row| &self.tensors.rows[*row]);
        // SAFETY: the bucket is of tensors of this device. What goes into the stream comes before all that torch puts
        // there later, and only then torch gives memory of the tensors to others.
        let tensor = |lent: Lent| unsafe { lent.device_tensor(device) };
        let mut parameters: Vec<DeviceTensor> = rows().map(|row| tensor(row.parameters)).collect();
        let gradients: Vec<DeviceTensor> = rows().map(|row| tensor(row.gradients)).collect();
        let states = bucket.rows.iter().flat_map(|row| self.tensors.states(*row));
        let mut states: Vec<DeviceTensor> = states.map(|lent| tensor(*lent)).collect();
        let places: Vec<TensorPlace> = rows().map(|row| row.place).collect();
        let (parameters, states) = (&mut parameters[..], &mut states[..]);
        then(CudaLists { parameters, gradients: &gradients, states, places: &places })
    }

    fn with_lists<T>(&self, bucket: &Bucket, then: impl FnOnce(Lists<'_, '_>) -> T) -> T {
        let rows = || bucket.rows.iter().map(|row| &self.tensors.rows[*row]);
        // SAFETY: `Work::new` found that nothing that is written is anything else of this work, whose owner holds the
        // tensors. Between `prepare`, which looked where they are, and this nothing of a caller's runs that could give a
        // tensor other memory; that no other thread does or uses them is what the documentation of steps asks for.
        let of_row = |row: &Row| unsafe { row.parameters.floats_mut() };
        let mut parameters: Vec<FloatsMut<'_>> = rows().map(of_row).collect();
        // SAFETY: as above.
        let of_row = |row: &Row| unsafe { row.gradients.floats() };
        let gradients: Vec<Floats<'_>> = rows().map(of_row).collect();
        let states = bucket.rows.iter().flat_map(|row| self.tensors.states(*row));
        // SAFETY: as above.
        let of_slot = |lent: &Lent| match unsafe { lent.floats_mut() } {
            FloatsMut::F32(state) => state,
            _ => &mut [],
        };
        let mut states: Vec<&mut [f32]> = states.map(of_slot).collect();
        let places: Vec<TensorPlace> = rows().map(|row| row.place).collect();
        let (parameters, states) = (&mut parameters[..], &mut states[..]);
        then(Lists { parameters, gradients: &gradients, states, places: &places })
    }
}

impl Bucket {
    fn is_at(&self, step: u64, uniform: &[Lent]) -> bool {
        let Moment { step: own, uniform_states } = &self.moment;
        let bits = |lent: &Lent| number(*lent).map(f64::to_bits);
        *own == step
            && uniform_states.iter().zip(uniform).all(|(x, lent)| bits(lent) == Some(x.to_bits()))
    }
}

/// A number of steps: whole, and so small that one more is the next.
fn whole(step: f64) -> Option<u64> {
    (step >= 0.0 && step.fract() == 0.0 && step < 9e15).then_some(step as u64)
}
