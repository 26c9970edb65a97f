//! `nosc best`: the best rules of a search, as a list or as rule files.

use std::path::Path;

use nosc_compiler::Rule;
use nosc_compiler::line::one_line;
use nosc_controller::search::output::RunRecord;
use nosc_controller::search::record::{TrialKind, TrialRow, ranked};
use serde_json::{Value, json};

use super::summary::formula;
use crate::arguments::BestArguments;
use crate::error::CliError;
use crate::output::{aligned, make_folder, print, print_json, write_file};

pub(crate) fn best(arguments: &BestArguments) -> Result<(), CliError> {
    let run = super::read(&arguments.folder, false)?;
    let best: Vec<&TrialRow> =
        ranked(&run.trials, TrialKind::Sampled).into_iter().take(arguments.count).collect();
    if let Some(folder) = &arguments.emit {
        make_folder(folder)?;
        for trial in &best {
            let name = name(trial);
            let text = file(&name, trial, &run, &arguments.folder);
            write_file(&folder.join(format!("{name}.nos")), text.as_bytes())?;
        }
    }
    if arguments.json {
        return print_json(&Value::Array(best.iter().map(|trial| object(trial)).collect()));
    }
    if best.is_empty() {
        return print("no rule of the run has been trained to the end yet\n");
    }
    let head = ["", "trial", "reward", "test", "rate", "rule"].map(str::to_owned);
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
    let row = |(rank, trial): (usize, &&TrialRow)| {
        [
            (rank + 1).to_string(),
            trial.number.to_string(),
            number(trial.reward),
            number(trial.test_accuracy),
            trial.learning_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:e}")),
            formula(&trial.rule),
        ]
    };
    let lines: Vec<[String; 6]> =
        std::iter::once(head).chain(best.iter().enumerate().map(row)).collect();
    print(&aligned(&lines, &[0, 5]))
}

/// Name of a rule and of its file.
fn name(trial: &TrialRow) -> String {
    format!("trial_{}", trial.number)
}

/// A rule file with one rule, and where it comes from.
fn file(name: &str, trial: &TrialRow, run: &RunRecord, folder: &Path) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| format!("{v:.4}"));
    let fact = |name: &str| {
        let fact = run.about.iter().find(|(known, _)| known == name);
        fact.map_or("", |(_, value)| value.as_str())
    };
    let text = match Rule::parse(&trial.rule) {
        Ok(rule) => Rule { name: name.to_owned(), ..rule }.to_text(),
        Err(_) => trial.rule.clone(),
    };
    format!(
        "# Trial {} of the search in {}, task {}, nosc {}: reward {}\n# at the learning rate {}, with the seed {}. Key {}, at the level of the search.\n{}\n",
        trial.number,
        one_line(&folder.display().to_string()),
        fact("task"),
        fact("nosc"),
        number(trial.reward),
        trial.learning_rate.map_or_else(|| "none".to_owned(), |rate| format!("{rate:e}")),
        trial.seed,
        trial.key,
        text.trim_end()
    )
}

fn object(trial: &TrialRow) -> Value {
    json!({
        "trial": trial.number,
        "rule": formula(&trial.rule),
        "key": trial.key,
        "reward": trial.reward,
        "learning_rate": trial.learning_rate,
        "validation_accuracy": trial.validation_accuracy,
        "test_accuracy": trial.test_accuracy,
        "final_loss": trial.final_loss,
        "seed": trial.seed,
        "flipped": trial.is_flipped,
    })
}
