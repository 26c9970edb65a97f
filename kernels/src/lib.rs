//! From a canonical rule to code over arrays.
//!
//! ```text
//! canonical rule ─► plan ─► interpreter | Cranelift ─► kernel
//! ```
//!
//! [`plan`] is the one program that every back end sees; [`math`] writes `exp`, `log` and the
//! others in its operations; [`kernel`] is what a caller runs. Kernels know arrays: no parameter
//! names, schedules or rewards.

mod compile;
pub mod cpu;
pub mod derived;
mod element;
pub mod interpreter;
pub mod kernel;
mod lowered;
pub mod math;
pub mod plan;
pub mod scalars;
mod value_set;

pub use compile::{Backend, Compiled, KernelCache, compile};
pub use lowered::{LowerError, LoweredRule, MAX_PLAN};
