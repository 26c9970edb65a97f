//! Rules beside baselines: a table for each task, and JSON.

use std::cmp::Ordering;

use nosc_controller::outcome::{Outcome, Trained};
use nosc_controller::protocol::compare;
use nosc_controller::spread::{Spread, Unit};
use nosc_controller::task::Task;
use nosc_controller::transfer::Judged;
use serde_json::{Value, json};

use crate::output::aligned;
use crate::train::children::spread;

/// A task and what came of the rules on it.
pub(super) type Section = (Box<dyn Task>, Vec<Judged>);

/// The rules of a task, the best first.
fn ranked(rules: &[Judged]) -> Vec<&Judged> {
    let mut ranked: Vec<&Judged> = rules.iter().collect();
    // A stable sort: of equals the one named first is first.
    ranked.sort_by(|left, right| order(left, right));
    ranked
}

fn order<'a>(left: &'a Judged, right: &'a Judged) -> Ordering {
    let children = |judged: &'a Judged| judged.children.iter().collect::<Vec<_>>();
    compare(&children(left), &children(right))
}

pub(super) fn tables(sections: &[Section], found: &[Option<f64>]) -> String {
    let mut out = String::new();
    for (task, rules) in sections {
        let description = task.description();
        let steps =
            rules.iter().flat_map(|judged| &judged.children).map(|child| child.outcome.steps);
        let (parameters, steps) = (description.parameters, steps.max().unwrap_or(0));
        out += &format!("{}: {parameters} parameters, {steps} steps\n", description.title);
        let head = ["", "rule", "lr", "weight decay", "final loss", "validation", "test"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (rank, judged) in ranked(rules).into_iter().enumerate() {
            rows.push(row(rank + 1, judged));
        }
        out += &aligned(&rows, &[1]);
        out.push('\n');
    }
    let rates: Vec<String> = found.iter().flatten().map(|rate| format!("{rate:e}")).collect();
    out += &format!("* found rules, at a third, one and three times {}\n", rates.join(", "));
    out
}

fn row(rank: usize, judged: &Judged) -> Vec<String> {
    let mark = if judged.is_baseline { "" } else { "*" };
    let name = format!("{}{mark}", judged.name);
    let Some(first) = judged.children.first() else {
        let what = if judged.planned == 0 { "trains at no learning rate" } else { "not trained" };
        let none = || "-".to_owned();
        return vec![rank.to_string(), name, none(), none(), what.to_owned(), none(), none()];
    };
    let mut loss = match spread_of(judged, |outcome| outcome.final_loss) {
        Some(loss) => format!("{:.4}", loss.mean),
        None => "diverged".to_owned(),
    };
    if judged.settings < judged.planned {
        loss += &format!(" ({} of {} settings)", judged.settings, judged.planned);
    }
    let share =
        |value: fn(&Outcome) -> Option<f64>| Unit::Accuracy.spread(spread_of(judged, value));
    vec![
        rank.to_string(),
        name,
        format!("{:.1e}", first.outcome.learning_rate),
        format!("{:e}", judged.weight_decay),
        loss,
        share(|outcome| outcome.validation_accuracy),
        share(|outcome| outcome.test_accuracy),
    ]
}

fn spread_of(judged: &Judged, value: fn(&Outcome) -> Option<f64>) -> Option<Spread> {
    let values: Vec<Option<f64>> =
        judged.children.iter().map(|child| value(&child.outcome)).collect();
    spread(&values)
}

/// A list with an object for each rule and task, the best of a task first.
pub(super) fn json(sections: &[Section]) -> Value {
    let mut list = Vec::new();
    for (task, rules) in sections {
        let description = task.description();
        for (rank, judged) in ranked(rules).into_iter().enumerate() {
            let mean = |value| spread_of(judged, value).map(|spread| spread.mean);
            let deviation = |value| spread_of(judged, value).and_then(|spread| spread.deviation);
            let first = judged.children.first();
            list.push(json!({
                "task": task.name(),
                "child": description.child,
                "data": description.data_digest,
                "rank": rank + 1,
                "rule": judged.name,
                "baseline": judged.is_baseline,
                "learning_rate": first.map(|child| child.outcome.learning_rate),
                "weight_decay": judged.weight_decay,
                "settings": judged.settings,
                "planned": judged.planned,
                "validation_accuracy": mean(|outcome| outcome.validation_accuracy),
                "validation_deviation": deviation(|outcome| outcome.validation_accuracy),
                "test_accuracy": mean(|outcome| outcome.test_accuracy),
                "test_deviation": deviation(|outcome| outcome.test_accuracy),
                "final_loss": mean(|outcome| outcome.final_loss),
                "children": judged.children.iter().map(child).collect::<Vec<_>>(),
            }));
        }
    }
    Value::Array(list)
}

fn child(trained: &Trained) -> Value {
    let outcome = &trained.outcome;
    json!({
        "seed": outcome.seed,
        "steps": outcome.steps,
        "final_loss": outcome.final_loss,
        "validation_accuracy": outcome.validation_accuracy,
        "test_accuracy": outcome.test_accuracy,
        "examples_per_second": trained.cost.examples_per_second(),
        "diverged": outcome.divergence().map(|divergence| divergence.to_string()),
        "curve": outcome.curve,
    })
}
