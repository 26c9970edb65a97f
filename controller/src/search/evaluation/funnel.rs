//! The best rules of a search through rounds of longer training and larger children.
//!
//! After the paper (section 5.1, Table 6), whose best rules went on to longer training and larger nets: what small children
//! like may not hold there. Rounds and thresholds are choices made here:
//!
//! | | child | steps |
//! |---|---|---|
//! | 1 | that of the search | as in the search |
//! | 2 | that of the search | [`LONGER`] times as many |
//! | 3 | `deep` | as in the search |
//! | 4 | `residual` | as in the search |
//!
//! A task without a choice of children has three rounds, each `LONGER` times as long as the one before; a run whose child is one of
//! the larger ones leaves that round out. In each round the baselines are tuned and trained first, as the rules are
//! ([`evaluation`](super)), with all seeds. Then a rule goes on if
//!
//! * it diverged with no seed,
//! * its first seed is not far below the best baseline (by three of that one's deviations, and two points): else the other seeds are
//!   left out,
//! * its mean reward is not below that of the best baseline of the round,
//! * it is among the better half, rounded up, of those that entered the round.
//!
//! If none of them goes on but some rule came to its end with all seeds, the best of these does, so that there is something to
//! see in later rounds; its reason stays with it. The last round keeps all that are not below.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use super::conditions::Conditions;
use super::judged::Judged;
use crate::protocol::Protocol;
use crate::task::supervised::PROBE;
use crate::task::{IMAGES, TaskOptions};

/// How much longer a longer round is.
pub const LONGER: u64 = 3;
/// Nets that rules go on to, on images.
const LARGER: [&str; 2] = ["deep", "residual"];

/// A round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Its number, counted from 1.
    pub number: usize,
    /// What is different from the search, in a few words.
    pub what: String,
    /// What rules are trained on, and how.
    pub conditions: Conditions,
    /// Whether no round follows.
    pub is_last: bool,
}

/// What becomes of a rule after a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    /// The number of the round.
    pub round: usize,
    /// Whether it goes on or, after the last round, has held.
    pub goes_on: bool,
    /// Why it does not; with one that goes on, why it would not if another had.
    pub reason: Option<Reason>,
}

/// Why a rule drops out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No learning rate of the sweep trains.
    NoRate,
    /// Some seeds diverged.
    Diverged {
        /// How many.
        diverged: usize,
        /// Of how many that were trained.
        seeds: usize,
    },
    /// The first seed is too far below the best baseline.
    FarBelow {
        /// Its reward.
        reward: f64,
        /// Mean reward of the best baseline.
        best: f64,
        /// Its name.
        baseline: String,
    },
    /// The mean is below that of the best baseline.
    Below {
        /// The mean reward.
        reward: f64,
        /// Mean reward of the best baseline.
        best: f64,
        /// Its name.
        baseline: String,
    },
    /// Others were better.
    NotAmong {
        /// How many go on at most.
        best: usize,
    },
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRate => write!(f, "trains at no learning rate"),
            Self::Diverged { diverged, seeds } => {
                write!(f, "diverged with {diverged} of {seeds} seeds")
            }
            Self::FarBelow { reward, best, baseline } => write!(
                f,
                "{reward:.4} with the first seed, far below the best baseline {baseline} {best:.4}"
            ),
            Self::Below { reward, best, baseline } => {
                write!(f, "{reward:.4} below the best baseline {baseline} {best:.4}")
            }
            Self::NotAmong { best } => write!(f, "not among the best {best}"),
        }
    }
}

/// The rounds after a search under these conditions, which are those of the first round.
pub fn rounds(first: &Conditions) -> Vec<Round> {
    let steps = first.protocol.steps;
    let longer = |times: u64| {
        let protocol = Protocol { steps: steps.saturating_mul(times), ..first.protocol.clone() };
        (format!("{times} times as long"), Conditions { protocol, ..first.clone() })
    };
    let mut rounds = vec![("as in the search".to_owned(), first.clone()), longer(LONGER)];
    if IMAGES.contains(&first.task.as_str()) {
        let own = first.options.child.as_deref();
        for child in LARGER.into_iter().filter(|child| Some(*child) != own) {
            let options = TaskOptions { child: Some(child.to_owned()), ..first.options.clone() };
            // The paper's short children, where that of the search has none.
            let probe = first.protocol.probe.or(Some(PROBE));
            let protocol = Protocol { probe, ..first.protocol.clone() };
            let conditions = Conditions { options, protocol, ..first.clone() };
            rounds.push((format!("the child {child}"), conditions));
        }
    } else {
        rounds.push(longer(LONGER * LONGER));
    }
    let last = rounds.len();
    let numbered = (1..).zip(rounds);
    numbered
        .map(|(number, (what, conditions))| Round {
            number,
            what,
            conditions,
            is_last: number == last,
        })
        .collect()
}

/// Decides which rules go on after a round: those that [`judge`](super::judge) has ranked get their fates.
pub fn select(round: &Round, judged: &mut [Judged]) {
    let best = super::best_baseline(judged)
        .and_then(|best| Some((best.reward?.mean, best.result.subject().label())));
    let found: Vec<&mut Judged> = judged.iter_mut().filter(|one| !one.is_baseline()).collect();
    let most = if round.is_last { found.len() } else { found.len().div_ceil(2) };
    let mut going = 0;
    let mut best_of_rest: Option<&mut Judged> = None;
    for one in found {
        let reason = reason(one, best.as_ref())
            .or_else(|| (going == most).then_some(Reason::NotAmong { best: most }));
        let goes_on = reason.is_none();
        going += usize::from(goes_on);
        let is_whole = matches!(reason, Some(Reason::Below { .. }));
        one.fate = Some(Fate { round: round.number, goes_on, reason });
        if is_whole && best_of_rest.is_none() {
            best_of_rest = Some(one);
        }
    }
    let fate = best_of_rest.and_then(|one| one.fate.as_mut());
    if let Some(fate) = fate.filter(|_| going == 0 && !round.is_last) {
        fate.goes_on = true;
    }
}

/// Why a rule does not hold beside the best baseline, whatever others do.
fn reason(one: &Judged, best: Option<&(f64, String)>) -> Option<Reason> {
    let seeds = one.result.seeds.len();
    let reward = one.reward.map(|reward| reward.mean);
    let Some(reward) = reward else { return Some(Reason::NoRate) };
    if one.diverged > 0 {
        return Some(Reason::Diverged { diverged: one.diverged, seeds });
    }
    let (best, baseline) = best.cloned()?;
    if one.result.is_stopped_early {
        return Some(Reason::FarBelow { reward, best, baseline });
    }
    (reward < best).then_some(Reason::Below { reward, best, baseline })
}
