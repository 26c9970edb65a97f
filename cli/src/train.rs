//! `nosc train`: children trained with rules, compared.

pub(crate) mod children;
pub(crate) mod files;
pub(crate) mod makers;
mod report;
mod watch;

use std::num::NonZero;

use nosc_controller::outcome::Outcome;
use nosc_controller::plot::training_curves;
use nosc_controller::protocol::{Goal, Protocol, Trial};
use nosc_controller::task::{Probe, Task, TaskOptions, check_options, open_with};
use nosc_controller::trials::{Candidate, Run, run};

use crate::arguments::{
    BackendArguments, ChildArguments, Colour, DataArguments, ImageArguments, ProtocolArguments,
    RateArguments, TrainArguments,
};
use crate::common::{cores, distinct};
use crate::error::CliError;
use crate::interrupt;
use crate::output::{print, print_json};
use files::Files;
use watch::Screen;

pub(crate) fn train(arguments: &TrainArguments, colour: Colour) -> Result<(), CliError> {
    let files = Files::checked(&arguments.output)?;
    check_steps(&arguments.protocol.children)?;
    // Rules are read first: data can take minutes.
    let options = options(&arguments.data);
    check_options(&arguments.task, &options)?;
    let mut makers = makers::makers(arguments, colour)?;
    let task = open_with(&arguments.task, &options)?;
    for named in &mut makers {
        named.clip_as(task.as_ref());
    }
    let protocol = protocol(&arguments.rates, &arguments.protocol, task.as_ref())?;
    for named in &makers {
        named.check(protocol.steps)?;
    }
    let candidates: Vec<Candidate<'_>> =
        makers.iter().map(|named| Candidate { maker: &named.maker, protocol: &protocol }).collect();
    let names: Vec<&str> = makers.iter().map(|named| named.name.as_str()).collect();
    let jobs = jobs(&arguments.protocol, &arguments.backend)?;
    let run = run_watched(task.as_ref(), &names, &candidates, jobs, arguments.output.quiet)?;
    let results: Vec<(&str, &Trial)> = names.iter().copied().zip(&run.trials).collect();
    // What was trained is shown even if a file cannot be written.
    let written = files.write(task.as_ref(), &results);
    if arguments.output.json {
        print_json(&report::json(task.as_ref(), &results))?;
    } else {
        print(&report::table(task.as_ref(), &protocol, &results))?;
    }
    end(ended(&names, run), written)
}

/// Trains with Ctrl-C and progress.
pub(crate) fn run_watched(
    task: &dyn Task,
    names: &[&str],
    candidates: &[Candidate<'_>],
    jobs: usize,
    quiet: bool,
) -> Result<Run, CliError> {
    interrupt::listen();
    let screen = Screen::new(task, names, candidates, quiet);
    let run = run(task, candidates, jobs, &screen)?;
    screen.finish();
    Ok(run)
}

/// The failure or interruption that a run ended with.
pub(crate) fn ended(names: &[&str], run: Run) -> Result<(), CliError> {
    match run.failure {
        Some((id, source)) => Err(CliError::Rule { name: watch::title(names, &id), source }),
        None if run.is_interrupted || interrupt::is_asked() => Err(CliError::Interrupted),
        None => Ok(()),
    }
}

/// Both how a run and how its files ended; where both went wrong the files have the last word.
pub(crate) fn end(run: Result<(), CliError>, files: Result<(), CliError>) -> Result<(), CliError> {
    if let (Err(error), Err(_)) = (&run, &files) {
        error.tell();
    }
    files.and(run)
}

pub(crate) fn options(data: &DataArguments) -> TaskOptions {
    TaskOptions {
        child: data.child.clone(),
        path: data.path,
        noise: data.noise,
        ..image_options(&data.images)
    }
}

pub(crate) fn image_options(images: &ImageArguments) -> TaskOptions {
    TaskOptions {
        data: images.data.clone(),
        side: images.side,
        classes: images.classes,
        difficulty: images.difficulty,
        count: images.count,
        batch: images.batch,
        ..TaskOptions::default()
    }
}

/// Children at once: as many as there are cores, but one on a device.
pub(crate) fn jobs(
    protocol: &ProtocolArguments,
    backend: &BackendArguments,
) -> Result<usize, CliError> {
    let is_device = backend.placement()? != nosc_runtime::Placement::Cpu;
    let usual = || if is_device { 1 } else { cores() };
    Ok(protocol.jobs.map_or_else(usual, usize::from))
}

/// The task's protocol with what the arguments say otherwise.
fn protocol(
    rates: &RateArguments,
    arguments: &ProtocolArguments,
    task: &dyn Task,
) -> Result<Protocol, CliError> {
    let usual = Protocol::of(task, arguments.seed);
    let is_sweep = rates.lr == "sweep";
    if rates.full_sweep && !is_sweep {
        let message = "learning rates of `--lr` train to the end anyway: leave `--full-sweep` out";
        return Err(CliError::Usage(message.to_owned()));
    }
    let children = &arguments.children;
    if children.sweep_examples.is_some() && task.description().examples.is_none() {
        let message = format!("`{}` has no examples: leave `--sweep-examples` out", task.name());
        return Err(CliError::Usage(message));
    }
    let learning_rates = match (is_sweep, children.sweep_rates.is_empty()) {
        (true, true) => usual.learning_rates,
        (true, false) => children.sweep_rates.clone(),
        (false, true) => parsed(&rates.lr)?,
        (false, false) => {
            let message = "`--sweep-rates` are those of `--lr sweep`: leave one of them out";
            return Err(CliError::Usage(message.to_owned()));
        }
    };
    let probe = match probe(children, usual.probe) {
        Some(_) if !is_sweep && is_probe_given(children) => {
            let message = "learning rates of `--lr` train to the end; give them as `--sweep-rates` for short children";
            return Err(CliError::Usage(message.to_owned()));
        }
        probe => probe.filter(|_| is_sweep && !rates.full_sweep),
    };
    Ok(Protocol {
        learning_rates: distinct(learning_rates),
        probe,
        steps: steps(children, task),
        seeds: seeds(arguments),
        patience: children.give_up_after.map_or(usual.patience, |patience| patience.0),
        goal: Goal::Children,
    })
}

fn is_probe_given(arguments: &ChildArguments) -> bool {
    arguments.sweep_examples.is_some() || arguments.sweep_epochs.is_some()
}

/// The usual short children with what the arguments say otherwise.
pub(crate) fn probe(arguments: &ChildArguments, usual: Option<Probe>) -> Option<Probe> {
    let longest = || is_probe_given(arguments).then_some(Probe { examples: usize::MAX, epochs: 1 });
    usual.or_else(longest).map(|usual| Probe {
        examples: arguments.sweep_examples.map_or(usual.examples, NonZero::get),
        epochs: arguments.sweep_epochs.map_or(usual.epochs, NonZero::get),
    })
}

/// A child has to learn something.
pub(crate) fn check_steps(arguments: &ChildArguments) -> Result<(), CliError> {
    if arguments.steps == Some(0) || arguments.epochs == Some(0) {
        let message = "a child of 0 steps learns nothing; give it 1 or more";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(())
}

pub(crate) fn steps(arguments: &ChildArguments, task: &dyn Task) -> u64 {
    match (arguments.steps, arguments.epochs) {
        (Some(steps), _) => steps,
        (None, Some(epochs)) => epochs.saturating_mul(task.steps_per_epoch()),
        (None, None) => task.default_steps(),
    }
}

pub(crate) fn seeds(arguments: &ProtocolArguments) -> Vec<u64> {
    (0..arguments.seeds).map(|offset| arguments.seed.wrapping_add(offset)).collect()
}

fn parsed(text: &str) -> Result<Vec<f64>, CliError> {
    let parse = |text: &str| {
        let text = text.trim();
        text.parse().map_err(|_| {
            let message = format!(
                "`{text}` is no learning rate; expected numbers with commas, or `sweep` alone"
            );
            CliError::Usage(message)
        })
    };
    text.split(',').map(parse).collect()
}

/// The curves of the best of each rule, as a picture.
fn picture(task: &dyn Task, results: &[(&str, &Trial)]) -> Result<String, CliError> {
    let best: Vec<(&str, Outcome)> =
        results.iter().filter_map(|(name, trial)| Some((*name, children::mean(trial)?))).collect();
    let lines = best.iter().map(|(name, outcome)| (*name, outcome));
    Ok(training_curves(&task.description(), lines).to_svg()?)
}
