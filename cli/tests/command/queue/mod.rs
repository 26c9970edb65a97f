//! One search over a NATS server, with whatever goes wrong on the way: at the end its ledger is that of a search on this
//! machine alone, and nothing was counted twice.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper may stop")]

mod access;
mod data;
mod hostile;
mod network;
mod scene;
mod searches;
mod servers;
mod workers;
