//! The kernel of a rule, loaded on a device.

use super::Device;
use super::driver::Function;
use super::loading::{Loaded, Origin, load};
use crate::cuda::{CudaError, source};
use crate::kernel::Demands;
use crate::plan::Instruction;
use crate::scalars::Scalar;
use crate::{Edges, LoweredRule};

/// A rule compiled for a device. [`Launcher`](super::Launcher) launches it.
#[derive(Debug)]
pub struct CudaKernel {
    pub(super) device: Device,
    pub(super) function: Function,
    pub(super) demands: Demands,
    /// Place of the number that a guard multiplies gradients by, among the step scalars.
    pub(super) guard_scale: Option<usize>,
    /// Whether it reads seed and step number.
    pub(super) draws: bool,
    symbol: String,
    edges: Edges,
    origin: Origin,
    is_machine_code: bool,
}

impl CudaKernel {
    /// Compiles and loads a rule, or takes it from a file of the cache. [`Device::kernel`] keeps what it has
    /// loaded.
    ///
    /// # Errors
    ///
    /// [`CudaError`] if NVRTC is needed and not there, does not know an architecture for the device, or if
    /// the driver refuses what it makes.
    pub fn load(device: &Device, lowered: &LoweredRule) -> Result<CudaKernel, CudaError> {
        let source = source(lowered);
        let Loaded { module, origin, is_machine_code } = load(device, &source)?;
        let outputs = lowered.scalars.outputs();
        Ok(CudaKernel {
            device: device.clone(),
            function: module.function(&source.symbol)?,
            demands: Demands::of(&lowered.plan),
            guard_scale: outputs.iter().position(|scalar| *scalar == Scalar::GuardScale),
            draws: lowered.plan.instructions.iter().any(|i| matches!(i, Instruction::Word(_))),
            symbol: source.symbol,
            edges: lowered.edges,
            origin,
            is_machine_code,
        })
    }

    /// Name of the kernel.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Types of the arrays, and what happens to elements on the way.
    pub fn edges(&self) -> Edges {
        self.edges
    }

    /// Where its code came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether its code was made for exactly this device; else the driver translated it.
    pub fn is_machine_code(&self) -> bool {
        self.is_machine_code
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
