//! What the suites share: rules by text, inputs that hurt, runs of an optimizer, golden files and checks.
//!
//! ```text
//! rules ─► kernels   parity     interpreter against machine code
//!     │            │ cuda       interpreter against CUDA source, run on the processor; a driver's emulation
//!     │            │ exported   interpreter against exports in C
//!     │            │ ptx        interpreter against what NVRTC makes of that, carried out
//!     │            └ reference  interpreter against the tree, evaluated node by node
//!     ├─► optimizer  run        steps over many tensors with fixed gradients
//!     │            └ golden     values computed elsewhere
//!     └─► workspace             the folder itself, for the house rules
//!                  └ documents  its documents, and the commands they show
//! fuzzed                        what the fuzz targets hold, as functions of bytes
//! nats                          a server for searches on several machines, and what breaks on the way to it
//! ```
//!
//! A suite calls `check_*` functions; what they promise stands with them. Everything is a function of
//! its arguments: no clock but to end a process that hangs, no ambient randomness, nothing outside the
//! project's folder.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    reason = "a test stops at the first surprise"
)]
#![expect(clippy::disallowed_methods, reason = "references are computed by other means")]

pub mod cuda;
pub mod documents;
pub mod exported;
pub mod fuzzed;
pub mod nats;
pub mod ptx;
pub mod sass;
mod golden;
mod host_compiler;
mod numbers;
mod parity;
mod reference;
mod rules;
mod run;
mod workspace;
pub mod oracle;
pub mod rewrites;
pub mod egg_laws;
pub mod real_laws;

pub use golden::{check_golden, check_golden_torch};
pub use numbers::{
    SPECIAL, assert_same_bits, bits, hard_float, median, plain_float, same_bits, splitmix, typed,
    word,
};
pub use parity::{Agreement, Lengths, check_parity, check_threads};
pub use reference::check_reference;
pub use rules::{FEW_VALUES, compiled, generated, library, lowered, rule};
pub use run::{Run, Snapshot, gradients};
pub use workspace::{member_arrows, members, read, root, rust_files};

/// A number from the environment: how many generated cases a test takes.
pub fn cases(otherwise: u64) -> u64 {
    let set = std::env::var("NOSC_CASES").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
