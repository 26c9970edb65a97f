//! Rules to judge: those of a run, and what makes their optimizers.

use std::error::Error;

use nosc_compiler::Rule;
use nosc_runtime::{Backend, CompiledRule};

use crate::compiled_stepper::CompiledMaker;
use crate::search::output::RunRecord;
use crate::search::record::{TrialKind, TrialRow};
use crate::task::Task;

/// A rule of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Number of its trial.
    pub trial: u64,
    /// Whether it was found or is a baseline.
    pub kind: TrialKind,
    /// Name of a baseline.
    pub name: Option<String>,
    /// The rule, as text that parses.
    pub rule: String,
    /// What the search gave it; none for a baseline that was not trained.
    pub search_reward: Option<f64>,
}

/// Why a rule cannot be trained.
#[derive(Debug, thiserror::Error)]
#[error(
    "the rule of trial {trial} cannot be used: {reason}; was the run made by another version of nosc?"
)]
pub struct SubjectError {
    /// Number of its trial.
    pub trial: u64,
    /// What is wrong.
    pub reason: String,
}

impl Subject {
    /// The name of a baseline, or `trial N`.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("trial {}", self.trial))
    }

    /// What makes its optimizers on a task: as in the search.
    ///
    /// # Errors
    ///
    /// [`SubjectError`] if the text is no rule, or it cannot be compiled.
    pub fn maker(&self, task: &dyn Task) -> Result<CompiledMaker, SubjectError> {
        let failed = |reason: String| SubjectError { trial: self.trial, reason };
        let rule = Rule::parse(&self.rule).map_err(|errors| failed(errors.to_string()))?;
        let compiled = CompiledRule::new(&rule, Backend::default()).map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}"));
            failed(format!("{error}{}", cause.unwrap_or_default()))
        })?;
        Ok(CompiledMaker { clip_norm: task.default_clip_norm(), ..CompiledMaker::new(compiled) })
    }
}

impl From<&TrialRow> for Subject {
    fn from(trial: &TrialRow) -> Self {
        Self {
            trial: trial.number,
            kind: trial.kind,
            name: trial.name.clone(),
            rule: trial.rule.clone(),
            search_reward: trial.reward,
        }
    }
}

/// All baselines of a run, whatever became of them in the search.
pub fn baselines(run: &RunRecord) -> Vec<Subject> {
    let is_one = |trial: &&TrialRow| trial.kind == TrialKind::Baseline;
    run.trials.iter().filter(is_one).map(Subject::from).collect()
}

/// The rules with the highest rewards, at most `top`, the best first.
pub fn best(run: &RunRecord, top: usize) -> Vec<Subject> {
    run.ranked().into_iter().take(top).map(Subject::from).collect()
}
