//! The best rules and the baselines with seeds that the search has not used.

use super::html::{code, decimal, escape, paragraph, percent, rate, subheading, table};
use crate::search::evaluation::funnel::Fate;
use crate::search::evaluation::{
    Comparison, Judged, LastEvaluation, LastRound, best_baseline, optimism,
};
use crate::search::output::record::RunRecord;
use crate::search::output::rule_facts::RuleFacts;
use crate::search::record::TrialKind;
use crate::spread::Spread;

/// The last evaluation and the last round of the last funnel; nothing if there was none.
pub(super) fn other_seeds(run: &RunRecord) -> String {
    let LastEvaluation { seeds, is_as_in_search, funnel } = &run.evaluation;
    let mut out = String::new();
    if !seeds.is_empty() {
        out += &intro(seeds, "");
        out += &rules(seeds, None);
        if *is_as_in_search {
            out += &luck(seeds).map_or_else(String::new, |luck| paragraph(&luck));
        }
    }
    if let Some(round) = funnel {
        let LastRound { number, what, is_last, judged } = round;
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        out += &subheading(&format!("Round {number} of the funnel{what}"));
        let end = if *is_last { "" } else { " The funnel has not come to its last round." };
        out += &intro(judged, end);
        out += &rules(judged, Some(if *is_last { "held" } else { "goes on" }));
    }
    out
}

/// What the table shows, with `end` after it.
fn intro(judged: &[Judged], end: &str) -> String {
    let seeds = judged.iter().map(|one| one.result.seeds.len()).max().unwrap_or(0);
    let children = judged.iter().flat_map(|one| &one.result.seeds);
    let steps = children.map(|child| child.steps).max().unwrap_or(0);
    let word = if seeds == 1 { "seed" } else { "seeds" };
    let against = best_baseline(judged).map_or_else(String::new, |best| {
        let name = best.result.subject().label();
        format!(
            " The last column of numbers is the difference from the best baseline, {name}, and in brackets how many of its \
             standard errors that is (Welch)."
        )
    });
    paragraph(&format!(
        "Trained anew for {steps} steps with {seeds} {word} that the search had not used, at a learning rate chosen with the \
         first of them. Means \u{b1} standard deviations over the seeds.{against}{end}"
    ))
}

/// How much of the rewards in the search was luck: baselines were not chosen by theirs.
fn luck(judged: &[Judged]) -> Option<String> {
    let unit = Unit::of(judged);
    let found = unit.signed(optimism(judged, TrialKind::Sampled)?);
    let baselines = optimism(judged, TrialKind::Baseline)
        .map_or_else(String::new, |luck| format!(", those of the baselines {}", unit.signed(luck)));
    Some(format!(
        "The search's luck: rewards in the search less the means here, on average: those of the found rules, which were \
         chosen by them, {found}{baselines}."
    ))
}

/// A table of rules, the best first; with what became of them, if that has a name.
fn rules(judged: &[Judged], fate: Option<&'static str>) -> String {
    let unit = Unit::of(judged);
    let mean = if unit == Unit::Accuracy { "validation" } else { "reward" };
    let has_test = judged.iter().any(|one| one.test.is_some());
    let mut heads = vec![("", true), ("rule", false), ("learning rate", true), (mean, true)];
    heads.extend(has_test.then_some(("test", true)));
    heads.extend([("in the search", true), ("above the best baseline", true)]);
    heads.extend(fate.map(|name| (name, false)));
    let row = |one: &Judged| {
        let result = &one.result;
        let rule = result.name.as_ref().map_or_else(
            || format!("{}<br/>trial {}", code(&RuleFacts::of(&result.rule).formula), result.trial),
            |name| escape(name),
        );
        let mut cells =
            vec![one.rank.to_string(), rule, rate(result.learning_rate), unit.mean(one)];
        cells.extend(has_test.then(|| Unit::Accuracy.spread(one.test)));
        cells.push(unit.value(result.search_reward));
        cells.push(one.comparison.as_ref().map_or_else(dash, |above| unit.above(above)));
        cells.extend(fate.map(|_| one.fate.as_ref().map_or_else(dash, in_words)));
        cells
    };
    table(&heads, &judged.iter().map(row).collect::<Vec<_>>())
}

fn in_words(fate: &Fate) -> String {
    let reason = fate.reason.as_ref().map(ToString::to_string);
    escape(&match (fate.goes_on, reason) {
        (true, None) => "yes".to_owned(),
        (true, Some(reason)) => format!("as the best: {reason}"),
        (false, None) => "no".to_owned(),
        (false, Some(reason)) => format!("no: {reason}"),
    })
}

fn dash() -> String {
    "\u{2013}".to_owned()
}

/// What rewards are: accuracies, or of losses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Accuracy,
    Loss,
}

impl Unit {
    fn of(judged: &[Judged]) -> Self {
        if judged.iter().any(Judged::has_accuracy) { Self::Accuracy } else { Self::Loss }
    }

    fn value(self, value: Option<f64>) -> String {
        if self == Self::Accuracy { percent(value) } else { decimal(value) }
    }

    /// A difference.
    fn signed(self, value: f64) -> String {
        let text = match self {
            Self::Accuracy => format!("{:+.2} points", value * 100.0),
            Self::Loss => format!("{value:+.4}"),
        };
        text.replace('-', "\u{2212}")
    }

    fn spread(self, spread: Option<Spread>) -> String {
        let Some(Spread { mean, deviation, .. }) = spread else { return dash() };
        match (self, deviation) {
            (_, None) => self.value(Some(mean)),
            (Self::Accuracy, Some(deviation)) => {
                let (mean, deviation) = (mean * 100.0, deviation * 100.0);
                format!("{mean:.2} \u{b1} {deviation:.2}\u{2009}%")
            }
            (Self::Loss, Some(deviation)) => {
                format!("{} \u{b1} {}", decimal(Some(mean)), decimal(Some(deviation)))
            }
        }
    }

    /// The mean reward, and what is wrong with it.
    fn mean(self, one: &Judged) -> String {
        let seeds = one.result.seeds.len();
        match one.diverged {
            _ if one.result.learning_rate.is_none() => "trains at no rate".to_owned(),
            0 => self.spread(one.reward),
            lost => format!("{}<br/>{lost} of {seeds} diverged", self.spread(one.reward)),
        }
    }

    fn above(self, comparison: &Comparison) -> String {
        let errors = comparison.standard_errors.map(|errors| format!(" ({errors:+.1})"));
        let errors = errors.unwrap_or_default().replace('-', "\u{2212}");
        self.signed(comparison.difference) + &errors
    }
}
