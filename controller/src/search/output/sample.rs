//! A made-up run for the tests: every state, both kinds, curves, duplicates.

use std::collections::BTreeMap;

use super::{RunRecord, TaskFacts};
use crate::outcome::{Divergence, DivergenceReason, End, Outcome, Point, Stage};
use crate::protocol::{Goal, Protocol};
use crate::random::Random;
use crate::search::evaluation::{Judged, RuleResult, SeedResult, judge};
use crate::search::record::{ChildRow, SampleRow, TrialKind, TrialRow, TrialState, UpdateRow};
use crate::search::sampler::Update;
use crate::search::settings::{SamplerSettings, SearchSettings, SpaceText};
use crate::task::TaskOptions;

const RULES: [(&str, &str); 6] = [
    ("m v id sqrt div", "[m v id sqrt div]"),
    ("g 1 sign id mul", "sign(g)"),
    ("sign_g sign_m exp id mul, %0 g id id mul", "[sign_g sign_m exp id mul, %0 g id id mul]"),
    ("g2 m clip1e-3 drop0.1 sub", "where(g < 0, clip(g, 0.001), \"a\") & no rule"),
    ("ld g id id mul", "ld * g"),
    ("gamma 1 id id left", "ema(g^3, beta3)"),
];

/// A run of so many sampled trials after four baselines; two samples a trial.
pub(in crate::search) fn run(sampled: u64) -> RunRecord {
    let mut random = Random::new(7, 0);
    let mut run = RunRecord {
        about: vec![
            ("task".to_owned(), "digits".to_owned()),
            ("sampler".to_owned(), "random <paper> & more".to_owned()),
        ],
        task: TaskFacts {
            title: "Softmax regression on digits".to_owned(),
            summary: "A linear child on 8x8 digits.".to_owned(),
            loss: "cross entropy, nats".to_owned(),
            parameters: 650,
        },
        ..RunRecord::default()
    };
    let baselines = [
        ("SGD", "g", 0.88),
        ("Momentum", "m", 0.90),
        ("Adam", "adam", 0.92),
        ("RMSProp", "rmsprop", 0.91),
    ];
    for (name, rule, reward) in baselines {
        let number = run.trials.len() as u64;
        let trial = TrialRow {
            kind: TrialKind::Baseline,
            name: Some(name.to_owned()),
            rule: rule.to_owned(),
            sample: None,
            ..trial(number, 0, TrialState::Done, reward)
        };
        run.children.insert(number, children(&trial));
        run.trials.push(trial);
    }
    for index in 0..sampled {
        let number = run.trials.len() as u64;
        let state = match index % 8 {
            4 => TrialState::Diverged,
            5 => TrialState::Rejected,
            6 if index % 16 == 6 => TrialState::Failed,
            _ if index + 1 == sampled && index > 4 => TrialState::Pending,
            _ => TrialState::Done,
        };
        let reward = 0.3 + 0.6 * f64::from(random.uniform());
        let trial = trial(number, 2 * index, state, reward);
        if state == TrialState::Done || state == TrialState::Diverged {
            run.children.insert(number, children(&trial));
        }
        for (offset, is_new) in [(0, true), (1, false)] {
            run.samples.push(SampleRow {
                number: 2 * index + offset,
                batch: index / 4,
                tokens: RULES[index as usize % RULES.len()].0.to_owned(),
                log_probability: Some(-12.5),
                trial: Some(number),
                is_new,
                reward: trial.reward,
            });
        }
        run.trials.push(trial);
    }
    run.updates = (0..sampled / 4).map(update).collect();
    run
}

fn trial(number: u64, sample: u64, state: TrialState, reward: f64) -> TrialRow {
    let is_done = state == TrialState::Done;
    let reason = match state {
        TrialState::Diverged => Some("the loss is inf"),
        TrialState::Rejected => Some("does not read the gradient: w < 0 & t"),
        TrialState::Failed => Some("the worker died"),
        TrialState::Pending | TrialState::Done => None,
    };
    TrialRow {
        number,
        kind: TrialKind::Sampled,
        name: None,
        key: format!("{number:032x}"),
        rule: RULES[(sample / 2) as usize % RULES.len()].1.to_owned(),
        sample: Some(sample),
        is_flipped: number.is_multiple_of(3),
        seed: u64::MAX - number,
        state,
        attempts: u32::from(state != TrialState::Pending),
        reward: match state {
            TrialState::Pending => None,
            TrialState::Done => Some(reward),
            _ => Some(0.0),
        },
        reason: reason.map(str::to_owned),
        learning_rate: is_done.then_some(0.01),
        final_loss: is_done.then_some(1.0 - reward),
        validation_accuracy: is_done.then_some(reward),
        test_accuracy: is_done.then_some(reward - 0.01),
        ended: (state != TrialState::Pending).then_some(1_790_000_000.25 + number as f64),
        seconds: (state != TrialState::Pending).then_some(1.5),
    }
}

fn children(trial: &TrialRow) -> Vec<ChildRow> {
    let child = |place: u64, stage: Stage, learning_rate: f64| {
        let accuracy = trial.reward.unwrap_or(0.0);
        let point = |step: u64| Point {
            step,
            loss: 2.3 / (1.0 + accuracy * step as f64 / 20.0),
            training_loss: None,
            validation_accuracy: Some(accuracy * (1.0 - 0.9 / (1.0 + step as f64 / 10.0))),
        };
        let is_lost = trial.state == TrialState::Diverged;
        let reason = DivergenceReason::Loss { loss: f64::INFINITY };
        let outcome = Outcome {
            stage,
            learning_rate,
            seed: trial.seed,
            steps: 100,
            curve: (0..=10).map(|i| point(10 * i)).collect(),
            final_loss: trial.final_loss,
            validation_accuracy: trial.validation_accuracy,
            test_accuracy: trial.test_accuracy,
            path: None,
            end: if is_lost {
                End::Diverged(Divergence { step: 100, reason })
            } else {
                End::Finished
            },
        };
        ChildRow { trial: trial.number, place, outcome, seconds: 0.5 }
    };
    vec![child(0, Stage::Sweep, 0.1), child(1, Stage::Training, 0.01)]
}

fn update(batch: u64) -> UpdateRow {
    let update = Update {
        mean_reward: 0.4 + batch as f64 / 100.0,
        baseline: Some(0.4),
        entropy: Some(20.0 - batch as f64 / 10.0),
        divergence: Some(0.01),
        gradient_norm: None,
    };
    UpdateRow { batch, update }
}

/// The same run on a task without accuracies.
pub(super) fn run_without_accuracy(sampled: u64) -> RunRecord {
    let mut run = run(sampled);
    for trial in &mut run.trials {
        (trial.validation_accuracy, trial.test_accuracy) = (None, None);
        trial.reward = trial.reward.map(|reward| reward - 3.0);
    }
    for child in run.children.values_mut().flatten() {
        (child.outcome.validation_accuracy, child.outcome.test_accuracy) = (None, None);
        child.outcome.curve.iter_mut().for_each(|point| point.validation_accuracy = None);
    }
    run
}

/// The same run, in which every sampled trial diverged.
pub(super) fn run_all_diverged(sampled: u64) -> RunRecord {
    let mut run = run(sampled);
    run.children = BTreeMap::new();
    for trial in run.trials.iter_mut().filter(|trial| trial.kind == TrialKind::Sampled) {
        trial.state = TrialState::Diverged;
        trial.reward = Some(0.0);
        trial.reason = Some("the loss is inf".to_owned());
        (trial.learning_rate, trial.final_loss) = (None, None);
        (trial.validation_accuracy, trial.test_accuracy) = (None, None);
    }
    run
}

/// Settings of a run on images.
pub(in crate::search) fn settings() -> SearchSettings {
    let protocol = Protocol {
        learning_rates: vec![0.01, 0.1],
        probe: None,
        steps: 100,
        seeds: Vec::new(),
        patience: None,
        goal: Goal::Children,
    };
    SearchSettings {
        space: SpaceText { name: "paper".to_owned(), text: None },
        groups: 1,
        constraints: "none".to_owned(),
        same: "algebra".to_owned(),
        sampler: SamplerSettings::Random,
        batch: 8,
        ahead: 8,
        lag: 1,
        seed: 0,
        attempts: 1,
        screen: None,
        baselines: Vec::new(),
        task: "digits".to_owned(),
        options: TaskOptions { child: Some("softmax".to_owned()), ..TaskOptions::default() },
        protocol,
        seeds: 1,
    }
}

/// Two baselines and three rules with seeds 0 to 2: a rule is the best, one diverged once, one trains at no rate.
pub(in crate::search) fn judged() -> Vec<Judged> {
    let results = [
        (0, Some("SGD"), "g", vec![0.88, 0.88, 0.88]),
        (2, Some("Adam"), "adam", vec![0.91, 0.92, 0.93]),
        (4, None, RULES[0].1, vec![0.93, 0.94, 0.95]),
        (5, None, RULES[3].1, vec![0.9, 0.9, 0.0]),
        (6, None, RULES[1].1, Vec::new()),
    ];
    let result = |(trial, name, rule, rewards): (u64, Option<&str>, &str, Vec<f64>)| RuleResult {
        trial,
        kind: if name.is_some() { TrialKind::Baseline } else { TrialKind::Sampled },
        name: name.map(str::to_owned),
        rule: rule.to_owned(),
        search_reward: Some(if name.is_some() { 0.9 } else { 0.96 }),
        learning_rate: (!rewards.is_empty()).then_some(0.03),
        tried: Vec::new(),
        seeds: (0..).zip(rewards).map(child_with_seed).collect(),
        is_stopped_early: false,
    };
    judge(results.into_iter().map(result).collect())
}

fn child_with_seed((seed, reward): (u64, f64)) -> SeedResult {
    let finished = (reward > 0.0).then_some(reward);
    SeedResult {
        seed,
        steps: 100,
        reward,
        validation_accuracy: finished,
        final_loss: finished.map(|reward| 1.0 - reward),
        test_accuracy: finished.map(|reward| reward - 0.02),
        diverged: finished.is_none().then(|| "diverged".to_owned()),
    }
}
