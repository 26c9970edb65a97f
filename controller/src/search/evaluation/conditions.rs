//! Under which conditions rules are judged again.

use serde::{Deserialize, Serialize};

use crate::protocol::Protocol;
use crate::search::record::TrialRow;
use crate::search::settings::SearchSettings;
use crate::task::TaskOptions;

/// Between two of the learning rates that train to the end with the first seed.
pub const FACTOR: f64 = 3.0;
/// Changes whenever the same conditions would give other results.
const VERSION: u32 = 1;

/// What is the same for all rules that are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Name of the task.
    pub task: String,
    /// Its options.
    pub options: TaskOptions,
    /// Rates and short children of the sweep; steps, seeds and patience of children.
    pub protocol: Protocol,
    /// Whether rates a [`FACTOR`] above and below the best of the sweep train to the end too.
    pub finer: bool,
}

impl Conditions {
    /// Those of a run, with these seeds.
    pub fn of(run: &SearchSettings, seeds: Vec<u64>, finer: bool) -> Self {
        Self {
            task: run.task.clone(),
            options: run.options.clone(),
            protocol: Protocol { seeds, ..run.protocol.clone() },
            finer,
        }
    }

    /// Names the conditions: results are those of others with the same digest. 16 hexadecimal digits.
    pub fn digest(&self) -> String {
        // Fields are written in their order, numbers with all their digits.
        let text = serde_json::to_string(self).unwrap_or_default();
        let hash = blake3::hash(format!("evaluation {VERSION} {text}").as_bytes());
        hash.to_hex().chars().take(16).collect()
    }

    /// The seed that chooses the learning rate.
    pub(super) fn first_seed(&self) -> Option<u64> {
        self.protocol.seeds.first().copied()
    }
}

/// The smallest numbers that are the seed of no child, where a trial has so many for its result: its seed and those after
/// it.
pub fn unused_seeds(trials: &[TrialRow], children: u64, count: usize) -> Vec<u64> {
    let Some(others) = children.checked_sub(1) else {
        return (0..).take(count).collect();
    };
    // Seeds of a trial as first and last, in two parts where they go on from 0.
    let mut used: Vec<(u64, u64)> = Vec::with_capacity(trials.len());
    for first in trials.iter().map(|trial| trial.seed) {
        let last = first.wrapping_add(others);
        if first <= last {
            used.push((first, last));
        } else {
            used.extend([(0, last), (first, u64::MAX)]);
        }
    }
    used.sort_unstable();
    let (mut unused, mut next) = (Vec::new(), 0_u64);
    for (first, last) in used {
        unused.extend((next..first).take(count - unused.len()));
        let Some(after) = last.checked_add(1) else { return unused };
        next = next.max(after);
    }
    unused.extend((next..=u64::MAX).take(count - unused.len()));
    unused
}
