//! What a search is made of.

use std::fmt;

use nosc_compiler::Rule;
use nosc_compiler::canonical::Level;
use nosc_compiler::space::SearchSpace;

use crate::search::ledger::Ledger;
use crate::search::queue::Queue;
use crate::search::sampler::Sampler;

/// What the screening says of a rule.
#[derive(Debug, Clone)]
pub enum Screened {
    /// It may be trained.
    Passed,
    /// It may be trained with the opposite sign: as this rule.
    Flipped(Rule),
    /// It may not, and why.
    Rejected(String),
}

/// Looks at rules before they are trained. The same rule gets the same answer.
pub trait Screening: fmt::Debug {
    /// What it says of a rule.
    fn screen(&self, rule: &Rule) -> Screened;
}

/// All that a search needs. Every part but `queue` and `now` is to be the same whenever a run goes on.
pub struct Parts {
    /// The ledger of the run.
    pub ledger: Ledger,
    /// What the tokens mean.
    pub space: SearchSpace,
    /// Which rules count as the same.
    pub level: Level,
    /// Proposes strings.
    pub sampler: Box<dyn Sampler>,
    /// Carries trials out.
    pub queue: Box<dyn Queue>,
    /// What rules are turned down; none for no rule.
    pub screening: Option<Box<dyn Screening>>,
    /// Samples of a batch, at least 1.
    pub batch: usize,
    /// Rules in training, or waiting for it, until the sampler learns from earlier ones before it proposes more: what can be
    /// trained at the same time.
    pub ahead: u64,
    /// Most batches besides the next one that are proposed and not learnt from.
    pub lag: u64,
    /// Seed of the run, from which each trial has its own.
    pub seed: u64,
    /// How often a trial is begun that comes to no end, at least once.
    pub attempts: u32,
    /// Standard rules to compare with.
    pub baselines: Vec<String>,
    /// Seconds since 1970, for the record.
    pub now: fn() -> f64,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("space", &self.space.name())
            .field("sampler", &self.sampler)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
