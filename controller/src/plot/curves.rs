//! The chart of a task: loss over steps, one line a rule.

use super::axis::{Scale, number};
use super::chart::{Chart, Line, Style};
use crate::outcome::{End, Outcome};
use crate::task::Description;

/// Loss curves of named outcomes, on a logarithmic scale, in the given order. The legend has each
/// name with its learning rate, and the step at which training ended if that is not the last.
pub fn training_curves<'a>(
    description: &Description,
    outcomes: impl IntoIterator<Item = (&'a str, &'a Outcome)>,
) -> Chart {
    Chart {
        title: description.title.clone(),
        x_label: "step".to_owned(),
        y_label: description.loss.to_owned(),
        x_scale: Scale::Linear,
        y_scale: Scale::Log,
        lines: outcomes.into_iter().map(|(name, outcome)| line(name, outcome)).collect(),
    }
}

fn line(name: &str, outcome: &Outcome) -> Line {
    let learning_rate = number(outcome.learning_rate);
    let ending = match outcome.end {
        End::Finished => String::new(),
        End::Interrupted => format!(", stopped at step {}", outcome.steps),
        End::Diverged(divergence) => format!(", diverged at step {}", divergence.step),
    };
    Line {
        label: format!("{name}, lr {learning_rate}{ending}"),
        points: outcome.curve.iter().map(|point| (point.step as f64, point.loss)).collect(),
        is_cut_short: outcome.divergence().is_some(),
        style: Style::Line,
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::training_curves;
    use crate::stepper::fake::Momentum;
    use crate::task::rosenbrock::Rosenbrock;
    use crate::task::{Budget, Task};

    #[test]
    fn the_legend_has_learning_rates_and_divergence() {
        let task = Rosenbrock;
        let train = |learning_rate| {
            let budget = Budget::new(learning_rate, 50, 0);
            task.train(&Momentum(0.0), &budget, &mut |_| ControlFlow::Continue(())).unwrap().outcome
        };
        let (slow, lost) = (train(1e-4), train(0.1));
        let chart = training_curves(&task.description(), [("slow", &slow), ("lost", &lost)]);
        assert_eq!(chart.lines[0].label, "slow, lr 1e-4");
        assert!(chart.lines[1].label.starts_with("lost, lr 0.1, diverged at step "));
        assert_eq!(chart.lines[0].points.len(), 51);
        assert!(chart.to_svg().unwrap().contains("f(x, y)"));
    }
}
