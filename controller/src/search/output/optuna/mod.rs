//! A run as a journal of Optuna 5: a JSON object a line, which
//! `JournalStorage(JournalFileBackend(path))` replays.
//!
//! | of a trial | here |
//! |---|---|
//! | parameters | its tokens, categorical: `1.op1 1.op2 1.u1 1.u2 1.b 2.op1 ...` |
//! | value | its reward, to be maximized |
//! | state | done: COMPLETE; diverged or rejected: PRUNED; failed: FAIL, without a value; pending: WAITING |
//! | intermediate values | the curve of its child: validation accuracy, or the loss times -1 where there is none |
//! | user attributes | number of the trial, rule, formula, key, learning rate, accuracies, reason, ... |
//!
//! Baselines are a study of their own, so that the best trial of the first is one of the search. Operations are written as
//! Optuna 5.0 reads them (`storages/journal/_storage.py`): 0 creates a study, 2 sets an attribute of one, 4 creates a trial
//! with all that it has.

mod time;
mod tokens;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::record::RunRecord;
use super::rule_facts::RuleFacts;
use crate::search::record::{TrialKind, TrialRow, TrialState};
use time::iso_utc;
use tokens::TokenChoices;

/// Who wrote the operations, in the manner of Optuna's workers.
const WORKER: &str = "nosc";
/// `StudyDirection.MAXIMIZE`.
const MAXIMIZE: u64 = 2;

/// Operations of the journal.
#[derive(Clone, Copy)]
enum Operation {
    CreateStudy = 0,
    SetStudyAttribute = 2,
    CreateTrial = 4,
}

/// Writes the journal. The study has this name; that of the baselines, if there are any, has ` baselines` after it.
///
/// # Errors
///
/// Those of `out`.
pub fn write_journal(run: &RunRecord, study: &str, mut out: impl Write) -> io::Result<()> {
    let journal = Journal::new(run);
    journal.study(&mut out, 0, study, TrialKind::Sampled)?;
    if run.of_kind(TrialKind::Baseline).next().is_some() {
        journal.study(&mut out, 1, &format!("{study} baselines"), TrialKind::Baseline)?;
    }
    out.flush()
}

struct Journal<'a> {
    run: &'a RunRecord,
    /// Tokens of the samples that trials came from, by number.
    tokens: BTreeMap<u64, &'a str>,
    choices: TokenChoices<'a>,
    duplicates: BTreeMap<u64, u64>,
    has_accuracy: bool,
}

impl<'a> Journal<'a> {
    fn new(run: &'a RunRecord) -> Self {
        let samples = run.samples_by_number();
        let of_trial = |trial: &TrialRow| {
            let number = trial.sample?;
            Some((number, samples.get(&number)?.tokens.as_str()))
        };
        let tokens: BTreeMap<u64, &str> = run.trials.iter().filter_map(of_trial).collect();
        let choices = TokenChoices::of(tokens.values().copied());
        let has_accuracy = run.has_accuracy();
        Self { run, tokens, choices, duplicates: run.duplicates(), has_accuracy }
    }

    fn study(&self, out: &mut impl Write, id: u64, name: &str, kind: TrialKind) -> io::Result<()> {
        let directions = json!([MAXIMIZE]);
        let operation = json!({ "study_name": name, "directions": directions });
        write_operation(out, Operation::CreateStudy, operation)?;
        let curve = if self.has_accuracy { "validation accuracy" } else { "-loss" };
        let about = self.run.about.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in about.chain([("intermediate_values", curve)]) {
            let attribute = json!({ "study_id": id, "user_attr": { name: value } });
            write_operation(out, Operation::SetStudyAttribute, attribute)?;
        }
        for trial in self.run.of_kind(kind) {
            write_operation(out, Operation::CreateTrial, self.trial(id, trial))?;
        }
        Ok(())
    }

    fn trial(&self, study: u64, trial: &TrialRow) -> Value {
        let tokens = trial.sample.and_then(|sample| self.tokens.get(&sample).copied());
        let (params, distributions) = self.choices.parameters(tokens.unwrap_or_default());
        let (state, value) = state_and_value(trial);
        let mut fields = json!({
            "study_id": study,
            "state": state,
            "value": value,
            "values": null,
            "datetime_start": null,
            "distributions": distributions,
            "params": params,
            "user_attrs": self.attributes(trial),
            "system_attrs": {},
            "intermediate_values": self.curve(trial),
        });
        if trial.state != TrialState::Pending {
            let ended = trial.ended.unwrap_or(0.0);
            let started = ended - trial.seconds.unwrap_or(0.0);
            fields["datetime_start"] = iso_utc(started).into();
            fields["datetime_complete"] = iso_utc(ended).into();
        }
        fields
    }

    fn curve(&self, trial: &TrialRow) -> Map<String, Value> {
        let points = self.run.child_of(trial).into_iter().flat_map(|child| &child.curve);
        points
            .filter_map(|point| {
                let loss = (!self.has_accuracy).then_some(-point.loss);
                let value = point.validation_accuracy.or(loss)?;
                Some((point.step.to_string(), Value::from(value)))
            })
            .collect()
    }

    fn attributes(&self, trial: &TrialRow) -> Map<String, Value> {
        let facts = RuleFacts::of(&trial.rule);
        let duplicates = self.duplicates.get(&trial.number).copied().unwrap_or(0);
        let known = [
            ("trial", Some(trial.number.into())),
            ("name", trial.name.as_deref().map(Value::from)),
            ("rule", Some(trial.rule.as_str().into())),
            ("formula", Some(facts.formula.into())),
            ("key", Some(trial.key.as_str().into())),
            ("sample", trial.sample.map(Value::from)),
            ("flipped", Some(trial.is_flipped.into())),
            ("seed", Some(trial.seed.into())),
            ("attempts", Some(trial.attempts.into())),
            ("reason", trial.reason.as_deref().map(Value::from)),
            ("learning_rate", trial.learning_rate.map(Value::from)),
            ("final_loss", trial.final_loss.map(Value::from)),
            ("validation_accuracy", trial.validation_accuracy.map(Value::from)),
            ("test_accuracy", trial.test_accuracy.map(Value::from)),
            ("bytes_per_parameter", facts.bytes_per_parameter.map(Value::from)),
            ("duplicates", Some(duplicates.into())),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// `TrialState` of Optuna, and the value, which a failed trial must not have and a complete one must.
fn state_and_value(trial: &TrialRow) -> (u64, Option<f64>) {
    const COMPLETE: u64 = 1;
    const PRUNED: u64 = 2;
    const FAIL: u64 = 3;
    const WAITING: u64 = 4;
    let reward = trial.reward.filter(|reward| reward.is_finite());
    match (trial.state, reward) {
        (TrialState::Pending, _) => (WAITING, None),
        (TrialState::Done, Some(reward)) => (COMPLETE, Some(reward)),
        (TrialState::Diverged | TrialState::Rejected, reward) => (PRUNED, reward),
        (TrialState::Failed, _) | (TrialState::Done, None) => (FAIL, None),
    }
}

fn write_operation(out: &mut impl Write, operation: Operation, fields: Value) -> io::Result<()> {
    let mut line = json!({ "op_code": operation as u64, "worker_id": WORKER });
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields);
    }
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
