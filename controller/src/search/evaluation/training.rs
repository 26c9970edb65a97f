//! From a rule to its result: the sweep, the first seed, the other seeds.
//!
//! Rules are trained in groups, large enough to keep all cores busy, and each is handed on when it is complete: whoever stops
//! loses a group's work at most. The result of a rule depends neither on its group nor on the number of children at once.

use super::conditions::{Conditions, FACTOR};
use super::judged::Threshold;
use super::result::{RuleResult, SeedResult, TriedRate, reward_of};
use super::subject::Subject;
use crate::outcome::Trained;
use crate::protocol::{Goal, Protocol, Trial, best_rate};
use crate::stepper::MakeStepper;
use crate::task::Task;
use crate::transfer::Runner;
use crate::trials::{Candidate, Run};

/// A rule to train.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contender<'a> {
    /// The rule.
    pub(super) subject: &'a Subject,
    /// What makes its optimizers.
    pub(super) maker: &'a dyn MakeStepper,
}

/// A run that failed or was interrupted, and what its candidates are called.
#[derive(Debug)]
pub struct CutShort {
    /// The run.
    pub run: Run,
    /// Names of its candidates.
    pub names: Vec<String>,
}

/// Takes a rule that is complete.
pub(super) type Keep<'k, E> = dyn FnMut(&RuleResult) -> Result<(), E> + 'k;

/// Parts of the training of a rule, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The learning rates of the protocol, with the first seed.
    Sweep,
    /// The best of them, and those around it, to the end with the first seed.
    First,
    /// The best of these with the other seeds.
    Rest,
}

/// Trains rules, `group` of them side by side, and hands each to `keep` when it is complete. Where there is a threshold, a rule
/// whose first seed is far below it is complete with that. Some run is returned if it ended before its end.
///
/// # Errors
///
/// Those of `runner` and `keep`.
pub(super) fn train<E>(
    task: &dyn Task,
    contenders: &[Contender<'_>],
    conditions: &Conditions,
    threshold: Option<Threshold>,
    group: usize,
    runner: &mut Runner<'_, E>,
    keep: &mut Keep<'_, E>,
) -> Result<Option<CutShort>, E> {
    for group in contenders.chunks(group.max(1)) {
        let mut courses: Vec<Course<'_>> =
            group.iter().map(|contender| Course::new(*contender, conditions, threshold)).collect();
        for phase in [Phase::Sweep, Phase::First, Phase::Rest] {
            if let Some(cut_short) = carry_out(task, &mut courses, phase, runner)? {
                courses.iter().filter_map(Course::result).try_for_each(|result| keep(&result))?;
                return Ok(Some(cut_short));
            }
        }
        courses.iter().filter_map(Course::result).try_for_each(|result| keep(&result))?;
    }
    Ok(None)
}

/// One phase of some rules.
fn carry_out<E>(
    task: &dyn Task,
    courses: &mut [Course<'_>],
    phase: Phase,
    runner: &mut Runner<'_, E>,
) -> Result<Option<CutShort>, E> {
    let (mut going, protocols): (Vec<&mut Course<'_>>, Vec<Protocol>) = courses
        .iter_mut()
        .filter_map(|course| {
            let protocol = course.protocol(phase)?;
            Some((course, protocol))
        })
        .unzip();
    if going.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = going.iter().map(|course| course.contender.subject.label()).collect();
    let candidates: Vec<Candidate<'_>> = going
        .iter()
        .zip(&protocols)
        .map(|(course, protocol)| Candidate { maker: course.contender.maker, protocol })
        .collect();
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = runner(task, &shown, &candidates)?;
    for (course, trial) in going.iter_mut().zip(std::mem::take(&mut run.trials)) {
        course.take(phase, trial);
    }
    let is_cut_short = run.is_interrupted || run.failure.is_some();
    Ok(is_cut_short.then_some(CutShort { run, names }))
}

/// How far a rule has come.
#[derive(Debug)]
struct Course<'a> {
    contender: Contender<'a>,
    conditions: &'a Conditions,
    threshold: Option<Threshold>,
    /// Short children of the sweep.
    sweep: Vec<Trained>,
    /// The best rate of the sweep.
    swept: Option<f64>,
    /// Children with the first seed that trained to the end.
    first: Vec<Trained>,
    /// Those with the other seeds.
    rest: Vec<Trained>,
    /// What lacks before it is complete.
    missing: Option<Phase>,
}

impl<'a> Course<'a> {
    fn new(
        contender: Contender<'a>,
        conditions: &'a Conditions,
        threshold: Option<Threshold>,
    ) -> Self {
        // With one rate there is nothing to choose.
        let swept = match conditions.protocol.learning_rates[..] {
            [rate] => Some(rate),
            _ => None,
        };
        let (sweep, first, rest) = (Vec::new(), Vec::new(), Vec::new());
        let missing = Some(Phase::Sweep);
        Self { contender, conditions, threshold, sweep, swept, first, rest, missing }
    }

    /// What is to be trained in a phase; none if nothing is, and then the phase is over.
    fn protocol(&mut self, phase: Phase) -> Option<Protocol> {
        let protocol = self.planned(phase);
        self.missing = match (&protocol, phase) {
            (Some(_), _) => Some(phase),
            (None, Phase::Rest) => None,
            (None, _) => self.missing,
        };
        protocol
    }

    fn planned(&self, phase: Phase) -> Option<Protocol> {
        let of_run = &self.conditions.protocol;
        let first = self.conditions.first_seed()?;
        let to_the_end = |learning_rates: Vec<f64>, seeds: Vec<u64>| Protocol {
            learning_rates,
            probe: None,
            seeds,
            goal: Goal::Children,
            ..of_run.clone()
        };
        match phase {
            Phase::Sweep if self.swept.is_some() => None,
            Phase::Sweep if of_run.probe.is_some() => {
                Some(Protocol { goal: Goal::Rate, seeds: vec![first], ..of_run.clone() })
            }
            Phase::Sweep => Some(to_the_end(of_run.learning_rates.clone(), vec![first])),
            Phase::First => {
                let rates = self.rates_around(self.swept?);
                (!rates.is_empty()).then(|| to_the_end(rates, vec![first]))
            }
            Phase::Rest => {
                let rate = self.rate()?;
                let others = of_run.seeds.get(1..).unwrap_or_default();
                let is_over = others.is_empty() || self.is_weak();
                (!is_over).then(|| to_the_end(vec![rate], others.to_vec()))
            }
        }
    }

    /// The rates that train to the end with the first seed and have not yet: of equals the best of the sweep wins.
    fn rates_around(&self, best: f64) -> Vec<f64> {
        let around = [best, best / FACTOR, best * FACTOR];
        let count = if self.conditions.finer { 3 } else { 1 };
        let is_new = |rate: &f64| {
            let is_known = self.first.iter().any(|child| child.outcome.learning_rate == *rate);
            rate.is_finite() && *rate > 0.0 && !is_known
        };
        around.into_iter().take(count).filter(is_new).collect()
    }

    /// Takes what came of a phase. What is missing is missing in the end.
    fn take(&mut self, phase: Phase, trial: Trial) {
        if !trial.is_complete {
            return;
        }
        match phase {
            Phase::Sweep if self.conditions.protocol.probe.is_some() => {
                self.swept = trial.best_of_sweep();
                self.sweep = trial.sweep;
            }
            Phase::Sweep => {
                self.swept = trial.best();
                self.first = trial.children;
            }
            Phase::First => self.first.extend(trial.children),
            Phase::Rest => self.rest = trial.children,
        }
        self.missing = match phase {
            Phase::Sweep => Some(Phase::First),
            Phase::First => Some(Phase::Rest),
            Phase::Rest => None,
        };
    }

    /// The best rate of those that trained to the end; that of the sweep if none did.
    fn rate(&self) -> Option<f64> {
        best_rate(&self.first).or(self.swept)
    }

    /// The child with the first seed at the chosen rate.
    fn first_child(&self) -> Option<&Trained> {
        let rate = self.rate()?;
        self.first.iter().find(|child| child.outcome.learning_rate == rate)
    }

    fn is_weak(&self) -> bool {
        let child = self.first_child().zip(self.threshold);
        child.is_some_and(|(child, threshold)| threshold.exceeds(reward_of(&child.outcome)))
    }

    /// The result; none if something is missing.
    fn result(&self) -> Option<RuleResult> {
        if self.missing.is_some() {
            return None;
        }
        let Subject { trial, kind, name, rule, search_reward } = self.contender.subject.clone();
        let tried = self.sweep.iter().chain(&self.first);
        let seeds = self.first_child().into_iter().chain(&self.rest);
        Some(RuleResult {
            trial,
            kind,
            name,
            rule,
            search_reward,
            learning_rate: self.rate(),
            tried: tried.map(|child| TriedRate::from(&child.outcome)).collect(),
            seeds: seeds.map(|child| SeedResult::from(&child.outcome)).collect(),
            is_stopped_early: self.is_weak() && self.conditions.protocol.seeds.len() > 1,
        })
    }
}
