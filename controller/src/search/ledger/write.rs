//! Writing a run.

use std::path::Path;
use std::time::Duration;

use nosc_compiler::canonical::Key;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::folder::{self, Lock};
use super::read::Rows;
use super::{LedgerError, schema};
use crate::outcome::Trained;
use crate::search::record::{TrialRow, TrialState};
use crate::search::sampler::{Proposal, Update};

/// A run that this process works on.
#[derive(Debug)]
pub struct Ledger {
    pub(super) connection: Connection,
    _lock: Lock,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// [`TrialRow::state`], not pending.
    pub state: TrialState,
    /// [`TrialRow::reward`].
    pub reward: f64,
    /// [`TrialRow::reason`].
    pub reason: Option<String>,
    /// Its children, those of the sweep first.
    pub children: Vec<Trained>,
    /// What counts of them, if any finished.
    pub result: Option<TrialResult>,
    /// [`TrialRow::seconds`].
    pub seconds: Option<f64>,
}

/// What counts of a trial: means over the seeds of the children at its best learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialResult {
    /// [`TrialRow::learning_rate`].
    pub learning_rate: f64,
    /// [`TrialRow::final_loss`].
    pub final_loss: Option<f64>,
    /// [`TrialRow::validation_accuracy`].
    pub validation_accuracy: Option<f64>,
    /// [`TrialRow::test_accuracy`].
    pub test_accuracy: Option<f64>,
}

/// A sampler as it was after some batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSampler {
    /// Batches proposed by then.
    pub proposed: u64,
    /// Batches learnt from by then.
    pub learnt: u64,
    /// [`Sampler::save`](crate::search::sampler::Sampler::save).
    pub state: Vec<u8>,
}

impl Ledger {
    /// A new run in a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Exists`] if there is one already; [`LedgerError`] if the folder cannot be used.
    pub fn create(folder: &Path) -> Result<Self, LedgerError> {
        let lock = folder::lock(folder)?;
        let mut connection = open(folder, OpenFlags::SQLITE_OPEN_CREATE)?;
        let is_blank = schema::is_blank(&connection).or_else(|error| {
            schema::check(&connection, &folder::file(folder))?;
            Err(LedgerError::from(error))
        })?;
        if is_blank {
            schema::create(&mut connection)?;
        } else {
            schema::check(&connection, &folder::file(folder))?;
            // One that says nothing of itself was cut off before it was begun.
            if !Rows(&connection).all_about()?.is_empty() {
                return Err(LedgerError::Exists { folder: folder.to_owned() });
            }
        }
        Self::begun(connection, lock, folder)
    }

    /// The run of a folder.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if there is none, another process works on it, or the file is not a whole ledger.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        folder::existing(folder)?;
        let lock = folder::lock(folder)?;
        let connection = open(folder, OpenFlags::empty())?;
        if let Ok(true) = schema::is_blank(&connection) {
            return Err(LedgerError::Absent { folder: folder.to_owned() });
        }
        schema::check(&connection, &folder::file(folder))?;
        if Rows(&connection).all_about()?.is_empty() {
            return Err(LedgerError::Absent { folder: folder.to_owned() });
        }
        Self::begun(connection, lock, folder)
    }

    fn begun(connection: Connection, lock: Lock, folder: &Path) -> Result<Self, LedgerError> {
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(LedgerError::NoLog { folder: folder.to_owned() });
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection, _lock: lock })
    }

    /// Makes all that was written until now permanent.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`], on a full disk for one; the ledger is then as after the last commit.
    pub fn commit(&mut self) -> Result<(), LedgerError> {
        self.connection.execute_batch("COMMIT; BEGIN")?;
        Ok(())
    }

    /// Its rows, with what is not yet committed.
    pub fn rows(&self) -> Rows<'_> {
        Rows(&self.connection)
    }

    /// Sets something that the run says about itself.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`], here as in all that follow.
    pub fn set_about(&self, name: &str, value: &str) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO about (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
            params![name, value],
        )
    }

    /// Notes a proposal.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn add_sample(
        &self,
        number: u64,
        batch: u64,
        proposal: &Proposal,
    ) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO sample (number, batch, tokens, log_probability) VALUES (?1, ?2, ?3, ?4)",
            params![signed(number), signed(batch), proposal.tokens, proposal.log_probability],
        )
    }

    /// Notes which trial a sample's reward is of.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn set_trial(&self, sample: u64, trial: u64, is_new: bool) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE sample SET trial = ?2, is_new = ?3 WHERE number = ?1",
            params![signed(sample), signed(trial), is_new],
        )
    }

    /// Notes that rules of a key are judged by a trial whose rule has another key.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn add_alias(&self, key: &Key, trial: u64) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO alias (key, trial) VALUES (?1, ?2)",
            params![key.0, signed(trial)],
        )
    }

    /// Notes a trial, whose rule has this key.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn add_trial(&self, trial: &TrialRow, key: &Key) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO trial (number, kind, name, key, rule, sample, is_flipped, seed, state, reward, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                signed(trial.number),
                trial.kind.name(),
                trial.name,
                key.0,
                trial.rule,
                trial.sample.map(signed),
                trial.is_flipped,
                signed(trial.seed),
                trial.state.name(),
                trial.reward,
                trial.reason,
            ],
        )
    }

    /// Notes that a worker begins a trial, and returns which attempt it is, counted from 1.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn begin_attempt(&self, trial: u64, worker: &str, now: f64) -> Result<u32, LedgerError> {
        let attempt: u32 = self
            .connection
            .prepare_cached(
                "UPDATE trial SET attempts = attempts + 1 WHERE number = ?1 RETURNING attempts",
            )?
            .query_row([signed(trial)], |row| row.get(0))?;
        self.execute(
            "INSERT INTO attempt (trial, number, worker, began) VALUES (?1, ?2, ?3, ?4)",
            params![signed(trial), attempt, worker, now],
        )?;
        Ok(attempt)
    }

    /// Notes how the attempts at a trial that are open have ended.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn end_attempt(&self, trial: u64, result: &str, now: f64) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE attempt SET ended = ?3, result = ?2 WHERE trial = ?1 AND result IS NULL",
            params![signed(trial), result, now],
        )
    }

    /// Attempts that a process left open that is no more: their trials are pending.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn close_attempts(&self, result: &str) -> Result<(), LedgerError> {
        self.execute("UPDATE attempt SET result = ?1 WHERE result IS NULL", params![result])
    }

    /// Notes how a trial ended, once: the first result of a trial stays.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn end_trial(&self, trial: u64, ended: &Ended, now: f64) -> Result<bool, LedgerError> {
        let result = ended.result.as_ref();
        let changed = self.connection.prepare_cached(
            "UPDATE trial SET state = ?2, reward = ?3, reason = ?4, learning_rate = ?5, final_loss = ?6,
             validation_accuracy = ?7, test_accuracy = ?8, ended = ?9, seconds = ?10
             WHERE number = ?1 AND state = 'pending'",
        )?
        .execute(params![
            signed(trial),
            ended.state.name(),
            ended.reward,
            ended.reason,
            result.map(|result| result.learning_rate),
            result.and_then(|result| result.final_loss),
            result.and_then(|result| result.validation_accuracy),
            result.and_then(|result| result.test_accuracy),
            now,
            ended.seconds,
        ])?;
        if changed == 0 {
            return Ok(false);
        }
        for (place, child) in ended.children.iter().enumerate() {
            self.execute(
                "INSERT OR REPLACE INTO child (trial, place, outcome, seconds) VALUES (?1, ?2, ?3, ?4)",
                params![signed(trial), place as i64, json(&child.outcome)?, child.cost.seconds],
            )?;
        }
        Ok(true)
    }

    /// Makes a trial that failed pending again.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn retry(&self, trial: u64) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE trial SET state = 'pending', reward = NULL, reason = NULL, ended = NULL, seconds = NULL
             WHERE number = ?1 AND state = 'failed'",
            params![signed(trial)],
        )
    }

    /// Notes what a sampler has learnt from a batch: the rewards of its samples, and what it says.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn add_update(
        &self,
        batch: u64,
        rewards: impl IntoIterator<Item = (u64, f64)>,
        update: &Update,
    ) -> Result<(), LedgerError> {
        for (sample, reward) in rewards {
            self.execute(
                "UPDATE sample SET reward = ?2 WHERE number = ?1",
                params![signed(sample), reward],
            )?;
        }
        self.execute(
            "INSERT INTO learnt (batch, learnt) VALUES (?1, ?2)",
            params![signed(batch), json(update)?],
        )
    }

    /// Keeps a sampler, in place of the one kept before.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn save_sampler(&self, saved: &SavedSampler) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR REPLACE INTO sampler (only, proposed, learnt, state) VALUES (0, ?1, ?2, ?3)",
            params![signed(saved.proposed), signed(saved.learnt), saved.state],
        )
    }

    /// The sampler that was kept last.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn saved_sampler(&self) -> Result<Option<SavedSampler>, LedgerError> {
        let mut statement =
            self.connection.prepare_cached("SELECT proposed, learnt, state FROM sampler")?;
        let saved = statement.query_row([], |row| {
            let (proposed, learnt) = (unsigned(row.get(0)?), unsigned(row.get(1)?));
            Ok(SavedSampler { proposed, learnt, state: row.get(2)? })
        });
        Ok(saved.optional()?)
    }

    /// Notes something that was found of a trial after the search, as JSON.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn add_evaluation(&self, stage: &str, trial: u64, json: &str) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO evaluation (stage, trial, result) VALUES (?1, ?2, ?3)",
            params![stage, signed(trial), json],
        )
    }

    /// Forgets all evaluations of a stage.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn clear_evaluations(&self, stage: &str) -> Result<(), LedgerError> {
        self.execute("DELETE FROM evaluation WHERE stage = ?1", params![stage])
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<(), LedgerError> {
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}

fn open(folder: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder::file(folder), flags)?;
    // Readers hold nothing for long; a checkpoint of the WAL may wait for them.
    connection.busy_timeout(Duration::from_mins(1))?;
    schema::distrust(&connection)?;
    Ok(connection)
}

/// `SQLite`'s numbers are signed; the bits are the same.
pub(super) fn signed(number: u64) -> i64 {
    number as i64
}

pub(super) fn unsigned(number: i64) -> u64 {
    number as u64
}

fn json(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Database(Box::new(error)))
}
