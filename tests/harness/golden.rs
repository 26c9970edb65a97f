//! Values computed elsewhere: by NumPy in f64 for the paper's rules and token strings, by PyTorch for its
//! optimizers.
//!
//! A case gives parameters, a gradient a step, and the parameters after each step, with a relative and an
//! absolute tolerance. NaN and infinities stand where they stand. `total_steps: null` is a rule that runs
//! without a total; `tensor_id` is the number of the one tensor in draws.

use nosc_compiler::Rule;
use nosc_runtime::{Backend, Optimizer, Settings, library};
use serde_json::{Map, Value};

use crate::rules::{compiled, rule};

/// Elements whose f64 value no f32 arithmetic can reach within tolerance: case, element, from which step,
/// and the share of the tolerance that is allowed. `docs/numerics.md` leaves no choice of another result:
/// each operation is rounded once, and `reference` gives the same bits.
///
/// * `tok008`, `(1e-2*w)^sign(m)`: the parameter falls from 2.2 to 5e-4 in one step, which costs it 12 bits,
///   and the next update is `100/w`.
/// * `tok021`, `clip(log|rmsprop|/(1e-3*w + delta), 1e-3)`: at step 0 `rmsprop` is 1 - 1e-8, in f32 a
///   neighbour of 1 or 1 itself, and its logarithm is divided by a small `1e-3*w`.
const BEYOND_F32: [(&str, usize, usize, f64); 4] = [
    ("tok008", 11, 8, 1.25),
    ("tok021", 0, 0, 2.5),
    ("tok021", 13, 0, 3.0),
    ("tok021", 14, 0, 4.0),
];

/// Every case of a file of rules (`source`) or token strings (`tokens`), on both back ends. Returns the
/// number of cases and the worst error as a fraction of its tolerance.
pub fn check_golden(text: &str) -> (usize, f64) {
    check(text, |case| {
        let rule = match case["tokens"].as_str() {
            Some(tokens) => Rule::from_tokens(tokens).unwrap(),
            None => rule(case["source"].as_str().unwrap()),
        };
        (rule, numbers(case["params"].as_object().unwrap()))
    })
}

/// Every case of a file of PyTorch optimizers, whose settings become parameters of the standard rules.
pub fn check_golden_torch(text: &str) -> (usize, f64) {
    check(text, |case| {
        let settings = torch_settings(case["settings"].as_object().unwrap());
        library::find(case["name"].as_str().unwrap(), &settings).unwrap()
    })
}

fn check(text: &str, rule: impl Fn(&Value) -> (Rule, Vec<(String, f64)>)) -> (usize, f64) {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let (mut worst, mut faults): (f64, Vec<String>) = (0.0, Vec::new());
    for case in cases {
        let (rule, parameters) = rule(case);
        for backend in [Backend::Interpreter, Backend::Cranelift] {
            let (of_case, more) = check_case(case, &rule, &parameters, backend);
            worst = worst.max(of_case);
            faults.extend(more);
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    (cases.len(), worst)
}

fn check_case(
    case: &Value,
    rule: &Rule,
    parameters: &[(String, f64)],
    backend: Backend,
) -> (f64, Vec<String>) {
    let name = case["name"].as_str().unwrap();
    let settings = Settings {
        parameters: parameters.to_vec(),
        total_steps: case["total_steps"].as_u64(),
        seed: case["seed"].as_u64(),
        first_tensor: case["tensor_id"].as_u64().unwrap_or(0) as u32,
        ..Settings::default()
    };
    let lr = case["lr"].as_f64().or_else(|| case["settings"]["lr"].as_f64()).unwrap();
    let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap());
    let mut w = floats(&case["w0"]);
    let mut optimizer = Optimizer::new(compiled(rule, backend), &[w.len()], settings).unwrap();
    let (grads, wanted) = (case["grads"].as_array().unwrap(), case["w"].as_array().unwrap());
    assert_eq!(grads.len(), wanted.len(), "{name}");
    let (mut worst, mut faults): (f64, Vec<String>) = (0.0, Vec::new());
    for (step, (g, wanted)) in grads.iter().zip(wanted).enumerate() {
        optimizer.step(&mut [&mut w], &[&floats(g)], lr).unwrap();
        let wanted = wanted.as_array().unwrap();
        assert_eq!(w.len(), wanted.len(), "{name}");
        for (element, (found, wanted)) in w.iter().zip(wanted).enumerate() {
            let share = share_of_tolerance(f64::from(*found), number(wanted), rtol, atol);
            let limit = BEYOND_F32
                .iter()
                .find(|(of, at, from, _)| *of == name && *at == element && step >= *from)
                .map_or(1.0, |(.., limit)| *limit);
            if share > limit {
                faults.push(format!(
                    "{name} on {backend}, step {step}, element {element}: {found:e}, expected \
                     {wanted}, {share:.2} of the tolerance"
                ));
            }
            if limit <= 1.0 {
                worst = worst.max(share);
            }
        }
    }
    (worst, faults)
}

/// `|found - wanted| / (atol + rtol*|wanted|)`; infinite where only one is finite or a number.
fn share_of_tolerance(found: f64, wanted: f64, rtol: f64, atol: f64) -> f64 {
    if found.is_nan() && wanted.is_nan() || found == wanted {
        return 0.0;
    }
    if !found.is_finite() || !wanted.is_finite() {
        return f64::INFINITY;
    }
    (found - wanted).abs() / (atol + rtol * wanted.abs())
}

/// Settings of a class of torch.optim as parameters: pairs by their parts. Booleans chose the rule, and
/// `lr` is an argument of the step.
fn torch_settings(settings: &Map<String, Value>) -> Vec<(String, f64)> {
    const PAIRS: [(&str, [&str; 2]); 3] = [
        ("betas", ["beta1", "beta2"]),
        ("etas", ["eta_minus", "eta_plus"]),
        ("step_sizes", ["step_min", "step_max"]),
    ];
    let mut plain = settings.clone();
    plain.retain(|name, value| name != "lr" && value.is_number());
    let mut out = numbers(&plain);
    for (name, parts) in PAIRS {
        let Some(values) = settings.get(name) else { continue };
        for (part, value) in parts.into_iter().zip(values.as_array().unwrap()) {
            out.push((part.to_owned(), value.as_f64().unwrap()));
        }
    }
    out
}

fn numbers(map: &Map<String, Value>) -> Vec<(String, f64)> {
    map.iter().map(|(name, value)| (name.clone(), value.as_f64().unwrap())).collect()
}

fn floats(values: &Value) -> Vec<f32> {
    values.as_array().unwrap().iter().map(|value| number(value) as f32).collect()
}

/// JSON has no NaN and no infinities: they are text.
fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some(text) => text.parse().unwrap(),
        None => value.as_f64().unwrap(),
    }
}
