//! Optimizer state, steps over many tensors, and checkpoints for compiled update rules.
//!
//! ```text
//! rule ─► CompiledRule ─► [Optimizer] ─ step(parameters, gradients, lr) ─► parameters
//!            kernel          state       └► checkpoint (safetensors)
//! ```
//!
//! [`CompiledRule`] is a rule ready to run; [`Optimizer`] owns its state for a list of tensors, which may
//! be of f32, f64, f16 or bf16; [`CudaOptimizer`] does the same on a GPU, to the same bits. [`StatelessOptimizer`]
//! and [`CudaStatelessOptimizer`] are for states that others keep. [`StepOptions`] has gradient clipping and loss scaling; [`library`] has the standard rules by name. A step either
//! happens whole or not at all.
//!
//! # Example
//!
//! ```
//! use nosc_compiler::Rule;
//! use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings};
//!
//! let rule = Rule::parse("exp(sign(g) * sign(m)) * g")?;
//! let compiled = CompiledRule::new(&rule, Backend::Auto)?;
//! let mut optimizer = Optimizer::new(compiled, &[2], Settings::default())?;
//! let mut w = [1.0_f32, 2.0];
//! optimizer.step(&mut [&mut w], &[&[0.5, 0.0]], 0.1)?;
//! assert!((w[0] - (1.0 - 0.1 * 0.5 * 2.718_281_8)).abs() < 1e-6); // gradient and average agree
//! assert_eq!(w[1], 2.0); // sign(0) is 0, and 0 times exp(0) is 0
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! * `cuda` (default): optimizers on GPUs. NVIDIA's libraries are loaded when they are first used, and are not needed to
//!   build.
//!
//! # What may change
//!
//! [`Settings`] and [`StepOptions`] may get more fields: end a literal with `..Settings::default()` or
//! `..StepOptions::new(learning_rate)`. Errors and outcomes are `non_exhaustive`.

#![forbid(unsafe_code)]
#![warn(clippy::self_named_module_files)]

mod compiled;
pub mod library;
pub mod export;
mod options;
mod host;
mod optimizer;
mod stateless;
mod tensors;
mod states;
mod pool;
mod guard;
mod step;
mod engine;
pub mod files;
mod checkpoint;
pub mod npy;
#[cfg(feature = "cuda")]
mod cuda_launches;
#[cfg(feature = "cuda")]
mod cuda_optimizer;
#[cfg(feature = "cuda")]
mod cuda_checkpoint;
#[cfg(feature = "cuda")]
mod cuda_stateless;
mod placed;
pub mod explain;
pub mod compare;
mod error;

/// Rules and kernels, whose types stand in signatures.
pub use {nosc_compiler, nosc_kernels};

pub use checkpoint::Checkpoint;
pub use compiled::{CompiledRule, Slot};
#[cfg(feature = "cuda")]
pub use cuda_optimizer::CudaOptimizer;
#[cfg(feature = "cuda")]
pub use cuda_stateless::{CudaLists, CudaStatelessOptimizer};
pub use error::{CheckpointError, RuntimeError, chain};
pub use guard::NonFinite;
/// GPUs, and tensors in their memory.
#[cfg(feature = "cuda")]
pub use nosc_kernels::cuda::{CudaError, Device, DeviceTensor, Graph, Stream, device_count};
pub use nosc_kernels::floats::{Floats, FloatsMut, bf16, f16};
pub use nosc_kernels::{Backend, ElementType, FloatVec, Rounding, UnknownBackend};
pub use optimizer::Optimizer;
pub use options::{Settings, StepOptions, StepOutcome, WeightDecay};
pub use placed::{PlacedOptimizer, Placement, UnknownPlacement};
pub use pool::MOST_THREADS;
pub use stateless::{Lists, Moment, StatelessOptimizer};
pub use states::StateArena;
pub use step::TensorPlace;
