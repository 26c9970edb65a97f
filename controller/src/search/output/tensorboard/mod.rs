//! A run as an event file of `TensorBoard`: curves of rewards over trials, and of the sampler over batches.
//!
//! | tag | step | value |
//! |---|---|---|
//! | `reward` | number of the trial | its reward |
//! | `best_reward` | number of the trial | the best reward of those up to it |
//! | `update/mean_reward`, `baseline`, `entropy`, `divergence`, `gradient_norm` | number of the batch | as the sampler says |
//!
//! Only trials of the sampler stand here; a text `about` has what is known of the run. Values are f32, as in every such file.

mod frame;
mod message;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::record::RunRecord;
use crate::search::record::{TrialKind, TrialState, UpdateRow};
use frame::write_frame;
use message::{scalar_event, text_event, version_event};

/// Writes the event file.
///
/// # Errors
///
/// Those of `out`.
pub fn write_events(run: &RunRecord, mut out: impl Write) -> io::Result<()> {
    let start = started(run);
    write_frame(&mut out, &version_event(start))?;
    write_frame(&mut out, &text_event(start, "about", &about(run)))?;
    let mut best = f64::NEG_INFINITY;
    for trial in run.of_kind(TrialKind::Sampled) {
        let Some(reward) = trial.reward.filter(|reward| reward.is_finite()) else { continue };
        let time = trial.ended.unwrap_or(start);
        write_frame(&mut out, &scalar_event(time, trial.number, "reward", reward))?;
        if trial.state == TrialState::Done {
            best = best.max(reward);
        }
        if best.is_finite() {
            write_frame(&mut out, &scalar_event(time, trial.number, "best_reward", best))?;
        }
    }
    let times = times_of_batches(run);
    for row in &run.updates {
        let time = times.get(&row.batch).copied().unwrap_or(start);
        for (tag, value) in scalars(row) {
            write_frame(&mut out, &scalar_event(time, row.batch, tag, value))?;
        }
    }
    out.flush()
}

/// A name for the file: `TensorBoard` reads those with `tfevents` in them, and the later of two runs has the later number.
pub fn file_name(run: &RunRecord) -> String {
    format!("events.out.tfevents.{:010}.nosc", started(run) as u64)
}

/// When the first trial ended, seconds since 1970; 0 if none did.
fn started(run: &RunRecord) -> f64 {
    let ended = run.trials.iter().filter_map(|trial| trial.ended);
    ended.reduce(f64::min).unwrap_or(0.0)
}

/// When the last trial of each batch ended.
fn times_of_batches(run: &RunRecord) -> BTreeMap<u64, f64> {
    let ended: BTreeMap<u64, f64> =
        run.trials.iter().filter_map(|trial| Some((trial.number, trial.ended?))).collect();
    let mut times = BTreeMap::new();
    for sample in &run.samples {
        if let Some(ended) = sample.trial.and_then(|trial| ended.get(&trial)) {
            let time = times.entry(sample.batch).or_insert(*ended);
            *time = time.max(*ended);
        }
    }
    times
}

fn scalars(row: &UpdateRow) -> impl Iterator<Item = (&'static str, f64)> {
    let update = row.update;
    let values = [
        ("update/mean_reward", Some(update.mean_reward)),
        ("update/baseline", update.baseline),
        ("update/entropy", update.entropy),
        ("update/divergence", update.divergence),
        ("update/gradient_norm", update.gradient_norm),
    ];
    values.into_iter().filter_map(|(tag, value)| Some((tag, value.filter(|v| v.is_finite())?)))
}

/// A table in Markdown, which `TensorBoard` draws.
fn about(run: &RunRecord) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
    let rows =
        run.about.iter().map(|(name, value)| format!("| {} | {} |\n", cell(name), cell(value)));
    format!("{}\n\n| | |\n|---|---|\n{}", run.task.title, rows.collect::<String>())
}
