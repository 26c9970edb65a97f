//! A schedule over a rule is the rule that is written with it, for every standard rule and to the last bit.

use nosc_compiler::Rule;
use nosc_compiler::canonical::CanonicalRule;
use nosc_runtime::{Backend, Settings, library};
use nosc_tests::{Run, rule};

#[test]
fn every_standard_rule_takes_a_schedule_and_prints_it() {
    let rules = library::rules();
    assert!(rules.len() > 60, "{}", rules.len());
    for plain in rules {
        let over = plain.with_schedule("ld*cd").unwrap_or_else(|e| panic!("{}: {e}", plain.name));
        let canonical = CanonicalRule::new(&over);
        let key = canonical.key;
        assert_ne!(key, CanonicalRule::new(&plain).key, "{}", plain.name);
        for text in [over.to_text(), canonical.text()] {
            assert_eq!(CanonicalRule::new(&rule(&text)).key, key, "{text}");
        }
        // The canonical form takes the same schedule: its parameters have kept their names.
        let again = CanonicalRule::new(&plain).rule.with_schedule("ld*cd").unwrap();
        assert_eq!(CanonicalRule::new(&again).key, key, "{}", plain.name);
    }
}

/// Ten steps of both, on the interpreter and on machine code.
fn check_steps(plain: &Rule, schedule: &str, written: &str) {
    let over = plain.with_schedule(schedule).unwrap();
    for backend in [Backend::Interpreter, Backend::default()] {
        let settings = Settings { total_steps: Some(7), seed: Some(3), ..Settings::default() };
        let mut under = Run::of(plain, backend, &[5, 33], settings.clone());
        let mut found = Run::of(&over, backend, &[5, 33], settings.clone());
        let mut wanted = Run::of(&rule(written), backend, &[5, 33], settings);
        for step in 0..10 {
            let rate = 0.05 / f64::from(1 + step);
            for run in [&mut under, &mut found, &mut wanted] {
                run.step(rate).unwrap();
            }
            found.assert_same_as(&wanted, &format!("{written}, step {step} on {backend}"));
        }
        assert_ne!(found.tensors, under.tensors, "{schedule} changes nothing on {backend}");
    }
}

#[test]
fn a_schedule_over_a_rule_steps_as_the_rule_written_with_it() {
    check_steps(&rule("g"), "ld*cd", "{ update = g; schedule = ld*cd }");
    check_steps(&rule("adam"), "rd(3) + 0.1", "{ update = adam; schedule = rd(3) + 0.1 }");
    check_steps(
        &rule("{ update = drop(m, 0.5) + eps; schedule = (ld + eps_t)*cd }"),
        "drop(ema(cd(2), 0.5), 0.25) + eps",
        "{ update = drop(m, 0.5) + eps; schedule = (ld + eps_t)*cd * (drop(ema(cd(2), 0.5), 0.25) + eps) }",
    );
    check_steps(
        &rule("{ param rate = 3; state s = rate*s/4 + g; update = s }"),
        "ld^rate",
        "{ param rate = 3; state s = rate*s/4 + g; update = s; schedule = ld^rate }",
    );
}

#[test]
fn the_schedule_multiplies_the_learning_rate() {
    // At step 1 of 4, ld is 3/4 and cd(1/2) is 0.5*(1 + cos(pi/4)); the gradient is 1.
    let over = rule("g").with_schedule("ld*cd").unwrap();
    let settings = Settings { total_steps: Some(4), ..Settings::default() };
    let mut run = Run::of(&over, Backend::Interpreter, &[1], settings);
    run.step_with(&[vec![0.0]], 0.1).unwrap();
    run.tensors[0][0] = 0.0;
    run.step_with(&[vec![1.0]], 0.1).unwrap();
    let wanted = -0.1 * 0.75 * 0.5 * (1.0 + std::f64::consts::FRAC_1_SQRT_2);
    assert!((f64::from(run.tensors[0][0]) / wanted - 1.0).abs() < 1e-6, "{:?}", run.tensors);
}
