//! Rules as the optimizers of children: selected, scheduled, compiled.

use nosc_compiler::Rule;
use nosc_controller::compiled_stepper::CompiledMaker;
use nosc_controller::learning_rate::LearningRate;
use nosc_controller::stepper::{MakeStepper, StepperSettings};
use nosc_controller::task::{Task, TaskError};
use nosc_runtime::CompiledRule;

use crate::arguments::{
    BackendArguments, ClipNorm, Colour, ProtocolArguments, TrainArguments, Values,
};
use crate::error::CliError;
use crate::source::{refused, select_named, warn};

/// A rule's name and what makes its optimizers.
#[derive(Debug, Clone)]
pub(crate) struct NamedMaker {
    pub(crate) name: String,
    pub(crate) maker: CompiledMaker,
    clip_is_given: bool,
}

impl NamedMaker {
    /// Makes an optimizer and takes a step with it, so that a parameter out of its range, or a missing
    /// device, is known before other rules have trained for hours.
    pub(crate) fn check(&self, total_steps: u64) -> Result<(), CliError> {
        let settings =
            StepperSettings { tensor_lengths: &[1], learning_rate: 1e-3, total_steps, seed: 0 };
        let refused = |source| CliError::Rule { name: self.name.clone(), source };
        let mut stepper =
            self.maker.make(&settings).map_err(|error| refused(TaskError::Optimizer(error)))?;
        let step = stepper.step(&mut [&mut [0.5]], &[&[0.5]]);
        step.map_err(|source| refused(TaskError::Optimizer(source)))
    }

    /// Clips gradients as the task does when nobody asks for another norm.
    pub(crate) fn clip_as(&mut self, task: &dyn Task) {
        if !self.clip_is_given {
            self.maker.clip_norm = task.default_clip_norm();
        }
    }
}

/// Those of all rules that the arguments name: one for each rule, or one for each combination of the
/// values that its parameters are to be tried with.
pub(super) fn makers(
    arguments: &TrainArguments,
    colour: Colour,
) -> Result<Vec<NamedMaker>, CliError> {
    let over = Over::parse(&arguments.protocol)?;
    let combinations = combinations(&arguments.set)?;
    let mut makers = Vec::new();
    let mut used = vec![false; arguments.set.len()];
    for text in &arguments.rules {
        // A rule that has not the parameter that differs would come again.
        let mut seen: Vec<(String, Vec<(String, f64)>)> = Vec::new();
        for settings in &combinations {
            let selected = select_named(text, settings, colour)?;
            for rule in selected.rules {
                let has = |name: &str| rule.parameters.iter().any(|p| p.name == name);
                for (used, (name, _)) in used.iter_mut().zip(&arguments.set) {
                    *used |= has(name);
                }
                let settings = selected.settings.iter();
                let parameters: Vec<(String, f64)> =
                    settings.filter(|(name, _)| has(name)).cloned().collect();
                let key = (rule.name.clone(), parameters.clone());
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                let name = with_values(&rule.name, &parameters, &arguments.set);
                let maker = over.maker(&rule, parameters, &arguments.backend, colour)?;
                makers.push((text, NamedMaker { name, ..maker }));
            }
        }
    }
    if let Some((_, (name, _))) = used.iter().zip(&arguments.set).find(|(used, _)| !**used) {
        return Err(CliError::NoSuchRule(format!(
            "none of the rules has a parameter `{name}`; `nosc explain RULE` lists them"
        )));
    }
    Ok(told_apart(makers))
}

/// Rules of one name get what was given in front of it.
fn told_apart(makers: Vec<(&String, NamedMaker)>) -> Vec<NamedMaker> {
    let names: Vec<String> = makers.iter().map(|(_, named)| named.name.clone()).collect();
    let told_apart = |(text, mut named): (&String, NamedMaker)| {
        let is_alone = names.iter().filter(|name| **name == named.name).count() < 2;
        if !is_alone && *text != named.name {
            let file = text.rsplit_once(':').map_or(text.as_str(), |(file, _)| file);
            named.name = format!("{file}:{}", named.name);
        }
        named
    };
    makers.into_iter().map(told_apart).collect()
}

/// Most combinations of values.
const MAX_COMBINATIONS: usize = 10_000;

/// Every choice of one value for each parameter; the last parameter changes fastest.
fn combinations(set: &[(String, Values)]) -> Result<Vec<Vec<(String, f64)>>, CliError> {
    let mut all = vec![Vec::new()];
    for (index, (name, Values(values))) in set.iter().enumerate() {
        if set[..index].iter().any(|(other, _)| other == name) {
            let message = format!("`--set {name}` is given twice; write `--set {name}=V1,V2`");
            return Err(CliError::Usage(message));
        }
        if all.len().saturating_mul(values.len()) > MAX_COMBINATIONS {
            let message =
                format!("`--set` has more than {MAX_COMBINATIONS} combinations of values");
            return Err(CliError::Usage(message));
        }
        let with = |chosen: &Vec<(String, f64)>, value: f64| {
            let mut chosen = chosen.clone();
            chosen.push((name.clone(), value));
            chosen
        };
        all = all
            .iter()
            .flat_map(|chosen| values.iter().map(move |value| with(chosen, *value)))
            .collect();
    }
    Ok(all)
}

/// The name with the values of those parameters that are tried with several.
fn with_values(name: &str, parameters: &[(String, f64)], set: &[(String, Values)]) -> String {
    let is_tried =
        |name: &str| set.iter().any(|(tried, values)| tried == name && values.0.len() > 1);
    let mut out = name.to_owned();
    for (name, value) in parameters.iter().filter(|(name, _)| is_tried(name)) {
        out += &format!(" {name}={value:e}");
    }
    out
}

/// What is put over every rule: a schedule, clipping.
#[derive(Debug)]
pub(crate) struct Over {
    formula: Option<String>,
    decay: Option<LearningRate>,
    clip: Option<ClipNorm>,
}

impl Over {
    pub(crate) fn parse(arguments: &ProtocolArguments) -> Result<Self, CliError> {
        let mut over = Self { formula: None, decay: None, clip: arguments.clip_norm };
        match &arguments.schedule {
            Some(text) if LearningRate::is_stepwise(text) => {
                let decay = text.parse().map_err(|error| CliError::Schedule(Box::new(error)))?;
                over.decay = Some(decay);
            }
            formula => over.formula.clone_from(formula),
        }
        Ok(over)
    }

    pub(crate) fn maker(
        &self,
        rule: &Rule,
        parameters: Vec<(String, f64)>,
        backend: &BackendArguments,
        colour: Colour,
    ) -> Result<NamedMaker, CliError> {
        let scheduled = match &self.formula {
            Some(formula) => {
                let errors = |errors| refused(errors, "--schedule", colour);
                Some(rule.with_schedule(formula).map_err(errors)?)
            }
            None => None,
        };
        let compiled = CompiledRule::new(scheduled.as_ref().unwrap_or(rule), backend.backend())?;
        if let Some(reason) = &compiled.compiled().fallback {
            warn(&format!("the interpreter runs `{}`: {reason}", rule.name));
        }
        let maker = CompiledMaker {
            compiled,
            parameters,
            placement: backend.placement()?,
            decay: self.decay.clone(),
            clip_norm: self.clip.and_then(|clip| clip.0),
        };
        Ok(NamedMaker { name: rule.name.clone(), maker, clip_is_given: self.clip.is_some() })
    }
}
