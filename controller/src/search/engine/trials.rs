//! Trials: which there are, and what comes back of them.

use nosc_compiler::canonical::Key;
use nosc_compiler::{Rule, dedup};
use nosc_runtime::library;

use super::{Search, SearchError};
use crate::random::Random;
use crate::search::ledger::Ended;
use crate::search::queue::{Notice, Work};
use crate::search::record::{TrialKind, TrialRow, TrialState};
use crate::search::reward::{LOWEST, judged};
use crate::search::status::{Event, Observe};

/// Streams of random numbers from here on are those of the seeds of trials.
const SEEDS: u64 = 1 << 48;

/// What has to be known of a trial at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) kind: TrialKind,
    pub(super) state: TrialState,
    pub(super) reward: Option<f64>,
    pub(super) attempts: u32,
    pub(super) is_running: bool,
    /// Attempts after which it is given up.
    pub(super) most_attempts: u32,
}

impl Search {
    /// Adds a trial of a rule with this key; it is queued if it is pending.
    pub(super) fn add_trial(&mut self, key: Key, trial: TrialRow) -> Result<(), SearchError> {
        self.parts.ledger.add_trial(&trial, &key)?;
        self.is_dirty = true;
        self.known.insert_class(dedup::Class { key, first: trial.number, count: 1 });
        self.trials.push(Known {
            kind: trial.kind,
            state: trial.state,
            reward: trial.reward,
            attempts: 0,
            is_running: false,
            most_attempts: self.parts.attempts,
        });
        self.count(trial.kind, trial.state);
        if trial.state == TrialState::Pending {
            let TrialRow { number, rule, seed, attempts: attempt, .. } = trial;
            self.parts.queue.submit(Work { trial: number, rule, seed, attempt });
        }
        Ok(())
    }

    /// A trial to be, with the next number.
    pub(super) fn next_trial(&self, kind: TrialKind, rule: &Rule, key: &Key) -> TrialRow {
        let number = self.trials.len() as u64;
        // 32 bits, which people can type.
        let seed = Random::new(self.parts.seed, SEEDS + number).next_u64() >> 32;
        TrialRow {
            number,
            kind,
            name: None,
            key: key.to_string(),
            rule: rule.body_text(),
            sample: None,
            is_flipped: false,
            seed,
            state: TrialState::Pending,
            attempts: 0,
            reward: None,
            reason: None,
            learning_rate: None,
            final_loss: None,
            validation_accuracy: None,
            test_accuracy: None,
            ended: None,
            seconds: None,
        }
    }

    /// Adds the baselines, which come before all other trials.
    pub(super) fn add_baselines(&mut self) -> Result<(), SearchError> {
        for name in self.parts.baselines.clone() {
            let rule = library::rule(&name);
            let rule = rule.ok_or_else(|| SearchError::Baseline { name: name.clone() })?;
            let key = self.canonicalizer.key(&rule);
            if self.known.contains(&key) {
                continue;
            }
            let trial = self.next_trial(TrialKind::Baseline, &rule, &key);
            self.add_trial(key, TrialRow { name: Some(name), ..trial })?;
        }
        Ok(())
    }

    /// Trials that are not ended.
    pub(super) fn pending(&self) -> u64 {
        self.status.evaluations - self.status.ended + self.pending_baselines()
    }

    fn pending_baselines(&self) -> u64 {
        let baselines = self.trials.iter().take_while(|trial| trial.kind == TrialKind::Baseline);
        baselines.filter(|trial| trial.state == TrialState::Pending).count() as u64
    }

    fn known(&mut self, trial: u64) -> Option<&mut Known> {
        self.trials.get_mut(usize::try_from(trial).ok()?)
    }

    pub(super) fn noticed(
        &mut self,
        notice: Notice,
        observer: &mut dyn Observe,
    ) -> Result<(), SearchError> {
        let now = (self.parts.now)();
        self.is_dirty = true;
        match notice {
            Notice::Began { trial, worker } => {
                let attempts = self.parts.ledger.begin_attempt(trial, &worker, now)?;
                if let Some(known) = self.known(trial) {
                    (known.attempts, known.is_running) = (attempts, true);
                    self.status.running += 1;
                }
                observer.event(&self.status, Event::Began { trial });
            }
            Notice::Done { trial, children, seconds } => {
                self.stopped(trial);
                self.parts.ledger.end_attempt(trial, "done", now)?;
                self.end(trial, &judged(children, seconds), observer)?;
            }
            Notice::Failed { trial, reason } => {
                self.stopped(trial);
                self.parts.ledger.end_attempt(trial, &reason, now)?;
                self.failed(trial, reason, observer)?;
            }
            Notice::Left { trial } => {
                self.stopped(trial);
                self.parts.ledger.end_attempt(trial, "left with its worker", now)?;
            }
            Notice::Remark { text } => {
                observer.event(&self.status, Event::Remark { text: &text });
            }
        }
        Ok(())
    }

    fn stopped(&mut self, trial: u64) {
        if let Some(known) = self.known(trial)
            && known.is_running
        {
            known.is_running = false;
            self.status.running -= 1;
        }
    }

    /// An attempt came to no end: another, or the last word.
    fn failed(
        &mut self,
        trial: u64,
        reason: String,
        observer: &mut dyn Observe,
    ) -> Result<(), SearchError> {
        let Some(known) = self.known(trial).copied() else { return Ok(()) };
        if known.attempts < known.most_attempts {
            observer.event(&self.status, Event::Retried { trial, reason: &reason });
            // A run that is about to stop leaves it pending.
            return if self.is_draining { Ok(()) } else { self.submit(trial) };
        }
        let ended = Ended {
            state: TrialState::Failed,
            reward: LOWEST,
            reason: Some(reason),
            children: Vec::new(),
            result: None,
            seconds: None,
        };
        self.end(trial, &ended, observer)
    }

    /// Queues all trials that were taken back.
    pub(super) fn submit_pending(&mut self) -> Result<(), SearchError> {
        let is_waiting = |trial: &Known| trial.state == TrialState::Pending && !trial.is_running;
        let trials = (0_u64..).zip(&self.trials);
        let waiting: Vec<u64> =
            trials.filter_map(|(number, trial)| is_waiting(trial).then_some(number)).collect();
        waiting.into_iter().try_for_each(|trial| self.submit(trial))
    }

    fn submit(&mut self, trial: u64) -> Result<(), SearchError> {
        let row = self.parts.ledger.rows().trial(trial)?;
        if let Some(TrialRow { number, rule, seed, attempts: attempt, .. }) = row {
            self.parts.queue.submit(Work { trial: number, rule, seed, attempt });
        }
        Ok(())
    }

    /// Tries a trial again that came to no end: once, since somebody asks for it anew.
    pub(super) fn retry(&mut self, trial: u64) -> Result<(), SearchError> {
        let Some(known) = self.known(trial) else { return Ok(()) };
        if known.state != TrialState::Failed {
            return Ok(());
        }
        known.state = TrialState::Pending;
        known.reward = None;
        known.most_attempts = known.attempts + 1;
        if known.kind == TrialKind::Sampled {
            self.status.failed -= 1;
            self.status.ended -= 1;
        }
        self.parts.ledger.retry(trial)?;
        self.is_dirty = true;
        self.submit(trial)
    }

    fn end(
        &mut self,
        trial: u64,
        ended: &Ended,
        observer: &mut dyn Observe,
    ) -> Result<(), SearchError> {
        let Some(known) = self.known(trial) else { return Ok(()) };
        if known.state != TrialState::Pending {
            return Ok(());
        }
        (known.state, known.reward) = (ended.state, Some(ended.reward));
        let kind = known.kind;
        self.parts.ledger.end_trial(trial, ended, (self.parts.now)())?;
        if kind == TrialKind::Sampled {
            self.status.ended += 1;
            self.status.diverged += u64::from(ended.state == TrialState::Diverged);
            self.status.failed += u64::from(ended.state == TrialState::Failed);
        }
        let is_best = self.ranked(trial, kind, ended.state, ended.reward);
        if observer.is_listening()
            && let Some(row) = self.parts.ledger.rows().trial(trial)?
        {
            observer.event(&self.status, Event::Ended { trial: &row, is_best });
        }
        Ok(())
    }

    /// Notes the best; the earliest trial of equals, so that it does not depend on who ends first.
    fn ranked(&mut self, trial: u64, kind: TrialKind, state: TrialState, reward: f64) -> bool {
        let best = match kind {
            TrialKind::Sampled => &mut self.status.best,
            TrialKind::Baseline => &mut self.status.best_baseline,
        };
        let is_better = best
            .is_none_or(|(other, most)| reward > most || reward == most && trial < other)
            && state == TrialState::Done;
        if is_better {
            *best = Some((trial, reward));
        }
        is_better && kind == TrialKind::Sampled
    }

    /// Counts a trial that is new here.
    fn count(&mut self, kind: TrialKind, state: TrialState) {
        match (kind, state) {
            (TrialKind::Baseline, _) => {}
            (TrialKind::Sampled, TrialState::Rejected) => self.status.rejected += 1,
            (TrialKind::Sampled, _) => self.status.evaluations += 1,
        }
    }

    /// Takes a trial from the ledger.
    pub(super) fn take_up(&mut self, row: TrialRow) {
        let TrialRow { number, kind, state, reward, attempts, rule, seed, .. } = row;
        let most_attempts = self.parts.attempts.max(attempts + 1);
        self.trials.push(Known { kind, state, reward, attempts, is_running: false, most_attempts });
        self.count(kind, state);
        let is_ended = !matches!(state, TrialState::Pending | TrialState::Rejected);
        if kind == TrialKind::Sampled && is_ended {
            self.status.ended += 1;
            self.status.diverged += u64::from(state == TrialState::Diverged);
            self.status.failed += u64::from(state == TrialState::Failed);
        }
        self.ranked(number, kind, state, reward.unwrap_or(LOWEST));
        if state == TrialState::Pending {
            self.parts.queue.submit(Work { trial: number, rule, seed, attempt: attempts });
        }
    }
}
