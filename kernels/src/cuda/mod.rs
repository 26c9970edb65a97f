//! CUDA C source text for a rule: one kernel for any number of tensors.
//!
//! ```text
//! plan ─► [functions] uniform, block, element ─┐
//!     └► [arrays] loads and stores             ├► [source] text of one kernel; [abi] says how it is called
//! ```
//!
//! The text includes nothing, so that NVRTC needs no folder of headers, and is made of the plan alone: no
//! name and no comment of the rule reaches it. Each operation is an intrinsic that rounds once, so a
//! compiler has nothing to contract and the results are the bits of the
//! [interpreter](crate::interpreter), any NaN standing for any other: `tests/suite/cuda.rs` holds that.
//!
//! Nothing here compiles or launches: no library of NVIDIA's is needed.

pub mod abi;
mod arrays;
mod expression;
mod functions;
mod source;
#[cfg(test)]
mod tests;

pub use source::{CudaSource, source};
