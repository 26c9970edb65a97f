//! The search for rules.
//!
//! ```text
//! sampler ─► token strings ─► key ─► seen before? ─► screening ─► queue ─► workers ─► rewards ─► sampler
//!                                        └────────────── ledger ───────────────────────┘
//! ```

pub mod engine;
pub mod ledger;
pub mod queue;
pub mod record;
pub mod reward;
pub mod sampler;
pub mod status;
pub mod output;
