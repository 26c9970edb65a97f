//! Curves of the run: rewards over trials, the sampler over batches, the best rules while they train.

use std::collections::{BTreeMap, BTreeSet};

use super::html::{count, decimal, figure, paragraph, shortened};
use super::reward_axis::RewardAxis;
use crate::outcome::{Outcome, Point};
use crate::plot::{Chart, Line, Scale, Size, Style};
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::{TrialKind, TrialRow, TrialState, UpdateRow};

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
    let axis = RewardAxis::of(run);
    let (Some((first, _)), Some((last, _))) = (dots.first().copied(), dots.last().copied()) else {
        return String::new();
    };
    // A single trial has a line through it as well.
    let ends = if first < last { (first, last) } else { (first - 0.5, last + 0.5) };
    let drawn = |reward: f64| axis.map_or(reward, |axis| axis.drawn(reward));
    let (below, dots): (Vec<_>, Vec<_>) =
        dots.into_iter().partition(|(_, reward)| drawn(*reward) > *reward);
    let best = best_so_far(run, last).into_iter().map(|(x, reward)| (x, drawn(reward)));
    let count_below = below.len() as u64;
    let scattered = |label: &str, points: Vec<(f64, f64)>| Line {
        label: label.to_owned(),
        points,
        is_cut_short: false,
        style: Style::Dots,
    };
    let mut lines = vec![scattered("reward of a trial", dots), line("best so far", best.collect())];
    for trial in run.of_kind(TrialKind::Baseline) {
        if let Some(reward) = trial.reward {
            let label = format!("{}, {}", name_of(trial), decimal(Some(reward)));
            let reward = drawn(reward);
            lines.push(line(&label, vec![(ends.0, reward), (ends.1, reward)]));
        }
    }
    let mut caption = "Each dot is a trial; those that would cover each other are drawn once. Trials that diverged, \
                       failed or were turned down have the lowest reward."
        .to_owned();
    if let Some(axis) = axis {
        let lowest = decimal(Some(axis.lowest));
        let below = below.into_iter().map(|(x, reward)| (x, drawn(reward))).collect();
        if count_below > 0 {
            lines.push(scattered(&format!("below {lowest}"), below));
        }
        caption += &format!(
            " The axis is cut at {lowest}: of what was trained to the end, at most a tenth of the rules and no baseline are below. \
             What is below is drawn on the bottom edge, {} trials in another tone.",
            count(count_below)
        );
    }
    picture(
        &Chart {
            title: "Rewards in the order of trials".to_owned(),
            x_label: "trial".to_owned(),
            y_label: "reward".to_owned(),
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            lines,
        },
        &caption,
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
            let means = trained_means(run);
            let mean = |row: &UpdateRow| Some((row.batch as f64, *means.get(&row.batch)?));
            let points: Vec<_> = run.updates.iter().filter_map(mean).collect();
            if !points.is_empty() {
                lines.push(line("mean of those trained", points));
            }
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
    let caption = format!(
        "{batches} batches that the sampler has learnt from. The mean reward has the lowest reward for every string whose rule was \
         turned down; the mean of those trained leaves them out, and those that failed."
    );
    figure(&pictures, &caption)
}

/// Mean reward of the samples of a batch whose rules were trained, those that diverged included, by number of the batch.
fn trained_means(run: &RunRecord) -> BTreeMap<u64, f64> {
    let is_trained =
        |trial: &&TrialRow| matches!(trial.state, TrialState::Done | TrialState::Diverged);
    let trained: BTreeSet<u64> =
        run.trials.iter().filter(is_trained).map(|trial| trial.number).collect();
    let mut sums: BTreeMap<u64, (f64, u64)> = BTreeMap::new();
    for sample in &run.samples {
        let is_of_one = sample.trial.is_some_and(|trial| trained.contains(&trial));
        if let Some(reward) = sample.reward.filter(|_| is_of_one) {
            let (sum, times) = sums.entry(sample.batch).or_default();
            *sum += reward;
            *times += 1;
        }
    }
    sums.into_iter().map(|(batch, (sum, times))| (batch, sum / times as f64)).collect()
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

#[cfg(test)]
mod tests {
    use super::{rewards, trained_means};
    use crate::search::output::sample;
    use crate::search::record::TrialState;

    #[test]
    fn the_mean_of_those_trained_leaves_out_what_was_turned_down() {
        let mut run = sample::run(4);
        for (trial, state) in
            run.trials[4..].iter_mut().zip([TrialState::Rejected, TrialState::Diverged])
        {
            trial.state = state;
        }
        // Two samples a trial, one batch.
        let values = [0.5, 0.5, 0.0, 0.0, 0.6, 0.6, 0.9, 0.9];
        for (sample, value) in run.samples.iter_mut().zip(values) {
            sample.reward = Some(value);
        }
        assert!((trained_means(&run)[&0] - 0.5).abs() < 1e-12);
        run.trials.iter_mut().for_each(|trial| trial.state = TrialState::Rejected);
        assert!(trained_means(&run).is_empty());
    }

    #[test]
    fn what_is_below_the_axis_stands_apart_and_the_caption_says_so() {
        let mut run = sample::run(40);
        let lost = run.trials[4..].iter().filter(|trial| trial.reward == Some(0.0)).count();
        for trial in &mut run.trials[4..] {
            if trial.state == TrialState::Done {
                trial.reward = Some(0.9 + trial.number as f64 / 1000.0);
            }
        }
        // The worst baseline is below all that is done.
        let html = rewards(&run);
        assert!(html.contains(">below 0.8800</text>") && html.contains("cut at 0.8800"), "{html}");
        assert!(html.contains(&format!("bottom edge, {lost} trials in another tone")));
        assert!(!html.contains(">0.2</text>"));
        run.trials.retain(|trial| trial.reward.is_some_and(|reward| reward > 0.5));
        assert!(!rewards(&run).contains("below"));
    }
}
