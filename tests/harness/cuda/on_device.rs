//! Jobs on a device, by the calls that launch kernels for users.

use std::sync::Arc;

use nosc_kernels::cuda::{
    CudaError, CudaKernel, Device, DeviceTensor, Launcher, Place, Row, Stream,
};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::{ElementType, FloatVec, LoweredRule};
use rayon::prelude::*;

use super::borrowed::raw_slice;
use super::job::{Arrays, Job, SEED};
use super::program::Comparison;

/// Elements around each array, which have to stay as they are.
const GAP: usize = 16;
const UNTOUCHED: f64 = 77.0;

/// Arrays of one type in one piece of memory, each at most four elements behind a multiple of [`GAP`].
struct Pool {
    of: ElementType,
    bytes: Vec<u8>,
    /// Element at which each array starts, and its length.
    places: Vec<(usize, usize)>,
}

impl Pool {
    fn new(of: ElementType, arrays: impl Iterator<Item = (usize, usize)>) -> Pool {
        let (mut places, mut end) = (Vec::new(), 0);
        for (skipped, length) in arrays {
            let start = end + GAP + skipped;
            places.push((start, length));
            end = (start + length).next_multiple_of(GAP);
        }
        let all = FloatVec::rounded(of, std::iter::repeat_n(UNTOUCHED, end + GAP));
        Pool { of, bytes: all.to_le_bytes(), places }
    }

    fn put<'a>(&mut self, arrays: impl Iterator<Item = &'a FloatVec>) {
        for ((start, _), array) in self.places.iter().zip(arrays) {
            let (bytes, start) = (array.to_le_bytes(), start * self.of.bytes());
            self.bytes[start..start + bytes.len()].copy_from_slice(&bytes);
        }
    }

    fn all(&self) -> FloatVec {
        FloatVec::from_le_bytes(self.of, &self.bytes)
    }

    fn upload(&self, stream: &Stream) -> DeviceTensor {
        DeviceTensor::from_host(stream, self.all().as_floats()).unwrap()
    }

    /// The arrays in a copy of the pool on the device, which has to outlive them.
    fn views(&self, kernel: &CudaKernel, there: &DeviceTensor) -> Vec<DeviceTensor> {
        let view = |(first, length): &(usize, usize)| {
            raw_slice(kernel.device(), there, *first..first + length)
        };
        self.places.iter().map(view).collect()
    }
}

/// The arrays of a job, here as they should be and there as they are.
struct Sides {
    parameters: Pool,
    gradients: Pool,
    states: Vec<Pool>,
    parameters_there: DeviceTensor,
    gradients_there: DeviceTensor,
    states_there: Vec<DeviceTensor>,
}

impl Job<'_> {
    /// Carries the job out on a device, and compares all arrays after each step with the interpreter's, what lies
    /// around them included. Of its launch only the chunks matter. `None` if the rule refuses its first step.
    pub fn on_device(&self, kernel: &Arc<CudaKernel>, stream: &Stream) -> Option<Comparison> {
        let (starts, scalars) = self.scalars()?;
        let mut arrays: Vec<Arrays> =
            (0..).zip(&self.places).map(|(t, place)| self.start(t, place, &starts)).collect();
        let mut sides = self.sides(&arrays, stream);
        let at = |(place, (state, _)): (&super::job::Place, &(usize, usize))| Place {
            length: place.length,
            id: place.id,
            first_element: place.first_element,
            state: *state,
        };
        let no_states = vec![(0, 0); self.places.len()];
        let states = sides.states.first().map_or(&no_states, |pool| &pool.places);
        let places = self.places.iter().zip(states).map(at).collect();
        let chunk_elements = self.launch.chunk_elements;
        let mut launcher = Launcher::with_chunks(kernel, stream, places, chunk_elements).unwrap();
        let mut parameters = sides.parameters.views(kernel, &sides.parameters_there);
        let gradients = sides.gradients.views(kernel, &sides.gradients_there);
        let interpreter = Interpreter::new(self.lowered.plan.clone());
        let mut comparison = Comparison::default();
        for (step, scalars) in self.steps.iter().zip(&scalars) {
            let moved_by: Vec<FloatVec> =
                (0..).zip(&self.places).map(|(t, place)| self.gradients(t, place, *step)).collect();
            sides.gradients.put(moved_by.iter());
            let all = sides.gradients.all();
            sides.gradients_there.copy_from_host(stream, all.as_floats()).unwrap();
            let number = *step as u32 + u32::from(self.wrong_step);
            launcher.put_arguments(stream, scalars, SEED, number).unwrap();
            let rows = parameters.iter_mut().zip(&gradients);
            let rows =
                rows.map(|(parameters, gradients)| Row { parameters, gradients, states: &mut [] });
            launcher.launch(stream, rows, &mut sides.states_there).unwrap();
            // Meanwhile here.
            for ((place, arrays), gradients) in self.places.iter().zip(&mut arrays).zip(&moved_by) {
                arrays.step(&interpreter, gradients, place, (scalars, *step));
            }
            self.compare(&mut sides, &arrays, stream, &mut comparison);
        }
        Some(comparison)
    }

    fn sides(&self, arrays: &[Arrays], stream: &Stream) -> Sides {
        let plan = &self.lowered.plan;
        let skipped = |number: usize, aligned: bool| {
            let place = &self.places[number];
            (if aligned { 0 } else { place.skipped as usize }, place.length)
        };
        let numbers = 0..self.places.len();
        // Gradients of some tensors are aligned where the parameters are not.
        let mut parameters =
            Pool::new(plan.parameter, numbers.clone().map(|number| skipped(number, false)));
        let gradients =
            Pool::new(plan.gradient, numbers.clone().map(|n| skipped(n, n.is_multiple_of(3))));
        let states: Vec<Pool> = (0..usize::from(plan.states))
            .map(|slot| {
                let aligned = numbers.clone().map(|number| skipped(number, true));
                let mut pool = Pool::new(ElementType::F32, aligned);
                pool.put(states(arrays, slot).iter());
                pool
            })
            .collect();
        parameters.put(arrays.iter().map(|arrays| &arrays.parameters));
        Sides {
            parameters_there: parameters.upload(stream),
            gradients_there: gradients.upload(stream),
            states_there: states.iter().map(|pool| pool.upload(stream)).collect(),
            parameters,
            gradients,
            states,
        }
    }

    fn compare(
        &self,
        sides: &mut Sides,
        arrays: &[Arrays],
        stream: &Stream,
        comparison: &mut Comparison,
    ) {
        comparison.launches += 1;
        sides.parameters.put(arrays.iter().map(|arrays| &arrays.parameters));
        let found = sides.parameters_there.to_host(stream).unwrap();
        comparison.add(self, 0, &sides.parameters.all(), &found);
        for (slot, (pool, there)) in sides.states.iter_mut().zip(&sides.states_there).enumerate() {
            pool.put(states(arrays, slot).iter());
            comparison.add(self, slot + 1, &pool.all(), &there.to_host(stream).unwrap());
        }
    }
}

/// A state of all tensors.
fn states(arrays: &[Arrays], slot: usize) -> Vec<FloatVec> {
    arrays.iter().map(|arrays| FloatVec::F32(arrays.states[slot].clone())).collect()
}

/// Carries jobs out on a device, several at a time and each in a stream of its own, with kernels that `load` makes.
/// Returns what was compared, and the number of rules that refused their first step.
pub fn compare_on_device(
    device: &Device,
    jobs: &[Job<'_>],
    load: impl Fn(&LoweredRule) -> Result<CudaKernel, CudaError> + Sync,
) -> (Comparison, usize) {
    let each = |job: &Job<'_>| {
        let kernel = load(job.lowered);
        let kernel = kernel.unwrap_or_else(|e| panic!("{}\n{e}", job.lowered.canonical.text()));
        job.on_device(&Arc::new(kernel), &device.new_stream().unwrap())
    };
    let done: Vec<Option<Comparison>> = jobs.par_iter().map(each).collect();
    let (mut all, mut refused) = (Comparison::default(), 0);
    for comparison in done {
        match comparison {
            Some(comparison) => all.merge(comparison),
            None => refused += 1,
        }
    }
    (all, refused)
}
