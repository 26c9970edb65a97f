//! Machine code for the CPU, made by Cranelift; for wide vectors of x86-64, by [`wide`].
//!
//! ```text
//! plan ─► [lower] CLIF: F32X4 loop, then scalar loop ─► [code_memory] kernel in memory
//!                                                    └► [emit] text, object file, C header
//! ```
//!
//! A compiled kernel returns the bits of the [interpreter](crate::interpreter), any NaN standing for
//! any other: `tests/cpu_equals_interpreter.rs` holds that. [`abi`] says how compiled code is
//! called; `unsafe` stands in `code_memory` and `wide/code.rs` alone.

pub mod abi;
mod code_memory;
pub mod emit;
mod error;
mod header;
mod kernel;
#[cfg(test)]
mod linked;
mod lower;
#[cfg(target_arch = "x86_64")]
mod multiversion;
mod options;
mod target;
#[cfg(test)]
mod testing;
#[cfg(target_arch = "x86_64")]
pub mod wide;

pub use error::CpuError;
pub use header::header;
pub use kernel::CpuKernel;
#[cfg(target_arch = "x86_64")]
pub use multiversion::multiversion;
pub use options::{CpuOptions, MAX_INSTRUCTIONS, Optimization, Target, UnknownTriple};
