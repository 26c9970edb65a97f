//! The optimizer on the device beside the one on the processor: recordings, streams, many tensors, guards.

use nosc_compiler::Rule;
use nosc_kernels::cuda::{Device, DeviceTensor, Stream};
use nosc_runtime::{
    ElementType, FloatVec, Rounding, Settings, StepOptions, StepOutcome, TensorPlace, WeightDecay,
    library,
};
use nosc_tests::cuda::{
    LentTwins, Twins, check_checkpoints, check_non_finite, check_recorded, raw_slice, upload,
};

use crate::{Found, Scope};

const F32: (ElementType, ElementType) = (ElementType::F32, ElementType::F32);
const LENGTHS: [usize; 6] = [0, 6, 3, 0, 4_099, 130];

fn settings() -> Settings {
    Settings { total_steps: Some(50), seed: Some(0x1234_5678_9abc_def0), ..Settings::default() }
}

fn standard(name: &str) -> Rule {
    nosc_tests::library(name)
}

fn new_stream() -> Stream {
    Device::open(0).unwrap().new_stream().unwrap()
}

/// Gradients of some steps on the device, and the same here.
struct Ahead {
    here: Vec<Vec<FloatVec>>,
    there: Vec<Vec<DeviceTensor>>,
}

impl Ahead {
    fn new(twins: &mut Twins, steps: usize) -> Ahead {
        let here: Vec<Vec<FloatVec>> = (0..steps).map(|_| twins.next_gradients()).collect();
        let stream = twins.device.stream();
        let there = here.iter().map(|gradients| upload(stream, gradients)).collect();
        Ahead { here, there }
    }

    /// Puts a step into the stream of the one on the device. Nothing waits.
    fn put(&self, twins: &mut Twins, step: usize, options: &StepOptions) {
        twins.device.step_with(&mut twins.tensors, &self.there[step], options).unwrap();
    }

    /// The same steps here.
    fn follow(&self, twins: &mut Twins, options: &StepOptions) {
        for gradients in &self.here {
            twins.step_host(gradients, options).unwrap();
        }
    }
}

/// Recorded steps, of optimizers that have done some.
pub(crate) fn graphs(scope: Scope) -> Found {
    let cases = [("t6_17", None), ("adamw", None), ("adamw", Some(0.5))];
    recorded(scope, &cases[..if scope.small { 1 } else { 3 }], true)
}

/// The first step of a process is recorded: its kernels have been loaded, and none has been launched.
pub(crate) fn first_recording(scope: Scope) -> Found {
    recorded(scope, &[("t6_01", Some(0.5))], false)
}

fn recorded(scope: Scope, cases: &[(&str, Option<f64>)], is_warm: bool) -> Found {
    let replays = if scope.small { 3 } else { 20 };
    for (name, clip_norm) in cases {
        let stream = new_stream();
        let mut twins = Twins::of(&standard(name), &[F32; 6], &LENGTHS, &settings(), &stream);
        check_recorded(&mut twins, *clip_norm, is_warm, replays);
    }
    Found::Counted(format!("{} recordings, each launched {replays} times", cases.len()))
}

/// Two optimizers in two streams at once, one that changes its stream, and one in the default stream.
pub(crate) fn streams(scope: Scope) -> Found {
    let (length, steps) = if scope.small { (5_003, 2) } else { (3_000_001, 8) };
    let lengths = [length, 17, length / 3];
    let options = StepOptions::new(0.05);
    let twins = |name: &str, stream: &Stream| {
        Twins::of(&standard(name), &[F32; 3], &lengths, &settings(), stream)
    };
    let streams = [new_stream(), new_stream()];
    let mut both = [twins("adamw", &streams[0]), twins("t6_17", &streams[1])];
    let ahead: Vec<Ahead> = both.iter_mut().map(|twins| Ahead::new(twins, steps)).collect();
    for step in 0..steps {
        for (twins, ahead) in both.iter_mut().zip(&ahead) {
            ahead.put(twins, step, &options);
        }
    }
    for (twins, ahead) in both.iter_mut().zip(&ahead) {
        ahead.follow(twins, &options);
        twins.assert_same("two streams at once");
    }
    // Another stream from now on; what is in the one before is waited for, as the manual demands.
    let [mut moved, _] = both;
    streams[0].synchronize().unwrap();
    moved.device.set_stream(&streams[1]).unwrap();
    moved.steps(2);
    moved.assert_same("after another stream");
    let device = Device::open(0).unwrap();
    let mut default = twins("adamw", &device.default_stream());
    default.steps(2);
    default.step(&StepOptions { clip_norm: Some(0.5), ..options });
    default.assert_same("the default stream");
    Found::Counted(format!("{steps} steps of {length} elements in each of two streams"))
}

/// Many small tensors, empty ones among them, whose gradients are elsewhere at every step.
pub(crate) fn many_tensors(scope: Scope) -> Found {
    let (count, steps) = if scope.small { (60, 3) } else { (2_000, 6) };
    let lengths: Vec<usize> =
        (0..count).map(|t| if t % 5 == 3 { 0 } else { t * 7_919 % 1_500 }).collect();
    let stream = new_stream();
    let types = vec![F32; count];
    let mut twins = Twins::of(&standard("adamw"), &types, &lengths, &settings(), &stream);
    let device = twins.device.device().clone();
    let (mut pools, mut host_us) = (Vec::new(), Vec::new());
    for step in 0..steps {
        let gradients = twins.next_gradients();
        // In one piece, from another element each time: some are aligned, others are not.
        let (mut places, mut end) = (Vec::new(), step);
        for gradient in &gradients {
            places.push(end..end + gradient.len());
            end += gradient.len() + step % 3;
        }
        let mut pool = vec![0.0_f32; end];
        for (place, gradient) in places.iter().zip(&gradients) {
            if let FloatVec::F32(values) = gradient {
                pool[place.clone()].copy_from_slice(values);
            }
        }
        let pool = DeviceTensor::from_host(&stream, FloatVec::F32(pool).as_floats()).unwrap();
        let views: Vec<DeviceTensor> =
            places.into_iter().map(|place| raw_slice(&device, &pool, place)).collect();
        pools.push(pool);
        let options = StepOptions::new(0.05);
        let start = std::time::Instant::now();
        twins.device.step_with(&mut twins.tensors, &views, &options).unwrap();
        host_us.push(start.elapsed().as_secs_f64() * 1e6);
        twins.step_host(&gradients, &options).unwrap();
    }
    twins.assert_same("many tensors");
    drop(pools);
    let host_us = nosc_tests::median(host_us.split_off(1));
    Found::Counted(format!("{count} tensors, {steps} steps, {host_us:.0} us on the host for one"))
}

/// Clipping by norm and by value and loss scales, with all element types.
pub(crate) fn guards(scope: Scope) -> Found {
    let plain = StepOptions::new(0.05);
    // More than a chunk of a sum.
    let long = if scope.small { 33_001 } else { 3_000_001 };
    let lengths = [long, 0, 5, 33_000, 9];
    let types = [
        F32,
        F32,
        (ElementType::F64, ElementType::F64),
        (ElementType::Bf16, ElementType::Bf16),
        (ElementType::F16, ElementType::F16),
    ];
    let settings = Settings { rounding: Rounding::Stochastic, ..settings() };
    let mut twins = Twins::of(&standard("momentum"), &types, &lengths, &settings, &new_stream());
    let cases = [
        StepOptions { clip_norm: Some(2.0), ..plain },
        StepOptions { clip_norm: Some(2.0), loss_scale: 1024.0, ..plain },
        StepOptions { clip_norm: Some(1e9), ..plain },
        StepOptions { clip_value: Some(0.25), ..plain },
        plain,
        StepOptions { clip_norm: Some(0.5), clip_value: Some(1e-3), loss_scale: 3.0, ..plain },
        StepOptions { clip_norm: Some(0.0), ..plain },
    ];
    let cases = if scope.small { &cases[..2] } else { &cases[..] };
    for options in cases {
        assert_eq!(twins.step(options), StepOutcome::Done);
        twins.assert_same(&format!("{options:?}"));
        let norms = (twins.host.gradient_norm(), twins.device.gradient_norm().unwrap());
        assert_eq!(norms.0, norms.1, "{options:?}");
    }
    // A NaN anywhere makes the norm one, and all that is multiplied by it.
    let mut gradients = twins.next_gradients();
    if let FloatVec::F32(values) = &mut gradients[0] {
        values[33_000] = f32::NAN;
    }
    twins.step_with(&gradients, &StepOptions { clip_norm: Some(1.0), ..plain });
    twins.assert_same("a NaN");
    assert!(twins.device.gradient_norm().unwrap().unwrap().is_nan());
    Found::Counted(format!("{} steps, norms of {long} elements to the bit", cases.len() + 1))
}

/// States that others keep: parts of tensors, memory and streams that change, weight decay.
pub(crate) fn lent_states(scope: Scope) -> Found {
    let length = if scope.small { 5_003 } else { 3_000_001 };
    let (lengths, types) = ([length, 0, 777, 9], [F32, F32, F32, (ElementType::Bf16, F32.1)]);
    let place = |id, first_element| TensorPlace { id, first_element };
    let places = [place(3, 0), place(0, 4), place(3, 1 << 34), place(9, 64)];
    let plain = StepOptions::new(0.05);
    let cases = [
        plain,
        StepOptions { weight_decay: WeightDecay::L2(0.125), maximize: true, ..plain },
        StepOptions { clip_norm: Some(0.5), maximize: true, loss_scale: 8.0, ..plain },
        StepOptions { weight_decay: WeightDecay::Decoupled(0.125), ..plain },
    ];
    let settings = Settings { rounding: Rounding::Stochastic, ..settings() };
    let names = if scope.small { &["t6_17"][..] } else { &["t6_17", "adamw"] };
    for name in names {
        let mut twins = LentTwins::of(&standard(name), &types, &lengths, &places, &settings);
        for options in &cases {
            twins.step(options);
            twins.move_away();
            let stream = new_stream();
            stream.wait_for(&twins.stream).unwrap();
            twins.stream = stream;
            twins.assert_same(&format!("{name}, {options:?}"));
        }
    }
    let steps = names.len() * cases.len();
    Found::Counted(format!("{steps} steps of {length} elements and parts of others"))
}

/// Gradients that are not finite: passed on, skipped, or refused with the same words.
pub(crate) fn non_finite(scope: Scope) -> Found {
    let long = if scope.small { 40_000 } else { 2_000_000 };
    Found::Counted(format!("{} steps", check_non_finite(&settings(), long)))
}

/// Each goes on with what the other has saved.
pub(crate) fn checkpoints(_: Scope) -> Found {
    let rule = library::rule("adamw").unwrap();
    let mut twins = Twins::new(&rule, &LENGTHS, &settings());
    let bytes = check_checkpoints(&mut twins);
    Found::Counted(format!("files of {bytes} bytes, the same from both"))
}
