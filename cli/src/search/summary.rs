//! What a search says at its end.

use std::path::Path;

use nosc_compiler::Rule;
use nosc_compiler::line::one_line;
use nosc_controller::search::engine::Ending;
use nosc_controller::search::record::{TrialKind, TrialRow, TrialState, ranked};
use nosc_controller::search::status::Status;
use serde_json::{Value, json};

use crate::output::{aligned, counted};

/// Rules that are shown.
const SHOWN: usize = 5;

/// The formula of a rule in its text, on one line.
pub(crate) fn formula(text: &str) -> String {
    one_line(&Rule::parse(text).map_or_else(|_| text.to_owned(), |rule| rule.body_text()))
}

fn why(ending: Ending) -> &'static str {
    match ending {
        Ending::Budget => "the budget is used up",
        Ending::Time => "the time is over",
        Ending::Exhausted => "no string is left, or 10,000 in a row brought no rule to train",
        Ending::Stopped => "stopped",
    }
}

/// Counts, the best rules and the baselines, and what to do next.
pub(super) fn text(status: &Status, trials: &[TrialRow], ending: Ending, folder: &Path) -> String {
    let Status { samples, evaluations, repeats, rejected, diverged, failed, .. } = status;
    let of = |count: &u64, one: &str, many: &str| counted(&count.to_string(), one, many);
    let mut out = format!(
        "{}: {} trained, {repeats} seen before, {rejected} turned down; {diverged} diverged, {failed} failed ({})\n\n",
        of(samples, "string looked at", "strings looked at"),
        of(evaluations, "rule", "rules"),
        why(ending)
    );
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let row = |name: String, trial: &TrialRow| {
        let rate = trial.learning_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:e}"));
        // A baseline is known by its name.
        let rule = if trial.name.is_some() { String::new() } else { formula(&trial.rule) };
        let flipped = if trial.is_flipped { "  (opposite sign)" } else { "" };
        let (trial, reward, test) =
            (trial.number.to_string(), number(trial.reward), number(trial.test_accuracy));
        [name, trial, reward, test, rate, rule + flipped]
    };
    let head = ["", "trial", "reward", "test", "rate", "rule"].map(str::to_owned);
    let mut lines = vec![head];
    for (rank, trial) in ranked(trials, TrialKind::Sampled).into_iter().take(SHOWN).enumerate() {
        lines.push(row((rank + 1).to_string(), trial));
    }
    for trial in ranked(trials, TrialKind::Baseline) {
        lines.push(row(trial.name.clone().unwrap_or_default(), trial));
    }
    out += &aligned(&lines, &[0, 5]);
    let rejected = trials.iter().find(|trial| trial.state == TrialState::Rejected);
    if let Some(reason) =
        rejected.and_then(|trial| trial.reason.as_ref()).filter(|_| *evaluations == 0)
    {
        out += &format!(
            "\nevery rule was turned down, the first since {reason}; `--screen none` trains them all\n"
        );
    }
    let folder = folder.display().to_string();
    let folder = if folder.contains([' ', '\'', '"']) { format!("{folder:?}") } else { folder };
    let next = [
        [format!("nosc report {folder}"), "a page with plots".to_owned()],
        [format!("nosc best {folder} --emit rules/"), "the best rules as files".to_owned()],
        [
            format!("nosc evaluate {folder}"),
            "the best rules and the baselines with fresh seeds".to_owned(),
        ],
    ];
    out + "\n" + &aligned(&next, &[0, 1])
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
