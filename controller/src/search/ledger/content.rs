//! What of a run does not depend on time and machine, to compare two that should be the same.

use super::write::{Ledger, SavedSampler};
use super::{LedgerError, read};
use crate::search::record::{SampleRow, TrialRow, UpdateRow};

/// All that is compared of two runs that should be the same: everything but times and processes.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Samples in their order.
    pub samples: Vec<SampleRow>,
    /// Trials in their order, without times and attempts.
    pub trials: Vec<TrialRow>,
    /// Outcomes of all children.
    pub outcomes: Vec<String>,
    /// Updates in their order.
    pub updates: Vec<UpdateRow>,
    /// The sampler that was kept last.
    pub sampler: Option<SavedSampler>,
}

impl Ledger {
    /// What of the run does not depend on time and machine.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if a row cannot be read.
    pub fn content(&self) -> Result<Content, LedgerError> {
        let rows = self.rows();
        let timeless =
            |trial: TrialRow| TrialRow { ended: None, seconds: None, attempts: 0, ..trial };
        Ok(Content {
            samples: rows.samples()?,
            trials: rows.trials()?.into_iter().map(timeless).collect(),
            outcomes: read::outcomes(&self.connection)?,
            updates: rows.updates()?,
            sampler: self.saved_sampler()?,
        })
    }
}
