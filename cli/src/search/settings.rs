//! From arguments and presets to the settings of a search.

use nosc_compiler::canonical::Level;
use nosc_compiler::nearest;
use nosc_compiler::space::Constraints;
use nosc_controller::protocol::{Goal, Protocol};
use nosc_controller::search::sampler::{
    Evolution, EvolutionSettings, PolicySampler, PolicySettings,
};
use nosc_controller::search::screen::Screen;
use nosc_controller::search::settings::{SamplerSettings, SearchSettings};
use nosc_controller::task::{Task, check_options};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arguments::{ChildArguments, Colour, Preset, SamplerName, ScreenName, SearchArguments};
use crate::common::distinct;
use crate::error::CliError;
use crate::space;
use crate::train::{options, probe, steps};

/// The paper's batch (section 4.2).
const PAPER_BATCH: usize = 5;
/// Enough for a few workers, whose trials take more or less time.
const AHEAD: u64 = 8;
/// Where most rules are turned down, so many batches hold that many that are not.
const LAG: u64 = 31;
const MOST_LAG: u64 = 1_000_000;
/// With one seed, chance decides between rules that are about as good.
const QUICK_SEEDS: u64 = 3;
/// Begun so often, a trial that kills its workers is given up.
const ATTEMPTS: u32 = 3;
/// What rules are compared with: the paper's four.
const BASELINES: [&str; 4] = ["sgd", "momentum", "adam", "rmsprop"];

/// The settings but for the protocol, which needs the task.
pub(super) fn settings(
    arguments: &SearchArguments,
    colour: Colour,
) -> Result<SearchSettings, CliError> {
    let (preset, sampling) = (arguments.preset, &arguments.sampling);
    let task = match (&arguments.task, preset) {
        (Some(task), _) => task.clone(),
        (None, Some(Preset::Quick)) => "digits".to_owned(),
        (None, Some(Preset::Paper)) => "cifar10".to_owned(),
        (None, None) => {
            let message = "what is to be trained? Add `--task digits`, or `--preset quick`";
            return Err(CliError::Usage(message.to_owned()));
        }
    };
    let mut options = options(&arguments.data);
    if let Some(data) = &mut options.data {
        // A run may be taken up from another folder. What is not there is reported by who opens it.
        *data = data.canonicalize().unwrap_or_else(|_| data.clone());
    }
    check_options(&task, &options)?;
    let usual_space = if preset == Some(Preset::Quick) { "small" } else { "paper" };
    let name = arguments.space.as_deref().unwrap_or(usual_space);
    let (space, text) = space::select_with_text(name, colour)?;
    let groups = match sampling.groups.clone().or(space.groups()) {
        Some(groups) if groups.start() == groups.end() => *groups.start(),
        Some(groups) => {
            let message = format!(
                "a search has one number of groups, not {} to {}: add `-n {}`",
                groups.start(),
                groups.end(),
                groups.start()
            );
            return Err(CliError::Usage(message));
        }
        None => 2,
    };
    let constraints = sampling.constraints.or(space.constraints()).unwrap_or(Constraints::PAPER);
    let settings = SearchSettings {
        space: text,
        groups,
        constraints: constraints.to_string(),
        same: sampling.dedup.unwrap_or(Level::Real).to_string(),
        sampler: sampler(arguments)?,
        batch: sampling.update_every.unwrap_or(PAPER_BATCH),
        ahead: sampling.ahead.unwrap_or(AHEAD),
        lag: sampling.lag.unwrap_or_else(|| usual_lag(arguments)),
        seed: sampling.seed.unwrap_or(0),
        attempts: sampling.attempts.unwrap_or(ATTEMPTS),
        screen: screen(arguments)?,
        baselines: baselines(&sampling.baselines),
        task,
        options,
        protocol: Protocol {
            learning_rates: Vec::new(),
            probe: None,
            steps: 0,
            seeds: Vec::new(),
            patience: None,
            goal: Goal::Children,
        },
        seeds: sampling.seeds.unwrap_or(if preset == Some(Preset::Quick) {
            QUICK_SEEDS
        } else {
            1
        }),
    };
    settings.check().map_err(nosc_controller::search::run::RunError::from)?;
    Ok(settings)
}

/// Batches that hold what is to be in training at a time, also where one rule in four is new and may be trained.
fn usual_lag(arguments: &SearchArguments) -> u64 {
    let sampling = &arguments.sampling;
    let batch = sampling.update_every.unwrap_or(PAPER_BATCH).max(1) as u64;
    LAG.max(sampling.ahead.unwrap_or(AHEAD).saturating_mul(4) / batch).min(MOST_LAG)
}

/// The settings with how a rule is tried.
pub(super) fn with_protocol(
    settings: SearchSettings,
    arguments: &SearchArguments,
    task: &dyn Task,
) -> Result<SearchSettings, CliError> {
    let children = &arguments.children;
    let usual = Protocol::of(task, 0);
    let learning_rates = if children.sweep_rates.is_empty() {
        usual.learning_rates.clone()
    } else {
        distinct(children.sweep_rates.clone())
    };
    let protocol = Protocol {
        learning_rates,
        probe: probe(children, usual.probe),
        steps: match arguments.preset {
            // Rules differ most in how quickly they learn, and it takes a fifth of the time.
            Some(Preset::Quick) if children.steps.is_none() && children.epochs.is_none() => {
                task.steps_per_epoch()
            }
            _ => steps(children, task),
        },
        patience: children.give_up_after.map_or(usual.patience, |patience| patience.0),
        ..usual
    };
    protocol.check()?;
    if protocol.steps == 0 {
        return Err(CliError::Usage("children of 0 steps show nothing of a rule".to_owned()));
    }
    Ok(SearchSettings { protocol: Protocol { seeds: Vec::new(), ..protocol }, ..settings })
}

/// Whether something is said of children.
pub(super) fn is_given(children: &ChildArguments) -> bool {
    children.steps.is_some()
        || children.epochs.is_some()
        || !children.sweep_rates.is_empty()
        || children.sweep_examples.is_some()
        || children.sweep_epochs.is_some()
        || children.give_up_after.is_some()
}

/// The budget when nobody asks for another.
pub(super) fn budget(preset: Option<Preset>) -> Option<u64> {
    match preset {
        Some(Preset::Quick) => Some(250),
        Some(Preset::Paper) => Some(10_000),
        None => None,
    }
}

fn baselines(given: &[String]) -> Vec<String> {
    match given {
        [] => BASELINES.map(str::to_owned).to_vec(),
        [none] if none == "none" => Vec::new(),
        given => given.to_vec(),
    }
}

fn sampler(arguments: &SearchArguments) -> Result<SamplerSettings, CliError> {
    let name = arguments.sampling.sampler.unwrap_or(match arguments.preset {
        Some(Preset::Quick) => SamplerName::Evolution,
        Some(Preset::Paper) | None => SamplerName::Ppo,
    });
    let with: Vec<(&str, &str)> =
        given(arguments).filter(|(name, _)| !name.starts_with(SCREEN)).collect();
    Ok(match name {
        SamplerName::Ppo => {
            SamplerSettings::Ppo(set(&policy(arguments), &with, PolicySampler::NAME)?)
        }
        SamplerName::Evolution => {
            SamplerSettings::Evolution(set(&EvolutionSettings::default(), &with, Evolution::NAME)?)
        }
        SamplerName::Random => match with.first() {
            None => SamplerSettings::Random,
            Some((name, _)) => {
                let message = format!("the sampler random has no setting `{name}`, nor any other");
                return Err(CliError::Usage(message));
            }
        },
    })
}

/// Samples for each rule that is trained, about: most are turned down untrained, or were seen before.
const SAMPLES_A_RULE: u64 = 5;

/// Samples that a learning rate is chosen for where nobody says how long the search is.
const UNKNOWN_SAMPLES: u64 = 2_500;

/// The paper's settings if they are asked for; else a learning rate that comes to something within the budget.
fn policy(arguments: &SearchArguments) -> PolicySettings {
    if arguments.preset == Some(Preset::Paper) {
        return PolicySettings::default();
    }
    let budget = arguments.limits.budget.or_else(|| budget(arguments.preset));
    let samples = budget.map(|budget| budget.saturating_mul(SAMPLES_A_RULE));
    PolicySettings::for_samples(arguments.limits.samples.or(samples).unwrap_or(UNKNOWN_SAMPLES))
}

/// Before the names of settings of the screening.
const SCREEN: &str = "screen.";

fn screen(arguments: &SearchArguments) -> Result<Option<Screen>, CliError> {
    let name = arguments.sampling.screen.unwrap_or(ScreenName::Usual);
    let with: Vec<(&str, &str)> = given(arguments)
        .filter_map(|(name, value)| Some((name.strip_prefix(SCREEN)?, value)))
        .collect();
    match name {
        ScreenName::Usual => set(&Screen::default(), &with, "screening").map(Some),
        ScreenName::Flip => {
            set(&Screen { flip: true, ..Screen::default() }, &with, "screening").map(Some)
        }
        ScreenName::None => Ok(None),
    }
}

fn given(arguments: &SearchArguments) -> impl Iterator<Item = (&str, &str)> {
    arguments.sampling.with.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Settings with some of them changed, by their names in JSON.
fn set<T: Serialize + DeserializeOwned>(
    settings: &T,
    with: &[(&str, &str)],
    whose: &str,
) -> Result<T, CliError> {
    let usage = |message: String| CliError::Usage(message);
    let mut object: Map<String, Value> = match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    for (name, text) in with {
        let Some(slot) = object.get_mut(*name) else {
            let known: Vec<&str> = object.keys().map(String::as_str).collect();
            let hint = match nearest(name, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("its settings are {}", known.join(", ")),
            };
            return Err(usage(format!("{whose} has no setting `{name}`; {hint}")));
        };
        // Words that are no JSON are texts.
        *slot = serde_json::from_str(text).unwrap_or_else(|_| Value::String((*text).to_owned()));
        // So that the message can name it.
        serde_json::from_value::<T>(Value::Object(object.clone()))
            .map_err(|error| usage(format!("`--with {name}={text}`: {whose} `{name}`: {error}")))?;
    }
    serde_json::from_value(Value::Object(object))
        .map_err(|error| usage(format!("`--with`: {error}")))
}
