//! Trials over NATS `JetStream`: one search, workers on any number of machines.
//!
//! ```text
//!                 ┌─ stream tasks: a message a trial ─┐   fetch, signs of life, ack
//! search ─ publish┤                                   ├──────────────────────────► worker ─► its process
//!    ▲            └─ stream events: began, failed, ───┘◄──────────────────────────┘
//!    └──────────────── result: one message a subject      publish
//! ```
//!
//! # What holds
//!
//! 1. **The ledger of the search is the authority**; the server is a place on the way. What it loses is published again, what
//!    it has twice counts once.
//! 2. **A trial has one result.** A task is known by its [`TaskKey`], which is all that decides what comes of it; results are
//!    published under it before the task is acknowledged, and the stream keeps the first.
//! 3. **An attempt is begun once.** A worker publishes `began` under key and attempt before it trains. Whoever gets a task
//!    whose attempt has begun asks the worker that began whether it lives; if it does not answer, the attempt has failed. So attempts
//!    are counted where they happen, the search decides whether there is another, and what kills its workers is given up.
//! 4. **The clock of the server is the only one** that leases are measured with. Who is slow loses its lease, and its result
//!    counts all the same if it is the first.
//!
//! Messages and streams: `docs/protocol.md`.

mod error;
mod names;
mod key;
mod message;
mod limits;
mod address;
mod link;
mod streams;
mod events;
mod pending;
mod remarks;
mod control;
mod compare;
mod client;
mod carrier;
mod alive;
mod attempt;
mod worker;
mod status;
mod rehearsal;
#[cfg(test)]
mod tests;

pub use address::{Address, Credentials};
pub use carrier::{Carried, Carrier, InSubprocess};
pub use client::{NatsQueue, run_name};
pub use error::NatsError;
pub use key::{SEMANTICS, TaskKey};
pub use message::{Refusal, Task, TaskResult, VERSION, read_result};
pub use rehearsal::{Rehearsal, Rehearsed, allow_files, rehearse};
pub use status::{QueueStatus, RunStatus, check_server, fault_of, purge, status};
pub use worker::{Stop, WorkerCounts, WorkerEvent, WorkerOptions, work};
