//! The journal as lines of JSON. `tests/python/optuna_journal.py` has Optuna read one.

use serde_json::Value;

use super::write_journal;
use crate::search::output::{RunRecord, sample};
use crate::search::record::{TrialKind, TrialState};

fn journal(run: &RunRecord) -> Vec<Value> {
    let mut bytes = Vec::new();
    write_journal(run, "a study", &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn trials(journal: &[Value], study: u64) -> Vec<&Value> {
    journal.iter().filter(|line| line["op_code"] == 4 && line["study_id"] == study).collect()
}

#[test]
fn trials_have_states_values_and_curves() {
    let run = sample::run(24);
    let journal = journal(&run);
    assert_eq!((&journal[0]["op_code"], &journal[0]["directions"][0]), (&0.into(), &2.into()));
    assert_eq!(trials(&journal, 1).len(), 4);
    let sampled = trials(&journal, 0);
    assert_eq!(sampled.len(), 24);
    for (line, trial) in sampled.iter().zip(run.of_kind(TrialKind::Sampled)) {
        assert_eq!(line["user_attrs"]["trial"], trial.number);
        let (state, reward) = match trial.state {
            TrialState::Pending => (4, None),
            TrialState::Done => (1, trial.reward),
            TrialState::Diverged | TrialState::Rejected => (2, trial.reward),
            TrialState::Failed => (3, None),
        };
        assert_eq!((line["state"].as_u64(), line["value"].as_f64()), (Some(state), reward));
        let is_over = trial.state != TrialState::Pending;
        assert_eq!(line["datetime_start"].is_string(), is_over);
        assert_eq!(line.get("datetime_complete").is_some(), is_over);
        let curve = line["intermediate_values"].as_object().unwrap();
        assert_eq!(curve.len(), if run.child_of(trial).is_some() { 11 } else { 0 });
        let (parameters, distributions) = (&line["params"], &line["distributions"]);
        let names =
            |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(parameters), names(distributions));
        assert!(names(parameters).len() >= 5);
    }
}

#[test]
fn a_task_without_accuracies_has_its_loss_with_the_opposite_sign() {
    let run = sample::run_without_accuracy(1);
    let line = &trials(&journal(&run), 0)[0].clone();
    let first = run.children[&4][1].outcome.curve[0].loss;
    assert_eq!(line["intermediate_values"]["0"].as_f64(), Some(-first));
}

#[test]
fn an_empty_run_is_a_study_without_trials() {
    let journal = journal(&RunRecord::default());
    assert_eq!(journal[0]["study_name"], "a study");
    assert!(journal.iter().all(|line| line["op_code"] != 4));
}
