//! Gradients that are infinite or NaN: found before anything moves.

use nosc_runtime::{NonFinite, RuntimeError, Settings, StepOutcome};
use nosc_tests::{Run, bits};

const RULE: &str = "adam + drop(w, 0.5)";
const BAD: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

fn after_two_steps(non_finite: NonFinite, lengths: &[usize]) -> Run {
    let mut run = Run::new(RULE, lengths, Settings { non_finite, ..Settings::default() });
    run.steps(2);
    run
}

// O13, O14: [finite, finite, has NaN].
#[test]
fn a_skipped_step_changes_nothing_but_the_count_of_skips() {
    for bad in BAD {
        let mut run = after_two_steps(NonFinite::Skip, &[3, 4, 5]);
        let before = run.snapshot().without_skipped();
        let mut gradients = run.gradients();
        gradients[2][4] = bad;
        assert_eq!(run.step_with(&gradients, 0.1).unwrap(), StepOutcome::Skipped);
        assert_eq!(run.snapshot().without_skipped(), before);
        assert_eq!((run.optimizer.steps(), run.optimizer.skipped()), (2, 1));
    }
}

#[test]
fn steps_after_a_skipped_one_are_as_if_it_had_not_been() {
    let mut run = after_two_steps(NonFinite::Skip, &[3, 9]);
    let mut other = run.clone();
    run.step_with(&[vec![1.0; 3], vec![f32::NAN; 9]], 0.1).unwrap();
    run.steps(3);
    other.steps(3);
    run.assert_same_as(&other, "after a skipped step");
}

#[test]
fn an_error_names_the_first_place_and_changes_nothing() {
    let mut run = after_two_steps(NonFinite::Error, &[3, 4, 5]);
    let before = run.snapshot();
    let mut gradients = run.gradients();
    gradients[2][1] = f32::NEG_INFINITY;
    gradients[2][3] = f32::NAN;
    let error = run.step_with(&gradients, 0.1).unwrap_err();
    let RuntimeError::NonFiniteGradient { tensor, element, value } = error else {
        panic!("{error}")
    };
    assert_eq!((tensor, element, value), (2, 1, f64::NEG_INFINITY));
    assert_eq!(run.snapshot(), before);
}

/// Enough elements for several threads; the last one is bad.
#[test]
fn threads_find_the_same_place() {
    for threads in [1, 2, 3] {
        let settings = Settings {
            non_finite: NonFinite::Error,
            threads: Some(threads),
            ..Settings::default()
        };
        let mut run = Run::new("g", &[7, 300_001, 200_000], settings);
        let mut gradients = run.gradients();
        gradients[1][299_999] = f32::NAN;
        gradients[1][300_000] = f32::NAN;
        gradients[2][0] = f32::NAN;
        let before = run.snapshot();
        let error = run.step_with(&gradients, 0.1).unwrap_err();
        let at =
            matches!(error, RuntimeError::NonFiniteGradient { tensor: 1, element: 299_999, .. });
        assert!(at, "{threads} threads: {error}");
        assert_eq!(run.snapshot(), before);
    }
}

// O13 the other way round: the default lets the value through, to its own element only.
#[test]
fn by_default_the_value_goes_where_the_rule_takes_it() {
    let mut run = Run::new("m", &[3], Settings::default());
    run.step_with(&[vec![1.0, f32::INFINITY, f32::NAN]], 0.5).unwrap();
    assert!(run.tensors[0][0].is_finite());
    assert_eq!(run.tensors[0][1], f32::NEG_INFINITY);
    assert_eq!(bits(run.tensors[0][2]), bits(f32::NAN));
    assert_eq!((run.optimizer.steps(), run.optimizer.skipped()), (1, 0));
}

#[test]
fn large_but_finite_gradients_are_not_skipped() {
    let mut run = after_two_steps(NonFinite::Skip, &[4]);
    let gradients = [vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1)]];
    assert_eq!(run.step_with(&gradients, 0.1).unwrap(), StepOutcome::Done);
}
