//! Nets of units: convolution, batch norm, `ReLU`, pooling or residual addition, one after another;
//! then global average pooling, a linear layer, and the cross-entropy.
//!
//! A [`Plan`] says what a net is made of, `Layered` is memory and code for one. Parameters and gradients
//! are one flat array each. Nothing is allocated after construction.
//!
//! # What holds
//!
//! 1. One thread computes a net. The same parameters, images and [`Path`](super::net::Path) give the same loss and
//!    gradients, bit for bit, on every run; on [`Path::Gemm`](super::net::Path::Gemm) on the same machine only, as
//!    processors differ in fused multiply-adds. Paths differ in rounding. Evaluation depends on the running
//!    statistics too, and so on the batches before.
//! 2. No value of a parameter makes it panic. Parameters are to be finite; for others results mean nothing. A
//!    batch norm whose sums of squares overflow makes the loss one that is not a number.

mod product;
mod convolution;
mod normalization;
mod elementwise;
mod plan;
mod images;
mod state;
mod network;
mod layered;
mod model;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use model::LayeredModel;
pub use plan::Plan;
pub(in crate::child) use plan::{After, Start, Unit};
