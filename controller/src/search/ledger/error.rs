//! What can be wrong with a ledger.

use std::io;
use std::path::PathBuf;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is a run already.
    #[error("{} holds a run already; go on with it by `nosc search --resume {}`, or name another folder", .folder.display(), .folder.display())]
    Exists {
        /// The folder of the run.
        folder: PathBuf,
    },
    /// There is no run.
    #[error("{} holds no run: there is no {} in it, or nothing in it yet", .folder.display(), super::FILE)]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no such folder.
    #[error("there is no folder {}", .folder.display())]
    NoFolder {
        /// The folder as given.
        folder: PathBuf,
    },
    /// A file where the folder of a run is meant.
    #[error("{} is a file; name the folder of a run", .file.display())]
    NotFolder {
        /// The file.
        file: PathBuf,
    },
    /// Another process works on the run.
    #[error("another process works on the run in {}; wait for it, or stop it", .folder.display())]
    Locked {
        /// The folder of the run.
        folder: PathBuf,
    },
    /// A folder whose locks cannot be relied upon.
    #[error("{} is on a network file system ({kind}), whose locks a ledger cannot rely on; name a folder on a disk of this machine", .folder.display())]
    Network {
        /// The folder.
        folder: PathBuf,
        /// Name of the file system.
        kind: &'static str,
    },
    /// A folder in which `SQLite` can keep no write-ahead log.
    #[error("{} is in a place where `SQLite` can keep no write-ahead log; name a folder on a disk of this machine", .folder.display())]
    NoLog {
        /// The folder.
        folder: PathBuf,
    },
    /// A file that is something else.
    #[error("{} is not a ledger of nosc: {reason}", .file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        reason: String,
    },
    /// A ledger of another version.
    #[error("{} has layout {found}, and this version of nosc reads {}; use the version that wrote it", .file.display(), super::LAYOUT)]
    Layout {
        /// The file.
        file: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// A ledger that is damaged.
    #[error("{} is damaged: {reason}; nothing was changed. `sqlite3 FILE .recover` may save what is left", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A folder or file that cannot be used.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database refuses; a full disk is one reason.
    #[error("the ledger cannot be read or written: {0}; what it holds so far is kept")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[doc(hidden)]
impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> LedgerError {
        LedgerError::Database(Box::new(error))
    }
}
