//! What a search says at its end.

use std::path::Path;

use nosc_compiler::Rule;
use nosc_controller::search::engine::Ending;
use nosc_controller::search::record::{TrialKind, TrialRow, TrialState};
use nosc_controller::search::status::Status;
use serde_json::{Value, json};

use crate::output::{aligned, one_line};

/// Rules that are shown.
const SHOWN: usize = 5;

/// The formula of a rule in its text, on one line.
pub(crate) fn formula(text: &str) -> String {
    one_line(&Rule::parse(text).map_or_else(|_| text.to_owned(), |rule| rule.body_text()))
}

/// Trials that are done, the best first; the earliest of equals.
pub(crate) fn ranked(trials: &[TrialRow], kind: TrialKind) -> Vec<&TrialRow> {
    let is_one = |trial: &&TrialRow| trial.kind == kind && trial.state == TrialState::Done;
    let mut ranked: Vec<&TrialRow> = trials.iter().filter(is_one).collect();
    ranked.sort_by(|a, b| {
        let reward = |trial: &TrialRow| trial.reward.unwrap_or(0.0);
        reward(b).total_cmp(&reward(a)).then(a.number.cmp(&b.number))
    });
    ranked
}

fn why(ending: Ending) -> &'static str {
    match ending {
        Ending::Budget => "the budget is used up",
        Ending::Time => "the time is over",
        Ending::Exhausted => "there are no more new rules",
        Ending::Stopped => "stopped",
    }
}

/// Counts, the best rules and the baselines, and what to do next.
pub(super) fn text(status: &Status, trials: &[TrialRow], ending: Ending, folder: &Path) -> String {
    let Status { samples, evaluations, repeats, rejected, diverged, failed, .. } = status;
    let mut out = format!(
        "{samples} strings sampled: {evaluations} rules trained, {repeats} seen before, {rejected} turned down; \
         {diverged} diverged, {failed} failed ({})\n\n",
        why(ending)
    );
    let row = |name: String, trial: &TrialRow| {
        let number = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
        };
        let rate = trial.learning_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:e}"));
        // A baseline is known by its name.
        let rule = if trial.name.is_some() { String::new() } else { formula(&trial.rule) };
        [name, trial.number.to_string(), number(trial.reward), rate, rule]
    };
    let head = ["", "trial", "reward", "rate", "rule"].map(str::to_owned);
    let mut lines = vec![head];
    for (rank, trial) in ranked(trials, TrialKind::Sampled).into_iter().take(SHOWN).enumerate() {
        lines.push(row((rank + 1).to_string(), trial));
    }
    for trial in ranked(trials, TrialKind::Baseline) {
        lines.push(row(trial.name.clone().unwrap_or_default(), trial));
    }
    out += &aligned(&lines, &[0, 4]);
    let folder = folder.display();
    out += &format!(
        "\nnosc report {folder}       a page with plots\nnosc best {folder} --emit rules/   the best rules as files\n\
         nosc evaluate {folder}     the best rules and the baselines with several seeds\n"
    );
    out
}

/// The same as JSON.
pub(super) fn json(status: &Status, trials: &[TrialRow], ending: Ending, folder: &Path) -> Value {
    let one = |trial: &TrialRow| {
        json!({
            "trial": trial.number,
            "name": trial.name,
            "rule": formula(&trial.rule),
            "reward": trial.reward,
            "learning_rate": trial.learning_rate,
            "seed": trial.seed,
        })
    };
    let list = |kind| ranked(trials, kind).into_iter().take(SHOWN).map(one).collect::<Vec<Value>>();
    json!({
        "folder": folder.display().to_string(),
        "ending": match ending {
            Ending::Budget => "budget",
            Ending::Time => "time",
            Ending::Exhausted => "exhausted",
            Ending::Stopped => "stopped",
        },
        "samples": status.samples,
        "evaluations": status.evaluations,
        "repeats": status.repeats,
        "rejected": status.rejected,
        "diverged": status.diverged,
        "failed": status.failed,
        "best": list(TrialKind::Sampled),
        "baselines": list(TrialKind::Baseline),
    })
}
