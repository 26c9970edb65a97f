//! Hyper-parameters, learning rate, total steps and seed are arguments: changing them never recompiles.

use std::sync::Arc;

use nosc_compiler::Rule;
use nosc_runtime::{Backend, Optimizer, Settings, library};
use nosc_tests::{Run, compiled, library as standard, rule};

#[test]
fn a_change_of_settings_keeps_the_kernel() {
    let compiled = compiled(&standard("adam"), Backend::Cranelift);
    let kernel = Arc::clone(&compiled.compiled().kernel);
    let settings = Settings {
        parameters: vec![("beta1".to_owned(), 0.5), ("weight_decay".to_owned(), 0.1)],
        total_steps: Some(7),
        seed: Some(3),
        threads: Some(2),
        first_tensor: 9,
        ..Settings::default()
    };
    let mut optimizer = Optimizer::new(compiled, &[4], settings).unwrap();
    let is_the_same =
        |optimizer: &Optimizer| Arc::ptr_eq(&kernel, &optimizer.compiled().compiled().kernel);
    assert!(is_the_same(&optimizer));
    optimizer.set("beta1", 0.9).unwrap();
    optimizer.step(&mut [&mut [0.0; 4]], &[&[1.0; 4]], 0.5).unwrap();
    optimizer.step(&mut [&mut [0.0; 4]], &[&[1.0; 4]], 0.25).unwrap();
    assert!(is_the_same(&optimizer) && is_the_same(&optimizer.clone()));
}

#[test]
fn a_setting_is_a_default_that_was_written_otherwise() {
    let written = "{ param alpha = 3; param beta1 = 0.5; update = alpha^sign(g*m) * g }";
    let plain = "{ param alpha = 2; update = alpha^sign(g*m) * g }";
    let parameters = vec![("alpha".to_owned(), 3.0), ("beta1".to_owned(), 0.5)];
    let mut set = Run::new(plain, &[33], Settings { parameters, ..Settings::default() });
    let mut written = Run::new(written, &[33], Settings::default());
    set.steps(4);
    written.steps(4);
    set.assert_same_as(&written, "set or written");
}

#[test]
fn a_setting_counts_from_the_next_step() {
    let mut run = Run::new("{ param alpha = 2; update = alpha*g }", &[1], Settings::default());
    run.tensors[0][0] = 0.0;
    let one = [vec![1.0]];
    run.step_with(&one, 1.0).unwrap();
    run.optimizer.set("alpha", 5.0).unwrap();
    run.step_with(&one, 1.0).unwrap();
    assert_eq!(run.tensors[0], [-7.0]);
}

/// Another value than the default, within the ranges that decays have, and large enough to be seen.
fn another(default: f64) -> f64 {
    if default.abs() < 1e-3 { default + 0.125 } else { default * 0.75 }
}

#[test]
fn a_setting_of_a_standard_rule_is_a_default_that_was_written_otherwise() {
    for rule in library::rules() {
        let run = |rule: &Rule, parameters: &[(String, f64)]| {
            let parameters = parameters.to_vec();
            let settings = Settings { parameters, total_steps: Some(5), ..Settings::default() };
            let mut run = Run::of(rule, Backend::Cranelift, &[9], settings);
            run.steps(3);
            run
        };
        let (mut all, mut written) = (Vec::new(), rule.clone());
        for parameter in &mut written.parameters {
            parameter.default = another(parameter.default);
            all.push((parameter.name.clone(), parameter.default));
        }
        let set = run(&rule, &all);
        set.assert_same_as(&run(&written, &[]), &rule.name);
        let plain = run(&rule, &[]);
        assert_eq!(set.tensors == plain.tensors, all.is_empty(), "{}", rule.name);
    }
}

/// The update takes part in f32, the last line in `w - (lr*schedule)*update` with one product in f64.
#[test]
fn the_learning_rate_meets_the_schedule_in_f64() {
    let text = "{ update = g; schedule = 1/3 }";
    let mut run = Run::new(text, &[1], Settings::default());
    run.tensors[0][0] = 0.0;
    run.step_with(&[vec![1.0]], 0.1).unwrap();
    assert_eq!(run.tensors[0][0], -((0.1_f64 * (1.0 / 3.0)) as f32));
}

/// The two sides are one f32.
#[test]
fn step_scalars_are_compared_in_f64() {
    let mut run = Run::new("where(lr < lr + lr*1e-12, g, 3*g)", &[1], Settings::default());
    run.tensors[0][0] = 0.0;
    run.step_with(&[vec![1.0]], 0.5).unwrap();
    assert_eq!(run.tensors[0], [-0.5]);
}

#[test]
fn the_learning_rate_is_an_operand() {
    let mut run = Run::new("g/lr", &[1], Settings::default());
    run.tensors[0][0] = 1.0;
    run.step_with(&[vec![0.25]], 0.125).unwrap();
    assert_eq!(run.tensors[0][0], 0.75);
    assert_eq!(rule("g/lr").parameters.len(), 0);
}

#[test]
fn decays_end_at_the_total_and_stay_there() {
    let settings = Settings { total_steps: Some(2), ..Settings::default() };
    let mut run = Run::new("ld*g", &[1], settings);
    run.tensors[0][0] = 0.0;
    let mut moved = Vec::new();
    for _ in 0..4 {
        run.step_with(&[vec![1.0]], 1.0).unwrap();
        moved.push(run.tensors[0][0]);
    }
    assert_eq!(moved, [-1.0, -1.5, -1.5, -1.5]);
}

/// Step scalars are kept from step to step where nothing of theirs has changed, and only there.
#[test]
fn changes_between_steps_are_seen_whatever_was_kept() {
    for text in
        ["{ param a = 0.5\n update = a*g + m }", "g * ld", "debias(ema(g, 0.9)) * g", "eps_t + g"]
    {
        let settings = || Settings { total_steps: Some(20), seed: Some(3), ..Settings::default() };
        let mut kept = Run::new(text, &[33], settings());
        for step in 0..8 {
            // The same step by an optimizer that has kept nothing.
            let mut fresh = Run::new(text, &[33], settings());
            fresh.optimizer.load_bytes(&kept.optimizer.to_checkpoint().unwrap()).unwrap();
            fresh.tensors.clone_from(&kept.tensors);
            if step == 3 && text.contains("param") {
                kept.optimizer.set("a", 0.25).unwrap();
                fresh.optimizer.set("a", 0.25).unwrap();
            }
            let learning_rate = if step < 5 { 0.05 } else { 0.025 };
            kept.step(learning_rate).unwrap();
            fresh.step(learning_rate).unwrap();
            kept.assert_same_as(&fresh, &format!("{text}, step {step}"));
        }
    }
}
