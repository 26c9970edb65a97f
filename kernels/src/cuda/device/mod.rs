//! A GPU: its memory, streams, and kernels on it.
//!
//! ```text
//! source ─► [loading] ◄─► [cache] files ─► [kernel] ─┐
//! host arrays ─► [tensor] memory of the device ──────┴► [launcher] tables, arguments, launches
//!                        [auxiliary] norms, checks ───────┘
//! ```
//!
//! All goes through [`driver`], which alone calls cudarc. Work is put into streams and happens later; what
//! waits for it says so.

mod driver;
mod cache;
mod loading;
mod tensor;
mod auxiliary;
mod table;
mod kernel;
mod launcher;
mod checks;

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Architecture, CudaError};
use crate::LoweredRule;
use auxiliary::Auxiliary;
use cache::DiskCache;
use driver::Context;

pub use cache::CACHE_VARIABLE;
pub use checks::GradientChecks;
pub use driver::{Current, Graph, Stream};
pub use kernel::{Allotment, CudaKernel};
pub use launcher::{Launcher, Place, Row};
pub use loading::Origin;
pub use tensor::DeviceTensor;

/// Kernels that are kept when no optimizer has them.
const KERNELS: usize = 64;

/// A GPU with its driver. Clones share it and its kernels.
#[derive(Debug, Clone)]
pub struct Device(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    context: Context,
    architecture: Architecture,
    name: String,
    multiprocessors: u32,
    driver_version: i32,
    cache: DiskCache,
    auxiliary: Mutex<Option<Auxiliary>>,
}

/// Devices that have been opened. They stay so: other libraries of the process use the same contexts.
static DEVICES: Mutex<Vec<Device>> = Mutex::new(Vec::new());

/// Kernels that have been loaded, the one that was used last at the end.
static LOADED: Mutex<Vec<Arc<CudaKernel>>> = Mutex::new(Vec::new());

/// Number of devices; 0 where a driver finds none.
///
/// # Errors
///
/// [`CudaError::NoDriver`] or [`CudaError::OldDriver`] if no driver can be asked.
pub fn device_count() -> Result<usize, CudaError> {
    driver::device_count()
}

impl Device {
    /// Opens the device of a number, with the primary context that PyTorch and others use too.
    ///
    /// # Errors
    ///
    /// [`CudaError::NoDriver`] if there is no driver, [`CudaError::NoDevice`] if there is no such device.
    pub fn open(ordinal: usize) -> Result<Device, CudaError> {
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = devices.iter().find(|device| device.ordinal() == ordinal) {
            return Ok(known.clone());
        }
        let context = Context::open(ordinal)?;
        let device = Device(Arc::new(Opened {
            architecture: context.architecture()?,
            name: context.name()?,
            multiprocessors: context.multiprocessors()?,
            driver_version: Context::driver_version()?,
            cache: DiskCache::from_environment(),
            auxiliary: Mutex::new(None),
            context,
        }));
        devices.push(device.clone());
        Ok(device)
    }

    /// Its number.
    pub fn ordinal(&self) -> usize {
        self.0.context.ordinal()
    }

    /// Its name, such as "NVIDIA H100 80GB HBM3".
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its architecture.
    pub fn architecture(&self) -> Architecture {
        self.0.architecture
    }

    /// CUDA version of its driver, as 13010 for 13.1.
    pub fn driver_version(&self) -> i32 {
        self.0.driver_version
    }

    /// Number of its multiprocessors.
    pub fn multiprocessors(&self) -> u32 {
        self.0.multiprocessors
    }

    /// Bytes of its memory that are free, and all.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn memory(&self) -> Result<(usize, usize), CudaError> {
        self.0.context.memory()
    }

    /// The default stream, which waits for all streams that do not say otherwise.
    pub fn default_stream(&self) -> Stream {
        Stream::default_of(&self.0.context)
    }

    /// A stream of its own, which does not wait for the default one.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn new_stream(&self) -> Result<Stream, CudaError> {
        Stream::new(&self.0.context)
    }

    /// A stream that someone else made, such as PyTorch's `torch.cuda.current_stream().cuda_stream`; 0 is the
    /// default stream.
    ///
    /// # Safety
    ///
    /// `raw` is a `CUstream` of this device's primary context, and stays one while the result or a clone of it
    /// is used.
    #[expect(unsafe_code, reason = "a handle that someone else answers for")]
    pub unsafe fn borrowed_stream(&self, raw: *mut c_void) -> Stream {
        // SAFETY: the caller promises what it demands.
        unsafe { Stream::borrowed(&self.0.context, raw) }
    }

    /// The kernel of a rule, loaded if the process has it not yet.
    ///
    /// # Errors
    ///
    /// As [`CudaKernel::load`].
    pub fn kernel(&self, lowered: &LoweredRule) -> Result<Arc<CudaKernel>, CudaError> {
        let symbol = super::source::symbol(lowered);
        let is_it = |kernel: &Arc<CudaKernel>| {
            kernel.symbol() == symbol && kernel.device().ordinal() == self.ordinal()
        };
        let lock = || LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut known = lock();
            if let Some(at) = known.iter().position(is_it) {
                let kernel = known.remove(at);
                known.push(Arc::clone(&kernel));
                return Ok(kernel);
            }
        }
        // Outside the lock: another thread may load the same, and one of the two is dropped.
        let kernel = Arc::new(CudaKernel::load(self, lowered)?);
        let mut known = lock();
        known.retain(|kernel| !is_it(kernel));
        known.push(Arc::clone(&kernel));
        let excess = known.len().saturating_sub(KERNELS);
        known.drain(..excess);
        Ok(kernel)
    }

    fn context(&self) -> &Context {
        &self.0.context
    }

    fn cache(&self) -> &DiskCache {
        &self.0.cache
    }

    /// The kernels that all rules share, loaded when they are first asked for.
    fn auxiliary(&self) -> Result<Auxiliary, CudaError> {
        let mut loaded = self.0.auxiliary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*loaded {
            return Ok(known.clone());
        }
        let auxiliary = Auxiliary::load(self)?;
        *loaded = Some(auxiliary.clone());
        Ok(auxiliary)
    }
}
