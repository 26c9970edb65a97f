//! Options of steps on a device: clipping, weight decay and maximize beside those on the processor, to the bit, emulated.

use nosc_kernels::cuda::Device;
use nosc_runtime::{
    ElementType, RuntimeError, Settings, StepOptions, StepOutcome, TensorPlace, WeightDecay,
    library,
};
use nosc_tests::cuda::emulator::within;
use nosc_tests::cuda::{LentTwins, Twins, launch};

const F32: (ElementType, ElementType) = (ElementType::F32, ElementType::F32);
const LENGTHS: [usize; 4] = [0, 6, 3, 4_099];

fn settings() -> Settings {
    Settings { total_steps: Some(20), seed: Some(0x1234_5678_9abc_def0), ..Settings::default() }
}

/// All options that change the kernel or its numbers.
fn all_options() -> Vec<StepOptions> {
    let plain = StepOptions::new(0.05);
    let decays = [WeightDecay::None, WeightDecay::L2(0.125), WeightDecay::Decoupled(0.125)];
    let mut all = Vec::new();
    for weight_decay in decays {
        for maximize in [false, true] {
            let of = StepOptions { weight_decay, maximize, ..plain };
            all.push(of);
            all.push(StepOptions { clip_norm: Some(0.5), loss_scale: 8.0, ..of });
            all.push(StepOptions { clip_value: Some(0.1), ..of });
        }
    }
    all
}

/// The sign of `maximize` goes by way of the scale that a norm finds too.
#[test]
fn weight_decay_and_maximize_are_those_of_the_processor() {
    within("cuda_options::weight_decay_and_maximize_are_those_of_the_processor", &[], || {
        let types = [
            (ElementType::F32, ElementType::F32),
            (ElementType::F64, ElementType::F32),
            (ElementType::Bf16, ElementType::Bf16),
        ];
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        for name in ["sgd", "adam_rule"] {
            let rule = library::rule(name).unwrap();
            let mut twins = Twins::of(&rule, &types, &[4_099, 7, 33], &settings(), &stream);
            for options in all_options() {
                assert_eq!(twins.step(&options), StepOutcome::Done);
                twins.assert_same(&format!("{name} {options:?}"));
                let norms = (twins.host.gradient_norm(), twins.device.gradient_norm());
                assert_eq!(norms.0, norms.1.unwrap(), "{options:?}");
            }
        }
    });
}

/// Recorded, they come with the numbers; another kind of decay is another kernel, and so another recording.
#[test]
fn weight_decay_and_maximize_of_recorded_steps_are_numbers() {
    within("cuda_options::weight_decay_and_maximize_of_recorded_steps_are_numbers", &[], || {
        let mut twins = Twins::new(&library::rule("adam_rule").unwrap(), &LENGTHS, &settings());
        let stream = twins.device.stream().clone();
        let options = |maximize, strength| StepOptions {
            maximize,
            weight_decay: WeightDecay::L2(strength),
            clip_norm: Some(0.5),
            ..StepOptions::new(0.1)
        };
        twins.step(&options(false, 0.5));
        let graph = stream.capture(|_| twins.device.record(&mut twins.tensors, &twins.gradients));
        let graph = graph.unwrap();
        for (maximize, strength) in [(true, 0.5), (false, 0.0), (true, 0.25)] {
            let gradients = twins.next_gradients();
            twins.show(&gradients);
            twins.device.begin(&options(maximize, strength)).unwrap();
            launch(&graph, &stream);
            twins.step_host(&gradients, &options(maximize, strength)).unwrap();
            twins.assert_same(&format!("{maximize} {strength}"));
        }
        let other =
            StepOptions { weight_decay: WeightDecay::Decoupled(0.5), ..options(false, 0.5) };
        let refused = twins.device.begin(&other).unwrap_err();
        assert!(matches!(refused, RuntimeError::Recording(_)), "{refused}");
    });
}

#[test]
fn options_with_lent_states_are_those_of_the_processor() {
    within("cuda_options::options_with_lent_states_are_those_of_the_processor", &[], || {
        let half = (ElementType::Bf16, ElementType::F16);
        let (types, lengths) = ([F32, half, F32], [70_001, 9, 130]);
        let places = [0, 1, 2].map(|id| TensorPlace { id, first_element: 0 });
        for name in ["momentum", "adam_rule"] {
            let rule = library::rule(name).unwrap();
            let mut twins = LentTwins::of(&rule, &types, &lengths, &places, &settings());
            assert_eq!(twins.device.gradient_norm(&twins.stream).unwrap(), None);
            // In turn, and so beyond what is kept.
            for options in all_options().iter().chain(&all_options()[..3]) {
                assert_eq!(twins.step(options), StepOutcome::Done);
                twins.assert_same(&format!("{name} {options:?}"));
                let there = twins.device.gradient_norm(&twins.stream).unwrap();
                assert_eq!(there, twins.host.gradient_norm(), "{options:?}");
            }
        }
    });
}
