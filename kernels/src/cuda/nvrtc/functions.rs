//! NVRTC's functions, as its header declares them.
//!
//! cudarc has bindings too, but loads whatever library the system's loader finds first and panics where
//! a function is missing. Here the library is the one that was chosen.

#![expect(unsafe_code, reason = "calls into a library that is loaded at run time")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr;

use libloading::Library;

use crate::cuda::CudaError;

type Status = c_int;
type Program = *mut c_void;
type Size = unsafe extern "C" fn(Program, *mut usize) -> Status;
type Bytes = unsafe extern "C" fn(Program, *mut c_char) -> Status;

const SUCCESS: Status = 0;
/// `NVRTC_ERROR_COMPILATION`
const COMPILATION: Status = 6;

/// The functions that are called.
#[derive(Debug)]
pub(super) struct Functions {
    version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status,
    count: unsafe extern "C" fn(*mut c_int) -> Status,
    architectures: unsafe extern "C" fn(*mut c_int) -> Status,
    error: unsafe extern "C" fn(Status) -> *const c_char,
    create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> Status,
    destroy: unsafe extern "C" fn(*mut Program) -> Status,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status,
    ptx: (Size, Bytes),
    cubin: (Size, Bytes),
    log: (Size, Bytes),
    /// Never unloaded: NVRTC has threads and memory of its own, and other users of the process may have it.
    _library: ManuallyDrop<Library>,
}

/// What a compilation left.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) ptx: Vec<u8>,
    pub(super) cubin: Vec<u8>,
    pub(super) log: String,
}

impl Functions {
    /// Loads a library from a file or a name, or says why it cannot be used.
    pub(super) fn load(library: &Path) -> Result<Functions, String> {
        // SAFETY: loading runs initialisers of NVIDIA's library or of whatever the user named in its place.
        let library = unsafe { Library::new(library) }.map_err(|error| reason(&error))?;
        Ok(Functions {
            version: symbol(&library, c"nvrtcVersion")?,
            count: symbol(&library, c"nvrtcGetNumSupportedArchs")?,
            architectures: symbol(&library, c"nvrtcGetSupportedArchs")?,
            error: symbol(&library, c"nvrtcGetErrorString")?,
            create: symbol(&library, c"nvrtcCreateProgram")?,
            destroy: symbol(&library, c"nvrtcDestroyProgram")?,
            compile: symbol(&library, c"nvrtcCompileProgram")?,
            ptx: (symbol(&library, c"nvrtcGetPTXSize")?, symbol(&library, c"nvrtcGetPTX")?),
            cubin: (symbol(&library, c"nvrtcGetCUBINSize")?, symbol(&library, c"nvrtcGetCUBIN")?),
            log: (
                symbol(&library, c"nvrtcGetProgramLogSize")?,
                symbol(&library, c"nvrtcGetProgramLog")?,
            ),
            _library: ManuallyDrop::new(library),
        })
    }

    /// Version of the library, major and minor.
    pub(super) fn version(&self) -> Result<(i32, i32), CudaError> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both are places for an int.
        let status = unsafe { (self.version)(&raw mut major, &raw mut minor) };
        self.check("nvrtcVersion", status)?;
        Ok((major, minor))
    }

    /// Numbers of the architectures that it compiles for.
    pub(super) fn architectures(&self) -> Result<Vec<i32>, CudaError> {
        let mut count = 0;
        // SAFETY: a place for an int.
        let status = unsafe { (self.count)(&raw mut count) };
        self.check("nvrtcGetNumSupportedArchs", status)?;
        let mut numbers = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: there is room for as many ints as it has just said that it writes.
        let status = unsafe { (self.architectures)(numbers.as_mut_ptr()) };
        self.check("nvrtcGetSupportedArchs", status)?;
        Ok(numbers)
    }

    /// Compiles a text.
    pub(super) fn compile(&self, text: &str, options: &[String]) -> Result<Output, CudaError> {
        let c_text = |text: &str| {
            CString::new(text).map_err(|_| CudaError::Call("a text with a zero byte".to_owned()))
        };
        let (text, name) = (c_text(text)?, c"nosc.cu");
        let options = options.iter().map(|option| c_text(option)).collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let mut program = Created { functions: self, program: ptr::null_mut() };
        let (place, none) = (&raw mut program.program, ptr::null());
        // SAFETY: text and name end with a zero and are copied; no header is given.
        let status = unsafe { (self.create)(place, text.as_ptr(), name.as_ptr(), 0, none, none) };
        self.check("nvrtcCreateProgram", status)?;
        let (made, count) = (program.program, pointers.len() as c_int);
        // SAFETY: the program was just created; the options end with zeros and outlive the call.
        let status = unsafe { (self.compile)(made, count, pointers.as_ptr()) };
        let log = self.bytes("nvrtcGetProgramLog", made, self.log)?;
        let log = String::from_utf8_lossy(&log).trim_end_matches(['\0', '\n']).to_owned();
        if status == COMPILATION {
            return Err(CudaError::Compile { log });
        }
        self.check("nvrtcCompileProgram", status).map_err(|error| match error {
            CudaError::Nvrtc { call, message } if !log.is_empty() => {
                CudaError::Nvrtc { call, message: format!("{message}\n{log}") }
            }
            other => other,
        })?;
        let ptx = self.bytes("nvrtcGetPTX", made, self.ptx)?;
        let cubin = self.bytes("nvrtcGetCUBIN", made, self.cubin)?;
        Ok(Output { ptx, cubin, log })
    }

    /// One of the results of a program.
    fn bytes(
        &self,
        call: &'static str,
        program: Program,
        (size, get): (Size, Bytes),
    ) -> Result<Vec<u8>, CudaError> {
        let mut count = 0;
        // SAFETY: the program is one that was created and not destroyed; a place for a size.
        let status = unsafe { size(program, &raw mut count) };
        self.check(call, status)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0_u8; count];
        // SAFETY: as above, and there is room for the bytes that it has just said that it writes.
        let status = unsafe { get(program, bytes.as_mut_ptr().cast()) };
        self.check(call, status)?;
        Ok(bytes)
    }

    fn check(&self, call: &'static str, status: Status) -> Result<(), CudaError> {
        if status == SUCCESS {
            return Ok(());
        }
        // SAFETY: it takes any number.
        let text = unsafe { (self.error)(status) };
        let message = if text.is_null() {
            format!("error {status}")
        } else {
            // SAFETY: a text that ends with a zero and lives as long as the library.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        };
        Err(CudaError::Nvrtc { call, message })
    }
}

/// A program, destroyed on every way out.
struct Created<'f> {
    functions: &'f Functions,
    program: Program,
}

impl Drop for Created<'_> {
    fn drop(&mut self) {
        if !self.program.is_null() {
            // SAFETY: created and not yet destroyed; nothing else holds it.
            unsafe { (self.functions.destroy)(&raw mut self.program) };
        }
    }
}

fn symbol<F: Copy>(library: &Library, name: &CStr) -> Result<F, String> {
    // SAFETY: the types above are those of nvrtc.h, which has not changed them since CUDA 11.2.
    let symbol = unsafe { library.get::<F>(name) };
    symbol.map(|found| *found).map_err(|error| reason(&error))
}

/// The loader's words, which libloading keeps apart from its own.
fn reason(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}
