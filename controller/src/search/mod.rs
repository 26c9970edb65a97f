//! The search for rules.
//!
//! ```text
//! sampler ─► token strings ─► key ─► seen before? ─► screening ─► queue ─► workers ─► rewards ─► sampler
//!                                        └────────────── ledger ───────────────────────┘
//! ```

pub mod record;
pub mod sampler;
pub mod screen;
