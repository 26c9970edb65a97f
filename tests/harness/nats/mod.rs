//! A real `nats-server` for tests, and what misbehaves between it and nosc.
//!
//! ```text
//! server  the process: started, killed, begun again on its folder or on an empty one
//! client  a few words of the protocol, so that tests may say what nosc never would
//! proxy   a way to the server that can be cut
//! ```

mod client;
mod proxy;
mod server;

pub use client::{Heard, NatsClient};
pub use proxy::Proxy;
pub use server::{NatsServer, ServerSettings, program, skipped};
