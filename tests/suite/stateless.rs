//! Steps over states that others keep: the bits of an optimizer that has its own, for any part of a tensor.

use nosc_runtime::{
    Backend, Lists, Moment, Optimizer, Rounding, RuntimeError, Settings, StatelessOptimizer,
    StepOptions, StepOutcome, TensorPlace, bf16, library,
};
use nosc_tests::{compiled, gradients, rule};

const LENGTHS: [usize; 4] = [70_003, 0, 1, 5];
const SHORT: [usize; 4] = [1_003, 0, 1, 5];

fn settings() -> Settings {
    Settings { threads: Some(2), total_steps: Some(9), seed: Some(7), ..Settings::default() }
}

fn parameters(lengths: &[usize]) -> Vec<Vec<f32>> {
    lengths.iter().map(|n| (0..*n).map(|i| 1.0 - i as f32 * 1e-4).collect()).collect()
}

/// A step of whole tensors, each cut in parts at these elements.
fn step_in_parts(
    optimizer: &mut StatelessOptimizer,
    w: &mut [Vec<f32>],
    g: &[Vec<f32>],
    states: &mut [Vec<f32>],
    cuts: &[usize],
    moment: &mut Moment,
) {
    let slots = states.len() / w.len();
    let (mut parameters, mut gradients, mut lent, mut places) = (vec![], vec![], vec![], vec![]);
    let mut of_tensors = states.iter_mut().map(Vec::as_mut_slice);
    for (tensor, (w, g)) in w.iter_mut().zip(g).enumerate() {
        let mut w = w.as_mut_slice();
        let mut states: Vec<&mut [f32]> = of_tensors.by_ref().take(slots).collect();
        let mut start = 0;
        for end in cuts.iter().copied().filter(|cut| *cut < g.len()).chain([g.len()]) {
            let (own, rest) = w.split_at_mut(end - start);
            w = rest;
            parameters.push(own.into());
            gradients.push(g[start..end].into());
            for state in &mut states {
                let (own, rest) = std::mem::take(state).split_at_mut(end - start);
                *state = rest;
                lent.push(own);
            }
            places.push(TensorPlace { id: tensor as u32, first_element: start as u64 });
            start = end;
        }
    }
    let lists = Lists {
        parameters: &mut parameters,
        gradients: &gradients,
        states: &mut lent,
        places: &places,
    };
    let options = StepOptions::new(0.05);
    optimizer.check(&lists, moment, &options).unwrap();
    assert_eq!(optimizer.step(lists, moment, &options).unwrap(), StepOutcome::Done);
}

#[test]
fn lent_states_and_parts_of_tensors_give_the_bits_of_whole_ones() {
    // Draws in the update and in the schedule, states that are one number, first values that are not 0.
    let drawing = [
        "{ state s init 3 = s*drop(g, 0.5) + eps; update = s + eps_t; schedule = 1 + eps }",
        "{ state n init 2 = n + 1; update = n*drop(m, 0.25) }",
    ];
    let rules = drawing.map(|text| (rule(text), &LENGTHS[..], [1, 2, 3, 7, 40_001]));
    // Others have nothing in them that could tell a chunk from another.
    let standard = library::rules().into_iter().map(|rule| (rule, &SHORT[..], [1, 2, 3, 7, 500]));
    for (rule, lengths, first_cuts) in rules.into_iter().chain(standard) {
        for backend in [Backend::Auto, Backend::Interpreter] {
            for cuts in [&[][..], &first_cuts, &[4, 32_768, 65_535]] {
                let compiled = compiled(&rule, backend);
                let slots = compiled.slots().iter().filter(|slot| !slot.uniform).count();
                let mut whole = Optimizer::new(compiled.clone(), lengths, settings()).unwrap();
                let mut lent = StatelessOptimizer::new(compiled, settings()).unwrap();
                let (mut w, mut parts) = (parameters(lengths), parameters(lengths));
                // What stands in the states before the first step is not read.
                let mut states: Vec<Vec<f32>> =
                    lengths.iter().flat_map(|n| vec![vec![9.0; *n]; slots]).collect();
                let mut moment = Moment::default();
                for step in 0..3 {
                    let g: Vec<Vec<f32>> = lengths.iter().map(|n| gradients(3, step, *n)).collect();
                    let borrowed: Vec<&[f32]> = g.iter().map(Vec::as_slice).collect();
                    let mut arrays: Vec<&mut [f32]> = w.iter_mut().map(Vec::as_mut_slice).collect();
                    whole.step(&mut arrays, &borrowed, 0.05).unwrap();
                    step_in_parts(&mut lent, &mut parts, &g, &mut states, cuts, &mut moment);
                    let bits =
                        |w: &[Vec<f32>]| w.concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert!(
                        bits(&w) == bits(&parts),
                        "{} {backend} {cuts:?} step {step}",
                        rule.name
                    );
                    assert_eq!(moment.step, step + 1);
                }
                for (number, state) in states.iter().enumerate() {
                    let (tensor, slot) = (number / slots, number % slots);
                    assert!(whole.state(slot, tensor) == Some(state), "{} {slot}", rule.name);
                }
            }
        }
    }
}

#[test]
fn stochastic_rounding_of_a_part_is_that_of_the_whole() {
    let step = |cut: usize| {
        let settings = Settings { rounding: Rounding::Stochastic, ..settings() };
        let mut optimizer =
            StatelessOptimizer::new(compiled(&rule("g"), Backend::Auto), settings).unwrap();
        let mut w: Vec<bf16> = (0..101).map(|i| bf16::from_f32(1.0 + i as f32)).collect();
        let g = vec![0.123_f32; 101];
        let (first, second) = w.split_at_mut(cut);
        optimizer
            .step(
                Lists {
                    parameters: &mut [first.into(), second.into()],
                    gradients: &[g[..cut].into(), g[cut..].into()],
                    states: &mut [],
                    places: &[
                        TensorPlace::default(),
                        TensorPlace { id: 0, first_element: cut as u64 },
                    ],
                },
                &mut Moment::default(),
                &StepOptions::new(0.05),
            )
            .unwrap();
        w
    };
    let whole = step(0);
    for cut in [1, 2, 3, 4, 50, 99, 101] {
        assert_eq!(step(cut), whole, "{cut}");
    }
}

#[test]
fn lists_that_do_not_fit_together_are_refused_and_nothing_moves() {
    let compiled = compiled(&rule("m + g"), Backend::Auto);
    let mut optimizer = StatelessOptimizer::new(compiled, Settings::default()).unwrap();
    let (mut w, mut m) = ([1.0_f32; 4], [0.5_f32; 4]);
    let (g, place) = ([1.0_f32; 4], TensorPlace::default());
    let mut moment = Moment { step: 1, uniform_states: Vec::new() };
    let options = StepOptions::new(0.1);
    let mut refused = |lengths: [usize; 3], places: &[TensorPlace], moment: &mut Moment| {
        let [gradients, states, length] = lengths;
        let mut states = [&mut m[..length]].into_iter().take(states).collect::<Vec<_>>();
        let lists = Lists {
            parameters: &mut [(&mut w).into()],
            gradients: &[(&g[..gradients]).into()],
            states: &mut states,
            places,
        };
        optimizer.step(lists, moment, &options).unwrap_err()
    };
    let error = refused([3, 1, 4], &[place], &mut moment);
    assert!(matches!(error, RuntimeError::TensorLength { what: "gradients", .. }), "{error}");
    let error = refused([4, 0, 4], &[place], &mut moment);
    assert!(matches!(error, RuntimeError::TensorCount { what: "states", .. }), "{error}");
    let error = refused([4, 1, 2], &[place], &mut moment);
    assert!(matches!(error, RuntimeError::TensorLength { what: "states", .. }), "{error}");
    let error = refused([4, 1, 4], &[], &mut moment);
    assert!(matches!(error, RuntimeError::TensorCount { what: "places", .. }), "{error}");
    moment.uniform_states.push(1.0);
    let error = refused([4, 1, 4], &[place], &mut moment);
    assert!(matches!(error, RuntimeError::UniformStates { found: 1, expected: 0 }), "{error}");
    assert_eq!((w, m, moment.step), ([1.0; 4], [0.5; 4], 1));
}
