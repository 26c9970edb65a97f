//! Nets of units: convolution, batch norm, `ReLU`, pooling or residual addition, one after another;
//! then global average pooling, a linear layer, and the cross-entropy.
//!
//! A [`Plan`] says what a net is made of, [`Layered`] is memory and code for one. Parameters and gradients
//! are one flat array each. Nothing is allocated after construction.
//!
//! # What holds
//!
//! 1. One thread computes a net. The same parameters, images and [`Path`](super::net::Path) give the same bits on
//!    every run. Paths differ in rounding.
//! 2. No value of a parameter or an image makes it panic. Where some are not finite the loss is not
//!    a number, or the gradients are not.

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

pub(in crate::child) use model::LayeredModel;
pub use plan::Plan;
pub(in crate::child) use plan::{After, Start, Unit};
