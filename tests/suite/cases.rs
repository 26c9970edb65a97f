//! What went wrong for people who do this job elsewhere, as numbers: optimizer steps. The letters are those of
//! `docs/cases.md`.

use nosc_runtime::{Backend, Settings};
use nosc_tests::{Run, library, rule};

const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Cranelift];

/// One element through some steps of constant gradient.
fn check_path(
    text: &str,
    settings: &Settings,
    (w, g, lr): (f32, f32, f64),
    wanted: &[f64],
    rtol: f64,
) {
    for backend in BACKENDS {
        let mut run = Run::of(&rule(text), backend, &[1], settings.clone());
        run.tensors[0][0] = w;
        for (step, wanted) in wanted.iter().enumerate() {
            run.step_with(&[vec![g]], lr).unwrap();
            let found = f64::from(run.tensors[0][0]);
            let near = (found - wanted).abs() <= rtol * wanted.abs();
            assert!(near, "{text}, step {step} on {backend}: {found}, expected {wanted}");
        }
    }
}

// O7: with a gradient of exactly 0 both moments are 0; delta must not vanish.
#[test]
fn a_gradient_of_zero_moves_nothing_under_adam() {
    for name in
        ["adam", "adam_rule", "rmsprop_rule", "adamw", "nadam", "radam", "adagrad", "adabelief"]
    {
        for backend in BACKENDS {
            let mut run = Run::of(&library(name), backend, &[9], Settings::default());
            let before = run.tensors.clone();
            for _ in 0..3 {
                run.step_with(&[vec![0.0; 9]], 0.1).unwrap();
            }
            if name == "adamw" {
                assert!(run.tensors[0].iter().all(|w| w.is_finite()));
            } else {
                assert_eq!(run.tensors, before, "{name}");
            }
        }
    }
}

// O8: the step is a whole number, and the correction goes on past 256 steps.
#[test]
fn a_thousand_steps_count_a_thousand() {
    let mut run = Run::new("adam", &[3], Settings::default());
    run.tensors[0].fill(0.0);
    for _ in 0..1_000 {
        run.step_with(&[vec![0.1; 3]], 1e-3).unwrap();
    }
    assert_eq!(run.optimizer.steps(), 1_000);
    // A constant gradient moves by lr each step, whatever the step.
    assert!(run.tensors[0].iter().all(|w| (w + 1.0).abs() < 1e-4), "{:?}", run.tensors[0]);
}

// O10: 0.999 stays 0.999, and its complement is that of the f64.
#[test]
fn a_decay_close_to_one_keeps_its_digits() {
    let mut run = Run::new("v", &[1], Settings::default());
    run.step_with(&[vec![1.0]], 0.0).unwrap();
    assert_eq!(run.optimizer.state(0, 0).unwrap(), [(1.0 - 0.999_f64) as f32]);
    run.step_with(&[vec![1.0]], 0.0).unwrap();
    let wanted = 1.0 - 0.999_f64.powi(2);
    let found = f64::from(run.optimizer.state(0, 0).unwrap()[0]);
    assert!((found / wanted - 1.0).abs() < 1e-6, "{found}, expected {wanted}");
}

// O15: decay inside the rule, with the rule's own order: w - lr*(e*g + 1e-2*w).
#[test]
fn weight_decay_is_what_the_rule_says_it_is() {
    let step = |w: f64| w - 0.1 * (std::f64::consts::E + 1e-2 * w);
    let wanted = [step(1.0), step(step(1.0)), step(step(step(1.0)))];
    let text = "exp(sign(g)*sign(m))*g + 1e-2*w";
    check_path(text, &Settings::default(), (1.0, 1.0, 0.1), &wanted, 1e-6);
    let text = "[sign_g sign_m id id mul, %0 g exp id mul, %1 w1e-2 id id add]";
    check_path(text, &Settings::default(), (1.0, 1.0, 0.1), &wanted, 1e-6);
}

// O16: delta is added after the correction: with v_hat = 1e-16 the update is 1e-8/(1e-8 + 1e-8).
#[test]
fn delta_is_added_to_the_corrected_root() {
    let wanted: Vec<f64> = (1..=5).map(|step| -0.5 * f64::from(step)).collect();
    check_path("adam", &Settings::default(), (0.0, 1e-8, 1.0), &wanted, 1e-5);
}

// O18: subnormals are kept (`docs/numerics.md`), so the average comes to rest on one.
#[test]
fn an_average_decays_into_subnormals_and_keeps_them() {
    for backend in BACKENDS {
        let mut run = Run::of(&rule("m"), backend, &[5], Settings::default());
        let mut first_subnormal = None;
        for step in 0..20_000 {
            let g = if step == 0 { 1.0 } else { 0.0 };
            run.step_with(&[vec![g; 5]], 0.1).unwrap();
            let m = run.optimizer.state(0, 0).unwrap()[0];
            if m < f32::MIN_POSITIVE && first_subnormal.is_none() {
                first_subnormal = Some(step);
            }
        }
        let m = run.optimizer.state(0, 0).unwrap();
        assert!(m.iter().all(|m| m.to_bits() == 4), "{m:?} on {backend}");
        let first = first_subnormal.unwrap();
        assert!((800..850).contains(&first), "subnormal from step {first}");
    }
}

// E5, E6: what an operator binds is settled before any folding.
#[test]
fn powers_of_negatives_are_what_the_grammar_says() {
    let cases = [
        ("-g^2", -9.0),
        ("(-g)^2", 9.0),
        ("2^-g", 0.125),
        ("-2^2*g/g", -4.0),
        ("2^3^2*g/g", 512.0),
        ("(-1)^(0 - 0)*g/g", 1.0),
        ("(-2)^2*g/g", 4.0),
    ];
    for (text, wanted) in cases {
        check_path(text, &Settings::default(), (0.0, 3.0, 1.0), &[-wanted], 0.0);
    }
}

// E8: the least subnormal is a number; what rounds to 0 is 0.
#[test]
fn tiny_literals_reach_the_elements() {
    let moved = |text: &str| {
        let mut run = Run::new(text, &[1], Settings::default());
        run.tensors[0][0] = 0.0;
        run.step_with(&[vec![1.0]], 1.0).unwrap();
        run.tensors[0][0].to_bits()
    };
    assert_eq!(moved("g*1e-45"), 0x8000_0001);
    assert_eq!(moved("g*1e-40"), (-1e-40_f32).to_bits());
    // The scalar part stays f64, so it may be smaller than any f32.
    assert_eq!(moved("g*(1e-300*1e300)"), (-1.0_f32).to_bits());
}
