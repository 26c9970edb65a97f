//! Plans, results and judgements on small tasks.

use std::ops::ControlFlow;

use super::funnel::{Reason, Round, rounds, select};
use super::training::{Contender, train};
use super::{
    Comparison, Conditions, Effort, EvaluationError, Judged, RuleResult, SeedResult, Stage,
    Subject, Threshold, best_baseline, judge, judged, optimism, stage, unused_seeds, write_round,
};
use crate::outcome::{Stage as Purpose, Trained};
use crate::protocol::{Goal, Protocol};
use crate::search::ledger::{Ledger, LedgerError};
use crate::search::output::RunRecord;
use crate::search::record::TrialKind;
use crate::spread::Spread;
use crate::stepper::MakeStepper;
use crate::stepper::fake::{Ascent, FailingAt, Momentum};
use crate::task::{Event, Probe, Task, TaskError, TaskOptions, open_with};
use crate::trials::{Candidate, ChildId, Run, Unwatched, Watch, run};

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn conditions(task: &str, options: TaskOptions, probe: Option<Probe>) -> Conditions {
    let protocol = Protocol {
        learning_rates: vec![1e-2, 0.1],
        probe,
        steps: 13,
        seeds: vec![0, 1, 2],
        patience: None,
        goal: Goal::Children,
    };
    Conditions { task: task.to_owned(), options, protocol, finer: true }
}

fn digits(probe: Option<Probe>) -> Conditions {
    let child = Some("softmax".to_owned());
    conditions("digits", TaskOptions { child, ..TaskOptions::default() }, probe)
}

fn quadratic() -> Conditions {
    conditions("quadratic", TaskOptions { noise: Some(0.1), ..TaskOptions::default() }, None)
}

fn opened(conditions: &Conditions) -> Box<dyn Task> {
    open_with(&conditions.task, &conditions.options).unwrap()
}

fn subject(trial: u64, kind: TrialKind, rule: &str) -> Subject {
    let name = (kind == TrialKind::Baseline).then(|| rule.to_owned());
    let rule =
        nosc_runtime::library::rule(rule).map_or_else(|| rule.to_owned(), |rule| rule.to_text());
    Subject { trial, kind, name, rule, search_reward: Some(0.5) }
}

fn found(trial: u64) -> Subject {
    subject(trial, TrialKind::Sampled, "sign(m)*g*g")
}

/// Results of makers, and the children of each run: in sweeps, and trained to the end.
fn trained(
    makers: &[&dyn MakeStepper],
    conditions: &Conditions,
    threshold: Option<Threshold>,
    (group, jobs): (usize, usize),
) -> (Vec<RuleResult>, Vec<(usize, usize)>) {
    let task = opened(conditions);
    let subjects: Vec<Subject> = (0..makers.len() as u64).map(found).collect();
    let contenders: Vec<Contender<'_>> = subjects
        .iter()
        .zip(makers)
        .map(|(subject, maker)| Contender { subject, maker: *maker })
        .collect();
    let (mut sizes, mut results) = (Vec::new(), Vec::new());
    let mut runner = |task: &dyn Task, _: &[&str], candidates: &[Candidate<'_>]| {
        let run = run(task, candidates, jobs, &Unwatched)?;
        let sweep = run.trials.iter().map(|trial| trial.sweep.len()).sum();
        sizes.push((sweep, run.trials.iter().map(|trial| trial.children.len()).sum()));
        Ok::<Run, TaskError>(run)
    };
    let mut keep = |result: &RuleResult| {
        results.push(result.clone());
        Ok(())
    };
    let task = task.as_ref();
    let cut_short =
        train(task, &contenders, conditions, threshold, group, &mut runner, &mut keep).unwrap();
    assert!(cut_short.is_none());
    (results, sizes)
}

/// A result with these rewards, which are validation accuracies too.
fn result(trial: u64, kind: TrialKind, rewards: &[f64]) -> RuleResult {
    let child = |(seed, reward): (u64, &f64)| SeedResult {
        seed,
        steps: 1,
        reward: *reward,
        validation_accuracy: (*reward > 0.0).then_some(*reward),
        final_loss: (*reward > 0.0).then_some(1.0),
        test_accuracy: (*reward > 0.0).then_some(1.0 - *reward),
        diverged: (*reward == 0.0).then(|| "diverged".to_owned()),
    };
    RuleResult {
        trial,
        kind,
        name: (kind == TrialKind::Baseline).then(|| format!("base{trial}")),
        rule: "g".to_owned(),
        search_reward: Some(0.9),
        learning_rate: (!rewards.is_empty()).then_some(0.1),
        tried: Vec::new(),
        seeds: (0..).zip(rewards).map(child).collect(),
        is_stopped_early: false,
    }
}

#[test]
fn seeds_are_the_smallest_that_no_trial_has() {
    let trials = crate::search::output::sample::run(6).trials;
    let mut trials = trials;
    (trials[0].seed, trials[1].seed, trials[2].seed) = (0, 2, 7);
    for trial in &mut trials[3..] {
        trial.seed = 1 << 32;
    }
    assert_eq!(unused_seeds(&trials, 1, 4), [1, 3, 4, 5]);
    assert_eq!(unused_seeds(&trials, 2, 3), [4, 5, 6]);
    // No list of them is ever made.
    assert_eq!(
        unused_seeds(&trials, 1 << 40, 2),
        [(1 << 40) + (1 << 32), (1 << 40) + (1 << 32) + 1]
    );
    trials[0].seed = u64::MAX;
    assert_eq!(unused_seeds(&trials, 2, 3), [1, 4, 5]);
    assert_eq!(unused_seeds(&trials, 0, 2), [0, 1]);
}

#[test]
fn a_digest_is_of_all_conditions() {
    let one = quadratic();
    assert_eq!(one.digest(), quadratic().digest());
    let coarse = Conditions { finer: false, ..one.clone() };
    let seeds = Protocol { seeds: vec![0, 1], ..one.protocol.clone() };
    let longer = Protocol { steps: 14, ..one.protocol.clone() };
    let with = |protocol| Conditions { protocol, ..one.clone() };
    for other in [coarse, with(seeds), with(longer), digits(None)] {
        assert_ne!(one.digest(), other.digest());
    }
}

#[test]
fn a_rate_is_chosen_by_the_first_seed_and_the_others_train_at_it() {
    let probe = Some(Probe { examples: 300, epochs: 1 });
    let (results, sizes) = trained(&[&Momentum(0.9)], &digits(probe), None, (1, 2));
    // Two short children; three rates around the best; the other two seeds.
    assert_eq!(sizes, [(2, 0), (0, 3), (0, 2)]);
    let [result] = &results[..] else { panic!("{results:?}") };
    let rate = result.learning_rate.unwrap();
    let seeds: Vec<u64> = result.seeds.iter().map(|child| child.seed).collect();
    assert_eq!((seeds, result.tried.len()), (vec![0, 1, 2], 5));
    let best = result.tried[2..].iter().max_by(|a, b| a.reward.total_cmp(&b.reward)).unwrap();
    assert_eq!((best.learning_rate, best.reward), (rate, result.seeds[0].reward));
    assert!(result.seeds.iter().all(|child| child.test_accuracy.is_some() && child.steps == 13));
    let coarse = Conditions { finer: false, ..digits(probe) };
    let (results, sizes) = trained(&[&Momentum(0.9)], &coarse, None, (1, 2));
    assert_eq!(sizes, [(2, 0), (0, 1), (0, 2)]);
    assert!([1e-2, 0.1].contains(&results[0].learning_rate.unwrap()));
}

#[test]
fn without_short_children_no_rate_trains_twice_and_one_rate_needs_no_sweep() {
    let (_, sizes) = trained(&[&Momentum(0.0)], &quadratic(), None, (1, 1));
    assert_eq!(sizes, [(0, 2), (0, 2), (0, 2)]);
    let mut one = quadratic();
    one.protocol.learning_rates = vec![0.1];
    let (results, sizes) = trained(&[&Momentum(0.0)], &one, None, (1, 1));
    assert_eq!(sizes, [(0, 3), (0, 2)]);
    assert_eq!((results[0].seeds.len(), results[0].tried.len()), (3, 3));
}

#[test]
fn results_do_not_depend_on_groups_and_threads() {
    let makers: [&dyn MakeStepper; 3] = [&Momentum(0.9), &Momentum(0.0), &Ascent];
    let probe = Some(Probe { examples: 300, epochs: 1 });
    let (alone, _) = trained(&makers, &digits(probe), None, (1, 1));
    assert_eq!(alone.len(), 3);
    for ways in [(2, 3), (9, 4)] {
        assert_eq!(trained(&makers, &digits(probe), None, ways).0, alone);
    }
    let read: Vec<RuleResult> =
        serde_json::from_str(&serde_json::to_string(&alone).unwrap()).unwrap();
    assert_eq!(read, alone);
}

#[test]
fn a_rule_that_never_trains_is_complete_without_a_rate() {
    let mut lost = quadratic();
    lost.protocol.learning_rates = vec![1e39, 1e40];
    let (results, sizes) = trained(&[&Momentum(0.0)], &lost, None, (1, 1));
    assert_eq!((sizes.len(), results[0].learning_rate), (1, None));
    assert!(results[0].seeds.is_empty() && results[0].tried.len() == 2);
    let judged = judge(results);
    assert_eq!((judged[0].reward, judged[0].rank), (None, 1));
}

#[test]
fn a_failure_ends_it_and_keeps_what_is_complete() {
    let (conditions, subjects) = (quadratic(), [found(0), found(1), found(2)]);
    let task = opened(&conditions);
    let makers: [&dyn MakeStepper; 3] = [&Momentum(0.0), &FailingAt(3), &Momentum(0.9)];
    let contenders =
        [0, 1, 2].map(|index: usize| Contender { subject: &subjects[index], maker: makers[index] });
    let mut runner = |task: &dyn Task, _: &[&str], candidates: &[Candidate<'_>]| {
        run(task, candidates, 1, &Unwatched)
    };
    let mut kept = Vec::new();
    let mut keep = |result: &RuleResult| {
        kept.push(result.trial);
        Ok(())
    };
    let task = task.as_ref();
    let cut_short =
        train(task, &contenders, &conditions, None, 1, &mut runner, &mut keep).unwrap().unwrap();
    assert!(cut_short.run.failure.is_some());
    assert_eq!((kept, cut_short.names), (vec![0], vec!["trial 1".to_owned()]));
}

#[test]
fn a_rule_far_below_the_threshold_trains_with_one_seed() {
    let baseline = judge(vec![result(0, TrialKind::Baseline, &[0.99, 0.98, 0.97])]);
    let threshold = Threshold::of(&baseline[0]).unwrap();
    assert!(threshold.exceeds(0.94) && !threshold.exceeds(0.951));
    let alike = judge(vec![result(0, TrialKind::Baseline, &[0.99, 0.99])]);
    let floor = Threshold::of(&alike[0]).unwrap();
    assert!(floor.exceeds(0.969) && !floor.exceeds(0.971));
    let (results, sizes) = trained(&[&Ascent], &quadratic(), Some(threshold), (1, 1));
    assert_eq!(sizes.len(), 2);
    assert!(results[0].is_stopped_early && results[0].seeds.len() == 1);
    // It is the same if all seeds were trained before.
    let (whole, _) = trained(&[&Ascent], &quadratic(), None, (1, 1));
    assert_eq!((whole[0].seeds.len(), whole[0].up_to(threshold)), (3, results[0].clone()));
}

#[test]
fn means_deviations_and_welchs_t_are_those_of_the_formulas() {
    let of = |values: &[f64]| Spread::of(values).unwrap();
    assert_eq!(Spread::of(&[]), None);
    assert_eq!(of(&[2.0]), Spread { mean: 2.0, deviation: None, count: 1 });
    let (rule, base) = (of(&[4.0, 6.0, 8.0]), of(&[1.0, 3.0]));
    assert_eq!((rule.mean, rule.deviation, base.deviation), (6.0, Some(2.0), Some(2.0_f64.sqrt())));
    let comparison = Comparison::of(&rule, &base, "base".to_owned());
    // 4 / sqrt(4/3 + 2/2).
    let t = 4.0 / (7.0_f64 / 3.0).sqrt();
    assert!((comparison.standard_errors.unwrap() - t).abs() < 1e-12 && comparison.is_above());
    let alike = Comparison::of(&of(&[1.0, 1.0]), &of(&[1.0, 1.0]), "base".to_owned());
    assert_eq!((alike.standard_error, alike.standard_errors), (Some(0.0), None));
    assert!(!alike.is_above());
}

#[test]
fn rules_are_ranked_by_validation_and_never_by_test() {
    let judged = judge(vec![
        result(0, TrialKind::Baseline, &[0.5, 0.5]),
        result(1, TrialKind::Baseline, &[0.6, 0.8]),
        result(2, TrialKind::Baseline, &[0.0, 0.0]),
        result(3, TrialKind::Sampled, &[0.9, 0.0]),
        result(4, TrialKind::Sampled, &[0.8, 0.8]),
    ]);
    let order: Vec<(usize, u64)> = judged.iter().map(|one| (one.rank, one.result.trial)).collect();
    assert_eq!(order, [(1, 4), (2, 1), (3, 0), (4, 3), (5, 2)]);
    assert_eq!(best_baseline(&judged).unwrap().result.trial, 1);
    let comparison = judged[0].comparison.as_ref().unwrap();
    assert_eq!(comparison.baseline, "base1");
    assert!((comparison.difference - 0.1).abs() < 1e-12);
    assert!(judged[1].comparison.is_none());
    // A child that diverged counts as 0, with the tests too; there is no mean of losses.
    let lost = &judged[3];
    assert_eq!((lost.diverged, lost.reward.unwrap().mean, lost.final_loss), (1, 0.45, None));
    assert!((lost.test.unwrap().mean - 0.05).abs() < 1e-12);
    let of = |kind| optimism(&judged, kind).unwrap();
    assert!((of(TrialKind::Sampled) - f64::midpoint(0.1, 0.45)).abs() < 1e-12);
    assert!((of(TrialKind::Baseline) - (0.4 + 0.2 + 0.9) / 3.0).abs() < 1e-12);
}

fn round(is_last: bool) -> Round {
    Round { number: 2, what: String::new(), conditions: quadratic(), is_last }
}

fn fates(results: Vec<RuleResult>, is_last: bool) -> Vec<(u64, bool, String)> {
    let mut judged = judge(results);
    select(&round(is_last), &mut judged);
    assert!(judged.iter().all(|one| one.fate.is_none() == one.is_baseline()));
    let fate = |one: &Judged| {
        let fate = one.fate.clone()?;
        assert_eq!(fate.round, 2);
        let reason = fate.reason.map(|reason: Reason| reason.to_string());
        Some((one.result.trial, fate.goes_on, reason.unwrap_or_default()))
    };
    judged.iter().filter_map(fate).collect()
}

#[test]
fn the_better_half_of_those_that_beat_the_baseline_goes_on() {
    let weak = RuleResult { is_stopped_early: true, ..result(5, TrialKind::Sampled, &[0.3]) };
    let results = vec![
        result(0, TrialKind::Baseline, &[0.6, 0.6]),
        result(1, TrialKind::Sampled, &[0.9, 0.9]),
        result(2, TrialKind::Sampled, &[0.8, 0.8]),
        result(3, TrialKind::Sampled, &[0.5, 0.5]),
        result(4, TrialKind::Sampled, &[0.9, 0.0]),
        weak,
        result(6, TrialKind::Sampled, &[]),
        result(7, TrialKind::Sampled, &[0.85, 0.85]),
        result(8, TrialKind::Sampled, &[0.7, 0.7]),
        result(9, TrialKind::Sampled, &[0.65, 0.65]),
    ];
    let found = fates(results.clone(), false);
    let of = |trial: u64| found.iter().find(|(one, _, _)| *one == trial).unwrap();
    // Nine came, so five may go on, and five do.
    for trial in [1, 7, 2, 8, 9] {
        assert_eq!(of(trial), &(trial, true, String::new()));
    }
    assert_eq!(of(3), &(3, false, "0.5000 below the best baseline base0 0.6000".to_owned()));
    assert_eq!(of(4), &(4, false, "diverged with 1 of 2 seeds".to_owned()));
    assert!(of(5).2.contains("far below the best baseline base0"), "{:?}", of(5));
    assert_eq!(of(6), &(6, false, "trains at no learning rate".to_owned()));
    let good = |trial: &u64| [0, 1, 2, 7].contains(trial);
    let few: Vec<RuleResult> = results.into_iter().filter(|one| good(&one.trial)).collect();
    let going = |is_last| {
        let fates = fates(few.clone(), is_last);
        fates.into_iter().map(|(_, goes_on, reason)| (goes_on, reason)).collect::<Vec<_>>()
    };
    let out = (false, "not among the best 2".to_owned());
    let on = (true, String::new());
    assert_eq!(going(false), [on.clone(), on.clone(), out]);
    assert_eq!(going(true), [on.clone(), on.clone(), on]);
}

#[test]
fn the_best_goes_on_even_if_all_are_below_but_holds_not() {
    let results = vec![
        result(0, TrialKind::Baseline, &[0.9, 0.9]),
        result(1, TrialKind::Sampled, &[0.95, 0.0]),
        result(2, TrialKind::Sampled, &[0.5, 0.5]),
        result(3, TrialKind::Sampled, &[0.4, 0.4]),
    ];
    let going = |is_last| -> Vec<(u64, bool)> {
        let fates = fates(results.clone(), is_last);
        fates.into_iter().map(|(trial, goes_on, _)| (trial, goes_on)).collect()
    };
    assert_eq!(going(false), [(2, true), (1, false), (3, false)].map(|one| one));
    assert!(going(true).iter().all(|(_, goes_on)| !goes_on));
}

#[test]
fn rounds_are_longer_then_larger() {
    let steps = |rounds: &[Round]| -> Vec<u64> {
        rounds.iter().map(|round| round.conditions.protocol.steps).collect()
    };
    let on_numbers = rounds(&quadratic());
    assert_eq!(steps(&on_numbers), [13, 39, 117]);
    let on_images = rounds(&digits(None));
    assert_eq!(steps(&on_images), [13, 39, 13, 13]);
    let children: Vec<Option<&str>> =
        on_images.iter().map(|round| round.conditions.options.child.as_deref()).collect();
    assert_eq!(children, ["softmax", "softmax", "deep", "residual"].map(Some));
    assert!(on_images[3].is_last && on_images[3].number == 4 && !on_images[2].is_last);
    assert_eq!(on_images[0].conditions, digits(None));
    assert!(on_images[2].conditions.protocol.probe.is_some());
    let mut deep = digits(None);
    deep.options.child = Some("deep".to_owned());
    assert_eq!(rounds(&deep).len(), 3);
}

/// Stops when a child of this seed begins to train for its result.
struct StopAt(u64);

impl Watch for StopAt {
    fn event(&self, child: &ChildId, _: Event<'_>) -> ControlFlow<()> {
        let budget = &child.budget;
        let is_it = budget.stage == Purpose::Training && budget.seed == self.0;
        if is_it { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn ended(&self, _: &ChildId, _: &Trained) {}
}

fn staged(
    ledger: &mut Ledger,
    conditions: &Conditions,
    effort: Effort,
    stop: u64,
) -> Result<Stage, Failure> {
    let task = opened(conditions);
    let subjects = [
        subject(0, TrialKind::Baseline, "sgd"),
        subject(1, TrialKind::Baseline, "adam"),
        subject(2, TrialKind::Sampled, "g + m"),
        subject(3, TrialKind::Sampled, "-g"),
    ];
    let mut runner = |task: &dyn Task, _: &[&str], candidates: &[Candidate<'_>]| {
        Ok::<Run, Failure>(run(task, candidates, 1, &StopAt(stop))?)
    };
    stage(task.as_ref(), &subjects, conditions, effort, 1, ledger, &mut runner)
}

#[test]
fn what_is_in_the_ledger_is_not_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(folder.path()).unwrap();
    let whole = quadratic();
    let stage = |ledger: &mut Ledger, conditions: &Conditions, effort, stop| {
        staged(ledger, conditions, effort, stop).unwrap()
    };
    // Stopped at the second seed of the first rule.
    let stopped = stage(&mut ledger, &whole, Effort::Whole, 1);
    assert!(stopped.cut_short.is_some() && stopped.judged.is_empty());
    let first = stage(&mut ledger, &whole, Effort::Whole, 9);
    assert_eq!((first.trained, first.judged.len()), (4, 4));
    assert!(first.judged[0].result.seeds.len() == 3 && first.cut_short.is_none());
    let again = stage(&mut ledger, &whole, Effort::Whole, 0);
    assert_eq!((again.trained, &again.judged), (0, &first.judged));
    // A funnel spares the rule that climbs, though all its seeds are known.
    let funnel = stage(&mut ledger, &whole, Effort::Funnel, 0);
    let climbs = |stage: &Stage| {
        stage.judged.iter().find(|one| one.result.trial == 3).unwrap().result.clone()
    };
    assert_eq!(funnel.trained, 0);
    assert!(climbs(&funnel).is_stopped_early && climbs(&funnel).seeds.len() == 1);
    let mut longer = whole.clone();
    longer.protocol.steps = 14;
    assert_eq!(stage(&mut ledger, &longer, Effort::Funnel, 9).trained, 4);
    // Only the rule that was spared lacks seeds.
    assert_eq!(stage(&mut ledger, &longer, Effort::Whole, 9).trained, 1);
    assert_eq!(climbs(&stage(&mut ledger, &longer, Effort::Funnel, 0)).seeds.len(), 1);
    assert_eq!(stage(&mut ledger, &whole, Effort::Whole, 0).judged, first.judged);
}

#[test]
fn a_funnel_leaves_no_round_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(folder.path()).unwrap();
    let one = judge(vec![result(0, TrialKind::Sampled, &[0.5, 0.6])]);
    for number in 1..=3 {
        write_round(&mut ledger, number, &one).unwrap();
    }
    assert_eq!(judged(&ledger.rows(), "funnel/3").unwrap(), one);
    write_round(&mut ledger, 1, &one).unwrap();
    assert_eq!(judged(&ledger.rows(), "funnel/1").unwrap(), one);
    assert!(judged(&ledger.rows(), "funnel/2").unwrap().is_empty());
    assert!(judged(&ledger.rows(), "funnel/3").unwrap().is_empty());
}

#[test]
fn the_best_of_a_run_are_those_with_the_highest_rewards() {
    let run: RunRecord = crate::search::output::sample::run(12);
    let best = super::best(&run, 2);
    let ranked: Vec<u64> = run.ranked().into_iter().take(2).map(|trial| trial.number).collect();
    assert_eq!(best.iter().map(|one| one.trial).collect::<Vec<_>>(), ranked);
    let baselines = super::baselines(&run);
    assert!(!baselines.is_empty() && baselines.iter().all(|one| one.name.is_some()));
}
