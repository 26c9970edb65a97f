//! The best rules of a search judged again: with seeds that the search never used, beside tuned baselines.
//!
//! The reward of a rule in a search is that of one child with one seed, and the best of thousands of such rewards is
//! partly luck. So the best rules and the baselines of the run are trained anew, all in the same way:
//!
//! 1. **Seeds**: the smallest numbers that are the seed of no trial ([`unused_seeds`]).
//! 2. **Learning rate**: the sweep of the run's protocol with the first seed. It knows powers of ten only, so a rule whose
//!    best rate lies between two of them would lose by accident, and what is best for a short time may not last: unless
//!    [`Conditions::finer`] is off, the best rate of the sweep, a third of it and three times it train to the end with
//!    the first seed, and the best of them is taken. That is two children more for each rule.
//! 3. **Training** with the other seeds at this rate. The child of the first seed is one of those that chose it.
//! 4. **Judging** by the mean reward ([`judge`]). Beside it stands by how much it is above that of the best baseline, in
//!    standard errors of the difference: Welch's t, as if the children of two rules were drawn apart.
//!
//! A child that diverged counts with the lowest reward, as in the search. No choice reads test accuracies.
//!
//! With one seed the mean is the reward of a child that has chosen the learning rate. The best of several rules is
//! luckier than each, and so is the best of the baselines: standard errors are about one pair.
//!
//! [`funnel`] goes on from there to longer training and larger children.

mod conditions;
mod subject;
mod result;
mod training;
mod judged;
pub mod funnel;
mod store;
mod stage;
mod last;
#[cfg(test)]
mod tests;

pub use conditions::{Conditions, FACTOR, unused_seeds};
pub use judged::{Comparison, Judged, Threshold, best_baseline, judge, optimism};
pub use last::{LastEvaluation, LastRound, last};
pub use result::{RuleResult, SeedResult, TriedRate};
pub use stage::{Effort, EvaluationError, Stage, stage};
pub use store::{SEEDS, judged, known, write_round, write_seeds};
pub use subject::{Subject, SubjectError, baselines, best};
pub use training::CutShort;
