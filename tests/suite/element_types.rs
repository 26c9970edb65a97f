//! Parameters and gradients of f64, f16 and bf16: converted at the edges, with the arithmetic of f32.

use nosc_compiler::Rule;
use nosc_runtime::{
    Backend, ElementType, FloatVec, Floats, FloatsMut, Optimizer, Rounding, Settings, StepOptions,
    bf16, f16, library,
};
use nosc_tests::{bits, compiled, hard_float, plain_float, rule, splitmix, typed};

/// Elements that come to some chunks and a rest.
const N: usize = 70_003;
const BACKENDS: [Backend; 2] = [Backend::Auto, Backend::Interpreter];

fn settings(threads: usize) -> Settings {
    let (seed, total_steps) = (Some(5), Some(9));
    Settings { seed, total_steps, threads: Some(threads), ..Settings::default() }
}

fn optimizer(rule: &Rule, backend: Backend, length: usize, settings: Settings) -> Optimizer {
    let mut optimizer = Optimizer::new(compiled(rule, backend), &[length], settings).unwrap();
    optimizer.share_every_step();
    optimizer
}

/// Numbers that 16 bits hold, and others.
fn numbers(salt: u64, length: usize) -> Vec<f32> {
    (0..length as u64)
        .map(|i| match i % 3 {
            0 => hard_float(splitmix(salt ^ i)),
            1 => f16::from_f32(plain_float(splitmix(salt ^ i))).to_f32(),
            _ => plain_float(splitmix(salt ^ i)),
        })
        .collect()
}

fn all_bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(bits).collect()
}

/// Some steps on f32 arrays, the parameters being rounded by the caller after each: what arrays of a
/// narrow type should hold.
fn wanted(rule: &Rule, start: &[f32], gradients: &[f32], round: fn(f32) -> f32) -> Vec<u32> {
    let mut optimizer = optimizer(rule, Backend::Interpreter, start.len(), settings(1));
    let mut w = start.to_vec();
    for _ in 0..3 {
        optimizer.step(&mut [&mut w], &[gradients], 0.05).unwrap();
        for w in &mut w {
            *w = round(*w);
        }
    }
    all_bits(w)
}

fn after<'a>(
    rule: &Rule,
    backend: Backend,
    mut parameters: FloatsMut<'a>,
    gradients: Floats<'_>,
) -> FloatsMut<'a> {
    let mut optimizer = optimizer(rule, backend, parameters.len(), settings(2));
    for _ in 0..3 {
        let options = StepOptions::new(0.05);
        optimizer.step_with(&mut [parameters.reborrow()], &[gradients], &options).unwrap();
    }
    parameters
}

#[test]
fn sixteen_bits_are_rounded_to_nearest_even_on_store() {
    for name in ["adam_rule", "powersign", "adamw", "t6_01"] {
        let rule = library::rule(name).unwrap();
        let (start, g) = (numbers(1, N), numbers(2, N));
        let halves: Vec<f16> = start.iter().map(|x| f16::from_f32(*x)).collect();
        let brains: Vec<bf16> = start.iter().map(|x| bf16::from_f32(*x)).collect();
        let wide = |values: &[f16]| values.iter().map(|x| x.to_f32()).collect::<Vec<f32>>();
        let of_halves = wanted(&rule, &wide(&halves), &g, |x| f16::from_f32(x).to_f32());
        let start: Vec<f32> = brains.iter().map(|x| x.to_f32()).collect();
        let of_brains = wanted(&rule, &start, &g, |x| bf16::from_f32(x).to_f32());
        for backend in BACKENDS {
            let mut w = halves.clone();
            after(&rule, backend, (&mut w).into(), (&g).into());
            assert!(all_bits(wide(&w)) == of_halves, "{name}, f16, {backend}");
            let mut w = brains.clone();
            after(&rule, backend, (&mut w).into(), (&g).into());
            assert!(all_bits(w.iter().map(|x| x.to_f32())) == of_brains, "{name}, bf16, {backend}");
        }
    }
}

#[test]
fn gradients_of_any_type_are_read_as_f32() {
    let rule = library::rule("adam_rule").unwrap();
    let (start, g) = (numbers(3, N), numbers(4, N));
    let f64s: Vec<f64> = g.iter().map(|x| f64::from(*x) * 1.000_000_01).collect();
    let f16s: Vec<f16> = g.iter().map(|x| f16::from_f32(*x)).collect();
    let bf16s: Vec<bf16> = g.iter().map(|x| bf16::from_f32(*x)).collect();
    let read: [(Floats<'_>, Vec<f32>); 3] = [
        ((&f64s).into(), f64s.iter().map(|x| *x as f32).collect()),
        ((&f16s).into(), f16s.iter().map(|x| x.to_f32()).collect()),
        ((&bf16s).into(), bf16s.iter().map(|x| x.to_f32()).collect()),
    ];
    for (gradients, as_f32) in read {
        let expected = wanted(&rule, &start, &as_f32, |x| x);
        for backend in BACKENDS {
            let mut w = start.clone();
            after(&rule, backend, (&mut w).into(), gradients);
            assert!(all_bits(w) == expected, "{} {backend}", gradients.element_type());
        }
    }
}

/// The last line is `w - (f64)c * (f64)u`, so small changes of a large parameter are not lost.
#[test]
fn f64_parameters_keep_their_digits() {
    let rule = rule("g * exp(sign(g) * sign(m)) + 0.5 * m");
    let (start, g) = (numbers(5, 4_099), numbers(6, 4_099));
    let wide: Vec<f64> = start.iter().map(|x| f64::from(*x) * 1.000_000_01).collect();
    // The rule does not read w, so that the change of an f32 parameter from 0 is `-c*u`, and u with c = 1.
    let mut updates = vec![0.0_f32; g.len()];
    optimizer(&rule, Backend::Interpreter, g.len(), settings(1))
        .step(&mut [&mut updates], &[&g], 1.0)
        .unwrap();
    for backend in BACKENDS {
        let mut w = wide.clone();
        let mut optimizer = optimizer(&rule, backend, g.len(), settings(1));
        let options = StepOptions::new(0.1);
        optimizer.step_with(&mut [(&mut w).into()], &[(&g).into()], &options).unwrap();
        for ((found, old), u) in w.iter().zip(&wide).zip(&updates) {
            let expected = old - f64::from(0.1_f32) * -f64::from(*u);
            let same = found.to_bits() == expected.to_bits();
            assert!(same || found.is_nan() && expected.is_nan(), "{found:e} {expected:e}");
        }
    }
}

#[test]
fn tensors_of_different_types_move_in_one_step() {
    let rule = library::rule("adam_rule").unwrap();
    let lengths = [70_000, 0, 131, 5];
    let starts: Vec<Vec<f32>> = lengths
        .iter()
        .map(|n| numbers(7, *n))
        .map(|v| v.iter().map(|x| bf16::from_f32(*x).to_f32()).collect())
        .collect();
    let g: Vec<Vec<f32>> = lengths.iter().map(|n| numbers(8, *n)).collect();
    let run = |backend, threads| {
        let mut a = starts[0].clone();
        let mut b: Vec<f64> = Vec::new();
        let mut c: Vec<bf16> = starts[2].iter().map(|x| bf16::from_f32(*x)).collect();
        let mut d: Vec<f64> = starts[3].iter().map(|x| f64::from(*x)).collect();
        let mut optimizer =
            Optimizer::new(compiled(&rule, backend), &lengths, settings(threads)).unwrap();
        optimizer.share_every_step();
        for _ in 0..3 {
            let mut w: [FloatsMut<'_>; 4] =
                [(&mut a).into(), (&mut b).into(), (&mut c).into(), (&mut d).into()];
            let g: Vec<Floats<'_>> = g.iter().map(Floats::from).collect();
            optimizer.step_with(&mut w, &g, &StepOptions::new(0.05)).unwrap();
        }
        let c = c.iter().map(|x| x.to_f32());
        (all_bits(a), all_bits(c), all_bits(d.iter().map(|x| *x as f32)))
    };
    let expected = run(Backend::Interpreter, 1);
    assert_eq!(expected.0, wanted(&rule, &starts[0], &g[0], |x| x));
    assert_eq!(expected.1, wanted(&rule, &starts[2], &g[2], |x| bf16::from_f32(x).to_f32()));
    for threads in [1, 2] {
        assert!(run(Backend::Auto, threads) == expected, "{threads} threads");
    }
}

#[test]
fn stochastic_rounding_is_a_function_of_the_seed_and_right_on_average() {
    let rule = rule("g");
    let run = |seed, backend, threads| {
        let settings =
            Settings { seed: Some(seed), rounding: Rounding::Stochastic, ..settings(threads) };
        let mut optimizer = optimizer(&rule, backend, N, settings);
        let (mut w, g) = (vec![bf16::ONE; N], vec![0.01_f32; N]);
        // 1 - 0.001 lies between the bf16 numbers 1 and 1 - 2^-8.
        for _ in 0..10 {
            let options = StepOptions::new(0.1);
            optimizer.step_with(&mut [(&mut w).into()], &[(&g).into()], &options).unwrap();
        }
        w
    };
    let found = run(1, Backend::Auto, 1);
    assert!(found == run(1, Backend::Interpreter, 2), "back ends differ");
    assert!(found != run(2, Backend::Auto, 1), "seeds agree");
    let mean = found.iter().map(|w| f64::from(*w)).sum::<f64>() / N as f64;
    assert!((mean - 0.99).abs() < 2e-4, "mean {mean}");
    // To nearest, nothing would ever move.
    let mut nearest = optimizer(&rule, Backend::Auto, 1, settings(1));
    let (mut w, g) = ([bf16::ONE], [0.01_f32]);
    nearest.step_with(&mut [(&mut w).into()], &[(&g).into()], &StepOptions::new(0.1)).unwrap();
    assert_eq!(w, [bf16::ONE]);
}

// O7: an epsilon that f16 does not hold still keeps a quotient of zeros from being NaN.
#[test]
fn delta_does_not_vanish_with_f16_parameters() {
    let mut w = [f16::from_f32(0.5); 7];
    let g = [f16::ZERO; 7];
    let rule = library::rule("adam").unwrap();
    let w = after(&rule, Backend::Auto, (&mut w).into(), (&g).into());
    assert!((0..7).all(|i| w.as_floats().get(i) == Some(0.5)));
}

// O8, O10: the step is an integer and the decays are f64, whatever the tensors hold. After 1,000 equal
// gradients the moments are those of f32 parameters.
#[test]
fn a_thousand_steps_in_bf16_have_the_moments_of_f32() {
    let rule = library::rule("adam").unwrap();
    let (mut narrow, g) = ([bf16::ONE; 5], [bf16::from_f32(0.1); 5]);
    let mut of_bf16 = optimizer(&rule, Backend::Auto, 5, settings(1));
    let mut of_f32 = optimizer(&rule, Backend::Auto, 5, settings(1));
    let (mut plain, as_f32) = ([1.0_f32; 5], g.map(bf16::to_f32));
    for _ in 0..1000 {
        let options = StepOptions::new(1e-3);
        of_bf16.step_with(&mut [(&mut narrow).into()], &[(&g).into()], &options).unwrap();
        of_f32.step(&mut [&mut plain], &[&as_f32], 1e-3).unwrap();
    }
    assert_eq!(of_bf16.steps(), 1000);
    for slot in 0..2 {
        assert_eq!(of_bf16.state(slot, 0), of_f32.state(slot, 0), "slot {slot}");
    }
}

// O9: a checkpoint of narrow tensors holds f32 states and an integer step, and resumes bit for bit.
#[test]
fn narrow_tensors_resume_bit_for_bit() {
    let rule = library::rule("adam_rule").unwrap();
    let g: Vec<f16> = (0..300).map(|i| f16::from_f32(plain_float(splitmix(i)))).collect();
    let mut w = vec![f16::ONE; 300];
    let mut first = optimizer(&rule, Backend::Auto, 300, settings(1));
    let step = |optimizer: &mut Optimizer, w: &mut Vec<f16>| {
        let options = StepOptions::new(0.01);
        optimizer.step_with(&mut [w.into()], &[(&g).into()], &options).unwrap();
    };
    (0..3).for_each(|_| step(&mut first, &mut w));
    let mut second = optimizer(&rule, Backend::Auto, 300, settings(1));
    second.load_bytes(&first.to_checkpoint().unwrap()).unwrap();
    let mut resumed = w.clone();
    step(&mut first, &mut w);
    step(&mut second, &mut resumed);
    assert_eq!(w, resumed);
    assert_eq!(first.to_checkpoint().unwrap(), second.to_checkpoint().unwrap());
}

/// All NaN are one.
fn number_bits(values: &FloatVec) -> Vec<u64> {
    values.numbers().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect()
}

#[test]
fn back_ends_agree_on_every_standard_rule_whatever_the_types() {
    const LENGTH: usize = 1_031;
    let (start, g) = (numbers(10, LENGTH), numbers(11, LENGTH));
    for (place, rule) in library::rules().iter().enumerate() {
        for turn in 0..4 {
            let place = place + 5 * turn;
            let types = [ElementType::ALL[place % 4], ElementType::ALL[place / 4 % 4]];
            let rounding = [Rounding::Nearest, Rounding::Stochastic][place / 2 % 2];
            let clip_value = (place % 3 == 0).then_some(0.75);
            let options = StepOptions { clip_value, ..StepOptions::new(0.05) };
            let run = |backend| {
                let settings = Settings { rounding, ..settings(1) };
                let mut optimizer = optimizer(rule, backend, LENGTH, settings);
                let mut w = typed(types[0], start.iter().copied());
                let g = typed(types[1], g.iter().copied());
                for _ in 0..2 {
                    optimizer
                        .step_with(&mut [w.as_floats_mut()], &[g.as_floats()], &options)
                        .unwrap();
                }
                let slots = optimizer.compiled().slots().len();
                let states = (0..slots).filter_map(|slot| optimizer.state(slot, 0));
                (number_bits(&w), states.map(|s| all_bits(s.iter().copied())).collect::<Vec<_>>())
            };
            let wanted = run(Backend::Interpreter);
            for backend in [Backend::Auto, Backend::Cranelift] {
                assert!(run(backend) == wanted, "{} {types:?} {rounding:?} {backend}", rule.name);
            }
        }
    }
}
