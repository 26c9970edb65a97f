//! Rules beside each other: means over seeds, and how far each is above the best baseline.

use serde::{Deserialize, Serialize};

use super::funnel::Fate;
use super::result::{RuleResult, SeedResult};
use crate::search::record::TrialKind;
use crate::spread::Spread;

/// A rule is far below the best baseline if it is so many of that one's deviations below its mean,
const FAR_DEVIATIONS: f64 = 3.0;
/// and by at least so much: 2 points of accuracy. Baselines can agree by accident.
const FAR: f64 = 0.02;

/// A rule against the best baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the baseline with the highest mean reward.
    pub baseline: String,
    /// Mean reward of the rule less that of the baseline.
    pub difference: f64,
    /// Standard error of the difference, `sqrt(s1^2/n1 + s2^2/n2)` with the deviations s and the numbers of seeds n: the one of
    /// Welch 1947, *The generalization of "Student's" problem when several different population variances are involved*,
    /// which takes the variances of the two as they are. None with one seed.
    pub standard_error: Option<f64>,
    /// The difference in standard errors: Welch's t. None with one seed, or if no seed differs from another.
    pub standard_errors: Option<f64>,
}

/// A rule among those it was trained with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its place among all of them by mean reward, baselines too, counted from 1.
    pub rank: usize,
    /// What came of it.
    #[serde(flatten)]
    pub result: RuleResult,
    /// Rewards of its children; one that diverged has the lowest. None if no learning rate trains.
    pub reward: Option<Spread>,
    /// Losses at the end; none if a child diverged.
    pub final_loss: Option<Spread>,
    /// Test accuracies, 0 for a child that diverged; none if the task has no test examples. No choice reads it.
    pub test: Option<Spread>,
    /// Number of seeds that diverged.
    pub diverged: usize,
    /// Against the best baseline; none for baselines, or if there is none.
    pub comparison: Option<Comparison>,
    /// In a funnel: whether it goes on.
    pub fate: Option<Fate>,
}

/// The reward below which a rule is not worth the other seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(f64);

impl Comparison {
    /// A rule's rewards against those of a baseline.
    pub fn of(rule: &Spread, baseline: &Spread, name: String) -> Self {
        let difference = rule.mean - baseline.mean;
        let errors = rule.squared_error().zip(baseline.squared_error());
        let standard_error = errors.map(|(rule, baseline)| (rule + baseline).sqrt());
        let positive = standard_error.filter(|error| *error > 0.0);
        let standard_errors = positive.map(|error| difference / error);
        Self { baseline: name, difference, standard_error, standard_errors }
    }

    /// Whether the mean of the rule is the higher one, by however little.
    pub fn is_above(&self) -> bool {
        self.difference > 0.0
    }
}

impl Threshold {
    /// The one that a baseline sets; none if it has no child.
    pub fn of(baseline: &Judged) -> Option<Self> {
        let reward = baseline.reward?;
        let margin = FAR_DEVIATIONS * reward.deviation.unwrap_or(0.0);
        Some(Self(reward.mean - margin.max(FAR)))
    }

    /// Whether it is higher than the reward.
    pub fn exceeds(self, reward: f64) -> bool {
        reward < self.0
    }
}

impl Judged {
    fn new(result: RuleResult) -> Self {
        let values = |value: fn(&SeedResult) -> f64| {
            let values: Vec<f64> = result.seeds.iter().map(value).collect();
            Spread::of(&values)
        };
        let diverged = result.diverged();
        let losses: Option<Vec<f64>> = result.seeds.iter().map(|child| child.final_loss).collect();
        let is_tested = result.seeds.iter().any(|child| child.test_accuracy.is_some());
        Self {
            rank: 0,
            reward: values(|child| child.reward),
            final_loss: losses.and_then(|losses| Spread::of(&losses)),
            test: values(|child| child.test_accuracy.unwrap_or(0.0)).filter(|_| is_tested),
            diverged,
            comparison: None,
            fate: None,
            result,
        }
    }

    /// Whether it is a baseline.
    pub fn is_baseline(&self) -> bool {
        self.result.kind == TrialKind::Baseline
    }

    /// Whether rewards are validation accuracies.
    pub fn has_accuracy(&self) -> bool {
        self.result.seeds.iter().any(|child| child.validation_accuracy.is_some())
    }
}

/// Rules and baselines by mean reward, the best first, the earlier trial of equals first. Test accuracies are not read.
pub fn judge(results: Vec<RuleResult>) -> Vec<Judged> {
    let mut judged: Vec<Judged> = results.into_iter().map(Judged::new).collect();
    let mean = |one: &Judged| one.reward.map_or(f64::NEG_INFINITY, |reward| reward.mean);
    judged.sort_by(|a, b| mean(b).total_cmp(&mean(a)).then(a.result.trial.cmp(&b.result.trial)));
    let best = best_baseline(&judged).cloned();
    let best = best.and_then(|best| Some((best.reward?, best.result.subject().label())));
    for (index, one) in judged.iter_mut().enumerate() {
        one.rank = index + 1;
        if one.is_baseline() {
            continue;
        }
        one.comparison = one
            .reward
            .zip(best.as_ref())
            .map(|(reward, (baseline, name))| Comparison::of(&reward, baseline, name.clone()));
    }
    judged
}

/// The baseline with the highest mean reward, of those that [`judge`] has ranked; one that never came to an end is none.
pub fn best_baseline(judged: &[Judged]) -> Option<&Judged> {
    judged.iter().find(|one| one.is_baseline() && one.diverged < one.result.seeds.len())
}

/// By how much the rewards of the rules of a kind in the search are above their means here, on average. Found rules were chosen by their
/// rewards, baselines were not: by as much as the one is above the other, the best of a search are too good to be true. None if no rule
/// of the kind was trained with all seeds. It says so only where children train as in the search, and weak rules are not spared.
pub fn optimism(judged: &[Judged], kind: TrialKind) -> Option<f64> {
    let whole = judged.iter().filter(|one| one.result.kind == kind && !one.result.is_stopped_early);
    let differences: Vec<f64> =
        whole.filter_map(|one| Some(one.result.search_reward? - one.reward?.mean)).collect();
    Spread::of(&differences).map(|spread| spread.mean)
}
