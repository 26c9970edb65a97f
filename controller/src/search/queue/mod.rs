//! The queue of trials: who carries them out, and how it is heard of.

mod contract;
mod evaluate;
mod message;
#[cfg(feature = "nats")]
pub mod nats;
mod processes;
#[cfg(test)]
mod tests;
mod threads;
mod worker;

pub use contract::{ChildMessage, Children, Notice, Queue, QueueError, Work};
pub use evaluate::{Evaluate, TaskEvaluator};
pub use message::{Assignment, VERSION};
pub use processes::{Processes, WorkerCommand};
pub use threads::Threads;
pub use worker::serve;
