//! `nosc train`: children trained with rules, compared.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nosc_compiler::tree::Rule;
use nosc_controller::compiled_stepper::CompiledMaker;
use nosc_controller::outcome::{End, Outcome};
use nosc_controller::plot::training_curves;
use nosc_controller::sweep::{Sweep, SweepBudget, sweep};
use nosc_controller::task::{Task, TaskOptions, open_with};
use nosc_runtime::CompiledRule;
use serde_json::{Value, json};

use crate::arguments::{Colour, TrainArguments};
use crate::error::CliError;
use crate::output::{check_writable, print, print_json, write_file};
use crate::source::{select_named, warn};

/// A rule and what came of it.
struct Trained {
    name: String,
    sweep: Sweep,
}

pub(crate) fn train(arguments: &TrainArguments, colour: Colour) -> Result<(), CliError> {
    let task = open_with(
        &arguments.task,
        &TaskOptions {
            data: arguments.data.clone(),
            side: arguments.side,
            classes: arguments.classes,
            difficulty: arguments.difficulty,
            count: arguments.count,
        },
    )?;
    if let Some(path) = &arguments.plot {
        if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("svg")) {
            let message = format!("`{}`: a plot is an SVG picture; use .svg", path.display());
            return Err(CliError::Usage(message));
        }
        check_writable(path)?;
    }
    let makers = makers(arguments, colour)?;
    let budget = SweepBudget {
        learning_rates: learning_rates(arguments, task.as_ref())?,
        steps: match (arguments.steps, arguments.epochs) {
            (Some(steps), _) => steps,
            (None, Some(epochs)) => epochs.saturating_mul(task.steps_per_epoch()),
            (None, None) => task.default_steps(),
        },
        seed: arguments.seed,
    };
    let children = (makers.len() * budget.learning_rates.len()) as u64;
    let bar = progress_bar(children.saturating_mul(budget.steps));
    let mut trained = Vec::new();
    for (name, maker) in makers {
        bar.set_message(name.clone());
        let mut last = 0;
        let mut watch = |_: f64, point: &nosc_controller::outcome::Point| {
            let before = if point.step == 0 { 0 } else { last };
            bar.inc(point.step.saturating_sub(before));
            last = point.step;
            ControlFlow::Continue(())
        };
        trained.push(Trained { name, sweep: sweep(task.as_ref(), &maker, &budget, &mut watch)? });
    }
    bar.finish_and_clear();
    if let Some(path) = &arguments.plot {
        let lines = trained.iter().filter_map(|t| Some((t.name.as_str(), shown(&t.sweep)?)));
        let svg = training_curves(&task.description(), lines).to_svg()?;
        write_file(path, svg.as_bytes())?;
    }
    if arguments.json {
        return print_json(&json_of(task.as_ref(), &trained));
    }
    print(&table(task.as_ref(), &budget, &trained))
}

fn makers(
    arguments: &TrainArguments,
    colour: Colour,
) -> Result<Vec<(String, CompiledMaker)>, CliError> {
    let mut makers = Vec::new();
    let mut used = vec![false; arguments.set.len()];
    for text in &arguments.rules {
        let selected = select_named(text, &arguments.set, colour)?;
        for rule in selected.rules {
            let has = |name: &str| rule.parameters.iter().any(|p| p.name == name);
            for (used, (name, _)) in used.iter_mut().zip(&arguments.set) {
                *used |= has(name);
            }
            let parameters =
                selected.settings.iter().filter(|(name, _)| has(name)).cloned().collect();
            let compiled = compiled(&rule, arguments)?;
            let placement = arguments.backend.placement()?;
            makers.push((rule.name.clone(), CompiledMaker { compiled, parameters, placement }));
        }
    }
    if let Some((_, (name, _))) = used.iter().zip(&arguments.set).find(|(used, _)| !**used) {
        return Err(CliError::NoSuchRule(format!(
            "none of the rules has a parameter `{name}`; `nosc explain RULE` lists them"
        )));
    }
    Ok(makers)
}

fn compiled(rule: &Rule, arguments: &TrainArguments) -> Result<CompiledRule, CliError> {
    let compiled = CompiledRule::new(rule, arguments.backend.backend())?;
    if let Some(reason) = &compiled.compiled().fallback {
        warn(&format!("the interpreter runs `{}`: {reason}", rule.name));
    }
    Ok(compiled)
}

fn learning_rates(arguments: &TrainArguments, task: &dyn Task) -> Result<Vec<f64>, CliError> {
    if arguments.lr == "sweep" {
        return Ok(task.default_learning_rates());
    }
    let parse = |text: &str| {
        let text = text.trim();
        text.parse().map_err(|_| {
            let message = format!("`{text}` is no learning rate; expected numbers or `sweep`");
            CliError::Usage(message)
        })
    };
    arguments.lr.split(',').map(parse).collect()
}

fn progress_bar(steps: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{msg:20} {wide_bar} {pos}/{len} steps, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The best child, or the first where none finished.
fn shown(sweep: &Sweep) -> Option<&Outcome> {
    sweep.best_outcome().or_else(|| sweep.outcomes.first())
}

fn table(task: &dyn Task, budget: &SweepBudget, trained: &[Trained]) -> String {
    let description = task.description();
    let mut rows = vec![["rule", "best lr", "final loss", "validation", "test"].map(str::to_owned)];
    for Trained { name, sweep } in trained {
        let Some(outcome) = shown(sweep) else { continue };
        let share = |value: Option<f64>| match value {
            Some(value) => format!("{:.1} %", value * 100.0),
            None => "-".to_owned(),
        };
        let loss = match (&outcome.end, outcome.final_loss) {
            (End::Diverged(divergence), _) => format!("diverged at step {}", divergence.step),
            (_, Some(loss)) => format!("{loss:.3e}"),
            _ => "-".to_owned(),
        };
        let (validation, test) = (outcome.validation_accuracy, outcome.test_accuracy);
        let rate = format!("{:e}", outcome.learning_rate);
        rows.push([name.clone(), rate, loss, share(validation), share(test)]);
    }
    let columns = if description.examples.is_some() { 5 } else { 3 };
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let mut out = format!(
        "{}: {} steps, seed {}, learning rates {}\n",
        description.title,
        budget.steps,
        budget.seed,
        budget.learning_rates.iter().map(|lr| format!("{lr:e}")).collect::<Vec<_>>().join(" ")
    );
    for row in &rows {
        let cells = (0..columns).map(|c| format!("{:<1$}", row[c], width(c).unwrap_or(0)));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

fn json_of(task: &dyn Task, trained: &[Trained]) -> Value {
    let mut list = Vec::new();
    for Trained { name, sweep } in trained {
        for (index, outcome) in sweep.outcomes.iter().enumerate() {
            list.push(json!({
                "rule": name,
                "task": task.name(),
                "seed": outcome.seed,
                "learning_rate": outcome.learning_rate,
                "best": sweep.best == Some(index),
                "steps": outcome.steps,
                "final_loss": outcome.final_loss,
                "validation_accuracy": outcome.validation_accuracy,
                "test_accuracy": outcome.test_accuracy,
                "diverged": outcome.divergence().map(|divergence| divergence.to_string()),
                "curve": outcome.curve,
            }));
        }
    }
    Value::Array(list)
}
