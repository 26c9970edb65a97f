//! Clipping, loss scaling and found-inf as arguments of a step.

use nosc_runtime::{
    Backend, NonFinite, Optimizer, RuntimeError, Settings, StepOptions, StepOutcome, WeightDecay,
    f16, library,
};
use nosc_tests::{Run, compiled, gradients, rule};

const LENGTHS: [usize; 3] = [100_003, 0, 70_001];

fn settings(threads: usize) -> Settings {
    Settings { threads: Some(threads), total_steps: Some(9), ..Settings::default() }
}

fn optimizer(name: &str, backend: Backend, threads: usize) -> Optimizer {
    let rule = library::rule(name).unwrap();
    let compiled = compiled(&rule, backend);
    let mut optimizer = Optimizer::new(compiled, &LENGTHS, settings(threads)).unwrap();
    optimizer.share_every_step();
    optimizer
}

/// Gradients as they are put through by hand, in f32.
fn guarded(g: &[Vec<f32>], scale: f32, limit: f32) -> Vec<Vec<f32>> {
    let one = |g: &f32| (g * scale).max(-limit).min(limit);
    g.iter().map(|g| g.iter().map(one).collect()).collect()
}

fn two_steps(optimizer: &mut Optimizer, g: &[Vec<f32>], options: &StepOptions) -> Vec<Vec<f32>> {
    let mut w: Vec<Vec<f32>> = LENGTHS.iter().map(|n| vec![0.5; *n]).collect();
    for _ in 0..2 {
        let mut parameters: Vec<_> = w.iter_mut().map(Into::into).collect();
        let gradients: Vec<_> = g.iter().map(Into::into).collect();
        let done = optimizer.step_with(&mut parameters, &gradients, options).unwrap();
        assert_eq!(done, StepOutcome::Done);
    }
    w
}

fn norm(g: &[Vec<f32>]) -> f64 {
    g.iter().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn clipping_and_scaling_are_those_of_gradients_clipped_by_hand() {
    let g: Vec<Vec<f32>> = LENGTHS.iter().map(|n| gradients(1, 0, *n)).collect();
    let plain = StepOptions::new(0.05);
    let norm = norm(&g);
    let clip = |most: f64, scale: f64| ((most / (norm / scale + 1e-6)).min(1.0) / scale) as f32;
    let infinite = f32::INFINITY;
    for (options, scale, limit) in [
        (plain, 1.0, infinite),
        (StepOptions { loss_scale: 1024.0, ..plain }, 1.0 / 1024.0, infinite),
        (StepOptions { clip_value: Some(0.25), ..plain }, 1.0, 0.25),
        (StepOptions { clip_norm: Some(2.0), ..plain }, clip(2.0, 1.0), infinite),
        (StepOptions { clip_norm: Some(1e9), ..plain }, 1.0, infinite),
        (StepOptions { clip_norm: Some(f64::INFINITY), ..plain }, 1.0, infinite),
        (StepOptions { clip_norm: Some(0.0), ..plain }, 0.0, infinite),
        (
            StepOptions { clip_norm: Some(1.5), loss_scale: 3.0, clip_value: Some(2e-3), ..plain },
            clip(1.5, 3.0),
            2e-3,
        ),
    ] {
        let by_hand = guarded(&g, scale, limit);
        for name in ["adam_rule", "powersign"] {
            let mut reference = optimizer(name, Backend::Interpreter, 1);
            let wanted = two_steps(&mut reference, &by_hand, &plain);
            for (backend, threads) in
                [(Backend::Auto, 1), (Backend::Auto, 2), (Backend::Cranelift, 2)]
            {
                let mut found = optimizer(name, backend, threads);
                let w = two_steps(&mut found, &g, &options);
                assert!(w == wanted, "{name} {backend} {threads} {options:?}");
                let measured = found.gradient_norm().map(|found| found * options.loss_scale);
                assert_eq!(measured.is_some(), options.clip_norm.is_some());
                assert!(measured.is_none_or(|found| (found / norm - 1.0).abs() < 1e-12));
            }
        }
    }
}

#[test]
fn the_norm_has_the_same_bits_on_any_number_of_threads() {
    let g: Vec<Vec<f32>> = LENGTHS.iter().map(|n| gradients(3, 0, *n)).collect();
    let options = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.05) };
    let norm = |threads| {
        let mut optimizer = optimizer("sgd", Backend::Auto, threads);
        two_steps(&mut optimizer, &g, &options);
        optimizer.gradient_norm().unwrap().to_bits()
    };
    assert_eq!([norm(1), norm(2), norm(3)], [norm(1); 3]);
}

// O13: the flag alone stops the step; no byte moves, and the step is counted.
#[test]
fn found_inf_skips_a_step_whatever_the_policy() {
    for non_finite in [NonFinite::Propagate, NonFinite::Skip, NonFinite::Error] {
        let rule = library::rule("adam_rule").unwrap();
        let settings = Settings { non_finite, ..Settings::default() };
        let mut run = Run::of(&rule, Backend::Auto, &[3], settings);
        run.steps(1);
        let (before, g) = (run.snapshot(), [1.0_f32, f32::INFINITY, f32::NAN]);
        let options = StepOptions { found_inf: true, ..StepOptions::new(0.1) };
        let Run { optimizer, tensors, .. } = &mut run;
        let mut w = [tensors[0].as_mut_slice().into()];
        let done = optimizer.step_with(&mut w, &[(&g).into()], &options).unwrap();
        assert_eq!(done, StepOutcome::Skipped);
        assert_eq!((run.optimizer.steps(), run.optimizer.skipped()), (1, 1));
        assert_eq!(run.snapshot().without_skipped(), before.without_skipped());
    }
}

#[test]
fn policies_hold_for_every_element_type() {
    let rule = rule("g + m");
    let settings = Settings { non_finite: NonFinite::Error, ..Settings::default() };
    let mut optimizer = Optimizer::new(compiled(&rule, Backend::Auto), &[2, 2], settings).unwrap();
    let (mut a, mut b) = ([1.0_f64; 2], [f16::ONE; 2]);
    let (g, bad) = ([1.0_f64; 2], [f16::ONE, f16::NEG_INFINITY]);
    let error = optimizer
        .step_with(
            &mut [(&mut a).into(), (&mut b).into()],
            &[(&g).into(), (&bad).into()],
            &StepOptions::new(0.1),
        )
        .unwrap_err();
    let at = RuntimeError::NonFiniteGradient { tensor: 1, element: 1, value: f64::NEG_INFINITY };
    assert_eq!(error.to_string(), at.to_string());
    assert_eq!((a, b, optimizer.steps()), ([1.0; 2], [f16::ONE; 2], 0));
}

#[test]
fn options_out_of_their_range_are_refused_and_change_nothing() {
    let plain = StepOptions::new(0.1);
    let mut optimizer = optimizer("adam_rule", Backend::Auto, 1);
    let mut w: Vec<Vec<f32>> = LENGTHS.iter().map(|n| vec![0.5; *n]).collect();
    let g = w.clone();
    for (options, message) in [
        (
            StepOptions { loss_scale: 0.0, ..plain },
            "loss_scale is 0, expected a number above 0 with an inverse in f32",
        ),
        (
            StepOptions { loss_scale: f64::NAN, ..plain },
            "loss_scale is NaN, expected a number above 0 with an inverse in f32",
        ),
        (
            StepOptions { loss_scale: 1e-39, ..plain },
            "loss_scale is 0.000000000000000000000000000000000000001, expected a number above 0 with an \
             inverse in f32",
        ),
        (
            StepOptions { clip_norm: Some(-1.0), ..plain },
            "clip_norm is -1, expected a number of at least 0",
        ),
        (
            StepOptions { clip_value: Some(f64::NAN), ..plain },
            "clip_value is NaN, expected a number of at least 0",
        ),
        (StepOptions::new(-1.0), "the learning rate is -1, expected a finite number of at least 0"),
    ] {
        let mut parameters: Vec<_> = w.iter_mut().map(Into::into).collect();
        let gradients: Vec<_> = g.iter().map(Into::into).collect();
        let error = optimizer.step_with(&mut parameters, &gradients, &options).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(w, g);
    assert_eq!(optimizer.steps(), 0);
}

/// A norm that is no number takes every gradient with it, as it does in PyTorch.
#[test]
fn a_norm_that_is_not_a_number_reaches_every_element() {
    let rule = rule("g");
    let options = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(1.0) };
    for (bad, expected) in [(f32::NAN, [true, true]), (f32::INFINITY, [true, false])] {
        let mut optimizer =
            Optimizer::new(compiled(&rule, Backend::Auto), &[2], Settings::default()).unwrap();
        let (mut w, g) = ([0.0_f32; 2], [bad, 100.0]);
        optimizer.step_with(&mut [(&mut w).into()], &[(&g).into()], &options).unwrap();
        assert_eq!(w.map(f32::is_nan), expected, "{bad}: {w:?}");
    }
}

/// What is finite in f64 and is not where the rule meets it.
#[test]
fn policies_look_at_gradients_as_the_rule_does() {
    let rule = rule("g");
    let (mut w, g) = ([1.0_f64; 2], [1.0_f64, 1e39]);
    for non_finite in [NonFinite::Skip, NonFinite::Error] {
        let settings = Settings { non_finite, ..Settings::default() };
        let mut optimizer = Optimizer::new(compiled(&rule, Backend::Auto), &[2], settings).unwrap();
        let done =
            optimizer.step_with(&mut [(&mut w).into()], &[(&g).into()], &StepOptions::new(1.0));
        assert_eq!(done.is_err(), non_finite == NonFinite::Error);
        assert_eq!((w, optimizer.steps()), ([1.0; 2], 0));
    }
}

/// Guarded and plain steps in turn: each has the scalars of its own step.
#[test]
fn options_may_change_from_step_to_step() {
    let rule = library::rule("adam_rule").unwrap();
    let of = |backend| Optimizer::new(compiled(&rule, backend), &[37], settings(1)).unwrap();
    let (mut found, mut wanted) = (of(Backend::Auto), of(Backend::Interpreter));
    let (mut w, mut by_hand) = (vec![0.5_f32; 37], vec![0.5_f32; 37]);
    for step in 0..8 {
        let g = gradients(4, step, 37);
        let scale = if step % 3 == 0 { 1.0 } else { 0.25 };
        let options = StepOptions { loss_scale: 1.0 / scale, ..StepOptions::new(0.05) };
        found.step_with(&mut [(&mut w).into()], &[(&g).into()], &options).unwrap();
        let g = guarded(&[g], scale as f32, f32::INFINITY);
        wanted.step(&mut [&mut by_hand], &[&g[0]], 0.05).unwrap();
        assert_eq!(w, by_hand, "step {step}");
    }
}

/// By rules that have the decay in their text: `g` and the averages of it see it, or the update does.
#[test]
fn weight_decay_and_maximize_are_those_of_a_rule_that_is_written_with_them() {
    let l2 = |g: &str| {
        format!(
            "{{ let d = {g}; let m1 = debias(ema(d, beta1)); let v1 = debias(ema(d*d, beta2)); update = m1/(sqrt(v1) + delta) }}"
        )
    };
    let g: Vec<Vec<f32>> = LENGTHS.iter().map(|n| gradients(2, 0, *n)).collect();
    let plain = StepOptions::new(0.05);
    let (coupled, decoupled) = (WeightDecay::L2(0.125), WeightDecay::Decoupled(0.125));
    for (name, options, written) in [
        ("adam_rule", StepOptions { weight_decay: coupled, ..plain }, l2("g + 0.125*w")),
        ("adam_rule", StepOptions { maximize: true, ..plain }, l2("-g")),
        (
            "adam_rule",
            StepOptions { maximize: true, weight_decay: coupled, ..plain },
            l2("-g + 0.125*w"),
        ),
        (
            "adam_rule",
            StepOptions { weight_decay: decoupled, ..plain },
            "adam + 0.125*w".to_owned(),
        ),
        (
            "sgd",
            StepOptions { weight_decay: decoupled, clip_value: Some(0.1), ..plain },
            "clip(g, 0.1) + 0.125*w".to_owned(),
        ),
        (
            "sgd",
            StepOptions { weight_decay: coupled, clip_value: Some(0.1), ..plain },
            "clip(g, 0.1) + 0.125*w".to_owned(),
        ),
    ] {
        let by_hand = compiled(&rule(&written), Backend::Interpreter);
        let mut by_hand = Optimizer::new(by_hand, &LENGTHS, settings(1)).unwrap();
        let wanted = two_steps(&mut by_hand, &g, &plain);
        for (backend, threads) in
            [(Backend::Interpreter, 1), (Backend::Auto, 2), (Backend::Cranelift, 1)]
        {
            let mut optimizer = optimizer(name, backend, threads);
            let found = two_steps(&mut optimizer, &g, &options);
            assert_eq!(found, wanted, "{name} {options:?} {backend}");
        }
    }
}

#[test]
fn a_weight_decay_that_is_no_strength_is_refused() {
    for strength in [-1.0, f64::NAN, f64::INFINITY] {
        for weight_decay in [WeightDecay::L2(strength), WeightDecay::Decoupled(strength)] {
            let mut optimizer = optimizer("sgd", Backend::Interpreter, 1);
            let mut w: Vec<Vec<f32>> = LENGTHS.iter().map(|n| vec![1.0; *n]).collect();
            let g = w.clone();
            let mut w: Vec<_> = w.iter_mut().map(Into::into).collect();
            let g: Vec<_> = g.iter().map(Into::into).collect();
            let options = StepOptions { weight_decay, ..StepOptions::new(0.1) };
            let error = optimizer.step_with(&mut w, &g, &options).unwrap_err();
            assert!(
                matches!(error, RuntimeError::StepOption { option: "weight_decay", .. }),
                "{error}"
            );
            assert_eq!(optimizer.steps(), 0);
        }
    }
}
