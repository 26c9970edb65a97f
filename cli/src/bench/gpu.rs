//! Steps on a GPU in turns with copies of as many bytes on it.

use std::time::{Duration, Instant};

use nosc_compiler::Rule;
use nosc_kernels::cuda::{CudaError, CudaKernel, Device, DeviceTensor, Origin, Stream};
use nosc_runtime::{Backend, CompiledRule, CudaOptimizer, ElementType, FloatVec, Settings};

use super::rounds::{LEARNING_RATE, TOTAL_STEPS, median};
use crate::error::CliError;

/// What is timed at once lasts about this long.
const SAMPLE: Duration = Duration::from_millis(20);
/// Steps before the first that is timed.
const WARM_UP: usize = 3;

/// What is asked for, checked.
pub(super) struct Plan {
    pub(super) ordinal: usize,
    pub(super) sizes: Vec<usize>,
    pub(super) types: Vec<ElementType>,
    pub(super) tensors: Vec<usize>,
    pub(super) rounds: usize,
}

/// What was measured of one rule, size, type and number of tensors.
pub(super) struct Row {
    pub(super) rule: String,
    pub(super) n: usize,
    pub(super) element_type: ElementType,
    pub(super) tensors: usize,
    /// Medians, in microseconds.
    pub(super) step_us: f64,
    /// Of a copy of as many bytes.
    pub(super) copy_us: f64,
    /// Until a step has been put into the stream.
    pub(super) host_us: f64,
    /// From a plan to a kernel on the device.
    pub(super) load_ms: f64,
    pub(super) is_compiled: bool,
    pub(super) bytes: u64,
    pub(super) rounds: usize,
}

impl Row {
    /// Bytes read and written a nanosecond.
    pub(super) fn gigabytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.step_us / 1e3
    }

    /// Time of a copy over the time of the step.
    pub(super) fn share_of_copy(&self) -> f64 {
        self.copy_us / self.step_us
    }
}

/// Measures every rule at every size, with every type and number of tensors.
pub(super) fn run(rules: &[Rule], plan: &Plan) -> Result<(Device, Vec<Row>), CliError> {
    let device = Device::open(plan.ordinal)?;
    let stream = device.new_stream()?;
    let mut rows = Vec::new();
    for rule in rules {
        for n in &plan.sizes {
            for element_type in &plan.types {
                for tensors in &plan.tensors {
                    let subject = (rule, *n, *element_type, *tensors);
                    rows.push(measure(&device, &stream, subject, plan.rounds)?);
                }
            }
        }
    }
    Ok((device, rows))
}

fn measure(
    device: &Device,
    stream: &Stream,
    (rule, n, element_type, tensors): (&Rule, usize, ElementType, usize),
    rounds: usize,
) -> Result<Row, CliError> {
    let compiled = CompiledRule::new(rule, Backend::Interpreter)?;
    check_memory(device, needed(&compiled, n, element_type))?;
    let start = Instant::now();
    let kernel = CudaKernel::load(device, compiled.lowered())?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let is_compiled = kernel.origin() == Origin::Compiled;
    let slots = compiled.lowered().slots.len() as u64;
    // As many in each tensor, and the rest in the first ones.
    let lengths: Vec<usize> =
        (0..tensors).map(|tensor| n / tensors + usize::from(tensor < n % tensors)).collect();
    let settings = Settings { total_steps: Some(TOTAL_STEPS), ..Settings::default() };
    let mut optimizer = CudaOptimizer::new(compiled, stream, &lengths, settings)?;
    let mut parameters = arrays(stream, element_type, &lengths, 0.5)?;
    let gradients = arrays(stream, element_type, &lengths, 1e-3)?;
    let bytes = n as u64 * (3 * element_type.bytes() as u64 + 8 * slots);
    let half = (bytes / 8).max(1) as usize;
    let from = DeviceTensor::zeros(stream, ElementType::F32, half)?;
    let mut to = DeviceTensor::zeros(stream, ElementType::F32, half)?;
    let mut host_us = Vec::new();
    let mut step = |count: usize| -> Result<f64, CliError> {
        timed(stream, count, &mut host_us, || {
            optimizer.step(&mut parameters, &gradients, LEARNING_RATE)?;
            Ok(())
        })
    };
    let mut copy = |count: usize| -> Result<f64, CliError> {
        timed(stream, count, &mut Vec::new(), || Ok(to.copy_from(stream, &from)?))
    };
    let count = |us: f64| ((SAMPLE.as_secs_f64() * 1e6 / us) as usize).clamp(1, 10_000);
    let step_count = count({
        step(WARM_UP)?;
        step(WARM_UP)?
    });
    let copy_count = count({
        copy(WARM_UP)?;
        copy(WARM_UP)?
    });
    let (mut step_us, mut copy_us) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        step_us.push(step(step_count)?);
        copy_us.push(copy(copy_count)?);
    }
    host_us.drain(..2);
    Ok(Row {
        rule: rule.name.clone(),
        n,
        element_type,
        tensors,
        step_us: median(&mut step_us),
        copy_us: median(&mut copy_us),
        host_us: median(&mut host_us),
        load_ms,
        is_compiled,
        bytes,
        rounds,
    })
}

/// Bytes of parameters, gradients and states, and as many that are copied as a step moves.
fn needed(compiled: &CompiledRule, n: usize, element_type: ElementType) -> u128 {
    let (size, slots) = (element_type.bytes() as u128, compiled.lowered().slots.len() as u128);
    n as u128 * (2 * size + 4 * slots + 3 * size + 8 * slots)
}

/// The host makes arrays too: it is not to try what the device does not hold.
fn check_memory(device: &Device, needed: u128) -> Result<(), CudaError> {
    let (free, _) = device.memory()?;
    if needed > free as u128 {
        let bytes = usize::try_from(needed).unwrap_or(usize::MAX);
        return Err(CudaError::Memory { ordinal: device.ordinal(), bytes });
    }
    Ok(())
}

/// Microseconds that work takes each time, on the device; those on the host are noted.
fn timed(
    stream: &Stream,
    count: usize,
    host_us: &mut Vec<f64>,
    mut work: impl FnMut() -> Result<(), CliError>,
) -> Result<f64, CliError> {
    stream.synchronize()?;
    let each = |start: Instant| start.elapsed().as_secs_f64() * 1e6 / count as f64;
    let start = Instant::now();
    for _ in 0..count {
        work()?;
    }
    host_us.push(each(start));
    stream.synchronize()?;
    Ok(each(start))
}

/// Tensors that are `value` everywhere.
fn arrays(
    stream: &Stream,
    element_type: ElementType,
    lengths: &[usize],
    value: f64,
) -> Result<Vec<DeviceTensor>, CudaError> {
    let array = |length: &usize| {
        if element_type == ElementType::F32 {
            // On the device: a gigabyte from the host would take longer than what is timed.
            let mut tensor = DeviceTensor::zeros(stream, element_type, *length)?;
            tensor.fill(stream, value as f32, 0, *length)?;
            return Ok(tensor);
        }
        let values = FloatVec::rounded(element_type, std::iter::repeat_n(value, *length));
        DeviceTensor::from_host(stream, values.as_floats())
    };
    lengths.iter().map(array).collect()
}
