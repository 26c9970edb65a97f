//! What can be wrong with a queue on a NATS server.

/// Why a queue on a server cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// An address that is none.
    #[error(
        "`{text}` is no address of a queue: {reason}; it is written `nats://HOST:4222` or `nats://HOST:4222/NAME`"
    )]
    Address {
        /// The address, without what is secret in it.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A file with credentials or certificates that cannot be used.
    #[error("`{path}` cannot be used: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection.
    #[error("the NATS server {server} cannot be reached: {reason}")]
    Connect {
        /// The server.
        server: String,
        /// Why.
        reason: String,
    },
    /// The server does not let this user in.
    #[error(
        "the NATS server {server} refuses: {reason}; is the user, the password or the token right?"
    )]
    Refused {
        /// The server.
        server: String,
        /// What it says.
        reason: String,
    },
    /// A server without `JetStream`.
    #[error(
        "the NATS server {server} has no JetStream ({reason}); start it with `nats-server -js`"
    )]
    NoJetStream {
        /// The server.
        server: String,
        /// What it says.
        reason: String,
    },
    /// A stream or consumer that cannot be made or is another one.
    #[error("{what} cannot be used: {reason}")]
    Stream {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
    /// No search has used the queue.
    #[error("there is no queue `{queue}` on {server}: no search has used it yet")]
    NoQueue {
        /// Its name.
        queue: String,
        /// The server.
        server: String,
    },
    /// No run of this name has anything there.
    #[error("the queue has nothing of a run `{run}`; {others}")]
    NoRun {
        /// Its name.
        run: String,
        /// Which there are.
        others: String,
    },
    /// A search whose tasks no worker would take.
    #[error("this search cannot be sent to workers: {reason}")]
    Task {
        /// What is wrong.
        reason: String,
    },
    /// No thread or timer of this machine.
    #[error("cannot start what talks to the server: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
    /// What talked to the server has ended.
    #[error("what talked to the server has ended: a fault of ours; please report it")]
    Ended,
}
