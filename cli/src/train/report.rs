//! What came of the children: a table, JSON, rows of CSV.

use nosc_controller::outcome::{End, Outcome, Trained};
use nosc_controller::protocol::{Protocol, Trial};
use nosc_controller::spread::{Spread, Unit};
use nosc_controller::task::Task;
use serde_json::{Value, json};

use super::children::spread;
use crate::output::aligned;

/// A line for each rule: the best learning rate and what it led to, mean and spread over the seeds.
pub(super) fn table(task: &dyn Task, protocol: &Protocol, results: &[(&str, &Trial)]) -> String {
    let description = task.description();
    let mut rows = vec![["rule", "best lr", "final loss", "validation", "test"].map(str::to_owned)];
    rows.extend(results.iter().map(|(name, trial)| row(name, trial)));
    let columns = if description.examples.is_some() { 5 } else { 3 };
    let rows: Vec<&[String]> = rows.iter().map(|row| &row[..columns]).collect();
    format!("{}: {}\n{}", description.title, plan(task, protocol), aligned(&rows, &[0, 1, 2, 3, 4]))
}

/// What is done with each rule, in a line.
pub(super) fn plan(task: &dyn Task, protocol: &Protocol) -> String {
    let seeds = match protocol.seeds[..] {
        [first, .., last] => format!("seeds {first} to {last}"),
        [seed] => format!("seed {seed}"),
        [] => "no seed".to_owned(),
    };
    let rates: Vec<String> = protocol.learning_rates.iter().map(|lr| format!("{lr:e}")).collect();
    let sweep = protocol.sweep(task);
    let steps = match sweep.first() {
        Some(child) => format!(" after {} steps each", child.steps),
        None => String::new(),
    };
    let rates = format!("{}{steps}", rates.join(" "));
    format!("{} steps, {seeds}, learning rates {rates}", protocol.steps)
}

fn row(name: &str, trial: &Trial) -> [String; 5] {
    let children = trial.best_children();
    let Some(first) = children.first() else {
        let rate = trial.best_of_sweep().map_or("-".to_owned(), |rate| format!("{rate:e}"));
        let what = match (trial.sweep.is_empty(), trial.is_complete) {
            (_, true) => "diverged at every rate",
            (true, false) => "not trained",
            (false, false) => "sweep only (stopped)",
        };
        return [name.to_owned(), rate, what.to_owned(), "-".to_owned(), "-".to_owned()];
    };
    let of = |value: &dyn Fn(&Outcome) -> Option<f64>| {
        let values: Vec<Option<f64>> = children.iter().map(|child| value(&child.outcome)).collect();
        spread(&values)
    };
    let diverged = children.iter().find_map(|child| child.outcome.divergence());
    let mut loss = match (diverged, of(&|outcome| outcome.final_loss)) {
        (Some(divergence), _) => format!("diverged at step {}", divergence.step),
        (None, Some(Spread { mean, deviation: None, .. })) => format!("{mean:.3e}"),
        (None, Some(Spread { mean, deviation: Some(deviation), .. })) => {
            format!("{mean:.3e} ± {deviation:.1e}")
        }
        (None, None) => "-".to_owned(),
    };
    if !trial.is_complete {
        loss += " (stopped)";
    }
    let validation = of(&|outcome| outcome.validation_accuracy);
    let test = of(&|outcome| outcome.test_accuracy);
    let rate = format!("{:e}", first.outcome.learning_rate);
    let share = |spread| Unit::Accuracy.spread(spread);
    [name.to_owned(), rate, loss, share(validation), share(test)]
}

/// A list with an object for each child that trained for its result, or one for a rule without any.
pub(super) fn json(task: &dyn Task, results: &[(&str, &Trial)]) -> Value {
    let description = task.description();
    let common = |name: &str| {
        json!({
            "rule": name,
            "task": task.name(),
            "child": description.child,
            "data": description.data_digest,
        })
    };
    let mut list = Vec::new();
    for (name, trial) in results {
        let sweep: Vec<Value> = trial.sweep.iter().map(probe).collect();
        for trained in &trial.children {
            list.push(merged(common(name), child(trained, trial, &sweep)));
        }
        if trial.children.is_empty() {
            list.push(merged(common(name), no_child(trial, &sweep)));
        }
    }
    Value::Array(list)
}

fn child(trained: &Trained, trial: &Trial, sweep: &[Value]) -> Value {
    let outcome = &trained.outcome;
    let is_best = trial.is_complete && trial.best() == Some(outcome.learning_rate);
    json!({
        "seed": outcome.seed,
        "learning_rate": outcome.learning_rate,
        "best": is_best,
        "steps": outcome.steps,
        "final_loss": outcome.final_loss,
        "validation_accuracy": outcome.validation_accuracy,
        "test_accuracy": outcome.test_accuracy,
        "images_per_second": trained.cost.examples_per_second(),
        "path": outcome.path,
        "diverged": outcome.divergence().map(|divergence| divergence.to_string()),
        "interrupted": outcome.end == End::Interrupted,
        "complete": trial.is_complete,
        "sweep": sweep,
        "curve": outcome.curve,
    })
}

/// A rule of which no child trained for its result.
fn no_child(trial: &Trial, sweep: &[Value]) -> Value {
    let is_stopped = trial.sweep.iter().any(|child| child.outcome.end == End::Interrupted);
    json!({
        "seed": trial.sweep.first().map(|child| child.outcome.seed),
        "learning_rate": null,
        "best": false,
        "steps": 0,
        "final_loss": null,
        "validation_accuracy": null,
        "test_accuracy": null,
        "images_per_second": null,
        "path": trial.sweep.first().and_then(|child| child.outcome.path),
        "diverged": trial.is_complete.then_some("every learning rate of the sweep diverged"),
        "interrupted": is_stopped,
        "complete": trial.is_complete,
        "sweep": sweep,
        "curve": [],
    })
}

/// A child of a sweep, without its curve.
fn probe(trained: &Trained) -> Value {
    let outcome = &trained.outcome;
    json!({
        "learning_rate": outcome.learning_rate,
        "steps": outcome.steps,
        "final_loss": outcome.final_loss,
        "validation_accuracy": outcome.validation_accuracy,
        "diverged": outcome.divergence().map(|divergence| divergence.to_string()),
    })
}

fn merged(mut first: Value, second: Value) -> Value {
    if let (Value::Object(first), Value::Object(second)) = (&mut first, second) {
        first.extend(second);
    }
    first
}
