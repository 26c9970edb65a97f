//! Many tensors in one step: each as if it were alone, the empty ones too.

use nosc_runtime::{Backend, Optimizer, Settings, StepOutcome};
use nosc_tests::{Run, compiled, library, rule};

/// A rule with states, draws and a schedule.
const RULE: &str = "{ update = adam * exp(sign(g)*sign(m)) + drop(w, 0.5); schedule = ld + eps_t }";

fn settings() -> Settings {
    let (total_steps, seed) = (Some(20), Some(9));
    Settings { total_steps, seed, threads: Some(1), ..Settings::default() }
}

/// One optimizer for all tensors moves them as one optimizer for each does.
fn check_apart(lengths: &[usize]) {
    let mut together = Run::new(RULE, lengths, settings());
    together.steps(3);
    for (tensor, length) in lengths.iter().enumerate() {
        let first_tensor = tensor as u32;
        let mut alone = Run::new(RULE, &[*length], Settings { first_tensor, ..settings() });
        alone.steps(3);
        assert_eq!(together.bits(tensor), alone.bits(0), "tensor {tensor} of {lengths:?}");
    }
}

#[test]
fn tensors_move_as_if_alone() {
    check_apart(&[2, 3, 1, 4, 67, 4_099]);
}

// O1, O2.
#[test]
fn empty_tensors_change_nothing_at_any_place() {
    for lengths in [&[6, 3, 0][..], &[5, 0], &[0, 5], &[5, 0, 0], &[0, 0, 5], &[5, 0, 7, 0, 2]] {
        check_apart(lengths);
    }
}

// O2.
#[test]
fn steps_over_nothing_are_steps() {
    for lengths in [&[][..], &[0], &[0, 0]] {
        let mut run = Run::new(RULE, lengths, settings());
        assert_eq!(run.step(0.1).unwrap(), StepOutcome::Done);
        assert_eq!(run.optimizer.steps(), 1);
    }
}

// O1: large neighbours, so that several threads and chunks are at work.
#[test]
fn an_empty_tensor_between_large_ones_changes_nothing() {
    let rule = library("adam_rule");
    let mut with = Run::of(&rule, Backend::Cranelift, &[100_003, 0, 90_001], Settings::default());
    let mut without = Run::of(&rule, Backend::Cranelift, &[100_003], Settings::default());
    with.steps(2);
    without.steps(2);
    assert_eq!(with.bits(0), without.bits(0));
    let first_tensor = 2;
    let settings = Settings { first_tensor, ..Settings::default() };
    let mut last = Run::of(&rule, Backend::Cranelift, &[90_001], settings);
    last.steps(2);
    assert_eq!(with.bits(2), last.bits(0));
}

#[test]
fn a_scalar_is_a_tensor_of_one_element() {
    check_apart(&[1, 1, 1]);
}

#[test]
fn many_small_tensors_all_move() {
    let lengths: Vec<usize> = (0..500).map(|i| i % 7).collect();
    check_apart(&lengths[..40]);
    let mut run = Run::new("g", &lengths, Settings::default());
    let before = run.tensors.clone();
    run.step_with(&lengths.iter().map(|n| vec![1.0; *n]).collect::<Vec<_>>(), 1.0).unwrap();
    for (before, after) in before.iter().flatten().zip(run.tensors.iter().flatten()) {
        assert_eq!(*after, before - 1.0);
    }
}

// O4, O5: needs 9 GB of memory, so it runs only where `NOSC_LARGE` is set; `draws` has the small form.
#[test]
fn more_elements_than_an_i32_counts_all_move() {
    if std::env::var_os("NOSC_LARGE").is_none() {
        println!("skipped: NOSC_LARGE is not set");
        return;
    }
    let n = (1_usize << 31) + 5;
    let compiled = compiled(&rule("1 + g"), Backend::Cranelift);
    let mut optimizer = Optimizer::new(compiled, &[n], Settings::default()).unwrap();
    // Pages of zeros that are only read take no memory.
    let (mut w, g) = (vec![0.0_f32; n], vec![0.0_f32; n]);
    optimizer.step(&mut [&mut w], &[&g], 0.5).unwrap();
    assert!(w.iter().all(|w| *w == -0.5));
}
