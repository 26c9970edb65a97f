//! The search for rules.
//!
//! ```text
//! sampler ─► token strings ─► key ─► seen before? ─► screening ─► queue ─► workers ─► rewards ─► sampler
//!                                        └────────────── ledger ───────────────────────┘
//! ```

pub mod sampler;
pub mod screen;
pub mod queue;
pub mod reward;
pub mod record;
pub mod ledger;
pub mod status;
pub mod engine;
pub mod settings;
pub mod run;
pub mod output;
pub mod evaluation;
