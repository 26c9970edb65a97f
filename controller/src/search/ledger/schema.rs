//! The tables of a ledger, and whether a file is one.
//!
//! A ledger may come from a stranger. A database can hold code (triggers, views, computed columns, indexes of
//! expressions), so none runs, and a file whose tables are not exactly ours is refused before a row is read.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::LedgerError;

/// `nosc` in ASCII: `SQLite`'s application id of a ledger.
const APPLICATION: i64 = 0x6e6f_7363;
/// Version of the tables.
pub const LAYOUT: i64 = 1;

/// Seeds are the bits of a `u64`. Times are seconds since 1970, for people: nothing is decided by them.
const TABLES: &str = "
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sample (
    number INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    tokens TEXT NOT NULL,
    log_probability REAL,
    trial INTEGER,
    is_new INTEGER NOT NULL DEFAULT 0,
    reward REAL
) STRICT;
CREATE TABLE trial (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT,
    key BLOB NOT NULL,
    rule TEXT NOT NULL,
    sample INTEGER,
    is_flipped INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reward REAL,
    reason TEXT,
    learning_rate REAL,
    final_loss REAL,
    validation_accuracy REAL,
    test_accuracy REAL,
    ended REAL,
    seconds REAL
) STRICT;
CREATE TABLE alias (key BLOB PRIMARY KEY, trial INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE child (
    trial INTEGER NOT NULL,
    place INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (trial, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE attempt (
    trial INTEGER NOT NULL,
    number INTEGER NOT NULL,
    worker TEXT NOT NULL,
    began REAL NOT NULL,
    ended REAL,
    result TEXT,
    PRIMARY KEY (trial, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE learnt (batch INTEGER PRIMARY KEY, learnt TEXT NOT NULL) STRICT;
CREATE TABLE sampler (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    proposed INTEGER NOT NULL,
    learnt INTEGER NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE TABLE evaluation (
    number INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    trial INTEGER NOT NULL,
    result TEXT NOT NULL
) STRICT;
";

/// Lets no code of the file run, whatever it has.
pub(super) fn distrust(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    for code in [
        DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA,
        DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER,
        DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW,
    ] {
        connection.set_db_config(code, false)?;
    }
    Ok(())
}

/// Makes the tables, all or none.
pub(super) fn create(connection: &mut Connection) -> Result<(), LedgerError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()?;
    Ok(())
}

/// Whether nothing was ever written: the making of the ledger was cut off.
pub(super) fn is_blank(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && number(connection, "application_id")? == 0)
}

/// Whether the file is a whole ledger of this layout.
pub(super) fn check(connection: &Connection, file: &Path) -> Result<(), LedgerError> {
    let owned = || file.to_owned();
    let foreign = |reason: String| LedgerError::Foreign { file: owned(), reason };
    let damaged = |reason: String| LedgerError::Damaged { file: owned(), reason };
    let application =
        number(connection, "application_id").map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => foreign("it is no SQLite database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => damaged(error.to_string()),
            _ => error.into(),
        })?;
    if application != APPLICATION {
        return Err(foreign("it is a database of another program".to_owned()));
    }
    let found = number(connection, "user_version")?;
    if found != LAYOUT {
        return Err(LedgerError::Layout { file: owned(), found });
    }
    // Before anything looks at rows, which may have to be computed.
    if let Some(name) = other_table(connection)? {
        return Err(foreign(format!("its `{name}` is not as nosc makes it")));
    }
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(reason) => Err(damaged(reason)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Err(damaged(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The first of our tables that is missing or made differently, or what else hangs on one. Tables besides ours may be
/// there: nothing reads them.
fn other_table(connection: &Connection) -> Result<Option<String>, rusqlite::Error> {
    let ours = Connection::open_in_memory()?;
    ours.execute_batch(TABLES)?;
    let (ours, found) = (objects(&ours)?, objects(connection)?);
    let missing = ours.iter().find(|table| !found.contains(table));
    let is_ours = |object: &&Object| ours.iter().any(|table| table.table == object.table);
    let added = found.iter().filter(is_ours).find(|object| !ours.contains(object));
    Ok(missing.or(added).map(|object| object.name.clone()))
}

/// A row of the schema that says how something is made.
#[derive(PartialEq)]
struct Object {
    name: String,
    table: String,
    sql: String,
}

fn objects(connection: &Connection) -> Result<Vec<Object>, rusqlite::Error> {
    let sql = "SELECT name, lower(tbl_name), sql FROM sqlite_schema WHERE sql IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Object { name: row.get(0)?, table: row.get(1)?, sql: row.get(2)? })
    })?;
    rows.collect()
}

fn number(connection: &Connection, pragma: &str) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}
