//! What comes out of a search, for people and for other programs.
//!
//! ```text
//!              ┌─► table ────────► CSV, JSON lines, Parquet
//! ledger ─► RunRecord ─► tensorboard ──► an event file
//!              ├─► optuna ───────► a journal
//!              └─► report ───────► a page of HTML
//! ```
//!
//! All of it is a function of the rows: the same rows give the same bytes, and nothing here reads a
//! clock, a file or the environment.

mod record;
mod rule_facts;
mod tokens;
pub mod table;
pub mod tensorboard;
pub mod optuna;
pub mod report;
#[cfg(test)]
pub(super) mod sample;

pub use record::{RunRecord, TaskFacts};
pub use rule_facts::RuleFacts;
