//! Reading a run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use nosc_compiler::canonical::Key;
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::write::{signed, unsigned};
use super::{LedgerError, folder, schema};
use crate::search::record::{ChildRow, SampleRow, TrialKind, TrialRow, TrialState, UpdateRow};

/// The ledger of a run, which another process may be writing: all rows are of one moment.
#[derive(Debug)]
pub struct LedgerReader {
    connection: Connection,
}

/// The rows of a ledger.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a>(pub(super) &'a Connection);

/// Columns of a trial, in the order in which [`trial`] reads them.
const TRIAL: &str =
    "number, kind, name, key, rule, sample, is_flipped, seed, state, attempts, reward, reason,
    learning_rate, final_loss, validation_accuracy, test_accuracy, ended, seconds";

impl LedgerReader {
    /// The run of a folder.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if there is none, or the file is not a whole ledger.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let file = folder::existing(folder)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&file, flags)?;
        connection.busy_timeout(Duration::from_mins(1))?;
        schema::distrust(&connection)?;
        if let Ok(true) = schema::is_blank(&connection) {
            return Err(LedgerError::Absent { folder: folder.to_owned() });
        }
        schema::check(&connection, &file)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection })
    }

    /// Its rows.
    pub fn rows(&self) -> Rows<'_> {
        Rows(&self.connection)
    }
}

impl Rows<'_> {
    /// What the run says about itself under a name.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`], here as in all that follow.
    pub fn about(&self, name: &str) -> Result<Option<String>, LedgerError> {
        let mut statement = self.0.prepare_cached("SELECT value FROM about WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// All that it says about itself, by name.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn all_about(&self) -> Result<Vec<(String, String)>, LedgerError> {
        self.list("SELECT name, value FROM about ORDER BY name", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// Samples in their order.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn samples(&self) -> Result<Vec<SampleRow>, LedgerError> {
        let sql = "SELECT number, batch, tokens, log_probability, trial, is_new, reward FROM sample ORDER BY number";
        self.list(sql, |row| {
            Ok(SampleRow {
                number: natural(row, 0)?,
                batch: natural(row, 1)?,
                tokens: row.get(2)?,
                log_probability: row.get(3)?,
                trial: optional(row, 4)?,
                is_new: row.get(5)?,
                reward: row.get(6)?,
            })
        })
    }

    /// Trials in their order.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn trials(&self) -> Result<Vec<TrialRow>, LedgerError> {
        self.list(&format!("SELECT {TRIAL} FROM trial ORDER BY number"), trial)
    }

    /// A trial.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn trial(&self, number: u64) -> Result<Option<TrialRow>, LedgerError> {
        let sql = format!("SELECT {TRIAL} FROM trial WHERE number = ?1");
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement.query_row([signed(number)], trial).optional()?)
    }

    /// All keys with the trials that judge their rules.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn keys(&self) -> Result<Vec<(Key, u64)>, LedgerError> {
        let sql =
            "SELECT key, number FROM trial UNION ALL SELECT key, trial FROM alias ORDER BY 2, 1";
        self.list(sql, |row| Ok((Key(row.get(0)?), natural(row, 1)?)))
    }

    /// Children of a trial.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn children(&self, trial: u64) -> Result<Vec<ChildRow>, LedgerError> {
        let sql = format!(
            "SELECT trial, place, outcome, seconds FROM child WHERE trial = {trial} ORDER BY place"
        );
        self.list(&sql, child)
    }

    /// Children of all trials.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn all_children(&self) -> Result<BTreeMap<u64, Vec<ChildRow>>, LedgerError> {
        let sql = "SELECT trial, place, outcome, seconds FROM child ORDER BY trial, place";
        let mut all: BTreeMap<u64, Vec<ChildRow>> = BTreeMap::new();
        for child in self.list(sql, child)? {
            all.entry(child.trial).or_default().push(child);
        }
        Ok(all)
    }

    /// Batches that were learnt from, in their order.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn updates(&self) -> Result<Vec<UpdateRow>, LedgerError> {
        self.list("SELECT batch, learnt FROM learnt ORDER BY batch", |row| {
            Ok(UpdateRow { batch: natural(row, 0)?, update: parsed(row, 1)? })
        })
    }

    /// Attempts: trial, number, how it ended; none for one that is under way.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn attempts(&self) -> Result<Vec<(u64, u32, Option<String>)>, LedgerError> {
        self.list("SELECT trial, number, result FROM attempt ORDER BY trial, number", |row| {
            Ok((natural(row, 0)?, row.get(1)?, row.get(2)?))
        })
    }

    /// What was found after the search: stage, trial, JSON.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn evaluations(&self) -> Result<Vec<(String, u64, String)>, LedgerError> {
        self.list("SELECT stage, trial, result FROM evaluation ORDER BY number", |row| {
            Ok((row.get(0)?, natural(row, 1)?, row.get(2)?))
        })
    }

    fn list<T>(
        self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut statement = self.0.prepare(sql)?;
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// Outcomes of all children as they are written.
pub(super) fn outcomes(connection: &Connection) -> Result<Vec<String>, LedgerError> {
    Rows(connection).list("SELECT outcome FROM child ORDER BY trial, place", |row| row.get(0))
}

fn trial(row: &Row<'_>) -> rusqlite::Result<TrialRow> {
    let key: Vec<u8> = row.get(3)?;
    let hexadecimal = key.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok(TrialRow {
        number: natural(row, 0)?,
        kind: word(row, 1, TrialKind::ALL.map(|kind| (kind.name(), kind)))?,
        name: row.get(2)?,
        key: hexadecimal,
        rule: row.get(4)?,
        sample: optional(row, 5)?,
        is_flipped: row.get(6)?,
        seed: natural(row, 7)?,
        state: word(row, 8, TrialState::ALL.map(|state| (state.name(), state)))?,
        attempts: row.get(9)?,
        reward: row.get(10)?,
        reason: row.get(11)?,
        learning_rate: row.get(12)?,
        final_loss: row.get(13)?,
        validation_accuracy: row.get(14)?,
        test_accuracy: row.get(15)?,
        ended: row.get(16)?,
        seconds: row.get(17)?,
    })
}

fn child(row: &Row<'_>) -> rusqlite::Result<ChildRow> {
    Ok(ChildRow {
        trial: natural(row, 0)?,
        place: natural(row, 1)?,
        outcome: parsed(row, 2)?,
        seconds: row.get(3)?,
    })
}

fn natural(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(unsigned)
}

fn optional(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(unsigned))
}

fn parsed<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn word<T: Copy, const N: usize>(
    row: &Row<'_>,
    column: usize,
    words: [(&str, T); N],
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let error = format!("`{text}` is not known").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}
