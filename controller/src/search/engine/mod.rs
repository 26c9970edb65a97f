//! The search itself: the one place where samples, trials and updates meet.
//!
//! # The order of things
//!
//! Samples are looked at in their order; a rule that is new becomes the next trial. When all that are proposed have been
//! looked at, the sampler proposes another batch as long as the batches that it has not learnt from have fewer than
//! `ahead` rules to train and are at most `lag`; else it waits for the rewards of the oldest one and learns from it. None of
//! this asks what is trained when. So which trials there are, with which seeds, and what is learnt from them depends on the
//! settings and the rewards alone: not on how many are trained at a time, nor on where a run was interrupted.
//!
//! What comes back from workers is committed before anything waits for more.

mod parts;
mod proposals;
mod resume;
#[cfg(test)]
mod tests;
mod trials;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nosc_compiler::canonical::Canonicalizer;
use nosc_compiler::dedup::Dedup;

use super::ledger::{LedgerError, Rows, SavedSampler};
use super::queue::{Notice, QueueError};
use super::sampler::{Judged, SamplerError};
use super::status::{Event, Observe, Status};

pub use parts::{Parts, Screened, Screening};
use trials::Known;

/// Samples in a row without a rule to train, after which a search has come to its end.
pub const MOST_REPEATS: u64 = 10_000;
/// A sampler is kept at most so often while updates follow each other quickly.
const BETWEEN_SAVES: Duration = Duration::from_secs(1);
/// And so often only that keeping it takes a hundredth of the time.
const SAVE_SHARE: u32 = 100;
/// As is what was written.
const BETWEEN_COMMITS: Duration = Duration::from_millis(100);
/// How long nothing may happen before who watches is told.
const WAIT: Duration = Duration::from_millis(100);

/// Where a search is to end; none for nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Rules that are trained.
    pub evaluations: Option<u64>,
    /// Samples that are looked at.
    pub samples: Option<u64>,
    /// Wall time from now on; trials that have begun then are the last ones.
    pub time: Option<Duration>,
}

/// Why a search has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As many rules as it was to train are trained, or samples looked at.
    Budget,
    /// Its time is over.
    Time,
    /// There are no more strings, or none with new rules: [`MOST_REPEATS`].
    Exhausted,
    /// It was stopped.
    Stopped,
}

/// Why a search cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The sampler refuses.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// No trial can be carried out.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A token string is no rule: a fault of ours.
    #[error("the string `{tokens}` is no rule: {reason}; please report it")]
    Tokens {
        /// The string.
        tokens: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No standard rule has this name.
    #[error(
        "no standard rule is named `{name}`, so it cannot be a baseline; `nosc rules` lists their names"
    )]
    Baseline {
        /// The name.
        name: String,
    },
    /// What was proposed or learnt is not what the ledger says.
    #[error(
        "the run cannot go on: {what} of batch {batch} differs from the ledger; go on with the version of nosc that began it"
    )]
    Differs {
        /// Number of the batch.
        batch: u64,
        /// What differs.
        what: &'static str,
    },
}

/// A sample of a batch that is not yet learnt from.
#[derive(Debug, Clone)]
struct Sample {
    number: u64,
    tokens: String,
    trial: Option<u64>,
    /// Whether its rule is new and was not turned down.
    is_trained: bool,
}

/// A search at work.
#[derive(Debug)]
pub struct Search {
    parts: Parts,
    canonicalizer: Canonicalizer,
    /// Keys, with the numbers of the trials that judge their rules.
    known: Dedup,
    trials: Vec<Known>,
    /// Batches that were proposed and are not learnt from.
    batches: VecDeque<Vec<Sample>>,
    /// Samples of the last of them that are not looked at: another batch is proposed when there are none.
    unseen: usize,
    /// Samples of all of them with a rule to train.
    trained: usize,
    proposed: u64,
    learnt: u64,
    /// Samples that were proposed.
    sampled: u64,
    /// Whether the sampler has no more strings.
    is_exhausted: bool,
    /// Samples since the last rule to train.
    repeats: u64,
    is_draining: bool,
    is_dirty: bool,
    committed: Instant,
    saved: Option<Instant>,
    /// How long that took.
    save_time: Duration,
    /// What the sampler kept last was when so many batches were proposed and learnt.
    saved_at: (u64, u64),
    status: Status,
}

impl Search {
    /// How far it has come.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The rows of its ledger.
    pub fn rows(&self) -> Rows<'_> {
        self.parts.ledger.rows()
    }

    /// Searches until a limit is reached, or who watches stops it. What was reached is in the ledger, and
    /// another call, of this process or of another, goes on from there.
    ///
    /// # Errors
    ///
    /// [`SearchError`]; the ledger holds what was committed before.
    pub fn run(
        &mut self,
        limits: &Limits,
        observer: &mut dyn Observe,
    ) -> Result<Ending, SearchError> {
        let start = Instant::now();
        if std::mem::take(&mut self.is_draining) {
            self.submit_pending()?;
        }
        loop {
            let is_late = || limits.time.is_some_and(|time| start.elapsed() >= time);
            if !self.is_draining && (is_late() || observer.is_stopped()) {
                self.is_draining = true;
                self.parts.queue.withdraw();
            }
            while self.advance(limits, observer)? {
                if self.committed.elapsed() < BETWEEN_COMMITS {
                    continue;
                }
                // Rewards that are known already may come for long.
                self.commit()?;
                observer.event(&self.status, Event::Waiting);
                if is_late() || observer.is_stopped() {
                    break;
                }
            }
            let mut notice = self.wait(Duration::ZERO)?;
            let is_idle = if self.is_draining {
                self.status.running == 0
            } else {
                self.pending() == 0 && !self.is_open(limits)
            };
            if notice.is_none() && is_idle {
                break;
            }
            if notice.is_none() {
                self.commit()?;
                notice = self.wait(WAIT)?;
            }
            match notice {
                Some(notice) => self.noticed(notice, observer)?,
                None => observer.event(&self.status, Event::Waiting),
            }
        }
        self.save()?;
        self.commit()?;
        Ok(self.ending(limits, start.elapsed(), observer))
    }

    /// What happens next. Where nothing can, what has happened is kept.
    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, SearchError> {
        match self.parts.queue.wait(limit) {
            Ok(notice) => Ok(notice),
            Err(error) => {
                self.save()?;
                self.commit()?;
                Err(error.into())
            }
        }
    }

    fn ending(&self, limits: &Limits, elapsed: Duration, observer: &dyn Observe) -> Ending {
        if !self.is_draining {
            let is_over = self.is_exhausted || self.repeats >= MOST_REPEATS;
            return if is_over && !self.is_spent(limits) {
                Ending::Exhausted
            } else {
                Ending::Budget
            };
        }
        let is_late = limits.time.is_some_and(|time| elapsed >= time);
        if is_late && !observer.is_stopped() { Ending::Time } else { Ending::Stopped }
    }

    /// Proposes, looks at samples, learns: the next of it that can be done without waiting. Whether there was
    /// anything.
    fn advance(
        &mut self,
        limits: &Limits,
        observer: &mut dyn Observe,
    ) -> Result<bool, SearchError> {
        if self.may_propose() {
            self.propose()?;
            return Ok(true);
        }
        if !self.is_draining && self.is_open(limits) && self.look()? {
            return Ok(true);
        }
        // Of samples that are left for later it is not known whether another batch comes before the next update.
        Ok(self.unseen == 0 && self.learn(observer)?)
    }

    /// Whether it is time for a batch.
    fn may_propose(&self) -> bool {
        self.unseen == 0 && !self.is_exhausted && self.order(self.batches.len(), self.trained)
    }

    /// Whether the next thing after these batches, with so many rules to train, is another batch.
    fn order(&self, batches: usize, trained: usize) -> bool {
        let Parts { lag, ahead, .. } = &self.parts;
        batches == 0 || batches as u64 <= *lag && (trained as u64) < *ahead
    }

    /// Whether more samples may be looked at.
    fn is_open(&self, limits: &Limits) -> bool {
        self.unseen > 0 && self.repeats < MOST_REPEATS && !self.is_spent(limits)
    }

    fn is_spent(&self, limits: &Limits) -> bool {
        let is_reached = |count: u64, limit: Option<u64>| limit.is_some_and(|limit| count >= limit);
        is_reached(self.status.evaluations, limits.evaluations)
            || is_reached(self.status.samples, limits.samples)
    }

    /// Learns from the oldest batch, if all its rewards are known.
    fn learn(&mut self, observer: &mut dyn Observe) -> Result<bool, SearchError> {
        let Some(batch) = self.batches.front() else { return Ok(false) };
        let reward = |sample: &Sample| {
            let trial = self.trials.get(usize::try_from(sample.trial?).ok()?)?;
            trial.reward
        };
        let judged = |sample: &Sample| {
            let reward = reward(sample)?;
            Some(Judged { sample: sample.number, tokens: sample.tokens.clone(), reward })
        };
        let Some(batch) = batch.iter().map(judged).collect::<Option<Vec<Judged>>>() else {
            return Ok(false);
        };
        let update = self.parts.sampler.learn(&batch)?;
        let rewards = batch.iter().map(|judged| (judged.sample, judged.reward));
        self.parts.ledger.add_update(self.learnt, rewards, &update)?;
        self.is_dirty = true;
        let learnt = self.batches.pop_front().unwrap_or_default();
        self.trained -= learnt.iter().filter(|sample| sample.is_trained).count();
        self.status.updates += 1;
        observer.event(&self.status, Event::Learnt { batch: self.learnt, update: &update });
        self.learnt += 1;
        let between = BETWEEN_SAVES.max(self.save_time.saturating_mul(SAVE_SHARE));
        if self.saved.is_none_or(|saved| saved.elapsed() >= between) {
            self.save()?;
        }
        Ok(true)
    }

    /// Keeps the sampler as it is.
    fn save(&mut self) -> Result<(), SearchError> {
        let at = (self.proposed, self.learnt);
        if self.saved_at == at {
            return Ok(());
        }
        let start = Instant::now();
        if let Some(state) = self.parts.sampler.save()? {
            let (proposed, learnt) = at;
            self.parts.ledger.save_sampler(&SavedSampler { proposed, learnt, state })?;
            self.is_dirty = true;
        }
        self.save_time = start.elapsed();
        (self.saved, self.saved_at) = (Some(Instant::now()), at);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), SearchError> {
        if self.is_dirty {
            self.parts.ledger.commit()?;
            self.is_dirty = false;
            self.parts.queue.kept();
        }
        self.committed = Instant::now();
        Ok(())
    }
}
