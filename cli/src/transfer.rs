//! `nosc transfer`: found rules on nets and data that they were not searched on, beside tuned baselines.

mod report;

use std::cell::RefCell;

use nosc_controller::stepper::MakeStepper;
use nosc_controller::task::{IMAGES, Task, TaskOptions, check_options, open_with};
use nosc_controller::transfer::{
    Conditions, Entry, FACTOR, Judgement, Rates, Runner, best_rates, judge,
};
use nosc_controller::trials::{Candidate, Run};

use crate::arguments::{Colour, TransferArguments, TransferTarget as Target};
use crate::common::{distinct, has_ending};
use crate::error::CliError;
use crate::interrupt;
use crate::output::{check_writable, message, print, print_json, write_file};
use crate::source::{select_named, warn};
use crate::train::makers::{NamedMaker, Over};
use crate::train::{
    check_steps, end, ended, image_options, jobs, probe, run_watched, seeds, steps,
};

/// A rule with an optimizer for each weight decay.
struct Rule {
    makers: Vec<(f64, NamedMaker)>,
    is_baseline: bool,
}

impl Rule {
    fn name(&self) -> &str {
        self.makers.first().map_or("", |(_, named)| &named.name)
    }
}

pub(crate) fn transfer(arguments: &TransferArguments, colour: Colour) -> Result<(), CliError> {
    check(arguments)?;
    check_steps(&arguments.protocol.children)?;
    // Before anything is said: who reads it may stop it.
    interrupt::listen();
    let rules = rules(arguments, colour)?;
    let jobs = jobs(&arguments.protocol, &arguments.backend)?;
    // Of the run at hand: what failed is named.
    let running = RefCell::new(Vec::new());
    let mut runner = |task: &dyn Task, names: &[&str], candidates: &[Candidate<'_>]| {
        running.replace(names.iter().map(|name| (*name).to_owned()).collect());
        run_watched(task, names, candidates, jobs, arguments.quiet)
    };
    let ended = |run: Run| {
        let names = running.borrow();
        ended(&names.iter().map(String::as_str).collect::<Vec<_>>(), run)
    };
    let found = match search_rates(arguments, &rules, &mut runner)? {
        Ok(found) => found,
        Err(cut_short) => return early(ended(*cut_short)),
    };
    let mut sections = Vec::new();
    let mut cut_short = None;
    for target in distinct(arguments.to.clone()) {
        let task = open(arguments, target)?;
        announce(arguments, &task.description().title);
        let judgement = judged(arguments, task.as_ref(), &rules, &found, &mut runner)?;
        cut_short = judgement.cut_short;
        if !judgement.rules.is_empty() {
            sections.push((task, judgement.rules));
        }
        if cut_short.is_some() {
            break;
        }
    }
    if sections.is_empty()
        && let Some(run) = cut_short
    {
        return early(ended(run));
    }
    let json = report::json(&sections);
    let written = arguments
        .output
        .as_deref()
        .map_or(Ok(()), |path| write_file(path, format!("{json:#}\n").as_bytes()));
    if arguments.json {
        print_json(&json)?;
    } else {
        print(&report::tables(&sections, &found))?;
    }
    end(cut_short.map_or(Ok(()), ended), written)
}

/// How a run ended that came before any rule was judged.
fn early(ended: Result<(), CliError>) -> Result<(), CliError> {
    match ended {
        Err(CliError::Interrupted) => Err(CliError::InterruptedEarly),
        end => end,
    }
}

/// What would only come up after hours.
fn check(arguments: &TransferArguments) -> Result<(), CliError> {
    if let Some(path) = &arguments.output {
        if !has_ending(path, "json") {
            let message = format!("`{}`: results are JSON; use .json", path.display());
            return Err(CliError::Usage(message));
        }
        check_writable(path)?;
    }
    let decays = arguments.weight_decays.iter();
    if let Some(decay) = decays.copied().find(|decay| !(decay.is_finite() && *decay >= 0.0)) {
        let message = format!("weight decay {decay}: expected 0 or a positive number");
        return Err(CliError::Usage(message));
    }
    let is_rate = |rate: &f64| rate.is_finite() && *rate > 0.0;
    let around = |rate: &f64| is_rate(&(rate / FACTOR)) && is_rate(&(rate * FACTOR));
    if let Some(rate) = arguments.around.filter(|rate| !around(rate)) {
        let message = format!("`--around {rate}`: expected a positive number with room around it");
        return Err(CliError::Usage(message));
    }
    let mut rates = arguments.protocol.children.sweep_rates.iter();
    if let Some(rate) = rates.find(|rate| !is_rate(rate)) {
        return Err(CliError::Usage(format!("`--sweep-rates {rate}`: expected positive numbers")));
    }
    if !IMAGES.contains(&arguments.on.as_str()) {
        let message = format!("`--on {}`: expected one of {}", arguments.on, IMAGES.join(", "));
        return Err(CliError::Usage(message));
    }
    Ok(check_options(&arguments.on, &image_options(&arguments.images))?)
}

/// The found rules, then the baselines.
fn rules(arguments: &TransferArguments, colour: Colour) -> Result<Vec<Rule>, CliError> {
    let over = Over::parse(&arguments.protocol)?;
    let mut rules = Vec::new();
    let found = arguments.rules.iter().map(|text| (text, false));
    let is_none = arguments.baselines == ["none"];
    let baselines = arguments.baselines.iter().filter(|_| !is_none);
    let weight_decays = distinct(arguments.weight_decays.clone());
    for (text, is_baseline) in found.chain(baselines.map(|text| (text, true))) {
        let selected = select_named(text, &[], colour)?;
        for rule in &selected.rules {
            let own = rule.parameters.iter().find(|p| p.name == "weight_decay");
            let decays = if is_baseline && own.is_some() { &weight_decays[..] } else { &[] };
            let usual = || over.maker(rule, selected.settings.clone(), &arguments.backend, colour);
            let mut makers = Vec::new();
            for decay in decays {
                let mut named = usual()?;
                named.maker.parameters.push(("weight_decay".to_owned(), *decay));
                makers.push((*decay, named));
            }
            if makers.is_empty() {
                makers.push((own.map_or(0.0, |p| p.default), usual()?));
            }
            for (_, named) in &makers {
                named.check(1)?;
            }
            rules.push(Rule { makers, is_baseline });
        }
    }
    Ok(rules)
}

/// The best learning rate of each found rule in the search: as given, or swept on the paper's child; or
/// the run that was cut short.
fn search_rates(
    arguments: &TransferArguments,
    rules: &[Rule],
    runner: &mut Runner<'_, CliError>,
) -> Result<Result<Vec<Option<f64>>, Box<Run>>, CliError> {
    let found = rules.iter().filter(|rule| !rule.is_baseline);
    if arguments.around.is_some() {
        return Ok(Ok(found.map(|_| arguments.around).collect()));
    }
    let task = open_with(&arguments.on, &image_options(&arguments.images))?;
    announce(arguments, &task.description().title);
    let rates = sweep_rates(arguments, task.as_ref());
    let swept: Vec<(&str, &dyn MakeStepper, &[f64])> = found
        .filter_map(|rule| {
            let (_, named) = rule.makers.first()?;
            Some((rule.name(), &named.maker as &dyn MakeStepper, &rates[..]))
        })
        .collect();
    let conditions = conditions(arguments, task.as_ref());
    let (best, cut_short) = best_rates(task.as_ref(), &swept, &conditions, runner)?;
    if let Some(run) = cut_short {
        return Ok(Err(Box::new(run)));
    }
    for ((name, _, _), _) in swept.iter().zip(&best).filter(|(_, rate)| rate.is_none()) {
        warn(&format!("`{name}` trains at no learning rate of the sweep, and is left out"));
    }
    Ok(Ok(best))
}

fn judged(
    arguments: &TransferArguments,
    task: &dyn Task,
    rules: &[Rule],
    found: &[Option<f64>],
    runner: &mut Runner<'_, CliError>,
) -> Result<Judgement, CliError> {
    // Makers of their own: a task may clip gradients.
    let makers: Vec<Vec<(f64, NamedMaker)>> = rules
        .iter()
        .map(|rule| {
            let mut makers = rule.makers.clone();
            for (_, named) in &mut makers {
                named.clip_as(task);
            }
            makers
        })
        .collect();
    let rates = sweep_rates(arguments, task);
    let mut found = found.iter();
    let entries: Vec<Entry<'_>> = rules
        .iter()
        .zip(&makers)
        .map(|(rule, makers)| Entry {
            name: rule.name(),
            makers: makers.iter().map(|(decay, named)| (*decay, &named.maker as _)).collect(),
            rates: if rule.is_baseline {
                Rates::Swept(rates.clone())
            } else {
                Rates::Around(found.next().copied().flatten())
            },
        })
        .collect();
    judge(task, &entries, &conditions(arguments, task), runner)
}

fn sweep_rates(arguments: &TransferArguments, task: &dyn Task) -> Vec<f64> {
    let given = &arguments.protocol.children.sweep_rates;
    if given.is_empty() { task.default_learning_rates() } else { distinct(given.clone()) }
}

fn conditions(arguments: &TransferArguments, task: &dyn Task) -> Conditions {
    let usual = Conditions::of(task, seeds(&arguments.protocol));
    Conditions {
        probe: probe(&arguments.protocol.children, Some(usual.probe)).unwrap_or(usual.probe),
        steps: steps(&arguments.protocol.children, task),
        patience: arguments
            .protocol
            .children
            .give_up_after
            .map_or(usual.patience, |patience| patience.0),
        ..usual
    }
}

fn open(arguments: &TransferArguments, target: Target) -> Result<Box<dyn Task>, CliError> {
    let child = |name: &str| TaskOptions {
        child: Some(name.to_owned()),
        ..image_options(&arguments.images)
    };
    let task = match target {
        Target::Deep => open_with(&arguments.on, &child("deep")),
        Target::Residual => open_with(&arguments.on, &child("residual")),
        Target::Text => open_with(
            "text",
            &TaskOptions { batch: arguments.images.batch, ..TaskOptions::default() },
        ),
    };
    Ok(task?)
}

fn announce(arguments: &TransferArguments, title: &str) {
    if !arguments.quiet {
        message(&format!("{title}:"));
    }
}
