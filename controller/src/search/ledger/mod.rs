//! The ledger of a run: one `SQLite` file, the only authority on what was sampled, tried and learnt.
//!
//! One process writes it, which holds the lock of the folder; any number may read it meanwhile
//! ([`LedgerReader`]). What is written belongs to an open transaction until [`Ledger::commit`]; the file is in WAL mode with
//! `synchronous = FULL`, so what was committed outlives a power cut, and what was not is as if it had never been.

mod content;
mod error;
mod folder;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use content::Content;
pub use error::LedgerError;
pub use folder::FILE;
pub use read::{LedgerReader, Rows};
pub use schema::LAYOUT;
pub use write::{Ended, Ledger, SavedSampler, TrialResult};
