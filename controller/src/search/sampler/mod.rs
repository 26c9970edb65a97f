//! What every sampler does: it proposes token strings, and learns from their rewards.

mod contract;
mod pending;
mod unseen;
mod random;
mod evolution;
pub mod policy;

pub use contract::{Judged, Proposal, Sampler, SamplerError, Update};
pub use evolution::{Evolution, EvolutionSettings};
pub use policy::{PolicySampler, PolicySettings};
pub use random::RandomSampler;
