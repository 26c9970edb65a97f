//! Children meet the constraints, a reward is climbed, and runs repeat.

use std::collections::BTreeSet;

use super::*;
use crate::search::sampler::RandomSampler;

const ALL_USED: Constraints = Constraints { all_used: true, ..Constraints::PAPER };

fn evolution(space: &SearchSpace, groups: usize, constraints: Constraints) -> Evolution {
    Evolution::new(space, groups, constraints, EvolutionSettings::default(), 1).unwrap()
}

/// Proposes and learns in batches, each learnt from when `delay` later ones were proposed; all that was proposed.
fn run(
    sampler: &mut dyn Sampler,
    [batches, size, delay]: [usize; 3],
    reward: impl Fn(&str) -> f64,
) -> Vec<Judged> {
    let (mut open, mut all) = (VecDeque::new(), Vec::new());
    for _ in 0..batches {
        let first = all.len() as u64;
        let judge = |(sample, proposal): (u64, Proposal)| Judged {
            sample,
            reward: reward(&proposal.tokens),
            tokens: proposal.tokens,
        };
        let batch: Vec<Judged> =
            (first..).zip(sampler.propose(first, size).unwrap()).map(judge).collect();
        all.extend_from_slice(&batch);
        open.push_back(batch);
        if open.len() > delay
            && let Some(oldest) = open.pop_front()
        {
            sampler.learn(&oldest).unwrap();
        }
    }
    all
}

/// Share of the tokens that are those of a hidden string.
fn likeness(hidden: &str) -> impl Fn(&str) -> f64 {
    let hidden: Vec<String> = hidden.split(' ').map(str::to_owned).collect();
    move |text| {
        let same = text.split(' ').zip(&hidden).filter(|(word, hidden)| word == hidden).count();
        same as f64 / hidden.len() as f64
    }
}

#[test]
fn children_meet_the_constraints_and_no_string_comes_twice() {
    for space in [SearchSpace::paper(), SearchSpace::small()] {
        for (groups, constraints) in [
            (1, Constraints::PAPER),
            (2, Constraints::NONE),
            (3, Constraints::PAPER),
            (5, ALL_USED),
        ] {
            let mut sampler = evolution(&space, groups, constraints);
            let reward = |text: &str| text.bytes().map(f64::from).sum::<f64>();
            let all = run(&mut sampler, [40, 25, 1], reward);
            assert_eq!(all.len(), 1_000);
            for judged in &all {
                let choices = sampler.vocabulary.choices(&judged.tokens);
                assert!(choices.is_some_and(|c| sampler.vocabulary.is_string(&c)), "{judged:?}");
                assert!(space.rule(&judged.tokens).is_ok(), "{judged:?}");
            }
            let strings: BTreeSet<&str> = all.iter().map(|judged| judged.tokens.as_str()).collect();
            assert_eq!(strings.len(), all.len());
            assert_eq!(sampler.population.len(), 50);
        }
    }
}

#[test]
fn a_reward_is_climbed_much_faster_than_by_random_search() {
    let space = SearchSpace::paper();
    let hidden = "sign_g sign_m id id mul %0 g exp id mul %1 ld clip1e-3 sqrt div";
    let sizes = [100, 20, 0];
    let late = |all: &[Judged]| all[1_500..].iter().map(|j| j.reward).sum::<f64>() / 500.0;
    let best = |all: &[Judged]| all.iter().map(|j| j.reward).fold(0.0, f64::max);
    let mut random = RandomSampler::new(&space, 3..=3, Constraints::PAPER, 1).unwrap();
    let random = run(&mut random, sizes, likeness(hidden));
    let mut sampler = evolution(&space, 3, Constraints::PAPER);
    let evolved = run(&mut sampler, sizes, likeness(hidden));
    assert!(late(&random) < 0.25 && late(&evolved) > 0.7, "{} {}", late(&random), late(&evolved));
    // All tokens but one, of fifteen.
    assert!(best(&random) < 0.6 && best(&evolved) > 0.9, "{} {}", best(&random), best(&evolved));
}

#[test]
fn learning_with_a_delay_climbs_too_and_runs_repeat() {
    let space = SearchSpace::small();
    let hidden = "g m sign id mul %0 adam exp id mul";
    let all = || {
        let mut sampler = evolution(&space, 2, Constraints::PAPER);
        run(&mut sampler, [60, 16, 3], likeness(hidden))
    };
    let (one, two) = (all(), all());
    assert_eq!(one, two);
    assert!(one.iter().any(|judged| judged.reward == 1.0));
    let settings = EvolutionSettings { crossover: 1.0, ..EvolutionSettings::default() };
    let mut other = Evolution::new(&space, 2, Constraints::PAPER, settings, 1).unwrap();
    let other = run(&mut other, [60, 16, 3], likeness(hidden));
    assert_eq!(one[..48], other[..48]);
    assert_ne!(one, other);
}

#[test]
fn a_tiny_space_ends() {
    let text = "operands = ['g', 'm']\nunary = ['id', 'sign']\nbinary = ['mul', 'sub']";
    let space = SearchSpace::parse("tiny", text).unwrap();
    let settings = EvolutionSettings { population: 3, ..EvolutionSettings::default() };
    let mut sampler = Evolution::new(&space, 1, Constraints::PAPER, settings, 1).unwrap();
    let all = run(&mut sampler, [10, 3, 0], |text| text.len() as f64);
    let strings: BTreeSet<&str> = all.iter().map(|judged| judged.tokens.as_str()).collect();
    assert_eq!((all.len(), strings.len()), (16, 16));
    assert_eq!(sampler.propose(16, 5).unwrap(), []);
}

#[test]
fn only_the_youngest_live() {
    let space = SearchSpace::small();
    let settings = EvolutionSettings { population: 4, ..EvolutionSettings::default() };
    let mut sampler = Evolution::new(&space, 2, Constraints::NONE, settings, 1).unwrap();
    let all = run(&mut sampler, [3, 3, 0], |_| 0.0);
    let alive: Vec<String> =
        sampler.population.iter().map(|m| sampler.vocabulary.text(&m.choices)).collect();
    let last: Vec<String> = all[5..].iter().map(|judged| judged.tokens.clone()).collect();
    assert_eq!(alive, last);
}

#[test]
fn settings_out_of_range_are_refused() {
    let default = EvolutionSettings::default;
    assert!(default().check().is_ok());
    for (name, settings) in [
        ("population", EvolutionSettings { population: 0, ..default() }),
        ("tournament", EvolutionSettings { tournament: 0, ..default() }),
        ("crossover", EvolutionSettings { crossover: 1.5, ..default() }),
        ("mutation", EvolutionSettings { mutation: f64::NAN, ..default() }),
        ("swap", EvolutionSettings { swap: -1.0, ..default() }),
        ("tries", EvolutionSettings { tries: u32::MAX, ..default() }),
        (
            "replace",
            EvolutionSettings { replace: 0.0, rewire: 0.0, swap: 0.0, redraw: 0.0, ..default() },
        ),
    ] {
        let error = settings.check().unwrap_err();
        assert!(error.to_string().starts_with(name), "{name}: {error}");
    }
    let read: EvolutionSettings = serde_json::from_str(r#"{"population": 9}"#).unwrap();
    assert_eq!(read, EvolutionSettings { population: 9, ..default() });
    assert!(serde_json::from_str::<EvolutionSettings>(r#"{"size": 9}"#).is_err());
}
