//! The optimizer on a device does what the one on the processor does, to the bit, on an emulated device.

use nosc_kernels::cuda::{Device, DeviceTensor};
use nosc_runtime::{
    CheckpointError, ElementType, FloatVec, Rounding, RuntimeError, Settings, StepOptions,
    StepOutcome, library,
};
use nosc_tests::cuda::emulator::{self, within};
use nosc_tests::cuda::{
    Twins, check_checkpoints, check_non_finite, check_recorded, launch, raw_tensor, upload,
};
use nosc_tests::rule;

/// An empty tensor among others, and the first of all: what follows has to move.
const LENGTHS: [usize; 6] = [0, 6, 3, 0, 4_099, 130];

fn settings() -> Settings {
    Settings { total_steps: Some(20), seed: Some(0x1234_5678_9abc_def0), ..Settings::default() }
}

#[test]
fn rules_move_tensors_to_the_bit() {
    within("cuda_optimizer::rules_move_tensors_to_the_bit", &[], || {
        // States of every kind, draws of both kinds, schedules, starts that are not zero.
        let names = [
            "sgd",
            "momentum",
            "adamw",
            "amsgrad",
            "powersign",
            "addsign",
            "rprop",
            "lion",
            "t6_17",
            "t6_01",
            "adam_written",
        ];
        let known = names.iter().filter_map(|name| library::rule(name));
        let own = [
            "{ state s init 0.5 = 0.9*s + g; update = s }",
            "ld * g",
            "{ state a init 1 = a * 0.5; update = a * g }",
        ];
        let rules: Vec<_> = known.chain(own.map(rule)).collect();
        assert!(rules.len() > 10);
        for rule in rules {
            let mut twins = Twins::new(&rule, &LENGTHS, &settings());
            twins.steps(3);
            twins.assert_same(&rule.name);
        }
        assert!(emulator::count("kernels") >= 3);
        assert_eq!(emulator::count("live_programs"), 0);
    });
}

#[test]
fn tensors_of_all_types_move_in_one_step() {
    within("cuda_optimizer::tensors_of_all_types_move_in_one_step", &[], || {
        let types: Vec<(ElementType, ElementType)> =
            (0..16).map(|pair| (ElementType::ALL[pair / 4], ElementType::ALL[pair % 4])).collect();
        let lengths: Vec<usize> = (0..16).map(|pair| 5 + 37 * pair).collect();
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        let settings = Settings { rounding: Rounding::Stochastic, first_tensor: 7, ..settings() };
        let rule = library::rule("adam_rule").unwrap();
        let mut twins = Twins::of(&rule, &types, &lengths, &settings, &stream);
        twins.steps(2);
        twins.assert_same("types");
    });
}

#[test]
fn gradients_are_clipped_and_scaled_to_the_bit() {
    within("cuda_optimizer::gradients_are_clipped_and_scaled_to_the_bit", &[], || {
        let plain = StepOptions::new(0.05);
        // More than a chunk of a sum, and all types.
        let lengths = [70_001, 0, 5, 33_000, 9];
        let types = [
            (ElementType::F32, ElementType::F32),
            (ElementType::F32, ElementType::F32),
            (ElementType::F64, ElementType::F64),
            (ElementType::Bf16, ElementType::Bf16),
            (ElementType::F16, ElementType::F16),
        ];
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        let rule = library::rule("momentum").unwrap();
        let mut twins = Twins::of(&rule, &types, &lengths, &settings(), &stream);
        assert_eq!(twins.device.gradient_norm().unwrap(), None);
        for options in [
            StepOptions { clip_norm: Some(2.0), ..plain },
            StepOptions { clip_norm: Some(2.0), loss_scale: 1024.0, ..plain },
            StepOptions { clip_norm: Some(1e9), ..plain },
            StepOptions { clip_value: Some(0.25), ..plain },
            plain,
            StepOptions { clip_norm: Some(0.5), clip_value: Some(1e-3), loss_scale: 3.0, ..plain },
            StepOptions { clip_norm: Some(0.0), ..plain },
        ] {
            assert_eq!(twins.step(&options), StepOutcome::Done);
            twins.assert_same(&format!("{options:?}"));
            let norms = (twins.host.gradient_norm(), twins.device.gradient_norm().unwrap());
            assert_eq!(norms.0, norms.1, "{options:?}");
        }
        // A NaN anywhere makes the norm one, and all that is multiplied by it.
        let mut gradients = twins.next_gradients();
        if let FloatVec::F32(values) = &mut gradients[0] {
            values[40_000] = f32::NAN;
        }
        twins.step_with(&gradients, &StepOptions { clip_norm: Some(1.0), ..plain });
        twins.assert_same("a NaN");
        assert!(twins.device.gradient_norm().unwrap().unwrap().is_nan());
    });
}

#[test]
fn gradients_that_are_not_finite_skip_a_step_or_stop_it() {
    within("cuda_optimizer::gradients_that_are_not_finite_skip_a_step_or_stop_it", &[], || {
        check_non_finite(&settings(), 40_000);
    });
}

/// Nothing waits and nothing is allocated, once a step has been prepared.
#[test]
fn steps_do_not_wait_for_the_device() {
    within("cuda_optimizer::steps_do_not_wait_for_the_device", &[], || {
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        let rule = library::rule("t6_01").unwrap();
        let types = vec![(ElementType::F32, ElementType::F32); LENGTHS.len()];
        let mut twins = Twins::of(&rule, &types, &LENGTHS, &settings(), &stream);
        let options = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.05) };
        let other = twins.next_gradients();
        let other = upload(&stream, &other);
        twins.device.prepare(&twins.tensors, &twins.gradients, &options).unwrap();
        let watched = ["synchronisations", "cuMemAlloc", "cuMemFree", "cuModuleLoadData"];
        let before = watched.map(emulator::count);
        for step in 0..6 {
            // Gradients that are elsewhere, and others again.
            let gradients = if step % 2 == 0 { &twins.gradients } else { &other };
            twins.device.step_with(&mut twins.tensors, gradients, &options).unwrap();
        }
        assert_eq!(watched.map(emulator::count), before, "{watched:?}");
        stream.synchronize().unwrap();
        assert_eq!(twins.device.steps(), 6);
    });
}

#[test]
fn recorded_steps_are_those_that_are_not_recorded() {
    within("cuda_optimizer::recorded_steps_are_those_that_are_not_recorded", &[], || {
        for (name, clip_norm) in [("adamw", None), ("t6_17", None), ("adamw", Some(0.5))] {
            let stream = Device::open(0).unwrap().new_stream().unwrap();
            let rule = library::rule(name).unwrap();
            let types = vec![(ElementType::F32, ElementType::F32); LENGTHS.len()];
            let mut twins = Twins::of(&rule, &types, &LENGTHS, &settings(), &stream);
            check_recorded(&mut twins, clip_norm, true, 4);
        }
    });
}

#[test]
fn a_recording_holds_no_numbers_and_needs_the_same_options() {
    within("cuda_optimizer::a_recording_holds_no_numbers_and_needs_the_same_options", &[], || {
        let mut twins = Twins::new(&rule("g"), &LENGTHS, &settings());
        let stream = twins.device.stream().clone();
        let plain = StepOptions::new(0.1);
        let unprepared = twins.device.begin(&plain).unwrap_err();
        assert!(matches!(unprepared, RuntimeError::Recording(_)), "{unprepared}");
        let (tensors, gradients) = (&mut twins.tensors, &twins.gradients);
        let refused = stream.capture(|_| twins.device.step(tensors, gradients, 0.1).map(drop));
        assert!(matches!(refused.unwrap_err(), RuntimeError::Recording(_)));
        twins.steps(1);
        for other in [
            StepOptions { clip_value: Some(1.0), ..plain },
            StepOptions { clip_norm: Some(1.0), ..plain },
            StepOptions { found_inf: true, ..plain },
            StepOptions { loss_scale: 2.0, ..plain },
        ] {
            let refused = twins.device.begin(&other).unwrap_err();
            assert!(matches!(refused, RuntimeError::Recording(_)), "{refused}");
        }
        twins.steps(1);
        twins.assert_same("after refusals");
    });
}

#[test]
fn checkpoints_go_from_one_to_the_other() {
    within("cuda_optimizer::checkpoints_go_from_one_to_the_other", &[], || {
        let rule = library::rule("adamw").unwrap();
        let mut twins = Twins::new(&rule, &LENGTHS, &settings());
        check_checkpoints(&mut twins);
        let other = Twins::new(&library::rule("lion").unwrap(), &LENGTHS, &settings());
        let refused = twins.device.load_bytes(&other.device.to_checkpoint().unwrap()).unwrap_err();
        assert!(matches!(refused, CheckpointError::OtherRule { .. }), "{refused}");
        twins.steps(1);
        twins.assert_same("after a refusal");
    });
}

#[test]
fn parameters_may_be_memory_of_others() {
    within("cuda_optimizer::parameters_may_be_memory_of_others", &[], || {
        let rule = library::rule("momentum").unwrap();
        let mut twins = Twins::new(&rule, &LENGTHS, &settings());
        let device = twins.device.device().clone();
        let owners = std::mem::take(&mut twins.tensors);
        twins.tensors = owners.iter().map(|owner| raw_tensor(&device, owner, 0)).collect();
        twins.steps(2);
        twins.assert_same("raw");
        drop(owners);
    });
}

/// Views that do not start at a multiple of 16 bytes go element by element.
#[test]
fn parameters_may_start_anywhere() {
    within("cuda_optimizer::parameters_may_start_anywhere", &[], || {
        let rule = library::rule("powersign").unwrap();
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        for first in 1..5 {
            let lengths = [5_000];
            let types = [(ElementType::F32, ElementType::F32)];
            let mut twins = Twins::of(&rule, &types, &lengths, &settings(), &stream);
            let numbers = twins.parameters[0].numbers();
            let padded = (0..first).map(|_| 0.0).chain(numbers);
            let padded = FloatVec::rounded(ElementType::F32, padded);
            let owner = DeviceTensor::from_host(&stream, padded.as_floats()).unwrap();
            twins.tensors = vec![raw_tensor(twins.device.device(), &owner, first)];
            twins.steps(2);
            twins.assert_same(&format!("from element {first}"));
        }
    });
}

#[test]
fn many_tensors_are_one_launch() {
    within("cuda_optimizer::many_tensors_are_one_launch", &[], || {
        let lengths: Vec<usize> = (0..300).map(|tensor| tensor % 7).collect();
        let mut twins = Twins::new(&library::rule("adamw").unwrap(), &lengths, &settings());
        twins.steps(1);
        twins.device.stream().synchronize().unwrap();
        let before = emulator::count("kernels");
        let (tensors, gradients) = (&mut twins.tensors, &twins.gradients);
        twins.device.step(tensors, gradients, 0.05).unwrap();
        // One for the numbers, one for the step.
        assert_eq!(emulator::count("kernels") - before, 0, "work is queued");
        twins.device.stream().synchronize().unwrap();
        assert_eq!(emulator::count("kernels") - before, 2);
    });
}

#[test]
fn shapes_and_devices_are_checked_before_anything_moves() {
    let two = [("NOSC_EMULATED_DEVICES", "2")];
    within("cuda_optimizer::shapes_and_devices_are_checked_before_anything_moves", &two, || {
        let mut twins = Twins::new(&library::rule("adamw").unwrap(), &LENGTHS, &settings());
        twins.steps(1);
        let rate = 0.1;
        let short = twins.device.step(&mut twins.tensors[1..], &twins.gradients, rate);
        assert!(matches!(short.unwrap_err(), RuntimeError::TensorCount { .. }));
        twins.tensors.swap(1, 2);
        let other = twins.device.step(&mut twins.tensors, &twins.gradients, rate);
        assert!(matches!(other.unwrap_err(), RuntimeError::TensorLength { .. }));
        twins.tensors.swap(1, 2);
        let second = Device::open(1).unwrap().default_stream();
        let there = twins.next_gradients();
        let there = upload(&second, &there);
        let elsewhere = twins.device.step(&mut twins.tensors, &there, rate).unwrap_err();
        assert!(elsewhere.to_string().contains("cuda:1"), "{elsewhere}");
        assert!(twins.device.set_stream(&second).is_err());
        twins.steps(1);
        twins.assert_same("after refusals");
    });
}

/// What a graph leaves in the tables and arguments of the device is not what the last step put there.
#[test]
fn steps_and_recorded_steps_take_turns() {
    within("cuda_optimizer::steps_and_recorded_steps_take_turns", &[], || {
        for (name, clip_norm) in [("sgd", None), ("momentum", None), ("sgd", Some(0.5))] {
            let mut twins = Twins::new(&library::rule(name).unwrap(), &LENGTHS, &settings());
            let stream = twins.device.stream().clone();
            let options = StepOptions { clip_norm, ..StepOptions::new(0.1) };
            twins.step(&options);
            let graph =
                stream.capture(|_| twins.device.record(&mut twins.tensors, &twins.gradients));
            let graph = graph.unwrap();
            let gradients = twins.next_gradients();
            let mut elsewhere = upload(&stream, &gradients);
            for turn in 0..3 {
                std::mem::swap(&mut twins.gradients, &mut elsewhere);
                twins.step(&options);
                twins.assert_same(&format!("{name}, step {turn}"));
                std::mem::swap(&mut twins.gradients, &mut elsewhere);
                let gradients = twins.next_gradients();
                twins.show(&gradients);
                twins.device.begin(&options).unwrap();
                launch(&graph, &stream);
                twins.step_host(&gradients, &options).unwrap();
                twins.assert_same(&format!("{name}, recorded step {turn}"));
            }
        }
    });
}

/// The scale that a recorded step finds is not left for a step that does not clip.
#[test]
fn a_recorded_norm_does_not_stay() {
    within("cuda_optimizer::a_recorded_norm_does_not_stay", &[], || {
        let mut twins = Twins::new(&library::rule("sgd").unwrap(), &LENGTHS, &settings());
        let stream = twins.device.stream().clone();
        let scaled = StepOptions { loss_scale: 2.0, ..StepOptions::new(0.1) };
        let clipped = StepOptions { clip_norm: Some(0.5), ..scaled };
        twins.step(&clipped);
        let graph = stream.capture(|_| twins.device.record(&mut twins.tensors, &twins.gradients));
        let graph = graph.unwrap();
        let gradients = twins.next_gradients();
        twins.show(&gradients);
        twins.device.begin(&clipped).unwrap();
        launch(&graph, &stream);
        twins.step_host(&gradients, &clipped).unwrap();
        twins.assert_same("clipped");
        twins.step(&scaled);
        twins.assert_same("not clipped");
    });
}

#[test]
fn numbers_reach_the_step_that_was_recorded() {
    within("cuda_optimizer::numbers_reach_the_step_that_was_recorded", &[], || {
        let mut twins = Twins::new(&library::rule("adamw").unwrap(), &LENGTHS, &settings());
        let stream = twins.device.stream().clone();
        let plain = StepOptions::new(0.1);
        twins.step(&plain);
        let graph = stream.capture(|_| twins.device.record(&mut twins.tensors, &twins.gradients));
        let graph = graph.unwrap();
        // A step with gradients of another type.
        let gradients = twins.next_gradients();
        let halves: Vec<FloatVec> =
            gradients.iter().map(|g| FloatVec::rounded(ElementType::Bf16, g.numbers())).collect();
        let shown = upload(&stream, &halves);
        twins.device.step_with(&mut twins.tensors, &shown, &plain).unwrap();
        twins.step_host(&halves, &plain).unwrap();
        twins.assert_same("another type");
        let gradients = twins.next_gradients();
        twins.show(&gradients);
        twins.device.begin(&plain).unwrap();
        launch(&graph, &stream);
        twins.step_host(&gradients, &plain).unwrap();
        twins.assert_same("recorded");
    });
}

#[test]
fn numbers_are_not_recorded() {
    within("cuda_optimizer::numbers_are_not_recorded", &[], || {
        let mut twins = Twins::new(&library::rule("sgd").unwrap(), &LENGTHS, &settings());
        let stream = twins.device.stream().clone();
        let plain = StepOptions::new(0.1);
        twins.step(&plain);
        let other = StepOptions::new(0.2);
        let refused = stream.capture(|_| twins.device.begin(&other));
        assert!(matches!(refused.unwrap_err(), RuntimeError::Recording(_)));
        twins.step(&other);
        twins.assert_same("after a refusal");
    });
}

/// A step goes into the optimizer's stream, so that is the one to record.
#[test]
fn another_stream_does_not_record() {
    within("cuda_optimizer::another_stream_does_not_record", &[], || {
        let mut twins = Twins::new(&library::rule("sgd").unwrap(), &LENGTHS, &settings());
        twins.steps(1);
        let other = twins.device.device().new_stream().unwrap();
        let refused = other.capture(|_| twins.device.record(&mut twins.tensors, &twins.gradients));
        assert!(matches!(refused.unwrap_err(), RuntimeError::Recording(_)));
        twins.assert_same("after a refusal");
    });
}

#[test]
fn no_tensor_has_a_norm() {
    within("cuda_optimizer::no_tensor_has_a_norm", &[], || {
        for lengths in [&[][..], &[0, 0]] {
            let mut twins = Twins::new(&library::rule("sgd").unwrap(), lengths, &settings());
            twins.step(&StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.1) });
            assert_eq!(twins.host.gradient_norm(), Some(0.0));
            assert_eq!(twins.device.gradient_norm().unwrap(), Some(0.0));
        }
    });
}

/// Where every other gradient has moved, their rows are not a launch each.
#[test]
fn gradients_that_move_here_and_there_are_few_launches() {
    within("cuda_optimizer::gradients_that_move_here_and_there_are_few_launches", &[], || {
        let lengths = [1; 300];
        let mut twins = Twins::new(&library::rule("sgd").unwrap(), &lengths, &settings());
        twins.steps(1);
        let stream = twins.device.stream().clone();
        let gradients = twins.next_gradients();
        let mut moved = upload(&stream, &gradients);
        for (tensor, gradient) in twins.gradients.iter_mut().enumerate() {
            if tensor % 2 == 1 {
                std::mem::swap(gradient, &mut moved[tensor]);
            }
        }
        stream.synchronize().unwrap();
        let before = emulator::count("kernels");
        twins.step(&StepOptions::new(0.05));
        stream.synchronize().unwrap();
        let kernels = emulator::count("kernels") - before;
        assert!(kernels < 10, "{kernels}");
        twins.assert_same("moved");
    });
}

#[test]
fn a_recording_that_fails_leaves_nothing() {
    within("cuda_optimizer::a_recording_that_fails_leaves_nothing", &[], || {
        let mut twins = Twins::new(&library::rule("sgd").unwrap(), &LENGTHS, &settings());
        twins.steps(1);
        let stream = twins.device.stream().clone();
        let (tensors, gradients) = (&mut twins.tensors, &twins.gradients);
        let failed = stream.capture(|_| -> Result<(), RuntimeError> {
            twins.device.record(tensors, gradients)?;
            Err(RuntimeError::NoCuda)
        });
        assert!(matches!(failed.unwrap_err(), RuntimeError::NoCuda));
        assert_eq!(["live_graphs", "live_executable_graphs"].map(emulator::count), [0, 0]);
        twins.steps(1);
        twins.assert_same("after a recording that failed");
    });
}

/// Tensors of each pair of types are a launch: what is wrong with the last of them keeps the first from moving.
#[test]
fn tensors_elsewhere_keep_all_from_moving() {
    let two = [("NOSC_EMULATED_DEVICES", "2")];
    within("cuda_optimizer::tensors_elsewhere_keep_all_from_moving", &two, || {
        let of = [ElementType::F32, ElementType::Bf16].map(|of| (of, of));
        let stream = Device::open(0).unwrap().new_stream().unwrap();
        let rule = library::rule("momentum").unwrap();
        let mut twins = Twins::of(&rule, &of, &[9, 5], &settings(), &stream);
        twins.steps(1);
        let second = Device::open(1).unwrap().default_stream();
        let there = twins.next_gradients();
        let mut there = upload(&second, &there);
        std::mem::swap(&mut there[0], &mut twins.gradients[0]);
        let refused = twins.device.step(&mut twins.tensors, &there, 0.1).unwrap_err();
        assert!(refused.to_string().contains("cuda:1"), "{refused}");
        std::mem::swap(&mut there[0], &mut twins.gradients[0]);
        twins.assert_same("after a refusal");
        std::mem::swap(&mut there[1], &mut twins.tensors[1]);
        let refused = twins.device.step(&mut twins.tensors, &twins.gradients, 0.1).unwrap_err();
        assert!(refused.to_string().contains("cuda:1"), "{refused}");
        std::mem::swap(&mut there[1], &mut twins.tensors[1]);
        twins.steps(1);
        twins.assert_same("after refusals");
    });
}
