//! The kernel of a rule, loaded on a device.

use super::Device;
use super::driver::{Function, FunctionAttribute};
use super::loading::{Loaded, Origin, load, load_intermediate};
use crate::cuda::{CudaError, CudaSource, source};
use crate::kernel::Demands;
use crate::plan::{Instruction, Word};
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
    draws_by_element: bool,
    symbol: String,
    edges: Edges,
    origin: Origin,
    is_machine_code: bool,
}

/// What a driver gives a thread of a loaded kernel, whoever translated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allotment {
    /// Registers of 32 bits.
    pub registers: u32,
    /// Bytes of memory for what is not in registers; 0 where everything is.
    pub local_bytes: u32,
    /// Threads of a block, at most.
    pub most_threads: u32,
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
        let loaded = load(device, &source)?;
        CudaKernel::of(device, lowered, source, &loaded)
    }

    /// Compiles a rule, and has the driver translate its intermediate code, as it does on devices that are newer than
    /// NVRTC. No file of the cache is read or written.
    ///
    /// # Errors
    ///
    /// As [`CudaKernel::load`].
    pub fn load_intermediate(
        device: &Device,
        lowered: &LoweredRule,
    ) -> Result<CudaKernel, CudaError> {
        let source = source(lowered);
        let loaded = load_intermediate(device, &source)?;
        CudaKernel::of(device, lowered, source, &loaded)
    }

    fn of(
        device: &Device,
        lowered: &LoweredRule,
        source: CudaSource,
        loaded: &Loaded,
    ) -> Result<CudaKernel, CudaError> {
        let Loaded { module, origin, is_machine_code } = loaded;
        let outputs = lowered.scalars.outputs();
        let reads = |is_it: fn(Word) -> bool| {
            let mut instructions = lowered.plan.instructions.iter();
            instructions.any(|i| matches!(i, Instruction::Word(word) if is_it(*word)))
        };
        Ok(CudaKernel {
            device: device.clone(),
            function: module.function(&source.symbol)?,
            demands: Demands::of(&lowered.plan),
            guard_scale: outputs.iter().position(|scalar| *scalar == Scalar::GuardScale),
            draws: reads(|_| true),
            draws_by_element: reads(|word| matches!(word, Word::BlockLow | Word::BlockHigh)),
            symbol: source.symbol,
            edges: lowered.edges,
            origin: *origin,
            is_machine_code: *is_machine_code,
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

    /// Whether it draws for each element, so that it matters where a part stands in its tensor.
    pub fn draws_by_element(&self) -> bool {
        self.draws_by_element
    }

    /// Where its code came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether its code was made for exactly this device; else the driver translated it.
    pub fn is_machine_code(&self) -> bool {
        self.is_machine_code
    }

    /// What the device's driver gives a thread of it.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn allotment(&self) -> Result<Allotment, CudaError> {
        use FunctionAttribute as Of;
        Ok(Allotment {
            registers: self.function.attribute(Of::CU_FUNC_ATTRIBUTE_NUM_REGS)?,
            local_bytes: self.function.attribute(Of::CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)?,
            most_threads: self.function.attribute(Of::CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?,
        })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
