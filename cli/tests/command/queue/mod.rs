//! One search over a NATS server, with whatever goes wrong on the way: at the end its ledger is that of a search on this
//! machine alone, and nothing was counted twice.

mod access;
mod hostile;
mod network;
mod scene;
mod searches;
mod servers;
mod workers;
