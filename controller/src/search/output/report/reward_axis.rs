//! Where the axis of rewards begins: rules that were turned down or diverged must not squash it.

use crate::search::output::record::RunRecord;
use crate::search::record::{TrialKind, TrialState};

/// So many of the trials that are done are below the axis, at most.
const BELOW: f64 = 0.1;
/// From the lowest reward on the axis down to its edge, in heights of what is above.
const EDGE: f64 = 0.05;

/// An axis that leaves out the lowest rewards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RewardAxis {
    /// The lowest reward that is drawn where it is.
    pub(super) lowest: f64,
    /// Where those below it are drawn.
    pub(super) edge: f64,
}

impl RewardAxis {
    /// From the lowest tenth of the rewards of sampled trials that are done, or from the worst baseline that is done if that is lower.
    /// None if nothing would be left out, or nothing is done.
    pub(super) fn of(run: &RunRecord) -> Option<Self> {
        let done = |kind| -> Vec<f64> {
            let done = run.of_kind(kind).filter(|trial| trial.state == TrialState::Done);
            let rewards = done.filter_map(|trial| trial.reward);
            let mut rewards: Vec<f64> = rewards.filter(|reward| reward.is_finite()).collect();
            rewards.sort_by(f64::total_cmp);
            rewards
        };
        let (sampled, baselines) = (done(TrialKind::Sampled), done(TrialKind::Baseline));
        let quantile = *sampled.get((BELOW * sampled.len() as f64) as usize)?;
        let lowest = baselines.first().map_or(quantile, |worst| quantile.min(*worst));
        let highest = sampled.last().into_iter().chain(baselines.last());
        let highest = highest.copied().fold(lowest, f64::max);
        let edge = lowest - EDGE * (highest - lowest);
        let mut all = run.trials.iter().filter_map(|trial| trial.reward);
        let is_below = all.any(|reward| reward.is_finite() && reward < edge);
        (is_below && edge < lowest).then_some(Self { lowest, edge })
    }

    /// A reward as it is drawn.
    pub(super) fn drawn(self, reward: f64) -> f64 {
        if reward < self.lowest { self.edge } else { reward }
    }
}

#[cfg(test)]
mod tests {
    use super::RewardAxis;
    use crate::search::output::{RunRecord, sample};
    use crate::search::record::{TrialKind, TrialState};

    /// Baselines at 0.7 and 0.9; of twenty trials four are turned down, the others have rewards from 0.3 on.
    fn run() -> RunRecord {
        let mut run = sample::run(20);
        for (index, trial) in run.trials.iter_mut().enumerate() {
            let is_turned_down = index >= 20;
            trial.state = if is_turned_down { TrialState::Rejected } else { TrialState::Done };
            trial.reward = Some(match index {
                0 => 0.7,
                1..4 => 0.9,
                20.. => 0.0,
                _ => 0.3 + 0.04 * (index - 4) as f64,
            });
        }
        run
    }

    #[test]
    fn the_axis_begins_at_the_lowest_tenth_or_at_the_worst_baseline() {
        let mut run = run();
        // Of sixteen, one is below.
        let axis = RewardAxis::of(&run).unwrap();
        assert!((axis.lowest - 0.34).abs() < 1e-9 && axis.edge < 0.34 && axis.edge > 0.3);
        assert_eq!(
            (axis.drawn(0.0), axis.drawn(0.3), axis.drawn(0.5)),
            (axis.edge, axis.edge, 0.5)
        );
        run.trials[0].reward = Some(0.2);
        assert_eq!(RewardAxis::of(&run).unwrap().lowest, 0.2);
        // One that diverged is no baseline to show.
        run.trials[0].state = TrialState::Diverged;
        assert!((RewardAxis::of(&run).unwrap().lowest - 0.34).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_left_out_where_nothing_is_far_below_or_done() {
        let mut run = run();
        run.trials.retain(|trial| trial.state == TrialState::Done);
        run.trials[0].reward = Some(0.3);
        assert_eq!(RewardAxis::of(&run), None);
        run.trials.retain(|trial| trial.kind == TrialKind::Baseline);
        assert_eq!(RewardAxis::of(&run), None);
        assert_eq!(RewardAxis::of(&RunRecord::default()), None);
    }
}
