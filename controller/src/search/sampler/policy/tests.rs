//! The net against its definition in f64 and finite differences of it, and what the sampler promises.

use std::collections::BTreeMap;

use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};
use pulp::Arch;

use super::batch::Batch;
use super::reference;
use super::*;

fn vocabulary(groups: usize) -> Vocabulary {
    Vocabulary::new(&SearchSpace::small(), groups, Constraints::PAPER).unwrap()
}

/// Few choices, so that a net has few weights.
fn tiny(groups: usize) -> Vocabulary {
    let text = "operands = ['g', 'm', '1']\nunary = ['id', 'sign']\nbinary = ['add', 'mul', 'sub']";
    Vocabulary::new(&SearchSpace::parse("tiny", text).unwrap(), groups, Constraints::PAPER).unwrap()
}

fn settings(hidden: usize) -> PolicySettings {
    PolicySettings { hidden, learning_rate: 0.01, ..PolicySettings::default() }
}

fn sampler(groups: usize, hidden: usize) -> PolicySampler {
    PolicySampler::new(vocabulary(groups), settings(hidden), 7).unwrap()
}

/// The share of its tokens that stand at the same place of a string that is to be found.
fn likeness(tokens: &str) -> f64 {
    let wanted = "adam ld sign exp mul %0 sign_m id sqrt sub".split(' ');
    let pairs = tokens.split(' ').zip(wanted);
    pairs.clone().filter(|(token, wanted)| token == wanted).count() as f64 / pairs.count() as f64
}

/// Rewards of strings, a function of their text.
fn judge(first: u64, proposals: &[Proposal]) -> Vec<Judged> {
    let judged = |(place, proposal): (usize, &Proposal)| Judged {
        sample: first + place as u64,
        tokens: proposal.tokens.clone(),
        reward: likeness(&proposal.tokens),
    };
    proposals.iter().enumerate().map(judged).collect()
}

/// A batch that other weights proposed, with ratios far from 1 and from where they are clipped.
fn experience(net: &mut PolicyNet, weights: &[f32], count: usize) -> (Batch, Vec<f64>) {
    let mut batch = net.propose(weights, 3, 0, count).unwrap();
    let moves = [0.5, -0.5, 0.05, -0.05, 0.0];
    let before = batch.log_probabilities.iter_mut();
    before.zip(moves.into_iter().cycle()).for_each(|(before, by)| *before += by);
    let advantages = (0..count).map(|string| [1.5, -0.75, 0.25][string % 3]).collect();
    (batch, advantages)
}

#[test]
fn loss_and_gradients_are_those_of_the_definition() {
    let objective = Objective { clip: 0.2, entropy: 0.3 };
    // Vocabulary, units, strings, which weights are looked at.
    for (vocabulary, hidden, count, step) in
        [(vocabulary(1), 3, 4, 1), (tiny(2), 5, 3, 1), (tiny(3), 37, 2, 61), (tiny(2), 20, 37, 97)]
    {
        let mut net = PolicyNet::new(vocabulary, hidden).unwrap();
        let weights = net.initial_weights(1, 0.9);
        let (batch, advantages) = experience(&mut net, &weights, count);
        let mut gradients = vec![f32::NAN; weights.len()];
        let measured =
            net.gradient(&weights, &batch, &advantages, &objective, &mut gradients).unwrap();
        let mut wide: Vec<f64> = weights.iter().copied().map(f64::from).collect();
        let shape = &net.shape;
        let loss = |wide: &[f64]| reference::loss(shape, wide, &batch, &advantages, &objective);
        assert!((measured.loss - loss(&wide)).abs() < 1e-5, "{}", measured.loss);
        let largest = gradients.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for index in (0..wide.len()).step_by(step) {
            let before = wide[index];
            wide[index] = before + 1e-5;
            let above = loss(&wide);
            wide[index] = before - 1e-5;
            let slope = (above - loss(&wide)) / 2e-5;
            wide[index] = before;
            let error = (slope - f64::from(gradients[index])).abs();
            assert!(error < 1e-5 * f64::from(largest), "{index}: {slope} {}", gradients[index]);
        }
        let are_moved = |range: std::ops::Range<usize>| gradients[range].iter().any(|g| *g != 0.0);
        assert!(net.tensors().into_iter().all(|tensor| are_moved(tensor.range)));
    }
}

#[test]
fn log_probabilities_are_those_of_the_definition_and_add_up_to_1() {
    let mut net = PolicyNet::new(tiny(1), 9).unwrap();
    let weights = net.initial_weights(1, 1.0);
    let count = 6000;
    let batch = net.propose(&weights, 5, 0, count).unwrap();
    let wide: Vec<f64> = weights.iter().copied().map(f64::from).collect();
    let mut seen: BTreeMap<&[u16], (f64, f64)> = BTreeMap::new();
    for string in 0..count {
        let probability = libm::exp(batch.log_probability(&net.shape, string));
        let choices = batch.string(&net.shape, string);
        assert!(net.vocabulary.is_string(choices));
        let (known, times) = seen.entry(choices).or_insert_with(|| {
            let values = reference::log_probabilities(&net.shape, &wide, &batch, string);
            let chosen = values.iter().zip(choices).map(|(values, c)| values[usize::from(*c)]);
            (libm::exp(chosen.sum()), 0.0)
        });
        assert!((probability - *known).abs() < 1e-6);
        *times += 1.0;
    }
    // 3 * 2 pairs of operands, 2 * 2 unary and 2 binary functions.
    assert_eq!(seen.len(), 48);
    assert!((seen.values().map(|(probability, _)| probability).sum::<f64>() - 1.0).abs() < 1e-9);
    let total = count as f64;
    let term = |(p, times): &(f64, f64)| (times - total * p) * (times - total * p) / (total * p);
    let chi_square: f64 = seen.values().map(term).sum();
    // 47 degrees of freedom: above 82.7 once in 1000.
    assert!(chi_square < 82.7, "{chi_square}");
}

#[test]
fn what_a_sample_draws_depends_on_its_number_only() {
    let mut together = sampler(2, 21);
    let all = together.propose(10, 40).unwrap();
    let mut alone = sampler(2, 21);
    for (number, proposal) in (10..).zip(&all) {
        let [own] = &alone.propose(number, 1).unwrap()[..] else { panic!("one was asked for") };
        assert_eq!(own, proposal);
    }
    let other =
        PolicySampler::new(vocabulary(2), settings(21), 8).unwrap().propose(10, 40).unwrap();
    assert_ne!(other, all);
}

/// It tells more in a release build: others have fewer loops over vectors.
#[test]
fn all_vectors_give_the_same_bits() {
    let objective = Objective { clip: 0.2, entropy: 0.01 };
    let bits = |arch: Arch| {
        let mut net = PolicyNet::new(vocabulary(2), 45).unwrap();
        net.set_arch(arch);
        let weights = net.initial_weights(1, 0.5);
        let (batch, advantages) = experience(&mut net, &weights, 5);
        let mut gradients = vec![0.0; weights.len()];
        let measured = net.gradient(&weights, &batch, &advantages, &objective, &mut gradients);
        let gradients: Vec<u32> = gradients.into_iter().map(f32::to_bits).collect();
        (batch, measured.map(|measured| measured.loss.to_bits()), gradients)
    };
    let plain = bits(Arch::Scalar);
    assert_eq!(bits(Arch::new()), plain);
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        assert_eq!(bits(Arch::V3(simd)), plain);
    }
}

#[test]
fn it_learns_what_is_rewarded() {
    for (passes, normalize) in [(1, false), (3, true)] {
        let settings = PolicySettings { passes, normalize, ..settings(24) };
        let mut sampler = PolicySampler::new(vocabulary(2), settings, 1).unwrap();
        let rewards: Vec<f64> = (0..60)
            .map(|batch| {
                let proposals = sampler.propose(10 * batch, 10).unwrap();
                let update = sampler.learn(&judge(10 * batch, &proposals)).unwrap();
                assert!(update.divergence.unwrap() > 0.0 && update.gradient_norm.unwrap() > 0.0);
                update.mean_reward
            })
            .collect();
        let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
        let (early, late) = (mean(&rewards[..5]), mean(&rewards[50..]));
        assert!(early < 0.35 && late > 0.7, "{early} {late}");
    }
}

#[test]
fn a_saved_sampler_goes_on_with_the_same_bits() {
    // Two batches in flight when the third is proposed.
    let run = |sampler: &mut PolicySampler, from: u64, to: u64| {
        let mut log = Vec::new();
        for batch in from..to {
            let proposals = sampler.propose(6 * batch, 6).unwrap();
            let oldest = sampler.in_flight.front().unwrap();
            let (first, shape) = (oldest.first, &sampler.net.shape);
            let text = |string| sampler.net.vocabulary.text(oldest.string(shape, string));
            let old: Vec<Proposal> = (0..oldest.len(shape))
                .map(|string| Proposal { tokens: text(string), log_probability: None })
                .collect();
            let update = (batch > 1).then(|| sampler.learn(&judge(first, &old)).unwrap());
            log.push((proposals, update));
        }
        log
    };
    let mut whole = sampler(2, 12);
    let mut restored = sampler(2, 12);
    for stop in 0..6 {
        let saved = whole.save().unwrap().unwrap();
        assert_eq!(whole.in_flight.len(), 2.min(stop as usize));
        restored.restore(&saved).unwrap();
        assert_eq!(restored.save().unwrap().unwrap(), saved);
        let mut fresh = restored.clone();
        assert_eq!(run(&mut fresh, stop, 8), run(&mut whole.clone(), stop, 8));
        run(&mut whole, stop, stop + 1);
    }
}

#[test]
fn damaged_and_foreign_states_are_refused_and_change_nothing() {
    let mut small = PolicySampler::new(tiny(1), settings(2), 7).unwrap();
    small.propose(0, 3).unwrap();
    let saved = small.save().unwrap().unwrap();
    let refused = |sampler: &mut PolicySampler, bytes: &[u8]| {
        let before = sampler.save().unwrap();
        let error = sampler.restore(bytes).unwrap_err();
        assert!(matches!(error, SamplerError::Saved { .. }));
        assert_eq!(sampler.save().unwrap(), before);
    };
    let mut fresh = PolicySampler::new(tiny(1), settings(2), 7).unwrap();
    for length in 0..saved.len() {
        refused(&mut fresh, &saved[..length]);
    }
    for place in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[place] ^= 1 << (place % 8);
        refused(&mut fresh, &damaged);
        // What is inside is not trusted either where the digest fits.
        let end = damaged.len() - 32;
        if place < end {
            let digest = blake3::hash(&damaged[..end]);
            damaged[end..].copy_from_slice(digest.as_bytes());
            drop(fresh.clone().restore(&damaged));
        }
    }
    let text = "operands = ['g', 'm', '1']\nunary = ['id', 'sign']\nbinary = ['add', 'mul', 'sub']";
    let space = SearchSpace::parse("tiny", text).unwrap();
    let free = Vocabulary::new(&space, 1, Constraints::NONE).unwrap();
    let others = [
        PolicySampler::new(tiny(1), settings(2), 8),
        PolicySampler::new(tiny(1), settings(3), 7),
        PolicySampler::new(tiny(1), PolicySettings { clip: 0.1, ..settings(2) }, 7),
        PolicySampler::new(tiny(2), settings(2), 7),
        PolicySampler::new(free, settings(2), 7),
    ];
    for other in others {
        refused(&mut other.unwrap(), &saved);
    }
    fresh.restore(&saved).unwrap();
}

#[test]
fn batches_that_were_not_proposed_are_refused_and_change_nothing() {
    let mut sampler = sampler(1, 8);
    let refused = |sampler: &mut PolicySampler, batch: &[Judged]| {
        let before = sampler.save().unwrap();
        let error = sampler.learn(batch).unwrap_err();
        assert!(matches!(error, SamplerError::Batch { .. }), "{error}");
        assert_eq!(sampler.save().unwrap(), before);
    };
    refused(&mut sampler, &[]);
    assert_eq!(sampler.propose(0, 0).unwrap(), []);
    let good = judge(0, &sampler.propose(0, 3).unwrap());
    let second = judge(3, &sampler.propose(3, 3).unwrap());
    refused(&mut sampler, &good[..2]);
    refused(&mut sampler, &second);
    let changes: [fn(&mut Judged); 3] =
        [|j| j.sample += 1, |j| j.tokens.push('x'), |j| j.reward = f64::NAN];
    for change in changes {
        let mut bad = good.clone();
        change(&mut bad[1]);
        refused(&mut sampler, &bad);
    }
    sampler.learn(&good).unwrap();
    sampler.learn(&second).unwrap();
    assert!(sampler.propose(6, MAX_BATCH + 1).is_err());
}

#[test]
fn no_reward_makes_a_weight_infinite() {
    let mut sampler = sampler(1, 8);
    for (batch, reward) in [f64::MAX, -f64::MAX, 1e38, 0.0].into_iter().enumerate() {
        let first = 4 * batch as u64;
        let mut judged = judge(first, &sampler.propose(first, 4).unwrap());
        judged[0].reward = reward;
        judged[1].reward = -reward;
        sampler.learn(&judged).unwrap();
        assert!(sampler.weights.values.iter().all(|weight| weight.is_finite()));
    }
}

#[test]
fn a_rule_that_there_is_not_is_refused() {
    let refused = |rule: &str| {
        let settings = PolicySettings { rule: rule.to_owned(), ..settings(8) };
        PolicySampler::new(tiny(1), settings, 0).unwrap_err()
    };
    let SamplerError::Optimizer(source) = refused("adm") else { panic!("of another kind") };
    assert!(source.to_string().contains("`adm`") && source.to_string().contains("adam"));
    let many = Vocabulary::new(&SearchSpace::paper(), 32, Constraints::PAPER).unwrap();
    let error = PolicySampler::new(many, settings(1024), 0).unwrap_err();
    assert!(error.to_string().contains("weights of the policy"), "{error}");
}
