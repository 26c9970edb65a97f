//! What the run was, what came of it in numbers, and why rules have no result.

use std::collections::{BTreeMap, BTreeSet};

use super::html::{code, count, decimal, duration, escape, facts, paragraph, percent, table};
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::{TrialKind, TrialRow, TrialState};

/// Kinds of reasons that are shown of a state.
const REASONS: usize = 12;

/// The facts of the run and the counts.
pub(super) fn summary(run: &RunRecord) -> String {
    let mut rows: Vec<(String, String)> =
        run.about.iter().map(|(name, value)| (name.clone(), escape(value))).collect();
    if run.task.parameters > 0 {
        rows.push(("parameters of a child".to_owned(), count(run.task.parameters)));
    }
    if run.trials.is_empty() && run.samples.is_empty() {
        let nothing = paragraph("Nothing has been sampled yet.");
        return if rows.is_empty() { nothing } else { facts(&rows) + &nothing };
    }
    rows.extend(counts(run));
    if let Some(best) = run.ranked().first() {
        rows.push(("best rule".to_owned(), best_of(best)));
    }
    facts(&rows)
}

/// The counts of a run, in the words in which a search ends: a string counts once its rule is looked at.
fn counts(run: &RunRecord) -> Vec<(String, String)> {
    let in_state = |state| run.of_kind(TrialKind::Sampled).filter(|t| t.state == state).count();
    let of_state = |state| count(in_state(state) as u64);
    let keys: BTreeSet<&str> =
        run.of_kind(TrialKind::Sampled).map(|trial| trial.key.as_str()).collect();
    let trained =
        run.of_kind(TrialKind::Sampled).filter(|trial| trial.state != TrialState::Rejected).count()
            as u64;
    let looked_at = run.samples.iter().filter(|sample| sample.trial.is_some()).count() as u64;
    let repeated = run.samples.iter().filter(|s| s.trial.is_some() && !s.is_new).count() as u64;
    let waiting = run.samples.len() as u64 - looked_at;
    let strings = match waiting {
        0 => count(looked_at),
        _ => format!("{}, and {} more not looked at yet", count(looked_at), count(waiting)),
    };
    let share = (looked_at > 0).then(|| repeated as f64 / looked_at as f64);
    let seconds: f64 = run.trials.iter().filter_map(|trial| trial.seconds).sum();
    let row = |name: &str, value: String| (name.to_owned(), value);
    vec![
        row("strings sampled", strings),
        row("distinct rules", count(keys.len() as u64)),
        row("rules trained", format!("{}, those that diverged or failed included", count(trained))),
        row("seen before", format!("{} ({}): not trained again", count(repeated), percent(share))),
        row("turned down", format!("{}: never trained", of_state(TrialState::Rejected))),
        row("trained to the end", of_state(TrialState::Done)),
        row("diverged", of_state(TrialState::Diverged)),
        row("failed", of_state(TrialState::Failed)),
        row("pending", of_state(TrialState::Pending)),
        row("time of all trials", duration(seconds)),
    ]
}

fn best_of(trial: &TrialRow) -> String {
    let formula = code(&RuleFacts::of(&trial.rule).formula);
    format!("{formula}<br/>trial {}, reward {}", count(trial.number), decimal(trial.reward))
}

/// Reasons of the trials that have no result, with their numbers and an example each.
pub(super) fn without_result(run: &RunRecord) -> String {
    let states = [
        ("turned down", TrialState::Rejected),
        ("diverged", TrialState::Diverged),
        ("failed", TrialState::Failed),
    ];
    let mut rows = Vec::new();
    let mut left_out = 0;
    for (name, state) in states {
        let mut by_reason: BTreeMap<String, (u64, &TrialRow)> = BTreeMap::new();
        for trial in run.trials.iter().filter(|trial| trial.state == state) {
            let kind = kind_of_reason(trial.reason.as_deref().unwrap_or("no reason given"));
            by_reason.entry(kind).or_insert((0, trial)).0 += 1;
        }
        let mut reasons: Vec<_> = by_reason.into_values().collect();
        reasons.sort_by_key(|(times, first)| (std::cmp::Reverse(*times), first.number));
        left_out += reasons.iter().skip(REASONS).map(|(times, _)| times).sum::<u64>();
        rows.extend(reasons.into_iter().take(REASONS).map(|(times, first)| {
            let reason = first.reason.as_deref().unwrap_or("no reason given");
            let reason = escape(&super::html::shortened(reason, 200));
            let formula = code(&RuleFacts::of(&first.rule).formula);
            vec![name.to_owned(), count(times), reason, formula, count(first.number)]
        }));
    }
    if rows.is_empty() {
        return String::new();
    }
    let heads = [
        ("state", false),
        ("trials", true),
        ("reason of the first", false),
        ("its rule", false),
        ("its trial", true),
    ];
    let mut out = paragraph("Reasons that differ only in their numbers are counted together.");
    out += &table(&heads, &rows);
    if left_out > 0 {
        out += &paragraph(&format!("{} more have rarer reasons.", count(left_out)));
    }
    out
}

/// A reason without its numbers.
fn kind_of_reason(reason: &str) -> String {
    let mut kind = String::new();
    for word in reason.split_whitespace() {
        let is_number = word.contains(|c: char| c.is_ascii_digit());
        kind += if is_number { "0" } else { word };
        kind.push(' ');
    }
    kind
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{counts, kind_of_reason, without_result};
    use crate::search::output::sample;
    use crate::search::record::TrialState;

    #[test]
    fn counts_are_those_in_which_a_search_ends() {
        let mut run = sample::run(16);
        // One string waits; its rule was seen before.
        run.samples[31].trial = None;
        let counts: BTreeMap<String, String> = counts(&run).into_iter().collect();
        let is = |name: &str, text: &str| assert!(counts[name].starts_with(text), "{counts:?}");
        is("strings sampled", "31, and 1 more");
        is("rules trained", "14,");
        is("seen before", "15 (");
        is("turned down", "2:");
        for (name, value) in
            [("diverged", "2"), ("failed", "1"), ("pending", "1"), ("trained to the end", "10")]
        {
            assert_eq!(counts[name], value, "{name}");
        }
    }

    #[test]
    fn reasons_that_differ_in_numbers_are_one() {
        assert_eq!(
            kind_of_reason("the loss of the last batches is 2.31, above 2.30 at the start"),
            kind_of_reason("the loss of the last batches is 9e9, above 1.5 at the start")
        );
        let mut run = sample::run(0);
        for (trial, loss) in run.trials.iter_mut().zip([1, 2, 3]) {
            trial.state = TrialState::Diverged;
            trial.reason = Some(format!("the loss is {loss}.5"));
        }
        let html = without_result(&run);
        assert!(html.contains("<td class=\"n\">3</td><td>the loss is 1.5</td>"), "{html}");
    }
}
