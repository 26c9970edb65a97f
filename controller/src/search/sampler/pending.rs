//! Batches that were proposed and are not learnt from yet.

use std::collections::VecDeque;

use super::contract::{Judged, Proposal, SamplerError, Update};

/// The batches, the oldest first; none of them is empty.
#[derive(Debug, Default)]
pub(super) struct Pending {
    batches: VecDeque<(u64, Vec<String>)>,
}

impl Pending {
    /// Notes that a batch was proposed: samples from `first` on.
    pub(super) fn push(&mut self, first: u64, batch: &[Proposal]) {
        if !batch.is_empty() {
            let tokens = batch.iter().map(|proposal| proposal.tokens.clone()).collect();
            self.batches.push_back((first, tokens));
        }
    }

    /// Takes the oldest batch out, if it is this one; returns the mean reward. An empty batch is nobody's.
    ///
    /// # Errors
    ///
    /// [`SamplerError::Batch`] if it is another one or a reward is not finite; nothing has changed.
    pub(super) fn take(&mut self, batch: &[Judged]) -> Result<Update, SamplerError> {
        if batch.is_empty() {
            return Ok(Update::default());
        }
        let oldest = self.batches.front();
        let tokens = |place: usize| oldest.map_or_else(String::new, |(_, all)| all[place].clone());
        check(batch, oldest.map(|(first, all)| (*first, all.len())), tokens)?;
        self.batches.pop_front();
        let sum: f64 = batch.iter().map(|judged| judged.reward).sum();
        Ok(Update { mean_reward: sum / batch.len() as f64, ..Update::default() })
    }
}

/// Refuses what is not the oldest batch, of so many samples from a first one on, with these tokens.
///
/// # Errors
///
/// [`SamplerError::Batch`].
pub(super) fn check(
    batch: &[Judged],
    oldest: Option<(u64, usize)>,
    tokens: impl Fn(usize) -> String,
) -> Result<(), SamplerError> {
    let refuse = |reason: String| Err(SamplerError::Batch { reason });
    let Some((first, count)) = oldest else {
        return refuse("no batch is waiting".to_owned());
    };
    if batch.len() != count {
        let found = batch.len();
        return refuse(format!("it has {found} samples, the oldest one has {count}"));
    }
    for (place, judged) in batch.iter().enumerate() {
        let (found, sample) = (judged.sample, first.wrapping_add(place as u64));
        if found != sample {
            return refuse(format!("it has sample {found} in the place of {sample}"));
        }
        let (found, tokens) = (&judged.tokens, tokens(place));
        if *found != tokens {
            return refuse(format!("sample {sample} is `{found}`, proposed was `{tokens}`"));
        }
        if !judged.reward.is_finite() {
            return refuse(format!("the reward of sample {sample} is {}", judged.reward));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(sample: u64, tokens: &str, reward: f64) -> Judged {
        Judged { sample, tokens: tokens.to_owned(), reward }
    }

    #[test]
    fn only_the_oldest_batch_is_taken_and_only_whole() {
        let proposal = |tokens: &str| Proposal { tokens: tokens.to_owned(), log_probability: None };
        let mut pending = Pending::default();
        pending.push(0, &[proposal("a"), proposal("b")]);
        pending.push(2, &[]);
        pending.push(2, &[proposal("c")]);
        for wrong in [
            vec![judged(2, "c", 0.0)],
            vec![judged(0, "a", 0.0)],
            vec![judged(1, "b", 0.0), judged(0, "a", 0.0)],
            vec![judged(0, "a", 0.0), judged(1, "c", 0.0)],
            vec![judged(0, "a", 0.0), judged(1, "b", f64::NAN)],
        ] {
            assert!(matches!(pending.take(&wrong), Err(SamplerError::Batch { .. })), "{wrong:?}");
        }
        let right = [judged(0, "a", 1.0), judged(1, "b", 2.0)];
        assert_eq!(pending.take(&right).unwrap().mean_reward, 1.5);
        assert!(pending.take(&right).is_err());
        assert!(pending.take(&[judged(2, "c", 0.0)]).is_ok());
        assert!(pending.take(&[judged(3, "d", 0.0)]).is_err());
    }
}
