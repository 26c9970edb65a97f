//! The search for rules.
//!
//! ```text
//! sampler ─► token strings ─► key ─► seen before? ─► screening ─► queue ─► workers ─► rewards ─► sampler
//!                                        └────────────── ledger ───────────────────────┘
//! ```
//!
//! A [`Sampler`](sampler::Sampler) proposes strings and learns from their rewards; the [engine] joins it to the
//! [ledger], the [screening](screen) and a [`Queue`](queue::Queue) of trials. [`run`] makes a search of
//! [settings](settings::SearchSettings) and a folder. Start reading at [`engine`].
//!
//! # What holds
//!
//! 1. **The same settings give the same run**: samples, trials, rewards and weights, for any number of workers, and
//!    wherever and however often it was cut off. Nothing is decided by a clock.
//! 2. **What was finished is kept and never trained again.** The ledger is the only authority, and one process writes it.
//! 3. **A rule is trained once**, whatever strings it is written as: keys at the level of the run.
//! 4. **Every rule that was turned down, diverged or failed has a reason.** The lowest reward is never silent.
//! 5. **No choice reads test examples.**

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
