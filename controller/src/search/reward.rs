//! From the children of a trial to its reward.
//!
//! The reward of a rule is the validation accuracy of the children that trained to the end at the best learning rate of
//! the sweep, from 0 to 1: the mean if there are several seeds. A task without such examples is judged by the loss, as
//! `1 / (1 + loss)`. A child that did not come to its end counts with the lowest reward, 0; if none did, the trial has diverged.

use super::ledger::{Ended, TrialResult};
use super::record::TrialState;
use crate::outcome::{Outcome, Stage, Trained};
use crate::protocol::Trial;
use crate::spread::Spread;

/// The reward of a rule that did not train to the end.
pub const LOWEST: f64 = 0.0;

/// The reward of a child that finished.
pub fn reward(outcome: &Outcome) -> f64 {
    let of_loss = || Some(1.0 / (1.0 + outcome.final_loss.filter(|loss| *loss >= 0.0)?));
    let reward = outcome.validation_accuracy.or_else(of_loss);
    reward.filter(|reward| reward.is_finite()).unwrap_or(LOWEST)
}

/// How a trial with these children ended.
pub fn judged(children: Vec<Trained>, seconds: f64) -> Ended {
    let is_training = |child: &Trained| child.outcome.stage == Stage::Training;
    let (trained, sweep): (Vec<Trained>, Vec<Trained>) =
        children.iter().cloned().partition(is_training);
    let trial = Trial { sweep, children: trained, is_complete: true };
    let seconds = Some(seconds);
    let Some(learning_rate) = trial.best() else {
        let (state, reason) = (TrialState::Diverged, Some(why(&children)));
        return Ended { state, reward: LOWEST, reason, children, result: None, seconds };
    };
    let best = trial.best_children();
    let outcomes = || best.iter().map(|child| &child.outcome);
    let reward_of =
        |outcome: &Outcome| if outcome.is_finished() { reward(outcome) } else { LOWEST };
    let lost = outcomes().filter(|outcome| !outcome.is_finished()).count();
    let reason = (lost > 0).then(|| format!("{lost} of {} children diverged", best.len()));
    let finished = |value: fn(&Outcome) -> Option<f64>| {
        mean(
            &outcomes()
                .filter(|outcome| outcome.is_finished())
                .filter_map(value)
                .collect::<Vec<f64>>(),
        )
    };
    let result = TrialResult {
        learning_rate,
        final_loss: finished(|outcome| outcome.final_loss),
        validation_accuracy: finished(|outcome| outcome.validation_accuracy),
        test_accuracy: finished(|outcome| outcome.test_accuracy),
    };
    let reward = mean(&outcomes().map(reward_of).collect::<Vec<f64>>()).unwrap_or(LOWEST);
    let (state, result) = (TrialState::Done, Some(result));
    Ended { state, reward, reason, children, result, seconds }
}

fn mean(values: &[f64]) -> Option<f64> {
    Spread::of(values).map(|spread| spread.mean)
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

#[cfg(test)]
mod tests {
    use super::{LOWEST, judged, reward};
    use crate::outcome::{Cost, Divergence, DivergenceReason, End, Outcome, Stage, Trained};
    use crate::search::record::TrialState;

    fn child(stage: Stage, learning_rate: f64, seed: u64, accuracy: Option<f64>) -> Trained {
        let reason = DivergenceReason::Rising { start: 1.0, loss: 2.0 };
        let lost = End::Diverged(Divergence { step: 3, reason });
        let outcome = Outcome {
            stage,
            learning_rate,
            seed,
            steps: 3,
            curve: Vec::new(),
            final_loss: accuracy.map(|accuracy| 1.0 - accuracy),
            validation_accuracy: accuracy,
            test_accuracy: accuracy,
            path: None,
            end: if accuracy.is_some() { End::Finished } else { lost },
        };
        Trained { outcome, cost: Cost::default() }
    }

    #[test]
    fn the_reward_is_the_mean_over_the_seeds_at_the_best_rate() {
        let children = vec![
            child(Stage::Sweep, 0.1, 1, Some(0.9)),
            child(Stage::Training, 0.1, 1, Some(0.5)),
            child(Stage::Training, 0.1, 2, Some(0.75)),
        ];
        let ended = judged(children, 2.0);
        assert_eq!((ended.state, ended.reward, ended.reason), (TrialState::Done, 0.625, None));
        let result = ended.result.unwrap();
        assert_eq!((result.learning_rate, result.validation_accuracy), (0.1, Some(0.625)));
        assert_eq!(result.final_loss, Some(0.375));
        // Of several rates that trained to the end, the better one.
        let full = [(0.1, 0.5), (1.0, 0.75)]
            .map(|(rate, accuracy)| child(Stage::Training, rate, 1, Some(accuracy)));
        assert_eq!(judged(full.to_vec(), 1.0).result.unwrap().learning_rate, 1.0);
    }

    #[test]
    fn without_accuracies_a_smaller_loss_is_a_higher_reward() {
        let mut outcome = child(Stage::Training, 0.1, 1, Some(0.5)).outcome;
        outcome.validation_accuracy = None;
        assert_eq!(reward(&outcome), 1.0 / 1.5);
        outcome.final_loss = Some(-1.0);
        assert_eq!(reward(&outcome), LOWEST);
    }

    #[test]
    fn a_child_that_diverged_counts_with_the_lowest_reward() {
        let one = |accuracy| child(Stage::Training, 0.1, 1, accuracy);
        let ended = judged(vec![one(Some(0.5)), one(None)], 1.0);
        assert_eq!((ended.state, ended.reward), (TrialState::Done, 0.25));
        assert_eq!(ended.reason.as_deref(), Some("1 of 2 children diverged"));
        assert_eq!(ended.result.unwrap().validation_accuracy, Some(0.5));
        let sweep = vec![child(Stage::Sweep, 0.1, 1, None), child(Stage::Sweep, 1.0, 1, None)];
        for children in [vec![one(None), one(None)], sweep, Vec::new()] {
            let ended = judged(children, 1.0);
            assert_eq!((ended.state, ended.reward), (TrialState::Diverged, LOWEST));
            assert!(ended.reason.is_some() && ended.result.is_none());
        }
    }
}
