//! Machine code for wide vectors of x86-64: eight lanes with AVX2, sixteen with AVX-512.
//!
//! ```text
//! plan ─► [order] ─► [select] vector program ─► [assign] registers ─► [encode] bytes ─► [code] kernel
//!                                                └── [function], [rest]: loops around it ──┘
//! ```
//!
//! Cranelift has 128-bit vectors only. A plan is a straight line, so a code generator for it is small:
//! no control flow but the loops, which are the same for every plan. The results are the bits of the
//! [interpreter](crate::interpreter), any NaN standing for any other.

mod assign;
mod code;
pub(super) mod dispatch;
mod encode;
mod features;
mod frame;
mod function;
mod kernel;
mod listing;
mod order;
mod pool;
mod program;
mod rest;
mod select;
#[cfg(test)]
mod tests;

pub use features::{CpuFeatures, Feature};
pub use kernel::{MAX_WIDE_INSTRUCTIONS, WideKernel, WideOptions};
pub use listing::assembly;
pub use program::Width;
