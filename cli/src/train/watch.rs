//! How far children have come: bars with live curves on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use nosc_compiler::plain::plain;
use nosc_controller::outcome::{End, Point, Stage, Trained};
use nosc_controller::task::{Event, Task};
use nosc_controller::trials::{Candidate, ChildId, Watch};

use crate::common::styled;
use crate::interrupt;
use crate::output::message;

/// Characters of a live curve.
const CURVE: usize = 24;
/// Time between two lines of a child.
const REDRAW: Duration = Duration::from_millis(100);
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Where progress is shown.
pub(crate) struct Screen {
    names: Vec<String>,
    steps_per_epoch: u64,
    has_examples: bool,
    shown: Shown,
}

enum Shown {
    Nothing,
    Lines,
    Bars { all: MultiProgress, total: ProgressBar, children: Mutex<Vec<Bar>> },
}

/// A child in training.
struct Bar {
    id: ChildId,
    line: ProgressBar,
    drawn: Option<Instant>,
    /// Mean losses of equal parts of training, the last one unfinished: sum and number.
    parts: Vec<(f64, u32)>,
    accuracy: Option<f64>,
}

impl Screen {
    pub(crate) fn new(
        task: &dyn Task,
        names: &[&str],
        candidates: &[Candidate<'_>],
        quiet: bool,
    ) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            let total = all.add(ProgressBar::new(total_steps(task, candidates)));
            let template = "{wide_bar} {pos}/{len} steps, {eta} left";
            Shown::Bars { all, total: styled(total, template), children: Mutex::default() }
        } else {
            Shown::Lines
        };
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            steps_per_epoch: task.steps_per_epoch().max(1),
            has_examples: task.description().examples.is_some(),
            shown,
        }
    }

    pub(crate) fn finish(&self) {
        if let Shown::Bars { all, .. } = &self.shown {
            // A terminal that is gone needs no clearing.
            drop(all.clear());
        }
    }

    fn title(&self, id: &ChildId) -> String {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        title(&names, id)
    }

    fn line(&self, text: &str) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => message(text),
            // A terminal that is gone shows nothing.
            Shown::Bars { all, .. } => drop(all.println(plain(text))),
        }
    }

    /// A point of a curve, where points are as rare as epochs.
    fn point(&self, id: &ChildId, point: &Point) {
        if !self.has_examples || id.budget.stage == Stage::Sweep || point.step == 0 {
            return;
        }
        let epochs = id.budget.steps.div_ceil(self.steps_per_epoch);
        let epoch = point.step.div_ceil(self.steps_per_epoch);
        let share = share(point.validation_accuracy);
        let title = self.title(id);
        let text = format!("{title}: epoch {epoch} of {epochs}, loss {:.4}{share}", point.loss);
        if matches!(self.shown, Shown::Lines) {
            message(&text);
        }
    }
}

impl Watch for Screen {
    fn event(&self, id: &ChildId, event: Event<'_>) -> ControlFlow<()> {
        match (&self.shown, event) {
            (Shown::Bars { all, total, children }, event) => {
                let mut children = children.lock().unwrap_or_else(PoisonError::into_inner);
                let index = children.iter().position(|bar| bar.id == *id);
                let index = index.unwrap_or_else(|| {
                    children.push(Bar::new(*id, all, self.title(id)));
                    children.len() - 1
                });
                children[index].show(event);
                if matches!(event, Event::Step { .. }) {
                    total.inc(1);
                }
            }
            (_, Event::Point(point)) => self.point(id, point),
            _ => {}
        }
        if interrupt::is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn ended(&self, id: &ChildId, trained: &Trained) {
        if let Shown::Bars { all, total, children } = &self.shown {
            let mut children = children.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = children.iter().position(|bar| bar.id == *id) {
                all.remove(&children.swap_remove(index).line);
            }
            total.inc(id.budget.steps.saturating_sub(trained.outcome.steps));
        }
        let outcome = &trained.outcome;
        let what = match outcome.end {
            End::Diverged(divergence) => divergence.to_string(),
            End::Interrupted => format!("stopped after {} steps", outcome.steps),
            // Its points have said it.
            End::Finished if !self.has_examples => return,
            End::Finished => {
                let speed = trained.cost.examples_per_second();
                let speed = speed.map(|speed| format!(", {speed:.0} examples/s"));
                let share = share(outcome.validation_accuracy);
                format!("{} steps{share}{}", outcome.steps, speed.unwrap_or_default())
            }
        };
        self.line(&format!("{}: {what}", self.title(id)));
    }
}

impl Bar {
    fn new(id: ChildId, all: &MultiProgress, title: String) -> Self {
        let line =
            styled(all.add(ProgressBar::new(id.budget.steps)), "{prefix:30!} {pos}/{len} {msg}");
        line.set_prefix(title);
        Self { id, line, drawn: None, parts: Vec::new(), accuracy: None }
    }

    fn show(&mut self, event: Event<'_>) {
        let mut last = None;
        match event {
            Event::Point(point) => self.accuracy = point.validation_accuracy.or(self.accuracy),
            Event::Step { step, loss } => {
                let done = step.saturating_sub(1).saturating_mul(CURVE as u64);
                self.parts.resize((done / self.id.budget.steps.max(1)) as usize + 1, (0.0, 0));
                if let (Some(loss), Some((sum, count))) = (loss, self.parts.last_mut()) {
                    (*sum, *count) = (*sum + loss, *count + 1);
                }
                last = Some(step).zip(loss);
            }
            _ => {}
        }
        // Steps of small children are shorter than it takes to write a line.
        if let Some((step, loss)) = last
            && self.drawn.is_none_or(|drawn| drawn.elapsed() > REDRAW)
        {
            self.drawn = Some(Instant::now());
            let curve = live_curve(&self.parts);
            self.line.set_position(step);
            self.line.set_message(format!("{curve} loss {loss:.4}{}", share(self.accuracy)));
        }
    }
}

/// Which child, in words.
pub(super) fn title(names: &[&str], id: &ChildId) -> String {
    let name = names.get(id.candidate).copied().unwrap_or_default();
    let what = match id.budget.stage {
        Stage::Sweep => "sweep".to_owned(),
        Stage::Training => format!("seed {}", id.budget.seed),
    };
    format!("{name}, lr {:e}, {what}", id.budget.learning_rate)
}

fn share(accuracy: Option<f64>) -> String {
    accuracy.map(|share| format!(", validation {:.1} %", share * 100.0)).unwrap_or_default()
}

/// A curve of the means in one line of text; parts without a loss repeat the one before.
fn live_curve(parts: &[(f64, u32)]) -> String {
    let mut means = Vec::with_capacity(parts.len());
    for (sum, count) in parts {
        let mean = if *count > 0 { Some(sum / f64::from(*count)) } else { means.last().copied() };
        means.extend(mean);
    }
    let lowest = means.iter().copied().fold(f64::INFINITY, f64::min);
    let range = means.iter().copied().fold(f64::NEG_INFINITY, f64::max) - lowest;
    let height = |mean: f64| {
        let share = if range > 0.0 { (mean - lowest) / range } else { 0.0 };
        HEIGHTS[((share * 7.0).round() as usize).min(7)]
    };
    means.into_iter().map(height).collect()
}

/// Steps of all children, if none is lost.
fn total_steps(task: &dyn Task, candidates: &[Candidate<'_>]) -> u64 {
    let of = |candidate: &Candidate<'_>| {
        let protocol = candidate.protocol;
        let sweep = protocol.sweep(task);
        let rates = if sweep.is_empty() { &protocol.learning_rates[..] } else { &[1.0] };
        let trainings = protocol.training(rates);
        sweep.iter().chain(&trainings).map(|budget| budget.steps).fold(0, u64::saturating_add)
    };
    candidates.iter().map(of).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::live_curve;

    #[test]
    fn a_curve_falls_with_the_losses() {
        assert_eq!(live_curve(&[(8.0, 1), (8.0, 2), (0.0, 0), (1.0, 1)]), "█▄▄▁");
        assert_eq!(live_curve(&[(2.0, 1)]), "▁");
        assert_eq!(live_curve(&[]), "");
    }
}
