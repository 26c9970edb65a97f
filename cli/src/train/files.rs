//! Results in files: CSV, JSON, curves, a picture.

use std::path::PathBuf;

use nosc_controller::protocol::Trial;
use nosc_controller::task::Task;
use serde_json::Value;

use super::{picture, report};
use crate::arguments::TrainOutput;
use crate::common::has_ending;
use crate::error::CliError;
use crate::output::{check_writable, is_same_place, write_file};

/// Where results go; each file can be written, as far as that is known beforehand.
#[derive(Debug)]
pub(crate) struct Files {
    output: Option<PathBuf>,
    curves: Option<PathBuf>,
    plot: Option<PathBuf>,
}

/// Columns of a file of results: fields of the JSON.
const RESULTS: [&str; 16] = [
    "rule",
    "task",
    "child",
    "data",
    "seed",
    "learning_rate",
    "best",
    "steps",
    "final_loss",
    "validation_accuracy",
    "test_accuracy",
    "images_per_second",
    "path",
    "diverged",
    "interrupted",
    "complete",
];

/// Columns of a file of curves.
const CURVES: [&str; 8] = [
    "rule",
    "learning_rate",
    "seed",
    "stage",
    "step",
    "loss",
    "training_loss",
    "validation_accuracy",
];

impl Files {
    pub(crate) fn checked(output: &TrainOutput) -> Result<Self, CliError> {
        let kinds = [
            (&output.output, &["csv", "json"][..], "results are CSV or JSON; use .csv or .json"),
            (&output.curves, &["csv"], "curves are CSV; use .csv"),
            (&output.plot, &["svg"], "a plot is an SVG picture; use .svg"),
        ];
        for (path, endings, what) in kinds {
            let Some(path) = path else { continue };
            if !endings.iter().any(|ending| has_ending(path, ending)) {
                return Err(CliError::Usage(format!("`{}`: {what}", path.display())));
            }
            check_writable(path)?;
        }
        let places = [&output.output, &output.curves, &output.plot];
        let places: Vec<&PathBuf> = places.into_iter().flatten().collect();
        for (index, path) in places.iter().enumerate() {
            if places[..index].iter().any(|other| is_same_place(path, other)) {
                let message = format!("`{}` is given twice: name a file for each", path.display());
                return Err(CliError::Usage(message));
            }
        }
        Ok(Self {
            output: output.output.clone(),
            curves: output.curves.clone(),
            plot: output.plot.clone(),
        })
    }

    /// Writes all of them, as far as possible; the first failure is returned.
    pub(crate) fn write(
        &self,
        task: &dyn Task,
        results: &[(&str, &Trial)],
    ) -> Result<(), CliError> {
        let output = self.output.as_deref().map_or(Ok(()), |path| {
            let json = report::json(task, results);
            let text = if has_ending(path, "json") { format!("{json:#}\n") } else { rows(&json) };
            write_file(path, text.as_bytes())
        });
        let curves = self.curves.as_deref();
        let curves = curves.map_or(Ok(()), |path| write_file(path, points(results).as_bytes()));
        let plot = self.plot.as_deref();
        let plot = plot.map_or(Ok(()), |path| write_file(path, picture(task, results)?.as_bytes()));
        output.and(curves).and(plot)
    }
}

/// The objects of a list as rows under a head.
fn rows(list: &Value) -> String {
    let objects = list.as_array().into_iter().flatten();
    let row = |object: &Value| RESULTS.map(|column| cell(object.get(column)));
    let rows = objects.map(|object| row(object).join(","));
    let mut out = RESULTS.join(",");
    for row in rows {
        out.push('\n');
        out += &row;
    }
    out.push('\n');
    out
}

/// The points of all curves, those of sweeps among them.
fn points(results: &[(&str, &Trial)]) -> String {
    let mut out = CURVES.join(",");
    out.push('\n');
    for (name, trial) in results {
        for trained in trial.sweep.iter().chain(&trial.children) {
            let outcome = &trained.outcome;
            for point in &outcome.curve {
                let stage = serde_json::to_value(outcome.stage).unwrap_or_default();
                let cells = [
                    quoted(name),
                    format!("{:e}", outcome.learning_rate),
                    outcome.seed.to_string(),
                    cell(Some(&stage)),
                    point.step.to_string(),
                    point.loss.to_string(),
                    point.training_loss.map(|loss| loss.to_string()).unwrap_or_default(),
                    point.validation_accuracy.map(|share| share.to_string()).unwrap_or_default(),
                ];
                out += &cells.join(",");
                out.push('\n');
            }
        }
    }
    out
}

/// A value as a cell; nothing for what is not there.
pub(crate) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(other) => other.to_string(),
    }
}

/// RFC 4180: in quotes if it has a comma, a quote or a line break.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{RESULTS, quoted, rows};

    #[test]
    fn cells_are_quoted_as_rfc_4180_has_it() {
        assert_eq!(quoted("adam"), "adam");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }

    #[test]
    fn a_row_has_the_fields_of_the_json_and_gaps_for_null() {
        let list = json!([{ "rule": "a", "seed": 3, "learning_rate": 0.1, "best": true, "final_loss": null }]);
        let text = rows(&list);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].split(',').count(), RESULTS.len());
        assert_eq!(lines[1], "a,,,,3,0.1,true,,,,,,,,,");
    }
}
