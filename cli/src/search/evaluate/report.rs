//! Rules that were judged again: tables, JSON, CSV.

use nosc_controller::search::evaluation::{Comparison, Judged, best_baseline, optimism};
use nosc_controller::search::record::TrialKind;
use nosc_controller::search::settings::SearchSettings;
use nosc_controller::spread::{Spread, Unit};
use serde_json::{Value, json};

use super::Section;
use crate::output::aligned;
use crate::search::summary::formula;
use crate::train::files::cell;

/// Columns of a file, a row for each rule of each round.
const COLUMNS: [&str; 24] = [
    "round",
    "child",
    "steps",
    "rank",
    "trial",
    "kind",
    "name",
    "rule",
    "learning_rate",
    "seeds",
    "diverged",
    "reward",
    "reward_deviation",
    "final_loss",
    "final_loss_deviation",
    "test_accuracy",
    "test_accuracy_deviation",
    "search_reward",
    "baseline",
    "difference",
    "standard_error",
    "standard_errors",
    "goes_on",
    "reason",
];

/// A table for each round, and what was done.
pub(super) fn tables(sections: &[Section], settings: &SearchSettings) -> String {
    let mut out = String::new();
    for section in sections {
        let Section { round, title, conditions, judged } = section;
        let steps = conditions.protocol.steps;
        let head = round
            .as_ref()
            .map_or_else(String::new, |round| format!("Round {}, {}. ", round.number, round.what));
        out += &format!("{head}{title}: {steps} steps, {}\n", seeds(&conditions.protocol.seeds));
        out += &table(judged, round.is_some());
        let is_as_in_search = round.is_none() && steps == settings.protocol.steps;
        if is_as_in_search && let Some(text) = luck(judged) {
            out += &text;
        }
        out.push('\n');
    }
    out += "No seed was used in the search. \"above\": difference of the means, in brackets in its standard errors (Welch).\n";
    if sections.iter().any(|section| section.round.is_some()) {
        let held = sections.last().into_iter().flat_map(|section| &section.judged);
        let held = held.filter(|one| one.fate.as_ref().is_some_and(|fate| fate.goes_on));
        let held: Vec<String> = held.map(|one| format!("trial {}", one.result.trial)).collect();
        let is_over = sections.last().and_then(|section| section.round.as_ref());
        if is_over.is_some_and(|round| round.is_last) && !held.is_empty() {
            out += &format!("Held in every round: {}\n", held.join(", "));
        }
    }
    out
}

/// How much of the rewards in the search was luck: baselines were not chosen by theirs.
fn luck(judged: &[Judged]) -> Option<String> {
    let unit = unit_of(judged);
    let found = unit.signed(optimism(judged, TrialKind::Sampled)?);
    let baselines = optimism(judged, TrialKind::Baseline)
        .map_or_else(String::new, |luck| format!(", those of the baselines {}", unit.signed(luck)));
    Some(format!(
        "Rewards in the search less the means here, on average: those of the found rules, which were chosen by them, \
         {found}{baselines}\n"
    ))
}

/// What the rewards are.
fn unit_of(judged: &[Judged]) -> Unit {
    if judged.iter().any(Judged::has_accuracy) { Unit::Accuracy } else { Unit::Loss }
}

fn above(unit: Unit, comparison: &Comparison) -> String {
    let difference = unit.signed(comparison.difference);
    let errors = comparison.standard_errors.map(|errors| format!(" ({errors:+.1})"));
    difference + &errors.unwrap_or_default()
}

fn table(judged: &[Judged], is_funnel: bool) -> String {
    let unit = unit_of(judged);
    let best = best_baseline(judged).map(|best| best.result.subject().label());
    let above = best.map_or_else(|| "above".to_owned(), |best| format!("above {best}"));
    let mean = if unit == Unit::Accuracy { "validation" } else { "reward" };
    let mut head: Vec<String> =
        ["", "trial", "lr", mean, "test", "in the search", &above].map(str::to_owned).to_vec();
    head.extend(is_funnel.then(|| "goes on".to_owned()));
    head.push("rule".to_owned());
    let last = head.len() - 1;
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(judged.iter().map(|one| row(one, unit, is_funnel))).collect();
    let names: &[usize] = if is_funnel { &[last - 1, last] } else { &[last] };
    aligned(&rows, names)
}

fn row(one: &Judged, unit: Unit, is_funnel: bool) -> Vec<String> {
    let result = &one.result;
    let none = || "-".to_owned();
    let mut mean = unit.spread(one.reward);
    if result.learning_rate.is_none() {
        "trains at no rate".clone_into(&mut mean);
    } else if one.diverged > 0 {
        mean += &format!(" ({} of {} diverged)", one.diverged, result.seeds.len());
    }
    let mut cells = vec![
        one.rank.to_string(),
        result.trial.to_string(),
        result.learning_rate.map_or_else(none, |rate| format!("{rate:.1e}")),
        mean,
        Unit::Accuracy.spread(one.test),
        result.search_reward.map_or_else(none, |reward| unit.value(reward)),
        one.comparison.as_ref().map_or_else(none, |comparison| above(unit, comparison)),
    ];
    if is_funnel {
        cells.push(one.fate.as_ref().map_or_else(none, |fate| {
            match (fate.goes_on, &fate.reason) {
                (true, None) => "yes".to_owned(),
                (true, Some(reason)) => format!("as the best: {reason}"),
                (false, reason) => {
                    let reason = reason.as_ref().map(|reason| format!(": {reason}"));
                    format!("no{}", reason.unwrap_or_default())
                }
            }
        }));
    }
    cells.push(result.name.clone().unwrap_or_else(|| formula(&result.rule)));
    cells
}

fn seeds(seeds: &[u64]) -> String {
    let all: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let word = if seeds.len() == 1 { "seed" } else { "seeds" };
    match (seeds.first(), seeds.last()) {
        (Some(first), Some(last))
            if seeds.len() > 2 && last.wrapping_sub(*first) == seeds.len() as u64 - 1 =>
        {
            format!("{word} {first} to {last}")
        }
        _ => format!("{word} {}", all.join(", ")),
    }
}

/// A list of rounds, one without a funnel, each with its conditions and its rules, the best first.
pub(super) fn json(sections: &[Section]) -> Value {
    let section = |section: &Section| {
        let Section { round, title, conditions, judged } = section;
        let rules: Vec<Value> = judged.iter().map(rule).collect();
        json!({
            "round": round.as_ref().map(|round| round.number),
            "what": round.as_ref().map(|round| round.what.as_str()),
            "title": title,
            "conditions": conditions,
            "baseline": best_baseline(judged).map(|best| best.result.subject().label()),
            "rules": rules,
        })
    };
    Value::Array(sections.iter().map(section).collect())
}

fn rule(one: &Judged) -> Value {
    let mut value = serde_json::to_value(one).unwrap_or_default();
    value["rule"] = formula(&one.result.rule).into();
    // In words as well: names of reasons are for programs.
    let reason = one.fate.as_ref().and_then(|fate| fate.reason.as_ref());
    if let Some(reason) = reason {
        value["fate"]["words"] = reason.to_string().into();
    }
    value
}

/// The same as rows.
pub(super) fn csv(sections: &[Section]) -> String {
    let mut out = COLUMNS.join(",");
    out.push('\n');
    for section in sections {
        for one in &section.judged {
            let cells = values(section, one);
            let cells: Vec<String> = cells.iter().map(|value| cell(Some(value))).collect();
            out += &cells.join(",");
            out.push('\n');
        }
    }
    out
}

/// Cells in the order of [`COLUMNS`].
fn values(section: &Section, one: &Judged) -> [Value; COLUMNS.len()] {
    let result = &one.result;
    let mean = |spread: Option<Spread>| json!(spread.map(|spread| spread.mean));
    let deviation = |spread: Option<Spread>| json!(spread.and_then(|spread| spread.deviation));
    let comparison = one.comparison.as_ref();
    let fate = one.fate.as_ref();
    let reason = fate.and_then(|fate| fate.reason.as_ref());
    [
        json!(section.round.as_ref().map(|round| round.number)),
        json!(section.conditions.options.child),
        json!(section.conditions.protocol.steps),
        json!(one.rank),
        json!(result.trial),
        json!(result.kind),
        json!(result.name),
        json!(formula(&result.rule)),
        json!(result.learning_rate),
        json!(result.seeds.len()),
        json!(one.diverged),
        mean(one.reward),
        deviation(one.reward),
        mean(one.final_loss),
        deviation(one.final_loss),
        mean(one.test),
        deviation(one.test),
        json!(result.search_reward),
        json!(comparison.map(|comparison| comparison.baseline.as_str())),
        json!(comparison.map(|comparison| comparison.difference)),
        json!(comparison.and_then(|comparison| comparison.standard_error)),
        json!(comparison.and_then(|comparison| comparison.standard_errors)),
        json!(fate.map(|fate| fate.goes_on)),
        json!(reason.map(ToString::to_string)),
    ]
}
