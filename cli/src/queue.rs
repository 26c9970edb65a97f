//! `nosc worker`, `nosc queue`, and a search over a NATS server.

#[cfg(feature = "nats")]
mod address;
#[cfg(feature = "nats")]
mod bench;
#[cfg(feature = "nats")]
mod search;
#[cfg(feature = "nats")]
mod server;
#[cfg(feature = "nats")]
mod status;
#[cfg(feature = "nats")]
mod worker;
#[cfg(not(feature = "nats"))]
mod absent;

#[cfg(not(feature = "nats"))]
pub(crate) use absent::{bench, check, of_search, queue, worker};
#[cfg(feature = "nats")]
pub(crate) use bench::bench;
#[cfg(feature = "nats")]
pub(crate) use search::{check, of_search};
#[cfg(feature = "nats")]
pub(crate) use status::queue;
#[cfg(feature = "nats")]
pub(crate) use worker::worker;
