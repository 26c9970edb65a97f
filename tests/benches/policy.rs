//! Times the search's policy; writes its gradients for `tests/bench/policy.py`, which compares them with
//! PyTorch's.
//!
//! ```text
//! cargo bench -p nosc-tests --bench policy -- [SPACE GROUPS BATCH PASSES]                     samples/s
//! cargo bench -p nosc-tests --bench policy -- gradients SPACE GROUPS HIDDEN STRINGS SEED      JSON
//! ```
//!
//! A sample is proposed and learnt from; the settings are the default ones, but for the passes. `gradients` takes
//! random strings that the paper's constraints allow. The probabilities that they had are such that some ratios are
//! clipped.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]
#![expect(clippy::disallowed_methods, reason = "a benchmark needs no bits")]

use std::time::Instant;

use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};
use nosc_controller::random::Random;
use nosc_controller::search::sampler::policy::{
    Experience, Objective, PolicyNet, PolicySampler, PolicySettings,
};
use nosc_controller::search::sampler::{Judged, Sampler};
use serde_json::json;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["gradients", space, groups, hidden, strings, seed] => {
            let net = PolicyNet::new(vocabulary(space, groups), hidden.parse().unwrap()).unwrap();
            let (strings, seed) = (strings.parse().unwrap(), seed.parse().unwrap());
            println!("{}", gradients(net, &vocabulary(space, groups), strings, seed));
        }
        [space, groups, batch, passes] => {
            time(vocabulary(space, groups), batch.parse().unwrap(), passes.parse().unwrap(), 3.0);
        }
        [] if std::env::args().any(|argument| argument == "--bench") => {
            for (groups, passes) in [("2", 1), ("2", 3), ("4", 1), ("4", 3)] {
                time(vocabulary("paper", groups), 5, passes, 3.0);
            }
        }
        // `cargo test` runs benches too: one short pass shows that they work.
        _ => time(vocabulary("small", "1"), 2, 1, 0.01),
    }
}

fn vocabulary(space: &str, groups: &str) -> Vocabulary {
    let space = SearchSpace::built_in(space).unwrap();
    Vocabulary::new(&space, groups.parse().unwrap(), Constraints::PAPER).unwrap()
}

/// Prints the median and the best rate over batches.
fn time(vocabulary: Vocabulary, batch: usize, passes: usize, seconds: f64) {
    let groups = vocabulary.groups();
    let settings = PolicySettings { passes, ..PolicySettings::default() };
    let mut sampler = PolicySampler::new(vocabulary, settings, 0).unwrap();
    let (mut random, mut first, mut times) = (Random::new(0, 0), 0, Vec::new());
    let start = Instant::now();
    while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        let proposals = sampler.propose(first, batch).unwrap();
        let judged: Vec<Judged> = (first..)
            .zip(proposals)
            .map(|(sample, proposal)| {
                let reward = f64::from(random.uniform());
                Judged { sample, tokens: proposal.tokens, reward }
            })
            .collect();
        sampler.learn(&judged).unwrap();
        times.push(start.elapsed().as_secs_f64());
        first += batch as u64;
    }
    times.sort_by(f64::total_cmp);
    let rate = |time: f64| batch as f64 / time;
    let (median, best) = (rate(times[times.len() / 2]), rate(times[0]));
    println!("{groups} groups, {passes} passes: {median:8.0} samples/s, at best {best:8.0}");
}

fn gradients(
    mut net: PolicyNet,
    vocabulary: &Vocabulary,
    strings: usize,
    seed: u64,
) -> serde_json::Value {
    let mut random = Random::new(seed, 0);
    let (mut experience, mut masks) = (Experience::default(), Vec::new());
    for _ in 0..strings {
        let mut choices = Vec::new();
        for _ in 0..vocabulary.positions() {
            let allowed = vocabulary.allowed(&choices);
            let open: Vec<usize> = (0..allowed.len()).filter(|choice| allowed[*choice]).collect();
            choices.push(open[random.below(open.len() as u64) as usize] as u16);
            // Near the even distribution that the net is close to.
            let by = f64::from(random.between(-0.5, 0.5));
            experience.log_probabilities.push(by - (open.len() as f64).ln());
            masks.push(allowed);
        }
        experience.choices.extend(choices);
        experience.advantages.push(random.normal());
    }
    let objective = Objective { clip: 0.2, entropy: 0.1 };
    let weights = net.initial_weights(seed, 0.3);
    let mut gradients = vec![0.0; weights.len()];
    let loss = net.differentiate(&weights, &experience, &objective, &mut gradients).unwrap();
    let tensor = |tensor: nosc_controller::search::sampler::policy::Tensor| {
        json!({
            "name": tensor.name,
            "dimensions": tensor.dimensions,
            "weights": weights[tensor.range.clone()],
            "gradients": gradients[tensor.range],
        })
    };
    json!({
        "positions": vocabulary.positions(),
        "clip": objective.clip,
        "entropy": objective.entropy,
        "choices": experience.choices,
        "log_probabilities": experience.log_probabilities,
        "advantages": experience.advantages,
        "masks": masks,
        "loss": loss,
        "tensors": net.tensors().into_iter().map(tensor).collect::<Vec<_>>(),
    })
}
