//! What the best rules cost: accuracy against memory and against the time of a step, with those that none betters.

use std::collections::BTreeMap;

use super::charts::{formula_of, name_of};
use super::html::{count, decimal, escape, figure, paragraph, table};
use crate::plot::{Chart, Line, Scale, Size, Style};
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::{TrialKind, TrialRow, TrialState};

/// A trial by what it costs, which is to be low, and its merit, which is to be high.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    cost: f64,
    merit: f64,
    trial: &'a TrialRow,
}

/// A plot and a table for memory, and for time if it was measured.
pub(super) fn cost(run: &RunRecord, step_nanoseconds: &BTreeMap<u64, f64>) -> String {
    let bytes = |trial: &TrialRow| Some(RuleFacts::of(&trial.rule).bytes_per_parameter? as f64);
    let time = |trial: &TrialRow| {
        step_nanoseconds.get(&trial.number).copied().filter(|time| time.is_finite())
    };
    let memory = against(run, "Memory of the states", "bytes a parameter", bytes);
    let time = against(run, "Time of a step", "nanoseconds a parameter", time);
    memory + &time
}

fn against(
    run: &RunRecord,
    title: &str,
    unit: &'static str,
    cost: impl Fn(&TrialRow) -> Option<f64>,
) -> String {
    let has_accuracy = run.has_accuracy();
    let merit = |trial: &TrialRow| {
        let merit = if has_accuracy { trial.validation_accuracy } else { trial.reward };
        merit.filter(|merit| merit.is_finite())
    };
    let candidates = |kind| -> Vec<Candidate<'_>> {
        let done = run.of_kind(kind).filter(|trial| trial.state == TrialState::Done);
        let candidate = |trial| Some(Candidate { cost: cost(trial)?, merit: merit(trial)?, trial });
        done.filter_map(candidate).collect()
    };
    let (sampled, baselines) = (candidates(TrialKind::Sampled), candidates(TrialKind::Baseline));
    let front = front(sampled.iter().chain(&baselines).copied().collect());
    let Some(last) = front.last() else { return String::new() };
    let dots = |label: &str, candidates: &[Candidate<'_>], style| Line {
        label: label.to_owned(),
        points: candidates.iter().map(|c| (c.cost, c.merit)).collect(),
        is_cut_short: false,
        style,
    };
    let right = sampled.iter().chain(&baselines).map(|c| c.cost).fold(last.cost, f64::max);
    let lines = vec![
        dots("sampled rules", &sampled, Style::Dots),
        dots("baselines", &baselines, Style::Dots),
        Line { points: stairs(&front, right), ..dots("Pareto front", &[], Style::Line) },
    ];
    let y_label = if has_accuracy { "validation accuracy" } else { "reward" };
    let chart = Chart {
        title: title.to_owned(),
        x_label: unit.to_owned(),
        y_label: y_label.to_owned(),
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        lines,
    };
    let Ok(svg) = chart.to_page_svg(Size::Wide) else { return String::new() };
    let heads = [(unit, true), (y_label, true), ("rule", false)];
    let rows: Vec<Vec<String>> = front.iter().map(row).collect();
    let mut out = figure(&svg, "On the front, no other rule is better at the same cost or below.");
    out += &paragraph(&format!("{} on the front:", count(front.len() as u64)));
    out + &table(&heads, &rows)
}

fn row(candidate: &Candidate<'_>) -> Vec<String> {
    let trial = candidate.trial;
    let rule = match trial.kind {
        TrialKind::Baseline => escape(&name_of(trial)),
        TrialKind::Sampled => format!("<code>{}</code>", escape(&formula_of(trial))),
    };
    let cost = libm::round(candidate.cost * 1000.0) / 1000.0;
    vec![format!("{cost}"), decimal(Some(candidate.merit)), rule]
}

/// Those that no other betters: none is better at the same cost or below, none as good below. By rising cost; of equals the
/// first trial.
fn front(mut candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    candidates.sort_by(|a, b| {
        let order = a.cost.total_cmp(&b.cost).then(b.merit.total_cmp(&a.merit));
        order.then(a.trial.number.cmp(&b.trial.number))
    });
    let mut front: Vec<Candidate<'_>> = Vec::new();
    for candidate in candidates {
        if front.last().is_none_or(|best| candidate.merit > best.merit) {
            front.push(candidate);
        }
    }
    front
}

/// The front as steps, on to `right`.
fn stairs(front: &[Candidate<'_>], right: f64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut last = None;
    for candidate in front {
        points.extend(last.map(|merit| (candidate.cost, merit)));
        points.push((candidate.cost, candidate.merit));
        last = Some(candidate.merit);
    }
    points.extend(last.map(|merit| (right, merit)));
    points
}

#[cfg(test)]
mod tests {
    use super::{Candidate, front, stairs};
    use crate::search::output::sample;

    #[test]
    fn on_the_front_nobody_is_better_for_less() {
        let run = sample::run(4);
        let of = |(index, (cost, merit)): (usize, (f64, f64))| Candidate {
            cost,
            merit,
            trial: &run.trials[index],
        };
        let points = [(8.0, 0.9), (4.0, 0.7), (4.0, 0.8), (0.0, 0.5), (12.0, 0.9), (8.0, 0.9)];
        let front = front(points.into_iter().enumerate().map(of).collect());
        let found: Vec<_> = front.iter().map(|c| (c.trial.number, c.cost, c.merit)).collect();
        assert_eq!(found, [(3, 0.0, 0.5), (2, 4.0, 0.8), (0, 8.0, 0.9)]);
        let stairs = stairs(&front, 12.0);
        assert_eq!(stairs[..3], [(0.0, 0.5), (4.0, 0.5), (4.0, 0.8)]);
        assert_eq!(stairs.last(), Some(&(12.0, 0.9)));
    }
}
