//! From proposals to trials.

use nosc_compiler::Rule;
use nosc_compiler::canonical::Key;
use nosc_compiler::dedup::Class;

use super::{Sample, Screened, Search, SearchError};
use crate::search::record::{TrialKind, TrialRow, TrialState};
use crate::search::reward::LOWEST;

impl Search {
    /// Has the next batch proposed.
    pub(super) fn propose(&mut self) -> Result<(), SearchError> {
        let proposals = self.parts.sampler.propose(self.sampled, self.parts.batch.max(1))?;
        if proposals.is_empty() {
            self.is_exhausted = true;
            return Ok(());
        }
        let mut batch = Vec::with_capacity(proposals.len());
        for proposal in proposals {
            let number = self.sampled;
            self.parts.ledger.add_sample(number, self.proposed, &proposal)?;
            batch.push(Sample { number, tokens: proposal.tokens, trial: None, is_trained: false });
            self.sampled += 1;
        }
        self.is_dirty = true;
        self.unseen = batch.len();
        self.batches.push_back(batch);
        self.proposed += 1;
        Ok(())
    }

    /// Looks at the next sample; whether there was one.
    pub(super) fn look(&mut self) -> Result<bool, SearchError> {
        let next = |search: &Self| search.batches.back()?.len().checked_sub(search.unseen);
        let Some(place) = next(self).filter(|_| self.unseen > 0) else { return Ok(false) };
        let sample = self.batches.back().and_then(|batch| batch.get(place));
        let Some(Sample { number, tokens, .. }) = sample.cloned() else { return Ok(false) };
        let failed = |errors: &dyn std::fmt::Display| SearchError::Tokens {
            tokens: tokens.clone(),
            reason: errors.to_string(),
        };
        let (key, rule) = if self.parts.space.has_definitions() {
            let rule = self.parts.space.rule(&tokens).map_err(|errors| failed(&errors))?;
            (self.canonicalizer.key(&rule), Some(rule))
        } else {
            let key = self.canonicalizer.key_of_tokens(&tokens);
            (key.map_err(|errors| failed(&errors))?, None)
        };
        let known = self.known.get(&key).map(|class| class.first);
        let (trial, is_new) = if let Some(trial) = known {
            self.retry(trial)?;
            (trial, false)
        } else {
            let rule = match rule {
                Some(rule) => rule,
                None => self.parts.space.rule(&tokens).map_err(|errors| failed(&errors))?,
            };
            self.judge(number, key, &rule)?
        };
        self.parts.ledger.set_trial(number, trial, is_new)?;
        self.is_dirty = true;
        self.status.samples += 1;
        self.status.repeats += u64::from(!is_new);
        let is_trained =
            is_new && self.trials.last().is_some_and(|last| last.state != TrialState::Rejected);
        self.repeats = if is_trained { 0 } else { self.repeats + 1 };
        self.unseen -= 1;
        self.trained += usize::from(is_trained);
        if let Some(sample) = self.batches.back_mut().and_then(|batch| batch.get_mut(place)) {
            sample.trial = Some(trial);
            sample.is_trained = is_trained;
        }
        Ok(true)
    }

    /// The trial of a rule that is new, and whether it is one of its own.
    fn judge(&mut self, sample: u64, key: Key, rule: &Rule) -> Result<(u64, bool), SearchError> {
        let screened = match &self.parts.screening {
            Some(screening) => screening.screen(rule),
            None => Screened::Passed,
        };
        let (rule, trained_key) = match &screened {
            Screened::Flipped(rule) => (rule, self.canonicalizer.key(rule)),
            Screened::Passed | Screened::Rejected(_) => (rule, key),
        };
        if trained_key != key
            && let Some(Class { first: trial, .. }) = self.known.get(&trained_key)
        {
            self.retry(trial)?;
            self.add_alias(key, trial)?;
            return Ok((trial, false));
        }
        let trial = self.next_trial(TrialKind::Sampled, rule, &trained_key);
        let number = trial.number;
        let trial = TrialRow { sample: Some(sample), is_flipped: trained_key != key, ..trial };
        let trial = match screened {
            Screened::Rejected(reason) => TrialRow {
                state: TrialState::Rejected,
                reward: Some(LOWEST),
                reason: Some(reason),
                ..trial
            },
            Screened::Passed | Screened::Flipped(_) => trial,
        };
        self.add_trial(trained_key, trial)?;
        if trained_key != key {
            self.add_alias(key, number)?;
        }
        Ok((number, true))
    }

    fn add_alias(&mut self, key: Key, trial: u64) -> Result<(), SearchError> {
        self.parts.ledger.add_alias(&key, trial)?;
        self.known.insert_class(Class { key, first: trial, count: 1 });
        Ok(())
    }
}
