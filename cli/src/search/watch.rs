//! How far a search has come: a bar on a terminal, a line a trial elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use nosc_compiler::plain::plain;
use nosc_controller::search::engine::Limits;
use nosc_controller::search::record::{TrialKind, TrialRow, TrialState};
use nosc_controller::search::status::{Event, Observe, Status};

use super::summary::formula;
use crate::common::styled;
use crate::interrupt;
use crate::output::message;

/// Time between two lines about a search in which nothing ends.
const QUIET: Duration = Duration::from_mins(1);

/// Where progress is shown.
pub(super) struct Screen {
    shown: Shown,
    /// Rules to train, if that is the limit.
    budget: Option<u64>,
    /// Rules that were trained before.
    before: u64,
    start: Instant,
    said: Instant,
}

enum Shown {
    Nothing,
    Lines,
    Bar(ProgressBar),
}

impl Screen {
    pub(super) fn new(limits: &Limits, status: Status, quiet: bool) -> Self {
        let budget = limits.evaluations;
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(budget, target);
            let template = match budget {
                Some(_) => "{wide_bar} {pos}/{len} rules, {eta} left\n{msg}",
                None => "{spinner} {pos} rules, {elapsed}\n{msg}",
            };
            Shown::Bar(styled(bar, template))
        } else {
            Shown::Lines
        };
        let now = Instant::now();
        if let Shown::Bar(bar) = &shown {
            bar.set_position(status.ended);
            bar.reset_eta();
        }
        Self { shown, budget, before: status.ended, start: now, said: now }
    }

    pub(super) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    /// Counts on one line.
    fn counts(&self, status: &Status) -> String {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-9);
        let rate = (status.ended - self.before.min(status.ended)) as f64 / seconds;
        let named = |name: &str, best: Option<(u64, f64)>| {
            best.map_or_else(String::new, |(_, reward)| format!("{name} {reward:.4}, "))
        };
        format!(
            "{}{}{rate:.2} rules/s, {} seen before, {} turned down, {} diverged, {} failed",
            named("best", status.best),
            named("best baseline", status.best_baseline),
            status.repeats,
            status.rejected,
            status.diverged,
            status.failed,
        )
    }

    fn line(&mut self, text: &str) {
        self.said = Instant::now();
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => message(text),
            Shown::Bar(bar) => bar.println(plain(text)),
        }
    }

    fn ended(&mut self, status: &Status, trial: &TrialRow, is_best: bool) {
        let of = match (trial.kind, self.budget) {
            (TrialKind::Baseline, _) => trial.name.clone().unwrap_or_default(),
            (TrialKind::Sampled, Some(budget)) => format!("{} of {budget}", status.ended),
            (TrialKind::Sampled, None) => status.ended.to_string(),
        };
        let what = match (trial.state, trial.reward) {
            (TrialState::Done, Some(reward)) => format!("reward {reward:.4}"),
            (TrialState::Diverged, _) => "diverged".to_owned(),
            _ => format!("failed: {}", trial.reason.as_deref().unwrap_or_default()),
        };
        let is_worth_a_line =
            is_best || trial.kind == TrialKind::Baseline || trial.state == TrialState::Failed;
        if is_worth_a_line || matches!(self.shown, Shown::Lines) {
            let best = if is_best { ", the best so far" } else { "" };
            let rule = match trial.kind {
                TrialKind::Baseline => String::new(),
                TrialKind::Sampled => format!(": {}", formula(&trial.rule)),
            };
            self.line(&format!("{of}: trial {}: {what}{best}{rule}", trial.number));
        }
    }
}

impl Observe for Screen {
    fn event(&mut self, status: &Status, event: Event<'_>) {
        match event {
            Event::Ended { trial, is_best } => self.ended(status, trial, is_best),
            Event::Retried { trial, reason } => {
                self.line(&format!("trial {trial} is tried again: {reason}"));
            }
            Event::Remark { text } => self.line(text),
            Event::Waiting if matches!(self.shown, Shown::Lines) && self.said.elapsed() > QUIET => {
                let counts = self.counts(status);
                self.line(&counts);
            }
            _ => {}
        }
        if let Shown::Bar(bar) = &self.shown {
            bar.set_position(status.ended);
            bar.set_message(self.counts(status));
        }
    }

    fn is_stopped(&self) -> bool {
        interrupt::is_asked()
    }

    fn is_listening(&self) -> bool {
        !matches!(self.shown, Shown::Nothing)
    }
}
