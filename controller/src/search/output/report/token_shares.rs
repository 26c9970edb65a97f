//! How often each token stands where it may: in the first and the last samples and in the best trials.

use std::collections::BTreeMap;

use super::html::{figure, paragraph};
use crate::plot::{BarRow, Bars};
use crate::search::output::record::RunRecord;
use crate::search::output::tokens::{KINDS, known, words};

/// How often each token stands in a place of each kind, in a set of strings.
type Counts<'a> = [BTreeMap<&'a str, u64>; KINDS.len()];

/// Bars for operands, functions of one argument and functions of two.
pub(super) fn token_shares(run: &RunRecord) -> String {
    let samples: Vec<&str> = run.samples.iter().map(|sample| sample.tokens.as_str()).collect();
    let quarter = samples.len().div_ceil(4);
    let by_number = run.samples_by_number();
    let ranked = run.ranked();
    let best = ranked.iter().take(ranked.len().div_ceil(10));
    let best: Vec<&str> =
        best.filter_map(|trial| Some(by_number.get(&trial.sample?)?.tokens.as_str())).collect();
    let mut sets = vec![
        ("first quarter of the samples", counts(&samples[..quarter])),
        ("last quarter of the samples", counts(&samples[samples.len() - quarter..])),
    ];
    if !best.is_empty() {
        sets.push(("best tenth of the trials", counts(&best)));
    }
    let titles = ["Operands", "Functions of one argument", "Functions of two arguments"];
    // Operands are many: the two short lists stand together beside them.
    let mut columns = [String::new(), String::new()];
    for (kind, title) in titles.into_iter().enumerate() {
        let rows = rows(kind, &sets);
        if !rows.is_empty() {
            let series = sets.iter().map(|(name, _)| (*name).to_owned()).collect();
            columns[usize::from(kind > 0)] +=
                &Bars { title: title.to_owned(), series, rows }.to_page_svg();
        }
    }
    if columns.iter().all(String::is_empty) {
        return String::new();
    }
    let pictures: Vec<String> =
        columns.iter().map(|column| format!("<div>\n{column}</div>\n")).collect();
    let caption = "Share of a token among all tokens in places of its kind. Tokens that stand nowhere are left out; %0, \
                   %1, ... are results of earlier groups.";
    let note = if samples.len() < 40 {
        paragraph("With so few samples this says little.")
    } else {
        String::new()
    };
    note + &figure(&pictures.concat(), caption)
}

fn counts<'a>(strings: &[&'a str]) -> Counts<'a> {
    let mut counts: Counts<'a> = Default::default();
    for string in strings {
        for (place, token) in words(string) {
            *counts[place.kind()].entry(token).or_insert(0) += 1;
        }
    }
    counts
}

/// Tokens of a kind that stand anywhere, in the order of the language.
fn rows(kind: usize, sets: &[(&str, Counts<'_>)]) -> Vec<BarRow> {
    let own = known(kind);
    let stands = |token: &str| sets.iter().any(|(_, counts)| counts[kind].contains_key(token));
    let mut tokens: Vec<&str> = own.iter().copied().filter(|token| stands(token)).collect();
    for (_, counts) in sets {
        for token in counts[kind].keys() {
            if !tokens.contains(token) {
                tokens.push(token);
            }
        }
    }
    let share = |counts: &Counts<'_>, token: &str| {
        let all: u64 = counts[kind].values().sum();
        let times = counts[kind].get(token).copied().unwrap_or(0);
        if all == 0 { 0.0 } else { times as f64 / all as f64 }
    };
    let row = |token: &&str| BarRow {
        label: (*token).to_owned(),
        shares: sets.iter().map(|(_, counts)| share(counts, token)).collect(),
    };
    tokens.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{counts, rows};

    #[test]
    fn shares_of_a_kind_are_one_together() {
        let sets = [("a", counts(&["g m id id add", "g g exp id add, %0 g id id mul"]))];
        for kind in 0..3 {
            let sum: f64 = rows(kind, &sets).iter().map(|row| row.shares[0]).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{kind}");
        }
        let operands = rows(0, &sets);
        assert_eq!((operands[0].label.as_str(), operands[0].shares[0]), ("g", 4.0 / 6.0));
        assert_eq!(operands.last().map(|row| row.label.as_str()), Some("%0"));
    }
}
