//! From the children of a trial to its reward.
//!
//! The reward of a rule is the validation accuracy of the child that trained to the end at the best learning rate of
//! the sweep: from 0 to 1. A task without such examples is judged by its loss, as `1 / (1 + loss)`. A rule with which
//! no child came to its end has the lowest reward, 0.

use super::ledger::Ended;
use super::record::TrialState;
use crate::outcome::{Outcome, Stage, Trained};
use crate::protocol::Trial;

/// The reward of a rule that did not train to the end.
pub const LOWEST: f64 = 0.0;

/// The reward of a child that finished.
pub fn reward(outcome: &Outcome) -> f64 {
    let of_loss = || 1.0 / (1.0 + outcome.final_loss.unwrap_or(f64::INFINITY).max(0.0));
    let reward = outcome.validation_accuracy.unwrap_or_else(of_loss);
    if reward.is_finite() { reward } else { LOWEST }
}

/// How a trial with these children ended.
pub fn judged(children: Vec<Trained>, seconds: f64) -> Ended {
    let is_training = |child: &Trained| child.outcome.stage == Stage::Training;
    let (trained, sweep): (Vec<Trained>, Vec<Trained>) =
        children.iter().cloned().partition(is_training);
    let trial = Trial { sweep, children: trained, is_complete: true };
    let rate = trial.best();
    let is_best = |child: &Trained| {
        is_training(child)
            && child.outcome.is_finished()
            && Some(child.outcome.learning_rate) == rate
    };
    let best = children.iter().position(is_best);
    let (state, reward, reason) = match best.map(|best| &children[best].outcome) {
        Some(outcome) => (TrialState::Done, reward(outcome), None),
        None => (TrialState::Diverged, LOWEST, Some(why(&children))),
    };
    Ended { state, reward, reason, children, best, seconds: Some(seconds) }
}

/// Why no child came to its end.
fn why(children: &[Trained]) -> String {
    let divergence = |child: &Trained| {
        let rate = child.outcome.learning_rate;
        Some(format!("at the learning rate {rate:e} it {}", child.outcome.divergence()?))
    };
    let is_training = |child: &&Trained| child.outcome.stage == Stage::Training;
    let last = children.iter().rev().find(is_training);
    match last.or(children.first()).and_then(divergence) {
        Some(text) if last.is_none() && children.len() > 1 => {
            format!("at all {} learning rates of the sweep; {text}", children.len())
        }
        Some(text) => text,
        None => "no child was trained".to_owned(),
    }
}
