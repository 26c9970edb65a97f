//! The driver's library: whether it is there, before anything of cudarc's is called.
//!
//! cudarc panics where the library or one of its functions is missing, so both are looked at first, in
//! the same library that cudarc then loads.

#![expect(unsafe_code, reason = "loads a library at run time")]

use std::mem::ManuallyDrop;
use std::sync::OnceLock;

use cudarc::driver::result;
use cudarc::driver::sys::CUresult;
use libloading::Library;

use crate::cuda::CudaError;

/// Functions that are called here, or by what is called of cudarc.
const FUNCTIONS: [&str; 40] = [
    "cuInit",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuDriverGetVersion",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamBeginCapture_v2",
    "cuStreamWaitEvent",
    "cuEventCreate",
    "cuEventRecord",
    "cuEventDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamIsCapturing",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemsetD8Async",
    "cuMemsetD32Async",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuFuncGetAttribute",
    "cuLaunchKernel",
];

/// The library that has been found, kept loaded.
static FOUND: OnceLock<ManuallyDrop<Library>> = OnceLock::new();

/// Loads and initialises the driver, once in a process.
///
/// # Errors
///
/// [`CudaError::NoDriver`], [`CudaError::OldDriver`], [`CudaError::NoDevice`] if there is none, or
/// [`CudaError::Driver`] if it does not start: so does the stand-in that toolkits bring for machines without a GPU.
pub(in crate::cuda::device) fn start() -> Result<(), CudaError> {
    if FOUND.get().is_none() {
        let library = found()?;
        for function in FUNCTIONS {
            // SAFETY: the symbol is not used, only whether there is one.
            let symbol = unsafe { library.get::<*const ()>(function) };
            symbol.map_err(|_| CudaError::OldDriver { function })?;
        }
        // Another thread may have been quicker; then this handle only counts one more use.
        drop(FOUND.set(ManuallyDrop::new(library)));
    }
    result::init().map_err(|error| match error.0 {
        CUresult::CUDA_ERROR_NO_DEVICE => CudaError::NoDevice { ordinal: 0, count: 0 },
        _ => super::failure("cuInit", error),
    })
}

/// The first library of cudarc's names, in its order.
fn found() -> Result<Library, CudaError> {
    let mut tried: Vec<String> = Vec::new();
    for name in ["cuda", "nvcuda"].into_iter().flat_map(cudarc::get_lib_name_candidates) {
        // SAFETY: loading runs the initialisers of NVIDIA's driver.
        match unsafe { Library::new(&name) } {
            Ok(library) => return Ok(library),
            Err(error) => {
                // One line for each name would be forty; those that say more than "not there" are kept.
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                let reason = reason.unwrap_or_else(|| error.to_string());
                if !reason.contains("No such file") && !reason.contains("could not be found") {
                    tried.push(format!("{name}: {reason}"));
                }
            }
        }
    }
    if tried.is_empty() {
        let name = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
        tried.push(format!("the loader knows no {name}"));
    }
    Err(CudaError::NoDriver { tried })
}
