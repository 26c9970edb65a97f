//! Curves of the run: rewards over trials, the sampler over batches, the best rules while they train.

use super::html::{count, decimal, figure, paragraph, shortened};
use crate::outcome::{Outcome, Point};
use crate::plot::{Chart, Line, Scale, Size, Style};
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::{TrialKind, TrialRow, UpdateRow};

/// Rules whose curves are drawn.
const CURVES: usize = 6;
/// Longest label of a legend in a page, characters.
const LABEL: usize = 78;

/// A dot for each trial, the best so far, and the baselines.
pub(super) fn rewards(run: &RunRecord) -> String {
    let dots: Vec<(f64, f64)> = run
        .of_kind(TrialKind::Sampled)
        .filter_map(|trial| Some((trial.number as f64, trial.reward.filter(|r| r.is_finite())?)))
        .collect();
    let (Some((first, _)), Some((last, _))) = (dots.first().copied(), dots.last().copied()) else {
        return String::new();
    };
    // A single trial has a line through it as well.
    let ends = if first < last { (first, last) } else { (first - 0.5, last + 0.5) };
    let mut lines = vec![
        Line {
            label: "reward of a trial".to_owned(),
            points: dots,
            is_cut_short: false,
            style: Style::Dots,
        },
        line("best so far", best_so_far(run, last)),
    ];
    for trial in run.of_kind(TrialKind::Baseline) {
        if let Some(reward) = trial.reward {
            let label = format!("{}, {}", name_of(trial), decimal(Some(reward)));
            lines.push(line(&label, vec![(ends.0, reward), (ends.1, reward)]));
        }
    }
    let caption = "Each dot is a trial; those that would cover each other are drawn once. Trials that diverged, failed \
                   or were rejected have the lowest reward.";
    picture(
        &Chart {
            title: "Rewards in the order of trials".to_owned(),
            x_label: "trial".to_owned(),
            y_label: "reward".to_owned(),
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            lines,
        },
        caption,
    )
}

/// Steps upwards, up to `last`: only what was trained to the end counts.
fn best_so_far(run: &RunRecord, last: f64) -> Vec<(f64, f64)> {
    let mut ranked = run.ranked();
    ranked.sort_by_key(|trial| trial.number);
    let mut points: Vec<(f64, f64)> = Vec::new();
    for trial in ranked {
        let (number, reward) = (trial.number as f64, trial.reward.unwrap_or(f64::NEG_INFINITY));
        match points.last() {
            Some((_, best)) if *best >= reward => {}
            Some((_, best)) => {
                let before = (number, *best);
                points.extend([before, (number, reward)]);
            }
            None => points.push((number, reward)),
        }
    }
    if let Some((_, best)) = points.last().copied() {
        points.push((last, best));
    }
    points
}

/// What the sampler says of its batches: a small chart for each quantity that it has.
pub(super) fn sampler(run: &RunRecord) -> String {
    type Quantity = (&'static str, &'static str, fn(&UpdateRow) -> Option<f64>);
    let quantities: [Quantity; 4] = [
        ("Mean reward of a batch", "reward", |row| Some(row.update.mean_reward)),
        ("Entropy of a string", "nats", |row| row.update.entropy),
        ("How far the policy moved", "nats a string", |row| row.update.divergence),
        ("Norm of the gradient", "norm", |row| row.update.gradient_norm),
    ];
    let mut pictures = String::new();
    for (title, unit, value) in quantities {
        let points = |row: &UpdateRow| Some((row.batch as f64, value(row)?));
        let mut lines = vec![line("mean reward", run.updates.iter().filter_map(points).collect())];
        if title == "Mean reward of a batch" {
            let baseline = |row: &UpdateRow| Some((row.batch as f64, row.update.baseline?));
            let points: Vec<_> = run.updates.iter().filter_map(baseline).collect();
            if !points.is_empty() {
                lines.push(line("what it is compared with", points));
            }
        }
        let chart = Chart {
            title: title.to_owned(),
            x_label: "batch".to_owned(),
            y_label: unit.to_owned(),
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            lines,
        };
        pictures += &chart.to_page_svg(Size::Half).unwrap_or_default();
    }
    if pictures.is_empty() {
        return String::new();
    }
    let batches = count(run.updates.len() as u64);
    figure(&pictures, &format!("{batches} batches that the sampler has learnt from."))
}

/// The children of the best rules and of the baselines.
pub(super) fn learning_curves(run: &RunRecord) -> String {
    let ranked = run.ranked();
    let best = ranked.iter().take(CURVES).copied().map(|trial| (formula_of(trial), trial));
    let baselines = run.of_kind(TrialKind::Baseline).map(|trial| (name_of(trial), trial));
    let outcomes: Vec<(String, &Outcome)> = best
        .chain(baselines)
        .filter_map(|(label, trial)| Some((label, run.child_of(trial)?)))
        .collect();
    let accuracy = |point: &Point| Some((point.step as f64, point.validation_accuracy?));
    let loss = |point: &Point| Some((point.step as f64, point.loss));
    let mut out = String::new();
    if run.has_accuracy() {
        let chart = curves("Validation accuracy", "accuracy", Scale::Linear, &outcomes, accuracy);
        out +=
            &picture(&chart, "Validation accuracy while the best rules and the baselines train.");
    }
    let label = if run.task.loss.is_empty() { "loss" } else { &run.task.loss };
    let chart = curves("Loss", label, Scale::Log, &outcomes, loss);
    out += &picture(&chart, "Loss of the same children. A cross marks one that diverged.");
    if !out.is_empty() && ranked.is_empty() {
        out = paragraph("No sampled rule was trained to the end.") + &out;
    }
    out
}

fn curves(
    title: &str,
    label: &str,
    y_scale: Scale,
    outcomes: &[(String, &Outcome)],
    point: impl Fn(&Point) -> Option<(f64, f64)>,
) -> Chart {
    let line = |(label, outcome): &(String, &Outcome)| Line {
        label: label.clone(),
        points: outcome.curve.iter().filter_map(&point).collect(),
        is_cut_short: outcome.divergence().is_some(),
        style: Style::Line,
    };
    Chart {
        title: title.to_owned(),
        x_label: "step".to_owned(),
        y_label: shortened(label, 48),
        x_scale: Scale::Linear,
        y_scale,
        lines: outcomes.iter().map(line).collect(),
    }
}

/// The chart with its caption; nothing if nothing can be drawn.
fn picture(chart: &Chart, caption: &str) -> String {
    chart.to_page_svg(Size::Wide).map_or_else(|_| String::new(), |svg| figure(&svg, caption))
}

fn line(label: &str, points: Vec<(f64, f64)>) -> Line {
    Line { label: label.to_owned(), points, is_cut_short: false, style: Style::Line }
}

/// Name of a baseline.
pub(super) fn name_of(trial: &TrialRow) -> String {
    shortened(trial.name.as_deref().unwrap_or("baseline"), LABEL)
}

/// Number and formula of a trial, on one line.
pub(super) fn formula_of(trial: &TrialRow) -> String {
    let formula = RuleFacts::of(&trial.rule).formula;
    let words: Vec<&str> = formula.split_whitespace().collect();
    shortened(&format!("{}: {}", trial.number, words.join(" ")), LABEL)
}
