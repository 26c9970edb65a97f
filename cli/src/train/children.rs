//! Numbers about the children of a rule.

use nosc_controller::outcome::{End, Outcome, Point};
use nosc_controller::protocol::Trial;
use nosc_controller::spread::Spread;

/// Of numbers that are all there; none if one is missing or there are none.
pub(crate) fn spread(values: &[Option<f64>]) -> Option<Spread> {
    Spread::of(&values.iter().copied().collect::<Option<Vec<f64>>>()?)
}

/// The child of the best learning rate as it is on average over the seeds: the mean of their curves if
/// all of them finished, else the first.
pub(crate) fn mean(trial: &Trial) -> Option<Outcome> {
    let children = trial.best_children();
    let first = &children.first()?.outcome;
    let is_alike = |outcome: &Outcome| {
        outcome.end == End::Finished && outcome.curve.len() == first.curve.len()
    };
    if !children.iter().all(|child| is_alike(&child.outcome)) {
        return Some(first.clone());
    }
    let at = |index: usize| {
        let losses = children.iter().map(|child| child.outcome.curve[index].loss);
        losses.sum::<f64>() / children.len() as f64
    };
    let curve = first.curve.iter().enumerate();
    let curve = curve.map(|(index, point)| Point { loss: at(index), ..*point }).collect();
    Some(Outcome { curve, ..first.clone() })
}

#[cfg(test)]
mod tests {
    use super::{Spread, spread};

    #[test]
    fn a_spread_is_the_samples() {
        let of = |values: &[f64]| spread(&values.iter().map(|v| Some(*v)).collect::<Vec<_>>());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[2.0]), Some(Spread { mean: 2.0, deviation: None, count: 1 }));
        assert_eq!(
            of(&[1.0, 3.0]),
            Some(Spread { mean: 2.0, deviation: Some(2.0_f64.sqrt()), count: 2 })
        );
        assert_eq!(spread(&[Some(1.0), None]), None);
    }
}
