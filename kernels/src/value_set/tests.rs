//! Value sets: which functions go away, and that no bit changes, through the interpreter.

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::{Rule, arbitrary};

use crate::interpreter::Interpreter;
use crate::kernel::{Elements, Kernel, Uniforms};
use crate::plan::{Instruction, Plan};
use crate::scalars::StepInputs;
use crate::{GradientGuard, LowerError, LoweredRule};

/// Floats at which something may go wrong, and some at which nothing should.
const FLOATS: [f32; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::from_bits(1),
    f32::from_bits(0x8000_0001),
    f32::MAX,
    f32::MIN,
    0.5,
    -2.0,
    3.0,
    1e-30,
    -88.0,
];

/// Values of step scalars; most of them no user would set.
const SETTINGS: [f64; 10] =
    [0.9, 1.0, 0.0, -0.0, -1.0, 2.0, f64::NAN, f64::INFINITY, 1e-60, -1e300];

fn canonical(text: &str) -> CanonicalRule {
    CanonicalRule::new(&Rule::parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors}")))
}

fn lowered(text: &str) -> LoweredRule {
    LoweredRule::new(canonical(text)).unwrap()
}

/// Instructions of a plan, and whether a function is left.
fn size(plan: &Plan) -> (usize, bool) {
    let fused = |i: &Instruction| matches!(i, Instruction::FusedMultiplyAdd(..));
    (plan.instructions.len(), plan.instructions.iter().any(fused))
}

/// Bits of all arrays after a step over every combination of [`FLOATS`] for `w`, `g` and one state; the
/// other states hold the floats in another order. `None` if the step is refused.
fn after(lowered: &LoweredRule, seed: usize) -> Option<Vec<Vec<u32>>> {
    let setting = |index: usize| SETTINGS[(seed * 7 + index * 3 + seed / 10) % SETTINGS.len()];
    let parameters = lowered.canonical.rule.parameters.iter().enumerate();
    // A decay out of range would refuse the step: half of the runs leave the parameters alone.
    let parameters: Vec<f64> = parameters
        .map(|(index, p)| if seed.is_multiple_of(2) { p.default } else { setting(index) })
        .collect();
    let states: Vec<f64> =
        (0..lowered.scalars.uniform_states().len()).map(|index| setting(index + 1)).collect();
    let inputs = StepInputs {
        step: seed as u64 % 6,
        total_steps: Some(5),
        learning_rate: 0.1,
        parameters: &parameters,
        seed: 1,
        states: &states,
        guard: GradientGuard::default(),
        weight_decay: 0.0,
    };
    let scalars = lowered.scalars.step(&lowered.canonical, &inputs).ok()?.scalars;
    let count = FLOATS.len().pow(2) * 3;
    let pick = |place: usize| FLOATS[place % FLOATS.len()];
    let array = |f: &dyn Fn(usize) -> usize| (0..count).map(|i| pick(f(i))).collect::<Vec<f32>>();
    let mut w = array(&|i| i / 5 + seed);
    let g = array(&|i| i);
    let mut states: Vec<Vec<f32>> =
        (0..lowered.slots.len()).map(|slot| array(&|i| (i / 16) * (slot + 1) + slot)).collect();
    let mut borrowed: Vec<&mut [f32]> = states.iter_mut().map(Vec::as_mut_slice).collect();
    let mut elements = Elements {
        parameters: (&mut w).into(),
        gradients: (&g).into(),
        states: &mut borrowed,
        first_element: 0,
    };
    let uniforms = Uniforms { scalars: &scalars, key: [1, 2], step: 3 };
    Interpreter::new(lowered.plan.clone()).run(&mut elements, uniforms).unwrap();
    let bits = |x: &f32| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() };
    Some([w].iter().chain(&states).map(|array| array.iter().map(bits).collect()).collect())
}

/// Compares with the plain lowering; whether the plans differ.
fn check(text: &str, seeds: usize) -> bool {
    let canonical = canonical(text);
    let (found, wanted) = match (LoweredRule::new(canonical.clone()), LoweredRule::plain(canonical))
    {
        (Ok(found), Ok(wanted)) => (found, wanted),
        (_, Err(LowerError::TooLong { .. } | LowerError::TooMany { .. })) => return false,
        other => panic!("{text}\n{other:?}"),
    };
    if found.plan == wanted.plan {
        return false;
    }
    for seed in 0..seeds {
        assert_eq!(
            after(&found, seed),
            after(&wanted, seed),
            "seed {seed}\n{text}\n{}",
            found.plan
        );
    }
    true
}

#[test]
fn functions_of_few_values_are_selects() {
    for text in [
        "exp(sign(g)*sign(m)) * g",
        "2^(sign(g)*sign(m)) * g",
        "exp(ld*sign(g)*sign(m)) * g",
        "{ param base = 3\n update = base^(sign(g)*sign(m)) * g }",
        "sigmoid(tanh(sign(g) - sign(m))) * g",
        "exp(exp(sign(g)) + 1)",
        "tanh(clip(sign(g), -0.5, 0.5)) * w",
        "log(abs(sign(g)) + 1)",
        "exp(where(g < w, 1, -1)) * g",
        "exp(where(ld < 0.5, sign(g), -sign(m)))",
        "exp(min(sign(g), sign(m))) + tanh(max(sign(g), sign(w)))",
        "tanh(ld*sign(g))",
        "tanh(ld*sign(g)*sign(m))",
        "(sign(g) + 2)^sign(g)",
        "(sign(g) - 0.5)^-7",
        "{ param p = 3\n update = sign(g)^p }",
        "exp(drop(sign(g), 0.3))",
        "{ state s = sign(g)\n update = exp(s) }",
        "exp(sign(g)*sign(m)*sign(w))",
        "sigmoid(sign(g) + sign(m) + sign(w))",
        "log(sign(g))",
        "g / (sign(g)*sign(m) + 2)^2.5",
        "g * (1 / (3 + sign(g)*sign(m)))",
        "g * sqrt(abs(sign(g)*sign(m)) + 2)",
        "2*exp(3*sign(g)) + 1",
        "exp(-(1/0)*sign(g))",
    ] {
        let (instructions, fused) = size(&lowered(text).plan);
        println!("{instructions} {text}");
        assert!(!fused, "{text}\n{}", lowered(text).plan);
        assert!(check(text, 40), "{text}");
    }
}

#[test]
fn other_functions_stay() {
    for text in [
        "exp(g)*sign(m)",
        "exp(sign(g)*m)",
        "{ state s = prev(s) + sign(g)\n update = exp(s) }",
        "exp(m)*sign(exp(g))",
        "exp(where(g < m, 1, w))",
        "exp(2*sign(g) + 3*sign(m) + 5*sign(w) + 7*sign(v))",
    ] {
        assert!(size(&lowered(text).plan).1, "{text}");
        check(text, 10);
    }
}

/// What stands above a function goes into its selects.
#[test]
fn arithmetic_above_a_function_costs_nothing() {
    let (plain, _) = size(&lowered("exp(sign(g)*sign(m)) * g").plan);
    for text in [
        "(1 + 3*exp(sign(g)*sign(m))) * g",
        "(1 / (1 + exp(sign(g)*sign(m)))) * g",
        "sqrt(exp(sign(g)*sign(m)) + 7) * g",
        "max(exp(sign(g)*sign(m)), 1.5) * g",
    ] {
        let (found, _) = size(&lowered(text).plan);
        // One constant more: exp(0) is 1, which sign has too.
        assert!(found <= plain + 1, "{found} instead of {plain}: {text}\n{}", lowered(text).plan);
        assert!(check(text, 40), "{text}");
    }
}

#[test]
fn powersign_is_short() {
    let plan = lowered("exp(sign(g)*sign(m)) * g").plan;
    let (instructions, _) = size(&plan);
    assert!(instructions <= 39, "{instructions}\n{plan}");
}

#[test]
fn scalars_that_nothing_reads_are_left_out() {
    let lowered = lowered("exp(ld*sign(g)*sign(m)) * g");
    let read = |i: &&Instruction| matches!(i, Instruction::Scalar(_));
    let read = lowered.plan.instructions.iter().filter(read).count();
    assert_eq!(read, lowered.scalars.outputs().len());
}

/// A formula of signs and what keeps their sets small, from random bytes.
fn of_signs(bytes: &mut impl Iterator<Item = u8>, depth: usize) -> String {
    let mut byte = || bytes.next().unwrap_or(0);
    let (kind, which) = (byte(), usize::from(byte()));
    let pick = |list: &[&str]| list[which % list.len()].to_owned();
    if depth == 0 || kind < 40 {
        return match kind % 4 {
            0 | 1 => pick(&["sign(g)", "sign(m)", "sign(w)", "sign(g)", "sign(abs(g))"]),
            2 => pick(&["ld", "p", "q", "1", "0", "-0", "2", "-1", "0.5", "1/0", "3", "t"]),
            _ => pick(&["where(g < w, 1, -1)", "g", "where(m <= g, p, 0)", "r"]),
        };
    }
    let mut next = || of_signs(bytes, depth - 1);
    match kind % 20 {
        0..=6 => {
            let function = pick(&["exp", "log", "tanh", "sigmoid", "exp", "tanh"]);
            format!("{function}({})", next())
        }
        7 | 8 => format!("{}({})", pick(&["abs", "-", "sqrt", "sign"]), next()),
        9..=13 => format!("({} {} {})", next(), pick(&["+", "-", "*", "*", "/"]), next()),
        14 | 15 => format!("({})^({})", next(), next()),
        16 => format!("{}({}, {})", pick(&["min", "max"]), next(), next()),
        17 => format!("clip({}, {})", next(), pick(&["0.5", "1", "p"])),
        18 => {
            let test = pick(&["<", "<=", "==", "!="]);
            format!("where({} {test} {}, {}, {})", next(), next(), next(), next())
        }
        _ => format!("drop({}, 0.5)", next()),
    }
}

#[test]
fn no_bit_changes_in_rules_of_signs() {
    let mut changed = 0;
    let count = 3_000;
    for seed in 0..count {
        let mut bytes = arbitrary::bytes_from_seed(seed, 200).into_iter();
        let formula = of_signs(&mut bytes, 1 + seed as usize % 5);
        let text = format!(
            "{{ param p = 2\n param q = -0.5\n state r = -prev(r) + p\n update = ({formula}) * g + w + 0*p*q*r }}"
        );
        changed += u64::from(check(&text, 6));
    }
    println!("{changed} of {count} plans changed");
    assert!(changed * 3 > count, "{changed} of {count}");
}

#[test]
fn no_bit_changes_in_generated_rules() {
    let mut changed = 0;
    let count = 3_000;
    for seed in 0..count {
        let text = match seed % 3 {
            0 => format!("[{}]", arbitrary::token_text_from_seed(seed, 1 + seed as usize % 7)),
            _ => arbitrary::rule_text_from_seed(seed, 40 + (seed % 5 * 60) as usize),
        };
        changed += u64::from(check(&text, 4));
    }
    println!("{changed} of {count} plans changed");
    assert!(changed > 50, "{changed} of {count}");
}
