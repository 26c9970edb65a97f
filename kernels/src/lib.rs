//! From a canonical rule to code over arrays.
//!
//! ```text
//! canonical rule ─► plan ─► interpreter | Cranelift | wide vectors ─► kernel
//!                        └► CUDA C source, C99
//! ```
//!
//! [`plan`] is the one program that every back end sees; [`math`] writes `exp`, `log` and the
//! others in its operations; [`kernel`] is what a caller runs. Kernels know arrays: of parameters and schedule they
//! get the numbers of a step, and nothing of tasks and rewards.

#![warn(clippy::self_named_module_files)]
#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "references of tests are computed by other means")
)]

pub mod plan;
pub mod math;
mod element;
mod value_set;
pub mod derived;
pub mod scalars;
mod edges;
mod lowered;
pub mod floats;
mod float_vec;
pub mod kernel;
pub mod interpreter;
pub mod cpu;
pub mod c;
pub mod cuda;
mod compile;

pub use compile::{Backend, Compiled, KernelCache, UnknownBackend, compile};
pub use edges::{DecayKind, Edges, GradientGuard, ROUNDING_SITE, Rounding};
pub use float_vec::FloatVec;
pub use lowered::{LowerError, LoweredRule, MAX_PLAN};
pub use plan::ElementType;
