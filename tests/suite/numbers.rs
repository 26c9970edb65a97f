//! Special values through whole rules, on both back ends: what public bug reports elsewhere got wrong.

use nosc_runtime::{Backend, Settings};
use nosc_tests::{Run, SPECIAL, bits, rule};

/// Values of a formula, read from a state, since `w - u` would not show the sign of a zero.
fn values(formula: &str, gradients: &[f32], backend: Backend) -> Vec<f32> {
    let rule = rule(&format!("{{ state kept = {formula}; update = prev(kept) }}"));
    let mut run = Run::of(&rule, backend, &[gradients.len()], Settings::default());
    run.step_with(&[gradients.to_vec()], 0.0).unwrap();
    run.optimizer.state(0, 0).unwrap().to_vec()
}

fn check_values(formula: &str, pairs: &[(f32, f32)]) {
    let (gradients, wanted): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
    for backend in [Backend::Interpreter, Backend::Cranelift] {
        // Nine copies, so that a vector loop and its scalar tail both see each value.
        let found = values(formula, &gradients.repeat(9), backend);
        for (at, found) in found.iter().enumerate() {
            let (g, wanted) = (gradients[at % pairs.len()], wanted[at % pairs.len()]);
            let same = bits(*found) == bits(wanted);
            assert!(same, "{formula} at {g:e} on {backend}: {found:e}, expected {wanted:e}");
        }
    }
}

const LEAST: f32 = f32::from_bits(1);

// E17.
#[test]
fn clip_keeps_nan_and_zeros_and_bounds_infinities() {
    let bound = 1e-3_f32;
    let inside = f32::from_bits(bound.to_bits() - 1);
    let outside = f32::from_bits(bound.to_bits() + 1);
    check_values(
        "clip(g, 1e-3)",
        &[
            (f32::NAN, f32::NAN),
            (-f32::NAN, f32::NAN),
            (f32::INFINITY, bound),
            (f32::NEG_INFINITY, -bound),
            (0.0, 0.0),
            (-0.0, -0.0),
            (bound, bound),
            (-bound, -bound),
            (inside, inside),
            (-inside, -inside),
            (outside, bound),
            (-outside, -bound),
            (LEAST, LEAST),
        ],
    );
}

#[test]
fn clip_with_a_nan_bound_is_nan() {
    check_values("clip(g, -1, log(0*t - 1))", &[(0.5, f32::NAN), (f32::NAN, f32::NAN)]);
    check_values("clip(1, g)", &[(2.0, 1.0), (0.5, 0.5), (f32::NAN, f32::NAN)]);
}

// E19.
#[test]
fn sign_keeps_zeros_and_nan_and_sees_subnormals() {
    check_values(
        "sign(g)",
        &[
            (f32::NAN, f32::NAN),
            (-f32::NAN, f32::NAN),
            (0.0, 0.0),
            (-0.0, -0.0),
            (LEAST, 1.0),
            (-LEAST, -1.0),
            (f32::INFINITY, 1.0),
            (f32::NEG_INFINITY, -1.0),
        ],
    );
}

// E17: min and max give NaN whichever side it is on, and the second of two zeros.
#[test]
fn min_and_max_give_nan_from_either_side() {
    let nan = f32::NAN;
    check_values("min(g, 1)", &[(nan, nan), (2.0, 1.0), (-1.0, -1.0)]);
    check_values("max(1, g)", &[(nan, nan), (2.0, 2.0), (-1.0, 1.0)]);
    check_values("min(1, g)", &[(nan, nan), (f32::INFINITY, 1.0)]);
    check_values("max(g, 0)", &[(nan, nan), (-0.0, 0.0), (0.0, 0.0)]);
    check_values("max(0, g)", &[(-0.0, -0.0), (0.0, 0.0)]);
    check_values("min(g, 0)", &[(-0.0, 0.0), (0.0, 0.0)]);
}

#[test]
fn a_comparison_with_nan_does_not_hold() {
    let nan = f32::NAN;
    check_values("where(g < 1, 1, 2)", &[(nan, 2.0), (0.0, 1.0), (1.0, 2.0)]);
    check_values("where(g >= 1, 1, 2)", &[(nan, 2.0), (1.0, 1.0)]);
    check_values("where(g == g, 1, 2)", &[(nan, 2.0), (f32::INFINITY, 1.0)]);
    check_values("where(g != g, 1, 2)", &[(nan, 1.0), (-0.0, 2.0)]);
}

// E20: which NaN an operation makes differs between machines; nothing here can tell them apart.
#[test]
fn a_nan_of_any_sign_is_the_same_nan() {
    check_values("g/g", &[(0.0, f32::NAN), (f32::INFINITY, f32::NAN), (-2.0, 1.0)]);
    check_values("sqrt(g)", &[(-1.0, f32::NAN), (-0.0, -0.0), (4.0, 2.0)]);
    check_values("log(abs(g))*0", &[(0.0, f32::NAN), (1.0, 0.0)]);
    let nans = SPECIAL.iter().filter(|value| value.is_nan()).map(|nan| (*nan, f32::NAN));
    check_values("-g", &nans.clone().collect::<Vec<_>>());
    check_values("abs(g)", &nans.collect::<Vec<_>>());
}

// C13: a negative base and an integer exponent.
#[test]
fn pow_of_a_negative_base_is_exact_for_whole_exponents() {
    check_values("g^2", &[(-1.0, 1.0), (-0.5, 0.25), (0.0, 0.0), (2.0, 4.0)]);
    check_values("(-1)^(g + 0)", &[(2.0, 1.0), (3.0, -1.0), (0.5, f32::NAN), (0.0, 1.0)]);
    check_values("g^(1 + 1)", &[(-1.0, 1.0), (-0.5, 0.25), (-0.0, 0.0), (2.0, 4.0)]);
}

#[test]
fn token_functions_are_those_of_the_paper() {
    // log|g| and sqrt|g| of -1, 0, 4, and g/(g + delta) at 0.
    let cases: [(&str, [f32; 3]); 3] = [
        ("[g g log id left]", [0.0, f32::NEG_INFINITY, 1.386_294_4]),
        ("[g g sqrt id left]", [1.0, 0.0, 2.0]),
        ("[g g id id div]", [1.0, 0.0, 1.0]),
    ];
    for (text, wanted) in cases {
        let mut run = Run::new(text, &[3], Settings::default());
        run.tensors[0] = vec![0.0; 3];
        run.step_with(&[vec![-1.0, 0.0, 4.0]], 1.0).unwrap();
        let negated: Vec<f32> = wanted.iter().map(|value| 0.0 - value).collect();
        assert_eq!(run.tensors[0], negated, "{text}");
    }
}
