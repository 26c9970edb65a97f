//! Steps on a device over states that others keep, beside those on the processor, to the bit, on an emulated device.

use nosc_kernels::cuda::{Device, DeviceTensor};
use nosc_runtime::{
    CudaStatelessOptimizer, ElementType, FloatVec, Floats, NonFinite, Rounding, RuntimeError,
    Settings, StepOptions, StepOutcome, TensorPlace, WeightDecay, library,
};
use nosc_tests::cuda::emulator::{self, within};
use nosc_tests::cuda::{LentTwins, Twins, raw_slice, raw_stream, upload};
use nosc_tests::rule;

const F32: (ElementType, ElementType) = (ElementType::F32, ElementType::F32);
const LENGTHS: [usize; 6] = [0, 6, 3, 0, 4_099, 130];

fn settings() -> Settings {
    Settings { total_steps: Some(20), seed: Some(0x1234_5678_9abc_def0), ..Settings::default() }
}

#[test]
fn every_standard_rule_moves_lent_states_to_the_bit() {
    within("cuda_stateless::every_standard_rule_moves_lent_states_to_the_bit", &[], || {
        // First values that are not 0, states that are one number, draws.
        let own = [
            "{ state s init 3 = s*drop(g, 0.5) + eps; update = s + eps_t; schedule = 1 + eps }",
            "{ state n init 2 = n + 1; update = n*drop(m, 0.25) }",
        ];
        let rules: Vec<_> = library::rules().into_iter().chain(own.map(rule)).collect();
        assert!(rules.len() > 30);
        for rule in rules {
            let mut twins = LentTwins::new(&rule, &LENGTHS, &settings());
            twins.steps(3);
            twins.assert_same(&rule.name);
            assert_eq!(twins.moment.step, 3);
        }
    });
}

/// The optimizer that has its states is the third of them.
#[test]
fn lent_states_are_those_of_an_optimizer_that_owns_them() {
    within("cuda_stateless::lent_states_are_those_of_an_optimizer_that_owns_them", &[], || {
        let rule = library::rule("t6_17").unwrap();
        let mut lent = LentTwins::new(&rule, &LENGTHS, &settings());
        let mut owned = Twins::new(&rule, &LENGTHS, &settings());
        lent.steps(3);
        owned.steps(3);
        lent.assert_same("lent");
        owned.assert_same("owned");
        assert_eq!(lent.parameters, owned.parameters);
    });
}

#[test]
fn tensors_of_all_types_move_in_one_step() {
    within("cuda_stateless::tensors_of_all_types_move_in_one_step", &[], || {
        let types: Vec<(ElementType, ElementType)> =
            (0..16).map(|pair| (ElementType::ALL[pair / 4], ElementType::ALL[pair % 4])).collect();
        let lengths: Vec<usize> = (0..16).map(|pair| 5 + 37 * pair).collect();
        let places: Vec<_> =
            (0..16).map(|id| TensorPlace { id: 90 - 5 * id, first_element: 0 }).collect();
        for rounding in [Rounding::Nearest, Rounding::Stochastic] {
            let settings = Settings { rounding, ..settings() };
            let rule = library::rule("adam_rule").unwrap();
            let mut twins = LentTwins::of(&rule, &types, &lengths, &places, &settings);
            twins.steps(3);
            twins.assert_same("types");
        }
    });
}

#[test]
fn parts_of_tensors_draw_as_the_whole_does() {
    within("cuda_stateless::parts_of_tensors_draw_as_the_whole_does", &[], || {
        let place = |id, first_element| TensorPlace { id, first_element };
        let places =
            [place(3, 0), place(3, 4_096), place(7, 8), place(0, 1 << 34), place(1, 1 << 20)];
        let lengths = [4_096, 777, 5, 66, 0];
        let own = rule("drop(g, 0.5) + eps*m");
        for rule in [library::rule("t6_17").unwrap(), library::rule("adamw").unwrap(), own] {
            let mut twins = LentTwins::of(&rule, &[F32; 5], &lengths, &places, &settings());
            twins.steps(3);
            twins.assert_same(&rule.name);
            // Other tensors of the same lengths.
            twins.places = vec![place(8, 64); 5];
            twins.steps(1);
            twins.assert_same(&format!("{}, other places", rule.name));
        }
        let bf16 = [(ElementType::Bf16, ElementType::F32); 5];
        let settings = Settings { rounding: Rounding::Stochastic, ..settings() };
        let mut twins = LentTwins::of(&rule("m"), &bf16, &lengths, &places, &settings);
        twins.steps(2);
        twins.assert_same("stochastic rounding");
    });
}

/// Where nothing is drawn, a part may start anywhere; else it is refused before anything moves.
#[test]
fn parts_off_a_multiple_of_four_are_for_rules_that_do_not_draw() {
    within(
        "cuda_stateless::parts_off_a_multiple_of_four_are_for_rules_that_do_not_draw",
        &[],
        || {
            let places = [TensorPlace::default(), TensorPlace { id: 1, first_element: 6 }];
            let of = |text: &str, types: &[_; 2], settings: Settings| {
                LentTwins::of(&rule(text), types, &[9, 5], &places, &settings)
            };
            let mut twins = of("m + 0.1*w", &[F32; 2], settings());
            twins.steps(2);
            twins.assert_same("no draws");
            let bf16 = (ElementType::Bf16, ElementType::F32);
            let stochastic = Settings { rounding: Rounding::Stochastic, ..settings() };
            for mut twins in
                [of("drop(g, 0.5)*m", &[F32; 2], settings()), of("m", &[F32, bf16], stochastic)]
            {
                let plain = StepOptions::new(0.1);
                let checked = twins.check_device(&plain).unwrap_err();
                let refused = twins.step_device(&plain).unwrap_err();
                for error in [checked, refused] {
                    let part = RuntimeError::Part { tensor: 1, first_element: 6 };
                    assert_eq!(error.to_string(), part.to_string());
                }
                twins.assert_same("refused");
                twins.places[1].first_element = 8;
                twins.steps(2);
                twins.assert_same("a multiple of 4");
            }
        },
    );
}

#[test]
fn streams_and_memory_may_be_others_at_each_step() {
    within("cuda_stateless::streams_and_memory_may_be_others_at_each_step", &[], || {
        let device = Device::open(0).unwrap();
        let streams =
            [device.new_stream().unwrap(), device.default_stream(), device.new_stream().unwrap()];
        for clip_norm in [None, Some(0.5)] {
            let options = StepOptions { clip_norm, ..StepOptions::new(0.05) };
            let rule = library::rule("t6_01").unwrap();
            let mut twins = LentTwins::new(&rule, &LENGTHS, &settings());
            for step in 0..6 {
                twins.step(&options);
                if step % 2 == 1 {
                    twins.move_away();
                }
                // As whoever calls has to do it.
                streams[step % 3].wait_for(&twins.stream).unwrap();
                twins.stream = streams[step % 3].clone();
            }
            twins.assert_same("streams");
            let there = twins.device.gradient_norm(&twins.stream).unwrap();
            assert_eq!(there, twins.host.gradient_norm());
        }
    });
}

/// As in PyTorch: memory and streams of others, of the primary context, the default stream by its handle 0.
#[test]
fn all_that_a_step_uses_may_be_of_others() {
    within("cuda_stateless::all_that_a_step_uses_may_be_of_others", &[], || {
        let others = cudarc::driver::CudaContext::new(0).unwrap();
        let theirs = others.new_stream().unwrap();
        let device = Device::open(0).unwrap();
        let streams = [theirs.cu_stream().expose_provenance(), 0];
        let streams = streams.map(|handle| raw_stream(&device, handle));
        assert!(streams[1].is_same(&device.default_stream()));
        let mut twins = LentTwins::new(&library::rule("adamw").unwrap(), &LENGTHS, &settings());
        let mut owners = Vec::new();
        for tensors in [&mut twins.tensors, &mut twins.states] {
            for tensor in tensors {
                let raw = raw_slice(&device, tensor, 0..tensor.len());
                owners.push(std::mem::replace(tensor, raw));
            }
        }
        for step in 0..4 {
            streams[step % 2].wait_for(&twins.stream).unwrap();
            twins.stream = streams[step % 2].clone();
            twins.steps(1);
        }
        twins.assert_same("of others");
        drop((twins, streams, owners));
        theirs.synchronize().unwrap();
    });
}

/// Views that do not start at a multiple of 16 bytes go element by element.
#[test]
fn lent_memory_may_start_anywhere() {
    within("cuda_stateless::lent_memory_may_start_anywhere", &[], || {
        let device = Device::open(0).unwrap();
        for first in 1..4 {
            let rule = library::rule("adam_rule").unwrap();
            let mut twins = LentTwins::new(&rule, &[5_000, 3], &settings());
            let mut owners = Vec::new();
            let stream = &twins.stream;
            for tensor in &mut twins.states {
                let numbers = tensor.to_host(stream).unwrap();
                let padded = (0..first).map(|_| 0.0).chain(numbers.numbers());
                let padded = FloatVec::rounded(ElementType::F32, padded);
                let owner = DeviceTensor::from_host(stream, padded.as_floats()).unwrap();
                *tensor = raw_slice(&device, &owner, first..owner.len());
                owners.push(owner);
            }
            twins.steps(2);
            twins.assert_same(&format!("from element {first}"));
            for owner in owners {
                let around = owner.read(&twins.stream, 0..first).unwrap();
                assert!(around.numbers().all(|x| x == 0.0), "what lies before has changed");
            }
        }
    });
}

/// Lists that come in turn, more of them than are kept: what is freed is what no work needs any more.
#[test]
fn lists_of_other_lengths_are_taken_in_turn() {
    within("cuda_stateless::lists_of_other_lengths_are_taken_in_turn", &[], || {
        let rule = library::rule("t6_17").unwrap();
        let mut all: Vec<LentTwins> = (0..11)
            .map(|number| LentTwins::new(&rule, &[number, 5 * number + 1], &settings()))
            .collect();
        let compiled = all[0].device.compiled().clone();
        let device = all[0].device.device().clone();
        let mut shared = CudaStatelessOptimizer::new(compiled, &device, settings()).unwrap();
        let mut step = |twins: &mut LentTwins, options: &StepOptions| {
            std::mem::swap(&mut twins.device, &mut shared);
            twins.step(options);
            // Of the first, whatever came after it.
            let norm = twins.device.gradient_norm(&twins.stream).unwrap();
            std::mem::swap(&mut twins.device, &mut shared);
            // Memory of the gradients is not what is counted.
            twins.gradients.clear();
            norm
        };
        let plain = StepOptions::new(0.05);
        let clipped = StepOptions { clip_norm: Some(0.5), ..plain };
        let mut live = Vec::new();
        for options in [plain, plain, clipped, clipped] {
            for twins in &mut all {
                let norm = step(twins, &options);
                assert_eq!(norm, twins.host.gradient_norm());
            }
            live.push(emulator::count("live_allocations"));
        }
        assert_eq!((live[0], live[2]), (live[1], live[3]));
        let norm = step(&mut all[0], &clipped);
        for _ in 0..2 {
            for twins in &mut all {
                assert_eq!(step(twins, &plain), norm);
                twins.assert_same("in turn");
            }
        }
    });
}

/// Nothing waits and nothing is allocated, once the lists are known.
#[test]
fn steps_do_not_wait_for_the_device() {
    within("cuda_stateless::steps_do_not_wait_for_the_device", &[], || {
        let rule = library::rule("t6_01").unwrap();
        let mut twins = LentTwins::new(&rule, &LENGTHS, &settings());
        let options = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.05) };
        let gradients = twins.next_gradients();
        let other = upload(&twins.stream, &gradients);
        twins.check_device(&options).unwrap();
        let watched = ["synchronisations", "cuMemAlloc", "cuMemFree", "cuModuleLoadData"];
        let before = watched.map(emulator::count);
        let mut other = other;
        for _ in 0..6 {
            std::mem::swap(&mut twins.gradients, &mut other);
            twins.step_device(&options).unwrap();
        }
        assert_eq!(watched.map(emulator::count), before, "{watched:?}");
        twins.stream.synchronize().unwrap();
        assert_eq!(twins.moment.step, 6);
    });
}

#[test]
fn gradients_that_are_not_finite_skip_a_step_or_stop_it() {
    within("cuda_stateless::gradients_that_are_not_finite_skip_a_step_or_stop_it", &[], || {
        for policy in [NonFinite::Propagate, NonFinite::Skip, NonFinite::Error] {
            let settings = Settings { non_finite: policy, ..settings() };
            let rule = library::rule("momentum").unwrap();
            let mut twins = LentTwins::new(&rule, &LENGTHS, &settings);
            let plain = StepOptions::new(0.1);
            for step in 0..2 {
                let mut gradients = twins.next_gradients();
                if let FloatVec::F32(values) = &mut gradients[4] {
                    values[4_000 + step] = f32::NAN;
                }
                let outcome = twins.step_with(&gradients, &plain);
                match policy {
                    NonFinite::Propagate => assert_eq!(outcome.unwrap(), StepOutcome::Done),
                    NonFinite::Skip => assert_eq!(outcome.unwrap(), StepOutcome::Skipped),
                    NonFinite::Error => assert!(matches!(
                        outcome.unwrap_err(),
                        RuntimeError::NonFiniteGradient { tensor: 4, .. }
                    )),
                }
                twins.assert_same(&format!("{policy:?}"));
                twins.steps(1);
            }
            let found = StepOptions { found_inf: true, ..plain };
            assert_eq!(twins.step(&found), StepOutcome::Skipped);
            twins.assert_same(&format!("{policy:?}"));
        }
    });
}

#[test]
fn settings_may_change_between_steps() {
    within("cuda_stateless::settings_may_change_between_steps", &[], || {
        let rule = rule("{ param beta = 0.5; state s = beta*s + drop(g, 0.5); update = ld*s }");
        let mut twins = LentTwins::new(&rule, &LENGTHS, &settings());
        twins.steps(1);
        twins.host.set("beta", 0.25).unwrap();
        twins.device.set("beta", 0.25).unwrap();
        twins.steps(1);
        twins.host.set_seed(5);
        twins.device.set_seed(5);
        twins.steps(1);
        twins.host.set_total_steps(Some(100));
        twins.device.set_total_steps(Some(100));
        twins.steps(1);
        twins.assert_same("other settings");
        assert_eq!(twins.device.first_values(0.1).unwrap(), twins.host.first_values(0.1).unwrap());
        twins.host.set_total_steps(None);
        twins.device.set_total_steps(None);
        let gradients = twins.next_gradients();
        let refused = twins.step_with(&gradients, &StepOptions::new(0.1)).unwrap_err();
        assert!(matches!(refused, RuntimeError::Scalars(_)), "{refused}");
        twins.assert_same("no total");
    });
}

#[test]
fn lists_that_do_not_fit_are_refused_and_nothing_moves() {
    let two = [("NOSC_EMULATED_DEVICES", "2")];
    within("cuda_stateless::lists_that_do_not_fit_are_refused_and_nothing_moves", &two, || {
        let mut twins = LentTwins::new(&rule("m + ema(g*g, 0.9)"), &[6, 3], &settings());
        twins.steps(1);
        let plain = StepOptions::new(0.1);
        let second = Device::open(1).unwrap().default_stream();
        let ones = |n: usize| DeviceTensor::from_host(&second, Floats::F32(&vec![1.0; n])).unwrap();
        let doubles = DeviceTensor::from_host(&twins.stream, Floats::F64(&[1.0; 6])).unwrap();
        let refused = |twins: &mut LentTwins, what: &str| {
            let checked = twins.check_device(&plain).unwrap_err();
            let error = twins.step_device(&plain).unwrap_err();
            assert_eq!(checked.to_string(), error.to_string());
            assert!(error.to_string().contains(what), "{error}, not {what}");
            error
        };
        let last = twins.gradients.pop().unwrap();
        let error = refused(&mut twins, "gradients: 1 tensors, expected 2");
        assert!(matches!(error, RuntimeError::TensorCount { .. }));
        twins.gradients.push(last);
        let last = twins.states.pop().unwrap();
        refused(&mut twins, "states: 3 tensors, expected 4");
        twins.states.push(last);
        let place = twins.places.pop().unwrap();
        refused(&mut twins, "places: 1 tensors, expected 2");
        twins.places.push(place);
        twins.gradients.swap(0, 1);
        refused(&mut twins, "gradients of tensor 0: 3 elements, expected 6");
        twins.gradients.swap(0, 1);
        twins.states.swap(1, 2);
        refused(&mut twins, "states of tensor 0: 3 elements, expected 6");
        twins.states.swap(1, 2);
        twins.moment.uniform_states.push(1.0);
        refused(&mut twins, "1 states that are one number a rule, expected 0");
        twins.moment.uniform_states.clear();
        // Types, and other devices: of the stream, or of any array.
        let own = std::mem::replace(&mut twins.states[0], doubles);
        refused(&mut twins, "states of f64, expected f32");
        twins.states[0] = ones(6);
        refused(&mut twins, "cuda:1");
        twins.states[0] = own;
        let own = std::mem::replace(&mut twins.gradients[1], ones(3));
        refused(&mut twins, "cuda:1");
        twins.gradients[1] = own;
        let own = std::mem::replace(&mut twins.stream, second.clone());
        refused(&mut twins, "a stream of cuda:1 for an optimizer on cuda:0");
        twins.stream = own;
        twins.assert_same("after refusals");
        twins.steps(1);
        twins.assert_same("after a step");
    });
}

#[test]
fn options_out_of_range_and_recordings_are_refused() {
    within("cuda_stateless::options_out_of_range_and_recordings_are_refused", &[], || {
        let mut twins = LentTwins::new(&library::rule("adamw").unwrap(), &LENGTHS, &settings());
        let plain = StepOptions::new(0.1);
        for options in [
            StepOptions::new(-1.0),
            StepOptions { loss_scale: 0.0, ..plain },
            StepOptions { weight_decay: WeightDecay::L2(f64::NAN), ..plain },
        ] {
            let gradients = twins.next_gradients();
            assert!(twins.step_with(&gradients, &options).is_err(), "{options:?}");
        }
        for round in 0..2 {
            let stream = twins.stream.clone();
            let refused = stream.capture(|_| twins.check_device(&plain).map(|_| ())).unwrap_err();
            assert!(matches!(refused, RuntimeError::Recording(_)), "{refused}");
            let refused = stream.capture(|_| twins.step_device(&plain).map(drop)).unwrap_err();
            assert!(matches!(refused, RuntimeError::Recording(_)), "{refused}");
            twins.assert_same(&format!("refused {round}"));
            twins.steps(1);
            twins.assert_same(&format!("step {round}"));
        }
    });
}

/// A step in which a call fails, and which is then taken again. Whether it failed.
fn step_that_fails(steps: u64, (function, call, code): (&str, u32, u32)) -> bool {
    let mut twins = LentTwins::new(&rule("m + g"), &[10, 0, 300], &settings());
    twins.steps(steps);
    let gradients = twins.next_gradients();
    twins.gradients = upload(&twins.stream, &gradients);
    let options = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.1) };
    emulator::fail(function, call, code);
    let there = twins.step_device(&options);
    emulator::fail(function, 0, 0);
    let failed = there.is_err();
    if let Err(error) = there {
        assert!(matches!(error, RuntimeError::Cuda(_)), "{error}");
        // Before step 0 states may be anything.
        if steps > 0 {
            twins.assert_same(&format!("{function} {call}: {error}"));
        }
        twins.step_device(&options).unwrap();
    }
    twins.step_host(&gradients, &options).unwrap();
    twins.steps(1);
    twins.assert_same(&format!("{function} {call}"));
    failed
}

/// A failure is an error, whatever call it comes from, and the step can be taken again.
#[test]
fn calls_that_fail_change_nothing() {
    within("cuda_stateless::calls_that_fail_change_nothing", &[], || {
        let mut failed = 0;
        for (function, code, steps) in [
            ("cuLaunchKernel", 1, 1),
            ("cuStreamIsCapturing", 1, 1),
            ("cuMemAlloc", 2, 1),
            ("cuMemcpyHtoDAsync", 1, 1),
            ("cuMemsetD32Async", 1, 0),
        ] {
            for call in 1..6 {
                failed += u32::from(step_that_fails(steps, (function, call, code)));
            }
        }
        println!("{failed} failures");
        assert!(failed >= 15, "{failed}");
    });
}

#[test]
fn no_tensor_moves_the_states_that_are_one_number() {
    within("cuda_stateless::no_tensor_moves_the_states_that_are_one_number", &[], || {
        let rule = rule("{ state n init 2 = n + 1; update = n*g }");
        for lengths in [&[][..], &[0, 0]] {
            let mut twins = LentTwins::new(&rule, lengths, &settings());
            let clipped = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.1) };
            twins.step(&clipped);
            twins.steps(1);
            twins.assert_same("none");
            assert_eq!((twins.moment.step, &twins.moment.uniform_states[..]), (2, &[4.0][..]));
            assert_eq!(twins.device.gradient_norm(&twins.stream).unwrap(), Some(0.0));
        }
    });
}

#[test]
fn the_optimizer_may_go_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<CudaStatelessOptimizer>();
}
