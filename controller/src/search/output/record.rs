//! All that is known of a run, in rows.

use std::collections::BTreeMap;

use crate::outcome::{Outcome, Stage};
use crate::search::evaluation::LastEvaluation;
use crate::search::record::{ChildRow, SampleRow, TrialKind, TrialRow, UpdateRow, ranked};
use crate::task::Description;

/// A run as its ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunRecord {
    /// Names and values for the head of a report: task, sampler, seed, budget, version, processor, digest of
    /// the data. In the order in which they are shown.
    pub about: Vec<(String, String)>,
    /// What the children were.
    pub task: TaskFacts,
    /// Strings that were sampled, by rising number.
    pub samples: Vec<SampleRow>,
    /// Rules that were tried, by rising number.
    pub trials: Vec<TrialRow>,
    /// Children by number of the trial, each list in the order of training.
    pub children: BTreeMap<u64, Vec<ChildRow>>,
    /// Batches that were learnt from, by rising number.
    pub updates: Vec<UpdateRow>,
    /// What was found with other seeds since; empty if nobody has looked.
    pub evaluation: LastEvaluation,
}

/// What is shown of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskFacts {
    /// Its title.
    pub title: String,
    /// What is trained on what, in a few sentences.
    pub summary: String,
    /// What the loss is, with its unit.
    pub loss: String,
    /// Number of parameters of a child.
    pub parameters: u64,
}

impl From<&Description> for TaskFacts {
    fn from(description: &Description) -> Self {
        Self {
            title: description.title.clone(),
            summary: description.summary.clone(),
            loss: description.loss.to_owned(),
            parameters: description.parameters as u64,
        }
    }
}

impl RunRecord {
    /// Samples by number.
    pub(super) fn samples_by_number(&self) -> BTreeMap<u64, &SampleRow> {
        self.samples.iter().map(|sample| (sample.number, sample)).collect()
    }

    /// How many samples besides the one that a trial came from have its reward, by number of the trial.
    pub(super) fn duplicates(&self) -> BTreeMap<u64, u64> {
        let first: BTreeMap<u64, u64> =
            self.trials.iter().filter_map(|trial| Some((trial.number, trial.sample?))).collect();
        let mut counts = BTreeMap::new();
        for sample in &self.samples {
            if let Some(trial) = sample.trial
                && first.get(&trial) != Some(&sample.number)
            {
                *counts.entry(trial).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Trials of this kind, by rising number.
    pub(super) fn of_kind(&self, kind: TrialKind) -> impl Iterator<Item = &TrialRow> {
        self.trials.iter().filter(move |trial| trial.kind == kind)
    }

    /// Sampled trials that were trained to the end, the best first, the earlier of two equals first.
    pub fn ranked(&self) -> Vec<&TrialRow> {
        ranked(&self.trials, TrialKind::Sampled)
    }

    /// The child of a trial that trained for its result at the learning rate of the trial; the first that
    /// trained for its result if none has this rate.
    pub(super) fn child_of(&self, trial: &TrialRow) -> Option<&Outcome> {
        let outcomes = || {
            let children = self.children.get(&trial.number).into_iter().flatten();
            children.map(|child| &child.outcome).filter(|outcome| outcome.stage == Stage::Training)
        };
        let at_rate = outcomes().find(|outcome| Some(outcome.learning_rate) == trial.learning_rate);
        at_rate.or_else(|| outcomes().next())
    }

    /// Whether any trial has an accuracy.
    pub(super) fn has_accuracy(&self) -> bool {
        self.trials.iter().any(|trial| trial.validation_accuracy.is_some())
    }
}

#[cfg(test)]
mod tests {
    use crate::search::output::sample;
    use crate::search::record::TrialState;

    #[test]
    fn the_first_sample_of_a_trial_is_no_duplicate() {
        let mut run = sample::run(12);
        run.samples[5].trial = Some(3);
        run.samples[7].trial = Some(3);
        let duplicates = run.duplicates();
        assert_eq!(duplicates.get(&3), Some(&2));
        assert_eq!((duplicates.get(&4), duplicates.get(&6)), (Some(&1), None));
    }

    #[test]
    fn only_what_was_trained_to_the_end_has_a_rank() {
        let mut run = sample::run(12);
        run.trials[5].reward = Some(0.99);
        run.trials[6].reward = Some(0.99);
        run.trials[7].reward = Some(f64::NAN);
        assert_eq!(run.trials[9].state, TrialState::Rejected);
        run.trials[9].reward = Some(1.0);
        let ranked: Vec<u64> = run.ranked().iter().map(|trial| trial.number).collect();
        assert_eq!(ranked[..2], [5, 6]);
        assert!(!ranked.contains(&7) && !ranked.contains(&9) && ranked.iter().all(|n| *n >= 4));
    }

    #[test]
    fn the_curve_of_a_trial_is_that_of_its_learning_rate() {
        let run = sample::run(12);
        let trial = run.trials.iter().find(|trial| trial.state == TrialState::Done).unwrap();
        let child = run.child_of(trial).unwrap();
        assert_eq!(Some(child.learning_rate), trial.learning_rate);
        assert!(run.children[&trial.number].len() > 1);
    }
}
