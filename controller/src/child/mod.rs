//! The models that tasks train: forward, backward, evaluation, each written for its net.

pub mod softmax;
pub mod net;
