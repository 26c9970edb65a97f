//! What twins go through on any device, emulated or real.

use nosc_kernels::cuda::Device;
use nosc_runtime::{ElementType, FloatVec, NonFinite, Settings, StepOptions, StepOutcome, library};

use super::{Twins, launch, upload};

/// Records a step, launches the recording with other gradients and learning rates, and takes a step that is not
/// recorded, with gradients that are elsewhere. `is_warm`: a step comes before; else the recording has the first.
pub fn check_recorded(twins: &mut Twins, clip_norm: Option<f64>, is_warm: bool, replays: u32) {
    let stream = twins.device.stream().clone();
    let options = |rate| StepOptions { clip_norm, ..StepOptions::new(rate) };
    if is_warm {
        twins.step(&options(0.1));
    } else {
        twins.device.prepare(&twins.tensors, &twins.gradients, &options(0.1)).unwrap();
    }
    let graph = stream.capture(|_| twins.device.record(&mut twins.tensors, &twins.gradients));
    let graph = graph.unwrap_or_else(|error| panic!("the step is not recorded: {error}"));
    for step in 0..replays {
        let gradients = twins.next_gradients();
        twins.show(&gradients);
        let options = options(0.1 / f64::from(step + 1));
        twins.device.begin(&options).unwrap();
        launch(&graph, &stream);
        twins.step_host(&gradients, &options).unwrap();
        twins.assert_same(&format!("recorded step {step}"));
    }
    let gradients = twins.next_gradients();
    twins.gradients = upload(&stream, &gradients);
    twins.step_with(&gradients, &options(0.2));
    twins.assert_same("after recorded steps");
}

/// Each goes on with what the other has saved, as bytes and through a file. Returns the bytes of a checkpoint.
pub fn check_checkpoints(twins: &mut Twins) -> usize {
    twins.steps(2);
    let here = twins.host.to_checkpoint().unwrap();
    let there = twins.device.to_checkpoint().unwrap();
    assert!(here == there, "the files differ");
    twins.steps(2);
    twins.host.load_bytes(&there).unwrap();
    twins.device.load_bytes(&here).unwrap();
    twins.steps(2);
    twins.assert_same("resumed");
    assert_eq!(twins.device.steps(), 4);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.safetensors");
    twins.device.save(&file).unwrap();
    twins.host.load(&file).unwrap();
    twins.device.load(&file).unwrap();
    twins.steps(1);
    twins.assert_same("through a file");
    here.len()
}

/// Gradients of all types that are not finite, under each policy, in tensors of which one has `long` elements.
/// Returns how many there were.
pub fn check_non_finite(settings: &Settings, long: usize) -> usize {
    let types = ElementType::ALL.map(|gradient| (ElementType::F32, gradient));
    let mut lengths = [3; 4];
    let at = |of| ElementType::ALL.iter().position(|known| *known == of).unwrap();
    let (float, double) = (at(ElementType::F32), at(ElementType::F64));
    let (half, brain) = (at(ElementType::F16), at(ElementType::Bf16));
    (lengths[double], lengths[half], lengths[brain]) = (long, 9, 17);
    let places = [
        (float, 2, f64::NAN),
        (double, long - 5_000, f64::INFINITY),
        // Infinite as a kernel loads it.
        (double, 0, 1e39),
        (half, 8, f64::NEG_INFINITY),
        (brain, 16, f64::NAN),
    ];
    let stream = Device::open(0).unwrap().new_stream().unwrap();
    let rule = library::rule("momentum").unwrap();
    let policies = [NonFinite::Propagate, NonFinite::Skip, NonFinite::Error];
    for policy in policies {
        let settings = Settings { non_finite: policy, ..settings.clone() };
        let mut twins = Twins::of(&rule, &types, &lengths, &settings, &stream);
        let options = StepOptions::new(0.1);
        twins.steps(1);
        for (tensor, element, value) in places {
            let mut gradients = twins.next_gradients();
            let of = gradients[tensor].element_type();
            let mut numbers: Vec<f64> = gradients[tensor].numbers().collect();
            numbers[element] = value;
            gradients[tensor] = FloatVec::rounded(of, numbers.into_iter());
            if policy == NonFinite::Error {
                let here = twins.step_host(&gradients, &options).unwrap_err();
                twins.show(&gradients);
                let (tensors, shown) = (&mut twins.tensors, &twins.gradients);
                let there = twins.device.step_with(tensors, shown, &options).unwrap_err();
                assert_eq!(here.to_string(), there.to_string());
            } else {
                twins.step_with(&gradients, &options);
            }
            twins.assert_same(&format!("{policy:?}, {value} at {tensor}.{element}"));
        }
        let found = StepOptions { found_inf: true, ..options };
        assert_eq!(twins.step(&found), StepOutcome::Skipped);
        twins.steps(1);
        twins.assert_same(&format!("{policy:?}"));
    }
    policies.len() * places.len()
}
