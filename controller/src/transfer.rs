//! Rules on what they were not searched on: other nets, other data (the paper's section 6).
//!
//! A rule that was found is judged beside baselines that were tuned. As in the paper's section 6.2,
//! the baselines get the wider choice: a sweep of seven learning rates, and weight decay; a found rule
//! gets three rates around the one that was best in the search. Choices where the paper is silent: the
//! sweep's children are short, as those of the search; children train to the end at the best rate of the
//! sweep and at the next lower one, since what is best for a short time may not last, with each weight
//! decay; the three rates are a third of the search's best, itself, and three times it.

use crate::outcome::{End, Trained};
use crate::protocol::{Goal, Protocol, Trial, compare};
use crate::stepper::MakeStepper;
use crate::task::{Probe, Task};
use crate::trials::{Candidate, Run};

/// Between two learning rates around that of the search.
pub const FACTOR: f64 = 3.0;

/// A rule to judge.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// What makes its optimizers, for each weight decay that is tried: at least one.
    pub makers: Vec<(f64, &'a dyn MakeStepper)>,
    /// How its learning rate is chosen.
    pub rates: Rates,
}

/// How a learning rate is chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Rates {
    /// A sweep of these with short children: a baseline.
    Swept(Vec<f64>),
    /// Three around this one: a found rule. None if the search has none that trains.
    Around(Option<f64>),
}

/// What is the same for all rules on a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// The short children of sweeps.
    pub probe: Probe,
    /// Steps of those that train to the end.
    pub steps: u64,
    /// A child for each; sweeps take the first.
    pub seeds: Vec<u64>,
    /// [`Budget::patience`](crate::task::Budget::patience) of all.
    pub patience: Option<u64>,
}

/// What came of a rule on a task. Only settings of which every seed came to its end are judged.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Judged {
    /// The rule.
    pub name: String,
    /// Whether it is one of the baselines.
    pub is_baseline: bool,
    /// The weight decay of the best children.
    pub weight_decay: f64,
    /// The best children, one a seed; empty if no setting was trained to the end.
    pub children: Vec<Trained>,
    /// How many settings were trained to the end to find it.
    pub settings: usize,
    /// How many there were to try; 0 if no learning rate of the sweep, or of the search, trains.
    pub planned: usize,
}

/// Everything on one task.
#[derive(Debug)]
#[non_exhaustive]
pub struct Judgement {
    /// In the order of the entries; shorter if the run ended before its end.
    pub rules: Vec<Judged>,
    /// The run that ended it, if it failed or was interrupted.
    pub cut_short: Option<Run>,
}

/// Trains candidates of these names on a task: [`run`](crate::trials::run), with whatever watches it.
pub type Runner<'r, E> = dyn FnMut(&dyn Task, &[&str], &[Candidate<'_>]) -> Result<Run, E> + 'r;

impl Entry<'_> {
    /// The name, with the weight decay if there are several.
    fn title(&self, weight_decay: f64) -> String {
        if self.makers.len() > 1 {
            format!("{} weight_decay={weight_decay:e}", self.name)
        } else {
            self.name.to_owned()
        }
    }
}

impl Conditions {
    /// Those of a task when nobody asks for others.
    pub fn of(task: &dyn Task, seeds: Vec<u64>) -> Self {
        Self {
            probe: task.default_probe().unwrap_or(Probe { examples: usize::MAX, epochs: 1 }),
            steps: task.default_steps(),
            seeds,
            patience: task.default_patience(),
        }
    }

    /// Short children at these rates.
    fn sweep(&self, rates: &[f64]) -> Protocol {
        Protocol { probe: Some(self.probe), goal: Goal::Rate, ..self.training(rates) }
    }

    fn training(&self, rates: &[f64]) -> Protocol {
        Protocol {
            learning_rates: rates.to_vec(),
            probe: None,
            steps: self.steps,
            seeds: self.seeds.clone(),
            patience: self.patience,
            goal: Goal::Children,
        }
    }
}

/// The best learning rate of each rule in a sweep of short children on `task`: none where all were
/// lost; where there is only one, that one. Empty, with the run, if that ended before its end.
///
/// # Errors
///
/// Those of `runner`.
pub fn best_rates<E>(
    task: &dyn Task,
    rules: &[(&str, &dyn MakeStepper, &[f64])],
    conditions: &Conditions,
    runner: &mut Runner<'_, E>,
) -> Result<(Vec<Option<f64>>, Option<Run>), E> {
    let has_choice = |(_, _, rates): &&(&str, &dyn MakeStepper, &[f64])| rates.len() > 1;
    let swept: Vec<_> = rules.iter().filter(has_choice).collect();
    let protocols: Vec<Protocol> =
        swept.iter().map(|(_, _, rates)| conditions.sweep(rates)).collect();
    let names: Vec<&str> = swept.iter().map(|(name, _, _)| *name).collect();
    let makers = swept.iter().zip(&protocols);
    let candidates: Vec<Candidate<'_>> =
        makers.map(|((_, maker, _), protocol)| Candidate { maker: *maker, protocol }).collect();
    let run = if candidates.is_empty() { None } else { Some(runner(task, &names, &candidates)?) };
    if run.as_ref().is_some_and(is_cut_short) {
        return Ok((Vec::new(), run));
    }
    let mut best = run.iter().flat_map(|run| run.trials.iter().map(Trial::best_of_sweep));
    let rates = rules.iter().map(|rule| {
        if has_choice(&rule) { best.next().flatten() } else { rule.2.first().copied() }
    });
    Ok((rates.collect(), None))
}

/// Judges rules on a task.
///
/// # Errors
///
/// Those of `runner`.
pub fn judge<E>(
    task: &dyn Task,
    entries: &[Entry<'_>],
    conditions: &Conditions,
    runner: &mut Runner<'_, E>,
) -> Result<Judgement, E> {
    let swept: Vec<(&str, &dyn MakeStepper, &[f64])> = entries
        .iter()
        .filter_map(|entry| match &entry.rates {
            Rates::Swept(rates) => Some((entry.name, entry.makers.first()?.1, rates.as_slice())),
            Rates::Around(_) => None,
        })
        .collect();
    let (best, cut_short) = best_rates(task, &swept, conditions, runner)?;
    if cut_short.is_some() {
        return Ok(Judgement { rules: Vec::new(), cut_short });
    }
    let mut best = best.into_iter();
    let rates = entries.iter().map(|entry| match entry.rates {
        Rates::Swept(ref rates) => {
            best.next().flatten().map_or_else(Vec::new, |best| with_lower(best, rates))
        }
        Rates::Around(centre) => {
            centre.map_or_else(Vec::new, |rate| vec![rate / FACTOR, rate, rate * FACTOR])
        }
    });
    let protocols: Vec<Protocol> =
        rates.map(|rates: Vec<f64>| conditions.training(&rates)).collect();
    let settings: Vec<(usize, f64, Candidate<'_>)> = entries
        .iter()
        .zip(&protocols)
        .enumerate()
        .filter(|(_, (_, protocol))| !protocol.learning_rates.is_empty())
        .flat_map(|(index, (entry, protocol))| {
            let makers = entry.makers.iter();
            makers.map(move |(decay, maker)| (index, *decay, Candidate { maker: *maker, protocol }))
        })
        .collect();
    let names: Vec<String> =
        settings.iter().map(|(index, decay, _)| entries[*index].title(*decay)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let candidates: Vec<Candidate<'_>> = settings.iter().map(|(_, _, one)| *one).collect();
    let run = if candidates.is_empty() { None } else { Some(runner(task, &names, &candidates)?) };
    let trials = run.as_ref().map_or(&[][..], |run| &run.trials);
    let tried: Vec<Tried<'_>> = settings
        .iter()
        .zip(trials)
        .map(|((entry, weight_decay, candidate), trial)| Tried {
            entry: *entry,
            weight_decay: *weight_decay,
            protocol: candidate.protocol,
            trial,
        })
        .collect();
    let rules =
        entries.iter().enumerate().map(|(index, entry)| judged(index, entry, &tried)).collect();
    Ok(Judgement { rules, cut_short: run.filter(is_cut_short) })
}

/// The best rate of a sweep and the next lower one, the lower one first.
fn with_lower(best: f64, rates: &[f64]) -> Vec<f64> {
    let lower = rates.iter().copied().filter(|rate| *rate < best).max_by(f64::total_cmp);
    lower.into_iter().chain([best]).collect()
}

/// What was trained of an entry with a weight decay.
struct Tried<'a> {
    entry: usize,
    weight_decay: f64,
    protocol: &'a Protocol,
    trial: &'a Trial,
}

impl Tried<'_> {
    /// The children of each learning rate of which every seed came to its end.
    fn settings(&self) -> impl Iterator<Item = Vec<&Trained>> {
        self.protocol.learning_rates.iter().filter_map(|rate| {
            let is_of = |child: &&Trained| {
                let outcome = &child.outcome;
                outcome.learning_rate == *rate && outcome.end != End::Interrupted
            };
            let children: Vec<&Trained> = self.trial.children.iter().filter(is_of).collect();
            (children.len() == self.protocol.seeds.len()).then_some(children)
        })
    }
}

/// The best of an entry's settings.
fn judged(index: usize, entry: &Entry<'_>, tried: &[Tried<'_>]) -> Judged {
    let own = || tried.iter().filter(|tried| tried.entry == index);
    let settings: Vec<(f64, Vec<&Trained>)> = own()
        .flat_map(|tried| tried.settings().map(|children| (tried.weight_decay, children)))
        .collect();
    let planned = own().map(|tried| tried.protocol.learning_rates.len()).sum();
    let count = settings.len();
    // `min_by` keeps the first of equals: the smaller weight decay and learning rate.
    let best = settings.into_iter().min_by(|(_, left), (_, right)| compare(left, right));
    let usual = entry.makers.first().map_or(0.0, |(decay, _)| *decay);
    let (weight_decay, children) = best.unwrap_or((usual, Vec::new()));
    Judged {
        name: entry.name.to_owned(),
        is_baseline: matches!(entry.rates, Rates::Swept(_)),
        weight_decay,
        children: children.into_iter().cloned().collect(),
        settings: count,
        planned,
    }
}

fn is_cut_short(run: &Run) -> bool {
    run.is_interrupted || run.failure.is_some()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{Conditions, Entry, Judgement, Rates, best_rates, judge, with_lower};
    use crate::outcome::Trained;
    use crate::stepper::MakeStepper;
    use crate::stepper::fake::{Ascent, FailingAt, Momentum};
    use crate::task::{Event, Probe, Task, TaskError, TaskOptions, open_with};
    use crate::trials::{Candidate, ChildId, Run, Unwatched, Watch, run};

    fn digits() -> Box<dyn Task> {
        let child = Some("softmax".to_owned());
        open_with("digits", &TaskOptions { child, ..TaskOptions::default() }).unwrap()
    }

    fn conditions(task: &dyn Task) -> Conditions {
        let probe = Probe { examples: 300, epochs: 1 };
        Conditions { probe, steps: 13, ..Conditions::of(task, vec![5, 6]) }
    }

    /// With the numbers of children of each run: of sweeps, and for their result.
    fn judgement(entries: &[Entry<'_>], sizes: &mut Vec<(usize, usize)>) -> Judgement {
        let task = digits();
        let mut runner = |task: &dyn Task, names: &[&str], candidates: &[Candidate<'_>]| {
            assert_eq!(names.len(), candidates.len());
            let run = run(task, candidates, 2, &Unwatched)?;
            let all = || run.trials.iter().flat_map(|trial| &trial.sweep);
            assert!(all().all(|child| child.outcome.test_accuracy.is_none()));
            assert!(all().all(|child| child.cost.examples <= 300));
            let children = run.trials.iter().map(|trial| trial.children.len()).sum();
            sizes.push((all().count(), children));
            Ok::<Run, TaskError>(run)
        };
        judge(task.as_ref(), entries, &conditions(task.as_ref()), &mut runner).unwrap()
    }

    fn baseline<'a>(name: &'a str, makers: &[&'a dyn MakeStepper]) -> Entry<'a> {
        let makers = makers.iter().enumerate().map(|(decay, maker)| (decay as f64, *maker));
        Entry { name, makers: makers.collect(), rates: Rates::Swept(vec![1e-3, 0.1, 1e39]) }
    }

    fn found(name: &str, around: Option<f64>) -> Entry<'_> {
        Entry { name, makers: vec![(0.0, &Momentum(0.9))], rates: Rates::Around(around) }
    }

    #[test]
    fn baselines_are_swept_and_found_rules_get_three_rates() {
        let sgd = baseline("sgd", &[&Ascent, &Momentum(0.9)]);
        let mut sizes = Vec::new();
        let judgement =
            judgement(&[sgd, found("mine", Some(0.1)), found("lost", None)], &mut sizes);
        // Three short children; two decays and three rates, two seeds each.
        assert_eq!(sizes, [(3, 0), (0, 2 * (2 + 3))]);
        assert!(judgement.cut_short.is_none());
        let [sgd, mine, lost] = &judgement.rules[..] else { panic!("{judgement:?}") };
        assert!(sgd.is_baseline && !mine.is_baseline && !lost.is_baseline);
        assert_eq!((sgd.settings, mine.settings, lost.settings), (2, 3, 0));
        // Ascent stands for the first weight decay: in its sweep the smallest rate does least harm.
        assert_eq!((sgd.weight_decay, mine.weight_decay), (1.0, 0.0));
        let seeds: Vec<u64> = mine.children.iter().map(|child| child.outcome.seed).collect();
        assert_eq!(seeds, [5, 6]);
        assert!(sgd.children.iter().all(|child| child.outcome.learning_rate == 1e-3));
        assert!(lost.children.is_empty());
    }

    #[test]
    fn a_baseline_trains_at_the_next_lower_rate_too() {
        assert_eq!(with_lower(0.1, &[1.0, 1e-3, 0.1, 0.01]), [0.01, 0.1]);
        assert_eq!(with_lower(0.1, &[0.1, 1.0]), [0.1]);
        let mut sizes = Vec::new();
        let judgement = judgement(&[baseline("sgd", &[&Momentum(0.0)])], &mut sizes);
        assert_eq!(sizes, [(3, 0), (0, 2 * 2)]);
        assert_eq!((judgement.rules[0].settings, judgement.rules[0].planned), (2, 2));
    }

    #[test]
    fn a_failure_ends_it_and_keeps_what_is_done() {
        let mut sizes = Vec::new();
        let bad = baseline("bad", &[&FailingAt(0)]);
        let judgement = judgement(&[bad, found("mine", Some(0.1))], &mut sizes);
        assert!(judgement.rules.is_empty() && judgement.cut_short.is_some());
        assert_eq!(sizes, [(0, 0)]);
    }

    /// Stops at the first event of the child with this learning rate.
    struct StopAt(f64);

    impl Watch for StopAt {
        fn event(&self, child: &ChildId, _: Event<'_>) -> ControlFlow<()> {
            let is_it = child.budget.learning_rate == self.0;
            if is_it { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn ended(&self, _: &ChildId, _: &Trained) {}
    }

    #[test]
    fn only_what_came_to_its_end_is_judged() {
        let task = digits();
        let entries = [found("mine", Some(0.1)), found("other", Some(0.2))];
        let mut runner = |task: &dyn Task, _: &[&str], candidates: &[Candidate<'_>]| {
            run(task, candidates, 1, &StopAt(0.1))
        };
        let conditions = conditions(task.as_ref());
        let judgement = judge(task.as_ref(), &entries, &conditions, &mut runner).unwrap();
        assert!(judgement.cut_short.is_some_and(|run| run.is_interrupted));
        let [mine, other] = &judgement.rules[..] else { panic!("{:?}", judgement.rules) };
        // The first of three rates is done, the second was stopped.
        assert_eq!((mine.settings, mine.planned, mine.children.len()), (1, 3, 2));
        assert_eq!((other.settings, other.planned, other.children.len()), (0, 3, 0));
    }

    #[test]
    fn the_best_rate_of_a_search_is_none_if_all_are_lost() {
        let task = digits();
        let rates: [&[f64]; 3] = [&[1e39, 1e40], &[1e-3, 0.1], &[0.5]];
        let rules = rates.map(|rates| ("sgd", &Momentum(0.0) as &dyn MakeStepper, rates));
        let mut runner = |task: &dyn Task, _: &[&str], candidates: &[Candidate<'_>]| {
            run(task, candidates, 1, &Unwatched)
        };
        let conditions = conditions(task.as_ref());
        let (best, run) = best_rates(task.as_ref(), &rules, &conditions, &mut runner).unwrap();
        assert_eq!(best, [None, Some(0.1), Some(0.5)]);
        assert!(run.is_none());
    }
}
