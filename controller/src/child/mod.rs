//! The models that tasks train: forward, backward, evaluation, each written for its net.
//!
//! What all of them have in common is [`Model`], a net with its data, and [`Child`], one such net in
//! training.

mod contract;
mod error;
mod matrix;
mod batch_norm;
mod start;

pub mod softmax;
pub mod net;
pub mod lstm;
pub mod layers;
mod deep;
mod residual;

use contract::Sums;
pub use contract::{Child, Model, Part, Score};
pub use error::ChildError;
