//! The settings of a run: all that decides what it samples, trains and learns.

use nosc_compiler::canonical::Level;
use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};
use serde::{Deserialize, Serialize};

use super::engine::{Screened, Screening};
use super::sampler::{
    Evolution, EvolutionSettings, PolicySampler, PolicySettings, RandomSampler, Sampler,
    SamplerError,
};
use super::screen::{Screen, Verdict};
use crate::protocol::Protocol;
use crate::task::TaskOptions;

/// The settings of a run. They are kept in its ledger and never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    /// What strings are made of.
    pub space: SpaceText,
    /// Groups of a string.
    pub groups: usize,
    /// Names of [`Constraints`], with commas.
    pub constraints: String,
    /// Name of the [`Level`] at which rules count as the same.
    pub same: String,
    /// What proposes strings.
    pub sampler: SamplerSettings,
    /// Samples of a batch.
    pub batch: usize,
    /// Rules in training or waiting for it, before earlier ones are learnt from.
    pub ahead: u64,
    /// Most batches besides the next one that are not learnt from.
    pub lag: u64,
    /// Seed of samples, and of the seeds of trials.
    pub seed: u64,
    /// How often a trial is begun that comes to no end.
    pub attempts: u32,
    /// What rules are turned down untrained; none for no rule.
    pub screen: Option<Screen>,
    /// Standard rules to compare with.
    pub baselines: Vec<String>,
    /// Name of the task.
    pub task: String,
    /// Its options.
    pub options: TaskOptions,
    /// How a rule is tried; seeds are those of the trials.
    pub protocol: Protocol,
    /// Children that train for the result of a rule, each with a seed of its own: the reward is their mean.
    pub seeds: u64,
}

/// A space by its name if it is built in, else with the text of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceText {
    /// Its name.
    pub name: String,
    /// The text of its file; none if it is built in.
    pub text: Option<String>,
}

/// A sampler with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerSettings {
    /// The paper's: a recurrent net that learns by policy gradients.
    Ppo(PolicySettings),
    /// Strings that are equally likely, none twice.
    Random,
    /// Regularized evolution.
    Evolution(EvolutionSettings),
}

impl SamplerSettings {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            SamplerSettings::Ppo(_) => PolicySampler::NAME,
            SamplerSettings::Random => RandomSampler::NAME,
            SamplerSettings::Evolution(_) => Evolution::NAME,
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The space cannot be read.
    #[error("the search space `{name}` cannot be read: {reason}")]
    Space {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A name that is not known.
    #[error("{0}")]
    Name(String),
    /// The sampler refuses.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The screening refuses.
    #[error(transparent)]
    Screen(#[from] super::screen::ScreenError),
    /// A number out of range.
    #[error("{setting} is {value}; expected {expected}")]
    Range {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        expected: &'static str,
    },
}

/// Most samples of a batch.
const MOST_BATCH: usize = 65_536;
/// Most of what is counted otherwise.
const MOST: u64 = 1_000_000;

impl SearchSettings {
    /// Looks whether all of it can be used, without training anything.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with the first that cannot.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.level()?;
        self.sampler()?;
        if let Some(screen) = &self.screen {
            screen.check()?;
        }
        let is_unknown = |name: &&String| nosc_runtime::library::rule(name).is_none();
        if let Some(name) = self.baselines.iter().find(is_unknown) {
            let message = format!(
                "`{name}` cannot be a baseline: no standard rule has this name; `nosc rules` lists them"
            );
            return Err(SettingsError::Name(message));
        }
        if !(1..=MOST_BATCH).contains(&self.batch) {
            let (setting, value) = ("the number of strings between updates", self.batch as u64);
            return Err(SettingsError::Range { setting, value, expected: "1 to 65536" });
        }
        let ranges = [
            ("ahead", self.ahead, 1, "1 to 1000000"),
            ("lag", self.lag, 0, "0 to 1000000"),
            ("seeds", self.seeds, 1, "1 to 1000000"),
            ("attempts", u64::from(self.attempts), 1, "1 or more"),
        ];
        for (setting, value, least, expected) in ranges {
            if !(least..=MOST).contains(&value) {
                return Err(SettingsError::Range { setting, value, expected });
            }
        }
        Ok(())
    }

    /// The settings in words, for the head of a report.
    pub fn facts(&self) -> Vec<(String, String)> {
        let rates: Vec<String> =
            self.protocol.learning_rates.iter().map(|rate| format!("{rate:e}")).collect();
        let sweep = match &self.protocol.probe {
            Some(probe) => format!(", {} epochs on {} examples", probe.epochs, probe.examples),
            None => ", each to the end".to_owned(),
        };
        let facts = [
            ("task", self.task.clone()),
            ("space", format!("{}, {} groups, {}", self.space.name, self.groups, self.constraints)),
            ("sampler", self.sampler.name().to_owned()),
            ("batch", format!("{}, {} rules ahead", self.batch, self.ahead)),
            ("seed", self.seed.to_string()),
            ("same rules", self.same.clone()),
            ("learning rates", rates.join(", ") + &sweep),
            ("steps", self.protocol.steps.to_string()),
            ("children for a reward", self.seeds.to_string()),
        ];
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The space.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Space`].
    pub fn space(&self) -> Result<SearchSpace, SettingsError> {
        let SpaceText { name, text } = &self.space;
        let failed = |reason: String| SettingsError::Space { name: name.clone(), reason };
        match text {
            Some(text) => {
                SearchSpace::parse(name, text).map_err(|errors| failed(errors.to_string()))
            }
            None => SearchSpace::built_in(name)
                .ok_or_else(|| failed("no space of this name is built in".to_owned())),
        }
    }

    /// The constraints.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Name`].
    pub fn constraints(&self) -> Result<Constraints, SettingsError> {
        self.constraints.parse().map_err(|error| SettingsError::Name(format!("{error}")))
    }

    /// The level.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Name`].
    pub fn level(&self) -> Result<Level, SettingsError> {
        self.same.parse().map_err(|error| SettingsError::Name(format!("{error}")))
    }

    /// The sampler at its start.
    ///
    /// # Errors
    ///
    /// [`SettingsError`].
    pub fn sampler(&self) -> Result<Box<dyn Sampler>, SettingsError> {
        let (space, constraints) = (self.space()?, self.constraints()?);
        let vocabulary =
            Vocabulary::new(&space, self.groups, constraints).map_err(SamplerError::from)?;
        Ok(match &self.sampler {
            SamplerSettings::Ppo(settings) => {
                Box::new(PolicySampler::new(vocabulary, settings.clone(), self.seed)?)
            }
            SamplerSettings::Random => {
                let groups = self.groups..=self.groups;
                Box::new(RandomSampler::new(&space, groups, constraints, self.seed)?)
            }
            SamplerSettings::Evolution(settings) => {
                let settings = settings.clone();
                Box::new(Evolution::new(&space, self.groups, constraints, settings, self.seed)?)
            }
        })
    }
}

impl Screening for Screen {
    fn screen(&self, rule: &nosc_compiler::Rule) -> Screened {
        match self.judge(rule) {
            Verdict::Passed => Screened::Passed,
            Verdict::Flipped(rule) => Screened::Flipped(rule),
            Verdict::Rejected(reason) => Screened::Rejected(reason.to_string()),
        }
    }
}
