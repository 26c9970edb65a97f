//! CUDA: source text for a rule, its compilation by NVRTC, and launches.
//!
//! ```text
//! plan ─► [source] CUDA C ─► [nvrtc] PTX, cubin ─► [device] loaded, launched
//!             [abi] says how a kernel is called ─────────┘
//! ```
//!
//! [`source()`] needs nothing of NVIDIA's. The rest is the feature `cuda`, and loads libraries when it is
//! first used: NVRTC works without a GPU, [`Device`] needs one and its driver.

pub mod abi;
mod source;
mod architecture;
mod error;
#[cfg(feature = "cuda")]
mod nvrtc;
#[cfg(feature = "cuda")]
mod resources;
#[cfg(feature = "cuda")]
mod disassembly;
#[cfg(feature = "cuda")]
mod device;

pub use architecture::{Architecture, Choice, UnknownArchitecture};
#[cfg(feature = "cuda")]
pub use device::{
    Allotment, CACHE_VARIABLE, CudaKernel, Current, Device, DeviceTensor, GradientChecks, Graph,
    Launcher, Origin, Place, Row, Stream, device_count,
};
pub use error::CudaError;
#[cfg(feature = "cuda")]
pub use nvrtc::{Image, NVRTC_VARIABLE, Nvrtc};
#[cfg(feature = "cuda")]
pub use resources::Resources;
pub use source::{CudaSource, source};
