//! Errors: each changes nothing, neither parameters nor state nor the step number.

use nosc_runtime::{Backend, CompiledRule, Optimizer, RuntimeError, Settings};
use nosc_tests::{Run, compiled, rule};

const RULE: &str = "{ update = adam + drop(w, 0.5); state s = s + m; schedule = ld }";

fn settings(total_steps: Option<u64>) -> Settings {
    Settings { total_steps, ..Settings::default() }
}

/// After two steps, a step with these arguments is refused and leaves every byte as it was.
fn check_refused(
    gradients: impl Fn(&mut Vec<Vec<f32>>),
    tensors: impl Fn(&mut Vec<Vec<f32>>),
    learning_rate: f64,
    wanted: &str,
) {
    let mut run = Run::new(RULE, &[3, 4, 0], settings(Some(9)));
    run.steps(2);
    let mut of_step = run.gradients();
    gradients(&mut of_step);
    tensors(&mut run.tensors);
    let before = run.snapshot();
    let error = run.step_with(&of_step, learning_rate).unwrap_err().to_string();
    assert_eq!(error, wanted);
    assert_eq!(run.snapshot(), before, "{wanted}");
}

fn as_they_are(_: &mut Vec<Vec<f32>>) {}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    check_refused(|g| drop(g.pop()), as_they_are, 0.1, "gradients: 2 tensors, expected 3");
    check_refused(|g| g.push(vec![]), as_they_are, 0.1, "gradients: 4 tensors, expected 3");
    check_refused(
        |g| g[1].push(0.0),
        as_they_are,
        0.1,
        "gradients of tensor 1: 5 elements, expected 4",
    );
    check_refused(
        |g| g[2].push(0.0),
        as_they_are,
        0.1,
        "gradients of tensor 2: 1 elements, expected 0",
    );
    check_refused(
        as_they_are,
        |w| w[0].truncate(2),
        0.1,
        "parameters of tensor 0: 2 elements, expected 3",
    );
    check_refused(as_they_are, |w| drop(w.remove(0)), 0.1, "parameters: 2 tensors, expected 3");
    // The same elements in another order of tensors.
    check_refused(
        |g| g.swap(0, 1),
        as_they_are,
        0.1,
        "gradients of tensor 0: 4 elements, expected 3",
    );
}

#[test]
fn learning_rates_that_make_no_sense_are_refused() {
    for (rate, text) in [
        (-1e-9, "-0.000000001"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let wanted = format!("the learning rate is {text}, expected a finite number of at least 0");
        check_refused(as_they_are, as_they_are, rate, &wanted);
    }
}

#[test]
fn a_learning_rate_of_zero_moves_states_only() {
    let mut run = Run::new("m", &[5], Settings::default());
    let before = run.bits(0);
    run.step(0.0).unwrap();
    assert_eq!(run.bits(0), before);
    assert!(run.optimizer.state(0, 0).unwrap().iter().any(|m| *m != 0.0));
}

#[test]
fn a_rule_with_a_decay_needs_a_total_before_its_first_step() {
    for text in [
        "ld*g",
        "cd*g",
        "rd(2)*g",
        "g*(t/T)",
        "{ update = g; schedule = cd(1) }",
        "{ state s init ld = s*0.9; update = s*g }",
    ] {
        let mut run = Run::new(text, &[4], settings(None));
        let before = run.snapshot();
        let error = run.step(0.1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the rule uses a decay or T and needs the total number of steps",
            "{text}"
        );
        assert_eq!(run.snapshot(), before, "{text}");
        let mut run = Run::new(text, &[4], settings(Some(0)));
        let error = run.step(0.1).unwrap_err().to_string();
        assert_eq!(error, "the total number of steps is 0, expected at least 1", "{text}");
        Run::new(text, &[4], settings(Some(1))).steps(3);
    }
}

#[test]
fn a_decay_of_an_average_out_of_its_range_is_refused() {
    for beta in ["1", "1.5", "-0.1", "1/0", "log(0 - 1)"] {
        let text = format!("{{ param b = 0.5; update = ema(g, b*0 + ({beta})) + ema(g, b) }}");
        let mut run = Run::new(&text, &[4], Settings::default());
        let before = run.snapshot();
        let error = run.step(0.1).unwrap_err().to_string();
        assert!(error.ends_with("expected 0 <= decay < 1"), "{error}");
        assert_eq!(run.snapshot(), before, "{beta}");
    }
    // A decay that leaves its range on the way stops there.
    let mut run = Run::new("ema(g, t/2)", &[4], Settings::default());
    run.steps(2);
    let before = run.snapshot();
    run.step(0.1).unwrap_err();
    assert_eq!(run.snapshot(), before);
}

#[test]
fn settings_that_the_rule_does_not_have_are_refused() {
    let new = |name: &str, value: f64| {
        let parameters = vec![(name.to_owned(), value)];
        let settings = Settings { parameters, ..Settings::default() };
        let text = "{ param alpha = 2; update = alpha*g }";
        Optimizer::new(compiled(&rule(text), Backend::Auto), &[1], settings)
    };
    assert!(new("alpha", 3.0).is_ok());
    let error = new("alhpa", 3.0).unwrap_err();
    assert!(matches!(error, RuntimeError::UnknownParameter { .. }), "{error}");
    assert!(error.to_string().contains("alpha"), "{error}");
    for value in [f64::NAN, f64::INFINITY] {
        let error = new("alpha", value).unwrap_err();
        assert!(matches!(error, RuntimeError::ParameterValue { .. }), "{error}");
    }
}

#[test]
fn a_setting_refused_later_leaves_the_old_value() {
    let mut run = Run::new("{ param alpha = 2; update = alpha*g }", &[4], Settings::default());
    run.optimizer.set("alpha", 3.0).unwrap();
    let before = run.snapshot();
    run.optimizer.set("alpha", f64::NAN).unwrap_err();
    run.optimizer.set("beta", 1.0).unwrap_err();
    assert_eq!(run.snapshot(), before);
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    for text in ["g", "m"] {
        let compiled: CompiledRule = compiled(&rule(text), Backend::Auto);
        for length in [usize::MAX, usize::MAX / 4, isize::MAX as usize / 4] {
            let lengths = [length, length];
            let error =
                Optimizer::new(compiled.clone(), &lengths, Settings::default()).unwrap_err();
            assert!(matches!(error, RuntimeError::Memory { .. }), "{error}");
        }
    }
}
