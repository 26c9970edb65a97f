//! **The one table of columns**: names, kinds and where each value comes from.

use std::collections::BTreeMap;

use super::{Cell, Kind};
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::{SampleRow, TrialRow};

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// What it says, in a line.
    pub about: &'static str,
    value: fn(&Source<'_>) -> Cell,
    /// Whether it needs [`Source::facts`], for which the text of each rule is read.
    reads_rule: bool,
}

/// All that a row is made of.
struct Source<'a> {
    trial: &'a TrialRow,
    facts: Option<&'a RuleFacts>,
    sample: Option<&'a SampleRow>,
    duplicates: u64,
}

const fn text(name: &'static str, about: &'static str, value: fn(&Source<'_>) -> Cell) -> Column {
    Column { name, kind: Kind::Text, about, value, reads_rule: false }
}

const fn whole(name: &'static str, about: &'static str, value: fn(&Source<'_>) -> Cell) -> Column {
    Column { name, kind: Kind::Integer, about, value, reads_rule: false }
}

const fn number(name: &'static str, about: &'static str, value: fn(&Source<'_>) -> Cell) -> Column {
    Column { name, kind: Kind::Number, about, value, reads_rule: false }
}

/// Every column, in the order in which they are written when none is chosen.
pub static COLUMNS: [Column; 22] = [
    whole("trial", "number of the trial, counted from 0", |s| Cell::Integer(s.trial.number)),
    text("kind", "`sampled` or `baseline`", |s| Cell::Text(s.trial.kind.name().to_owned())),
    text("name", "name of a baseline", |s| some_text(s.trial.name.as_deref())),
    Column {
        reads_rule: true,
        ..text("formula", "the rule as a formula, or as a block in braces", |s| {
            some_text(s.facts.map(|facts| facts.formula.as_str()))
        })
    },
    text("rule", "the rule that was trained, as text that parses", |s| {
        Cell::Text(s.trial.rule.clone())
    }),
    text("key", "key of the rule at the level of the run", |s| Cell::Text(s.trial.key.clone())),
    text("tokens", "the tokens that were sampled", |s| {
        some_text(s.sample.map(|sample| sample.tokens.as_str()))
    }),
    whole("sample", "number of the sample that it came from first", |s| {
        some_integer(s.trial.sample)
    }),
    Column {
        name: "flipped",
        kind: Kind::Boolean,
        about: "whether the rule is that of the sample with the opposite sign",
        value: |s| Cell::Boolean(s.trial.is_flipped),
        reads_rule: false,
    },
    whole("seed", "seed of its children", |s| Cell::Integer(s.trial.seed)),
    text("state", "`pending`, `done`, `diverged`, `rejected` or `failed`", |s| {
        Cell::Text(s.trial.state.name().to_owned())
    }),
    whole("attempts", "how often a worker began it", |s| {
        Cell::Integer(u64::from(s.trial.attempts))
    }),
    number("reward", "its reward", |s| some_number(s.trial.reward)),
    text("reason", "why it was rejected, diverged or failed", |s| {
        some_text(s.trial.reason.as_deref())
    }),
    number("learning_rate", "the learning rate that it was trained with to the end", |s| {
        some_number(s.trial.learning_rate)
    }),
    number("final_loss", "loss at the end of training", |s| some_number(s.trial.final_loss)),
    number("validation_accuracy", "on the validation examples at the end, 0 to 1", |s| {
        some_number(s.trial.validation_accuracy)
    }),
    number("test_accuracy", "on the test examples at the end, 0 to 1", |s| {
        some_number(s.trial.test_accuracy)
    }),
    number("ended", "when it ended, seconds since 1970", |s| some_number(s.trial.ended)),
    number("seconds", "wall time of the attempt that ended it, seconds", |s| {
        some_number(s.trial.seconds)
    }),
    Column {
        reads_rule: true,
        ..whole("bytes_per_parameter", "bytes of the rule's states for each parameter", |s| {
            some_integer(s.facts.and_then(|facts| facts.bytes_per_parameter))
        })
    },
    whole("duplicates", "later samples of the same rule", |s| Cell::Integer(s.duplicates)),
];

/// The row of each of these trials.
pub(super) fn rows(
    run: &RunRecord,
    trials: &[&TrialRow],
    columns: &[&'static Column],
) -> Vec<Vec<Cell>> {
    let samples = run.samples_by_number();
    let duplicates = run.duplicates();
    let mut facts: BTreeMap<&str, RuleFacts> = BTreeMap::new();
    if columns.iter().any(|column| column.reads_rule) {
        for trial in trials {
            facts.entry(&trial.rule).or_insert_with(|| RuleFacts::of(&trial.rule));
        }
    }
    let row = |trial: &&TrialRow| {
        let source = Source {
            trial,
            facts: facts.get(trial.rule.as_str()),
            sample: trial.sample.and_then(|number| samples.get(&number).copied()),
            duplicates: duplicates.get(&trial.number).copied().unwrap_or(0),
        };
        columns.iter().map(|column| (column.value)(&source)).collect()
    };
    trials.iter().map(row).collect()
}

fn some_text(value: Option<&str>) -> Cell {
    value.map_or(Cell::Null, |value| Cell::Text(value.to_owned()))
}

fn some_integer(value: Option<u64>) -> Cell {
    value.map_or(Cell::Null, Cell::Integer)
}

fn some_number(value: Option<f64>) -> Cell {
    value.map_or(Cell::Null, Cell::Number)
}
