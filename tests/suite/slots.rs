//! State slots: one for each average however often it is used, none that nobody needs.

use nosc_runtime::{Backend, Settings};
use nosc_tests::{Run, compiled, rule};

/// Names of the slots of a rule, sorted; a uniform one has a star.
fn slots(text: &str) -> Vec<String> {
    let slots = compiled(&rule(text), Backend::Auto).slots();
    let names = slots.into_iter().map(|slot| slot.name + if slot.uniform { "*" } else { "" });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn check_slots(text: &str, wanted: &[&str]) {
    assert_eq!(slots(text), wanted, "{text}");
    let rule = rule(text);
    let run = Run::of(&rule, Backend::Auto, &[5, 0, 2], Settings::default());
    let varying = wanted.iter().filter(|name| !name.ends_with('*')).count();
    assert_eq!(run.optimizer.compiled().lowered().bytes_per_parameter(), 4 * varying, "{text}");
    for slot in 0..varying {
        assert_eq!(run.optimizer.state(slot, 0).map(<[f32]>::len), Some(5));
        assert_eq!(run.optimizer.state(slot, 1).map(<[f32]>::len), Some(0));
        assert_eq!(run.optimizer.state(slot, 3), None);
    }
    assert_eq!(run.optimizer.state(varying, 0), None, "{text}");
}

#[test]
fn one_average_is_one_slot_however_it_is_spelled() {
    check_slots("m*m + sign(m)", &["m"]);
    check_slots("m + debias(ema(g, beta1))", &["m"]);
    check_slots("m_hat + m + ema(g, beta1)", &["m"]);
    check_slots("v + debias(ema(g*g, beta2)) + ema(g^2, beta2)", &["v"]);
    check_slots("gamma + ema(g*g*g, beta3) + ema(g^3, beta3)", &["gamma"]);
    check_slots("adam + rmsprop + v", &["m", "v"]);
    check_slots("ema(g + w, 0.5) * ema(w + g, 0.5)", &["ema1"]);
}

#[test]
fn averages_that_differ_have_their_own_slots() {
    assert_eq!(slots("ema(g, 0.5) + ema(g, 0.25)").len(), 2);
    assert_eq!(slots("ema(g, 0.5) + ema(w, 0.5)").len(), 2);
    // beta1 can be set apart from a number of the same value.
    assert_eq!(slots("m + ema(g, 0.9)").len(), 2);
}

#[test]
fn rules_without_memory_have_no_slots() {
    check_slots("g", &[]);
    check_slots("g + eps + w*ld", &[]);
}

#[test]
fn states_that_nothing_needs_are_not_allocated() {
    check_slots("{ state s = 0.5*s + g; update = g }", &[]);
    check_slots("{ let a = ema(w, 0.5); state s = 0.5*s + a; update = m }", &["m"]);
    check_slots("where(1 < 2, g, m)", &[]);
}

#[test]
fn a_state_of_scalars_is_one_number_a_rule() {
    assert_eq!(slots("{ state s = s + t; update = s*g }"), ["s1*"]);
    assert_eq!(slots("{ state s init 1 = s*beta1; state q = q*s + g; update = q }").len(), 2);
    let bytes = compiled(&rule("{ state s = s + t; update = s*g }"), Backend::Auto);
    assert_eq!(bytes.lowered().bytes_per_parameter(), 0);
}

#[test]
fn a_shared_slot_moves_once_a_step() {
    let mut run = Run::new("m + debias(ema(g, beta1)) - m", &[1], Settings::default());
    run.step_with(&[vec![1.0]], 0.0).unwrap();
    assert_eq!(run.optimizer.state(0, 0), Some(&[(1.0 - 0.9_f64) as f32][..]));
    assert_eq!(run.optimizer.state(1, 0), None);
}

#[test]
fn states_see_the_old_value_in_their_own_line_and_the_new_one_after() {
    let text = "{ state a init 1 = a + 1; state b = prev(a)*10 + a*g; update = b*100 + prev(b) }";
    let mut run = Run::new(text, &[1], Settings::default());
    let mut moved = Vec::new();
    for _ in 0..2 {
        run.tensors[0][0] = 0.0;
        run.step_with(&[vec![1.0]], 1.0).unwrap();
        moved.push(-run.tensors[0][0]);
    }
    // a: 1 -> 2 -> 3; b: 0 -> 10 + 2 -> 20 + 3.
    assert_eq!(moved, [1200.0, 2312.0]);
}
