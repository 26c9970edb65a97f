//! Tensors beyond 2^31 elements and bytes, and steps that the host does not wait for.

use std::ops::Range;
use std::time::Instant;

use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::cuda::{Device, DeviceTensor, Launcher, Place, Row, Stream};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::scalars::{StepInputs, key};
use nosc_kernels::{Edges, ElementType, FloatVec, GradientGuard, LoweredRule, Rounding};
use nosc_runtime::{Backend, CudaOptimizer, Settings, StepOptions};
use nosc_tests::cuda::raw_slice;
use nosc_tests::{compiled, gradients, rule, typed, word};

use crate::{Found, Scope};

const SEED: u64 = 0x0123_4567_89ab_cdef;
const STEP: u64 = 7;
/// Memory that is left to others.
const REST: usize = 1 << 30;

/// A tensor that is large, and what is looked at of it.
struct Case {
    lowered: LoweredRule,
    length: usize,
    /// Elements by which parameters and gradients start behind a multiple of 16 bytes.
    skipped: usize,
}

impl Case {
    fn bytes(&self) -> usize {
        let Edges { parameter, gradient, .. } = self.lowered.edges;
        let states = 4 * usize::from(self.lowered.plan.states);
        self.length * (parameter.bytes() + gradient.bytes() + states)
    }

    /// Neighbouring elements at the start, around powers of two elements and bytes, and at the end.
    fn windows(&self) -> Vec<Range<usize>> {
        let of = self.lowered.edges.parameter.bytes();
        let places = [1 << 31, (1 << 31) / of, 1 << 32, (1 << 32) / of, (1 << 33) / of];
        let inside = places.into_iter().filter(|place| place + 1_000 < self.length);
        let mut starts: Vec<usize> = inside.map(|place| place - 1_000).collect();
        starts.extend([0, (self.length - 2_003) & !3]);
        starts.sort_unstable();
        starts.dedup_by(|a, b| *a < *b + 2_003);
        starts.into_iter().map(|start| start..start + 2_003).collect()
    }
}

/// Elements beyond 2^31 and 2^32 are moved as others are, and draw as they should.
pub(crate) fn large(scope: Scope) -> Found {
    let device = Device::open(0).unwrap();
    let drops = "drop(g, 0.25) + 1e-3 * eps * w";
    let (few, half) = (Edges::default(), ElementType::Bf16);
    let rounding = Rounding::Stochastic;
    let halves = Edges { parameter: half, gradient: half, rounding, ..Edges::default() };
    let cases = [
        (drops, halves, (1 << 32) + 8_195, 0),
        (drops, halves, (1 << 32) + 8_195, 1),
        (drops, halves, (1 << 31) + 8_195, 0),
        ("adam", few, (1 << 29) + 4_099, 0),
    ];
    let (mut done, mut skipped) = (Vec::new(), Vec::new());
    for (text, edges, length, shift) in cases {
        let length = if scope.small { 50_003 } else { length };
        let canonical = CanonicalRule::new(&rule(text));
        let lowered = LoweredRule::with_edges(canonical, edges).unwrap();
        let case = Case { lowered, length, skipped: shift };
        let free = device.memory().unwrap().0;
        let said = format!("{length} elements of {}", edges.parameter);
        if case.bytes() + REST > free {
            println!("SKIPPED large: {said}: {} bytes of {free} that are free", case.bytes());
            skipped.push(said);
        } else {
            check(&device, &case);
            done.push(said);
        }
    }
    let text = format!("{}; left out for want of memory: {}", done.join(", "), skipped.len());
    if done.is_empty() { Found::Skipped(text) } else { Found::Counted(text) }
}

fn check(device: &Device, case: &Case) {
    let (lowered, length) = (&case.lowered, case.length);
    let stream = device.new_stream().unwrap();
    let Edges { parameter, gradient, .. } = lowered.edges;
    let zeros = |of| DeviceTensor::zeros(&stream, of, length + case.skipped).unwrap();
    let owners = [zeros(parameter), zeros(gradient)];
    let view = |owner: &DeviceTensor, range: Range<usize>| {
        raw_slice(device, owner, range.start + case.skipped..range.end + case.skipped)
    };
    let numbers = |tensor, range: &Range<usize>, of| {
        typed(of, gradients(tensor, range.start as u64, range.len()).into_iter())
    };
    let windows = case.windows();
    for range in &windows {
        for (tensor, owner) in (0..).zip(&owners) {
            let values = numbers(tensor, range, owner.element_type());
            view(owner, range.clone()).copy_from_host(&stream, values.as_floats()).unwrap();
        }
    }
    let states = usize::from(lowered.plan.states);
    let mut states: Vec<DeviceTensor> = (0..states)
        .map(|_| DeviceTensor::zeros(&stream, ElementType::F32, length).unwrap())
        .collect();
    let scalars = scalars(lowered);
    let kernel = device.kernel(lowered).unwrap();
    let places = vec![Place { length, id: 5, first_element: 0, state: 0 }];
    let mut launcher = Launcher::new(&kernel, &stream, places).unwrap();
    launcher.put_arguments(&stream, &scalars, SEED, STEP as u32).unwrap();
    let [mut w, g] = [0, 1].map(|owner| view(&owners[owner], 0..length));
    let row = Row { parameters: &mut w, gradients: &g, states: &mut [] };
    launcher.launch(&stream, [row].into_iter(), &mut states).unwrap();
    let interpreter = Interpreter::new(lowered.plan.clone());
    for range in &windows {
        let mut wanted = numbers(0, range, parameter);
        let moved_by = numbers(1, range, gradient);
        let mut wanted_states = vec![vec![0.0_f32; range.len()]; states.len()];
        let mut slices: Vec<&mut [f32]> = wanted_states.iter_mut().map(Vec::as_mut_slice).collect();
        let mut elements = Elements {
            parameters: wanted.as_floats_mut(),
            gradients: moved_by.as_floats(),
            states: &mut slices,
            first_element: range.start as u64,
        };
        let uniforms = Uniforms { scalars: &scalars, key: key(SEED, 5), step: STEP as u32 };
        interpreter.run(&mut elements, uniforms).unwrap();
        let what = format!("elements {range:?} of {length} of {parameter}, shift {}", case.skipped);
        same(&w.read(&stream, range.clone()).unwrap(), &wanted, &what);
        for (found, wanted) in states.iter().zip(wanted_states) {
            let found = found.read(&stream, range.clone()).unwrap();
            same(&found, &FloatVec::F32(wanted), &format!("a state, {what}"));
        }
    }
}

fn scalars(lowered: &LoweredRule) -> Vec<f32> {
    let defaults: Vec<f64> = lowered.canonical.rule.parameters.iter().map(|p| p.default).collect();
    let inputs = StepInputs {
        step: STEP,
        total_steps: Some(10),
        learning_rate: 0.05,
        parameters: &defaults,
        seed: SEED,
        states: &[],
        guard: GradientGuard::default(),
        weight_decay: 0.0,
    };
    lowered.scalars.step(&lowered.canonical, &inputs).unwrap().scalars
}

fn same(found: &FloatVec, wanted: &FloatVec, what: &str) {
    let pairs = found.numbers().map(word).zip(wanted.numbers().map(word)).enumerate();
    let differing: Vec<_> = pairs.filter(|(_, (found, wanted))| found != wanted).collect();
    let first = differing.first();
    assert!(first.is_none(), "{what}: {} differ, the first: {first:x?}", differing.len());
}

/// The host puts steps into the stream and goes on while the device is busy.
pub(crate) fn waiting(scope: Scope) -> Found {
    let device = Device::open(0).unwrap();
    let stream = device.new_stream().unwrap();
    let free = device.memory().unwrap().0.saturating_sub(REST);
    // Parameters, gradients and two states.
    let length = if scope.small { 50_003 } else { (1 << 28).min(free / 16) };
    let steps = 8;
    let mut tensors = vec![DeviceTensor::zeros(&stream, ElementType::F32, length).unwrap()];
    let gradients = vec![DeviceTensor::zeros(&stream, ElementType::F32, length).unwrap()];
    let compiled = compiled(&nosc_tests::library("adam"), Backend::Interpreter);
    let mut optimizer =
        CudaOptimizer::new(compiled, &stream, &[length], Settings::default()).unwrap();
    let mut each = |options: &StepOptions| {
        optimizer.step_with(&mut tensors, &gradients, options).unwrap();
        stream.synchronize().unwrap();
        let start = Instant::now();
        for _ in 0..steps {
            optimizer.step_with(&mut tensors, &gradients, options).unwrap();
        }
        let host = start.elapsed().as_secs_f64() * 1e6 / f64::from(steps);
        stream.synchronize().unwrap();
        (host, start.elapsed().as_secs_f64() * 1e6 / f64::from(steps))
    };
    let plain = StepOptions::new(0.05);
    let (host, all) = each(&plain);
    let clipped = StepOptions { clip_norm: Some(1.0), ..plain };
    let (clipped_host, clipped_all) = each(&clipped);
    let text = format!(
        "adam on {length} elements: {all:.0} us a step, {host:.0} of them on the host; with a norm \
         {clipped_all:.0} and {clipped_host:.0}"
    );
    assert!(host < 0.25 * all && clipped_host < 0.25 * clipped_all, "the host waits: {text}");
    Found::Counted(text)
}

/// For the sweep: a stream and tensors of f32.
pub(crate) fn tensors(stream: &Stream, lengths: &[usize], value: f32) -> Vec<DeviceTensor> {
    let tensor = |length: &usize| {
        let mut tensor = DeviceTensor::zeros(stream, ElementType::F32, *length).unwrap();
        tensor.fill(stream, value, 0, *length).unwrap();
        tensor
    };
    lengths.iter().map(tensor).collect()
}
