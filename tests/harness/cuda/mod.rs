//! CUDA source on the processor: compiled by the host's C++ compiler through a shim, run as a process, and
//! compared with the interpreter bit for bit.
//!
//! ```text
//! lowered rules ─► [program] sources in namespaces, c++ ─► a program ─┐
//!     └► [job] arrays, step scalars, launches ─► file of jobs ────────┴► file of results
//!           └► interpreter ─────────────────────► expected arrays ────► [Program::run] compares
//! ```
//!
//! [`emulator`] goes further: kernels are compiled and launched by what users call, on libraries that stand in for
//! NVIDIA's. [`Job::on_device`] has such a device, or one of NVIDIA's, carry a job out.

mod borrowed;
mod job;
mod lent;
mod nvrtc;
mod on_device;
mod program;
mod scenarios;
mod twins;
pub mod emulator;

pub use borrowed::{launch, raw_slice, raw_stream, raw_tensor};
pub use job::{Job, Launch, Place};
pub use lent::LentTwins;
pub use nvrtc::nvrtc;
pub use on_device::compare_on_device;
pub use program::{Comparison, Program, Sanitizer, cpp_compiler};
pub use scenarios::{check_checkpoints, check_non_finite, check_recorded};
pub use twins::{Twins, upload};
