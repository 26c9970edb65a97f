//! The best rules and the baselines, as tables.

use super::html::{code, count, decimal, escape, percent, rate, subheading, table};
use crate::search::evaluation::LastEvaluation;
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::{TrialKind, TrialRow};

/// Rules in the table.
const RULES: usize = 25;

/// The best rules with what is known of them, then the baselines.
pub(super) fn ranking(run: &RunRecord) -> String {
    let ranked = run.ranked();
    let duplicates = run.duplicates();
    let times = |trial: &TrialRow| 1 + duplicates.get(&trial.number).copied().unwrap_or(0);
    let has_test = run.trials.iter().any(|trial| trial.test_accuracy.is_some());
    let mut out = String::new();
    if !ranked.is_empty() {
        let heads = heads(("", true), ("rule", false), ("times sampled", true), has_test);
        let rows: Vec<Vec<String>> = ranked
            .iter()
            .take(RULES)
            .enumerate()
            .map(|(index, trial)| {
                let rank = (index + 1).to_string();
                let facts = RuleFacts::of(&trial.rule);
                let times = count(times(trial));
                cells(trial, rank, code(&facts.formula), times, &facts, has_test)
            })
            .collect();
        out += &table(&heads, &rows);
        if run.evaluation == LastEvaluation::default() {
            out += &format!(
                "<p>The best of many rewards is partly luck: {} trains the best rules and the baselines with seeds that the search \
                 has not used.</p>\n",
                code("nosc evaluate DIR")
            );
        }
    }
    let baselines: Vec<Vec<String>> = run
        .of_kind(TrialKind::Baseline)
        .map(|trial| {
            let facts = RuleFacts::of(&trial.rule);
            let name = escape(trial.name.as_deref().unwrap_or("baseline"));
            cells(trial, name, code(&facts.formula), String::new(), &facts, has_test)
        })
        .collect();
    if !baselines.is_empty() {
        let heads = heads(("baseline", false), ("rule", false), ("", true), has_test);
        out += &subheading("Baselines");
        out += &table(&heads, &baselines);
    }
    out
}

fn heads(
    first: super::html::Head,
    rule: super::html::Head,
    last: super::html::Head,
    has_test: bool,
) -> Vec<super::html::Head> {
    let mut heads = vec![first, rule, ("reward", true), ("learning rate", true)];
    if has_test {
        heads.push(("test accuracy", true));
    }
    heads.extend([("bytes a parameter", true), ("trial", true), last]);
    heads
}

fn cells(
    trial: &TrialRow,
    first: String,
    rule: String,
    last: String,
    facts: &RuleFacts,
    has_test: bool,
) -> Vec<String> {
    let mut cells = vec![first, rule, decimal(trial.reward), rate(trial.learning_rate)];
    if has_test {
        cells.push(percent(trial.test_accuracy));
    }
    let bytes = facts.bytes_per_parameter.map_or_else(|| "\u{2013}".to_owned(), count);
    cells.extend([bytes, count(trial.number), last]);
    cells
}
