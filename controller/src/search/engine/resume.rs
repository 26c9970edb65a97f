//! Taking a run up from its ledger.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nosc_compiler::canonical::Canonicalizer;
use nosc_compiler::dedup::{Class, Dedup};

use super::{Parts, Sample, Search, SearchError, Status};
use crate::search::record::{SampleRow, TrialState, UpdateRow};
use crate::search::sampler::Judged;

impl Search {
    /// Takes up the run of a ledger, at its very start or wherever it was left.
    ///
    /// The sampler is brought to where it was: from what it kept last, and by proposing and learning again
    /// what came after; that has to be what the ledger says.
    ///
    /// # Errors
    ///
    /// [`SearchError::Differs`] if it is not, [`SearchError::Baseline`] for a baseline that there is not, and errors of
    /// the parts.
    pub fn take_up_run(parts: Parts) -> Result<Self, SearchError> {
        let mut search = Self {
            canonicalizer: Canonicalizer::new(parts.level),
            known: Dedup::new(parts.level),
            trials: Vec::new(),
            batches: VecDeque::new(),
            unseen: 0,
            trained: 0,
            proposed: 0,
            learnt: 0,
            sampled: 0,
            is_exhausted: false,
            repeats: 0,
            is_draining: false,
            is_dirty: true,
            committed: Instant::now(),
            saved: None,
            save_time: Duration::ZERO,
            saved_at: (0, 0),
            status: Status::default(),
            parts,
        };
        search.parts.ledger.close_attempts("the search was cut off")?;
        for (key, first) in search.parts.ledger.rows().keys()? {
            search.known.insert_class(Class { key, first, count: 1 });
        }
        for row in search.parts.ledger.rows().trials()? {
            search.take_up(row);
        }
        if search.trials.is_empty() {
            search.add_baselines()?;
        }
        search.replay()?;
        search.commit()?;
        Ok(search)
    }

    /// Brings the sampler to where it was, and takes up the batches that it has not learnt from.
    fn replay(&mut self) -> Result<(), SearchError> {
        let rows = self.parts.ledger.rows();
        let (samples, updates) = (rows.samples()?, rows.updates()?);
        self.count_samples(&samples);
        if let Some(saved) = self.parts.ledger.saved_sampler()? {
            self.parts.sampler.restore(&saved.state)?;
            self.saved_at = (saved.proposed, saved.learnt);
        }
        let (mut proposed, mut learnt) = self.saved_at;
        let mut batches: Vec<&[SampleRow]> =
            samples.chunk_by(|left, right| left.batch == right.batch).collect();
        let all = (batches.len() as u64, updates.len() as u64);
        while (proposed, learnt) != all {
            let at = |batch: u64| batches.get(usize::try_from(batch).ok()?).copied();
            let open = (learnt..proposed).filter_map(at).flatten();
            let trained = open.filter(|sample| self.is_trained(sample)).count();
            let is_next = self.order((proposed - learnt) as usize, trained);
            if proposed < all.0 && is_next {
                let differs = SearchError::Differs { batch: proposed, what: "a proposal" };
                let Some(batch) = at(proposed) else { return Err(differs) };
                self.propose_again(batch, differs)?;
                proposed += 1;
            } else {
                let differs = SearchError::Differs { batch: learnt, what: "an update" };
                let update = updates.get(usize::try_from(learnt).unwrap_or(usize::MAX));
                let (Some(batch), Some(update)) = (at(learnt), update) else { return Err(differs) };
                self.learn_again(batch, update, differs)?;
                learnt += 1;
            }
        }
        (self.proposed, self.learnt) = all;
        self.status.updates = all.1;
        self.sampled = samples.len() as u64;
        let left =
            batches.split_off(usize::try_from(all.1).unwrap_or(usize::MAX).min(batches.len()));
        let sample = |row: &SampleRow| Sample {
            number: row.number,
            tokens: row.tokens.clone(),
            trial: row.trial,
            is_trained: self.is_trained(row),
        };
        self.batches = left.iter().map(|batch| batch.iter().map(sample).collect()).collect();
        let open = || self.batches.iter().flatten();
        self.unseen = open().filter(|sample| sample.trial.is_none()).count();
        self.trained = open().filter(|sample| sample.is_trained).count();
        Ok(())
    }

    /// Whether a sample's rule is its first, and was not turned down.
    fn is_trained(&self, sample: &SampleRow) -> bool {
        let trial = sample.trial.and_then(|trial| self.trials.get(usize::try_from(trial).ok()?));
        sample.is_new && trial.is_some_and(|trial| trial.state != TrialState::Rejected)
    }

    fn count_samples(&mut self, samples: &[SampleRow]) {
        for sample in samples.iter().filter(|sample| sample.trial.is_some()) {
            self.status.samples += 1;
            self.status.repeats += u64::from(!sample.is_new);
            self.repeats = if self.is_trained(sample) { 0 } else { self.repeats + 1 };
        }
    }

    fn propose_again(
        &mut self,
        batch: &[SampleRow],
        differs: SearchError,
    ) -> Result<(), SearchError> {
        let first = batch.first().map_or(0, |sample| sample.number);
        let proposals = self.parts.sampler.propose(first, self.parts.batch.max(1))?;
        let is_same = proposals.len() == batch.len()
            && proposals.iter().zip(batch).all(|(proposal, row)| {
                proposal.tokens == row.tokens && proposal.log_probability == row.log_probability
            });
        if is_same { Ok(()) } else { Err(differs) }
    }

    fn learn_again(
        &mut self,
        batch: &[SampleRow],
        row: &UpdateRow,
        differs: SearchError,
    ) -> Result<(), SearchError> {
        let judged = |sample: &SampleRow| {
            let SampleRow { number, tokens, reward, .. } = sample;
            Some(Judged { sample: *number, tokens: tokens.clone(), reward: (*reward)? })
        };
        let Some(batch) = batch.iter().map(judged).collect::<Option<Vec<Judged>>>() else {
            return Err(differs);
        };
        if self.parts.sampler.learn(&batch)? == row.update { Ok(()) } else { Err(differs) }
    }

    /// Has all trials tried again that came to no end; how many there are.
    ///
    /// # Errors
    ///
    /// [`SearchError::Ledger`].
    pub fn retry_failed(&mut self) -> Result<u64, SearchError> {
        let failed: Vec<u64> = (0_u64..)
            .zip(&self.trials)
            .filter_map(|(number, trial)| (trial.state == TrialState::Failed).then_some(number))
            .collect();
        for trial in &failed {
            self.retry(*trial)?;
        }
        self.commit()?;
        Ok(failed.len() as u64)
    }
}
