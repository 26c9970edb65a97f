//! Loaded kernels.

#![expect(unsafe_code, reason = "calls into the driver")]

use std::ffi::{CString, c_void};
use std::sync::Arc;

use cudarc::driver::result;
use cudarc::driver::sys::{self, CUfunction_attribute, CUresult};

use super::{Context, Stream, failure, is_memory, message};
use crate::cuda::CudaError;

/// Code that a device has loaded; unloaded when the last function of it is dropped.
#[derive(Debug)]
pub(in crate::cuda::device) struct Module {
    context: Context,
    module: sys::CUmodule,
}

// SAFETY: the driver's handles may be used from any thread.
unsafe impl Send for Module {}
// SAFETY: as above; nothing is changed after loading.
unsafe impl Sync for Module {}

/// Why code was not loaded.
#[derive(Debug)]
pub(in crate::cuda::device) enum LoadError {
    /// The driver does not take it, in its words; it may take other code for the same kernel.
    Refused(String),
    /// Something else.
    Failed(CudaError),
}

impl Module {
    /// Loads machine code, or intermediate code as text.
    pub(in crate::cuda::device) fn load(
        context: &Context,
        image: &[u8],
    ) -> Result<Module, LoadError> {
        let _current = context.bind().map_err(LoadError::Failed)?;
        // Intermediate code ends with a zero.
        let image = [image, &[0]].concat();
        // SAFETY: the driver knows the kind and the end of the image from its content, which NVRTC wrote. If it
        // came from a file, a hash says that it is whole; that nobody else writes such files is up to the
        // owner of the folder.
        let loaded = unsafe { result::module::load_data(image.as_ptr().cast::<c_void>()) };
        let module = loaded.map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU
            | CUresult::CUDA_ERROR_INVALID_IMAGE
            | CUresult::CUDA_ERROR_INVALID_SOURCE
            | CUresult::CUDA_ERROR_INVALID_PTX
            | CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION
            | CUresult::CUDA_ERROR_JIT_COMPILER_NOT_FOUND
            | CUresult::CUDA_ERROR_JIT_COMPILATION_DISABLED => LoadError::Refused(message(error)),
            _ if is_memory(error) => LoadError::Failed(CudaError::Memory {
                ordinal: context.ordinal(),
                bytes: image.len(),
            }),
            _ => LoadError::Failed(failure("cuModuleLoadData", error)),
        })?;
        Ok(Module { context: context.clone(), module })
    }

    /// A kernel of it.
    pub(in crate::cuda::device) fn function(
        self: &Arc<Module>,
        name: &str,
    ) -> Result<Function, CudaError> {
        let text = CString::new(name)
            .map_err(|_| CudaError::Call(format!("`{}` is no name", name.escape_default())))?;
        let _current = self.context.bind()?;
        // SAFETY: the module is loaded, and stays so while the function is there.
        let function = unsafe { result::module::get_function(self.module, text) };
        let function = function.map_err(|error| failure("cuModuleGetFunction", error))?;
        Ok(Function { module: Arc::clone(self), function })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Ok(_current) = self.context.bind() {
            // SAFETY: loaded by `load`, and unloaded once. No function of it is left; the driver waits for
            // launches that are still running.
            let _ = unsafe { result::module::unload(self.module) };
        }
    }
}

/// A kernel that a device has loaded.
#[derive(Debug, Clone)]
pub(in crate::cuda::device) struct Function {
    module: Arc<Module>,
    function: sys::CUfunction,
}

// SAFETY: the driver's handles may be used from any thread.
unsafe impl Send for Function {}
// SAFETY: as above; nothing is changed after loading.
unsafe impl Sync for Function {}

impl Function {
    /// What the driver says of it.
    pub(in crate::cuda::device) fn attribute(
        &self,
        attribute: CUfunction_attribute,
    ) -> Result<u32, CudaError> {
        let _current = self.module.context.bind()?;
        let mut value = 0;
        // SAFETY: the module is alive; a place for an int.
        let status = unsafe { sys::cuFuncGetAttribute(&raw mut value, attribute, self.function) };
        status.result().map_err(|error| failure("cuFuncGetAttribute", error))?;
        Ok(value.unsigned_abs())
    }

    /// Puts a launch into a stream. Grid and blocks have one dimension.
    ///
    /// # Safety
    ///
    /// `arguments` point to values of the types of the kernel's parameters, in order, and what the kernel does
    /// with these values is right when the launch happens.
    pub(in crate::cuda::device) unsafe fn launch(
        &self,
        stream: &Stream,
        blocks: u32,
        threads: u32,
        arguments: &mut [*mut c_void],
    ) -> Result<(), CudaError> {
        if blocks == 0 {
            return Ok(());
        }
        if stream.ordinal() != self.module.context.ordinal() {
            return Err(CudaError::Call("a kernel and a stream of different devices".to_owned()));
        }
        let _current = self.module.context.bind()?;
        let (grid, block) = ((blocks, 1, 1), (threads, 1, 1));
        // SAFETY: module and stream are alive; the caller answers for the arguments, which are copied.
        let launched = unsafe {
            result::launch_kernel(self.function, grid, block, 0, stream.raw(), arguments)
        };
        launched.map_err(|error| failure("cuLaunchKernel", error))
    }
}
