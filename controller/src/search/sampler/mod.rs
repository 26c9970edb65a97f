//! What every sampler does: it proposes token strings, and learns from their rewards.

mod contract;

pub mod policy;

pub use contract::{Judged, Proposal, Sampler, SamplerError, Update};
