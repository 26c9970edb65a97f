//! From a canonical rule to code over arrays.
//!
//! ```text
//! canonical rule ─► plan ─► interpreter | Cranelift | wide vectors ─► kernel
//!                        └► CUDA C source, C99
//! ```
//!
//! [`plan`] is the one program that every back end sees; [`math`] writes `exp`, `log` and the
//! others in its operations; [`kernel`] is what a caller runs. Kernels know arrays: of parameters and schedule they
//! get the numbers of a step, and nothing of tasks and rewards. Most programs want `nosc-runtime`, which keeps the state.
//!
//! # Example
//!
//! ```
//! use nosc_compiler::{Rule, canonical::CanonicalRule};
//! use nosc_kernels::{Backend, LoweredRule, compile};
//!
//! let lowered = LoweredRule::new(CanonicalRule::new(&Rule::parse("clip(g, 0.1)")?))?;
//! let compiled = compile(&lowered, Backend::Auto)?;
//! assert_ne!(compiled.backend, Backend::Auto); // what runs it here
//! let source = nosc_kernels::cuda::source(&lowered); // text for NVIDIA's compiler, which is not needed for it
//! assert!(source.text.contains(&source.symbol));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! * `cuda` (default): compiles and launches CUDA. NVIDIA's libraries are loaded when they are first used, and are not
//!   needed to build.
//!
//! * `cross`: code and objects for other machines too, x86-64 and aarch64.
//!
//! # What may change
//!
//! Errors and what is told of a compilation are `non_exhaustive`. [`plan`] and [`scalars::Scalar`] are not, since a back
//! end has to know every instruction: a new one is a new major version.

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

/// Rules, whose types stand in signatures.
pub use nosc_compiler;

pub use compile::{Backend, Compiled, KernelCache, UnknownBackend, compile};
pub use edges::{DecayKind, Edges, GradientGuard, ROUNDING_SITE, Rounding};
pub use float_vec::FloatVec;
pub use lowered::{LowerError, LoweredRule, MAX_PLAN};
pub use plan::ElementType;
