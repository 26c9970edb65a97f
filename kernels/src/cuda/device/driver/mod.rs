//! The driver through cudarc: contexts, streams, memory, modules and graphs, each freed when it is dropped.
//!
//! What may be called in which state is kept by these types. Launches are the exception: what a kernel
//! does with its arguments is up to whoever calls [`Function::launch`].

#![expect(unsafe_code, reason = "calls into the driver")]

mod library;
mod memory;
mod module;

use std::ffi::{CStr, c_void};
use std::fmt;
use std::ptr;
use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{
    self, CUdevice_attribute, CUevent_flags, CUevent_wait_flags, CUresult, CUstreamCaptureMode,
    CUstreamCaptureStatus,
};
use cudarc::driver::{CudaContext, CudaStream};

use crate::cuda::{Architecture, CudaError};

use library::start;
pub(super) use memory::{Buffer, copy, download, fill, upload};
pub(super) use module::{Function, LoadError, Module};
pub(super) use sys::CUfunction_attribute as FunctionAttribute;

/// The driver's words for a failure.
pub(super) fn failure(call: &'static str, error: DriverError) -> CudaError {
    CudaError::Driver { call, message: message(error) }
}

fn message(error: DriverError) -> String {
    let code = error.0 as u32;
    let text =
        |text: Result<&CStr, DriverError>| text.map(|t| t.to_string_lossy().into_owned()).ok();
    let name = text(error.error_name()).unwrap_or_else(|| "an unknown error".to_owned());
    match text(error.error_string()) {
        Some(words) => format!("{words} ({name}, {code})"),
        None => format!("{name} ({code})"),
    }
}

/// Number of devices.
///
/// # Errors
///
/// [`CudaError`] if there is no driver or it does not start.
pub(super) fn device_count() -> Result<usize, CudaError> {
    match start() {
        Err(CudaError::NoDevice { .. }) => return Ok(0),
        started => started?,
    }
    let count = result::device::get_count().map_err(|error| failure("cuDeviceGetCount", error))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The primary context of a device, which other libraries of the process share.
#[derive(Clone)]
pub(super) struct Context(Arc<CudaContext>);

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context(cuda:{})", self.ordinal())
    }
}

impl Context {
    pub(super) fn open(ordinal: usize) -> Result<Context, CudaError> {
        let count = device_count()?;
        if ordinal >= count {
            return Err(CudaError::NoDevice { ordinal, count });
        }
        // Opening makes it current.
        let _current = Current::of_now()?;
        let context = CudaContext::new(ordinal)
            .map_err(|error| failure("cuDevicePrimaryCtxRetain", error))?;
        Ok(Context(context))
    }

    pub(super) fn ordinal(&self) -> usize {
        self.0.ordinal()
    }

    pub(super) fn name(&self) -> Result<String, CudaError> {
        self.0.name().map_err(|error| failure("cuDeviceGetName", error))
    }

    pub(super) fn architecture(&self) -> Result<Architecture, CudaError> {
        let (major, minor) =
            self.0.compute_capability().map_err(|error| failure("cuDeviceGetAttribute", error))?;
        Ok(Architecture::new(major.unsigned_abs(), minor.unsigned_abs()))
    }

    pub(super) fn multiprocessors(&self) -> Result<u32, CudaError> {
        let count = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let count = self.0.attribute(count);
        count.map(i32::unsigned_abs).map_err(|error| failure("cuDeviceGetAttribute", error))
    }

    /// Bytes of memory that are free, and all.
    pub(super) fn memory(&self) -> Result<(usize, usize), CudaError> {
        let _current = self.bind()?;
        self.0.mem_get_info().map_err(|error| failure("cuMemGetInfo", error))
    }

    /// CUDA version of the driver, as 13010 for 13.1.
    pub(super) fn driver_version() -> Result<i32, CudaError> {
        let mut version = 0;
        // SAFETY: the driver has been started, so the function is there; a place for an int.
        let status = unsafe { sys::cuDriverGetVersion(&raw mut version) };
        status.result().map_err(|error| failure("cuDriverGetVersion", error))?;
        Ok(version)
    }

    /// Makes it the one that the calling thread's calls are about, while the result is there.
    fn bind(&self) -> Result<Current, CudaError> {
        let current = Current::of_now()?;
        let own = self.0.cu_ctx();
        if current.before != own {
            // SAFETY: the context is alive.
            let set = unsafe { result::ctx::set_current(own) };
            set.map_err(|error| failure("cuCtxSetCurrent", error))?;
        }
        Ok(current)
    }
}

/// A device that the calling thread's calls are about. Dropped, it leaves the thread to the one of before: other
/// libraries take the current one for theirs.
#[derive(Debug)]
#[must_use = "dropped at once, it changes nothing"]
pub struct Current {
    before: sys::CUcontext,
}

impl Current {
    fn of_now() -> Result<Current, CudaError> {
        let before = result::ctx::get_current();
        let before = before.map_err(|error| failure("cuCtxGetCurrent", error))?;
        Ok(Current { before: before.unwrap_or(ptr::null_mut()) })
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let now = result::ctx::get_current().ok().flatten().unwrap_or(ptr::null_mut());
        if now != self.before {
            // SAFETY: it was current when this was made, or is none.
            let _ = unsafe { result::ctx::set_current(self.before) };
        }
    }
}

/// A queue of work on a device: what is put into it happens in order, after the call returns.
#[derive(Clone)]
pub struct Stream {
    context: Context,
    /// Always there until it is dropped.
    stream: Option<Arc<CudaStream>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream(cuda:{}, {:?})", self.context.ordinal(), self.raw())
    }
}

impl Stream {
    pub(super) fn default_of(context: &Context) -> Stream {
        Stream { context: context.clone(), stream: Some(context.0.default_stream()) }
    }

    pub(super) fn new(context: &Context) -> Result<Stream, CudaError> {
        let _current = context.bind()?;
        let stream = context.0.new_stream().map_err(|error| failure("cuStreamCreate", error))?;
        Ok(Stream { context: context.clone(), stream: Some(stream) })
    }

    /// # Safety
    ///
    /// `raw` is a stream of the device's primary context, and stays one while the result or a clone of it is
    /// used.
    pub(super) unsafe fn borrowed(context: &Context, raw: *mut c_void) -> Stream {
        // SAFETY: the caller promises what it demands.
        let stream = unsafe { context.0.wrap_borrowed_stream(raw.cast()) };
        Stream { context: context.clone(), stream: Some(stream) }
    }

    fn raw(&self) -> sys::CUstream {
        self.stream.as_ref().map_or(ptr::null_mut(), |stream| stream.cu_stream())
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Number of its device.
    pub fn ordinal(&self) -> usize {
        self.context.ordinal()
    }

    /// Waits until all that was put into it has happened.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`], also for work before that failed.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        let _current = self.context.bind()?;
        // SAFETY: the stream is alive.
        let done = unsafe { result::stream::synchronize(self.raw()) };
        done.map_err(|error| failure("cuStreamSynchronize", error))
    }

    /// Lets what is put into it from now on wait for what is in another stream of the device now. The host does not
    /// wait.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`]; [`CudaError::Call`] for a stream of another device.
    pub fn wait_for(&self, other: &Stream) -> Result<(), CudaError> {
        if self.ordinal() != other.ordinal() {
            return Err(CudaError::Call("streams of two devices".to_owned()));
        }
        let _current = self.context.bind()?;
        let flags = CUevent_flags::CU_EVENT_DISABLE_TIMING;
        let event =
            result::event::create(flags).map_err(|error| failure("cuEventCreate", error))?;
        // SAFETY: the event was just made, and the stream is alive.
        let recorded = unsafe { result::event::record(event, other.raw()) };
        let default = CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        let waits = recorded.and_then(|()| {
            // SAFETY: the event was recorded, and the stream is alive.
            unsafe { result::stream::wait_event(self.raw(), event, default) }
        });
        // SAFETY: made above, and destroyed once; what waits for it goes on to do so.
        let _ = unsafe { result::event::destroy(event) };
        waits.map_err(|error| failure("cuStreamWaitEvent", error))
    }

    /// Whether it is the same queue as another.
    pub fn is_same(&self, other: &Stream) -> bool {
        (self.ordinal(), self.raw()) == (other.ordinal(), other.raw())
    }

    /// Makes its device the one that the calling thread's calls are about. Each call does that by itself; around
    /// several of them it is done once.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn enter(&self) -> Result<Current, CudaError> {
        self.context.bind()
    }

    /// Whether what is put into it is being recorded.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn is_capturing(&self) -> Result<bool, CudaError> {
        let _current = self.context.bind()?;
        // SAFETY: the stream is alive.
        let status = unsafe { result::stream::is_capturing(self.raw()) };
        let status = status.map_err(|error| failure("cuStreamIsCapturing", error))?;
        Ok(status != CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE)
    }

    /// Records what `work` puts into the stream, which then does not happen now but with each
    /// [`Graph::launch`]. The default stream cannot be recorded.
    ///
    /// # Errors
    ///
    /// What `work` returns, and [`CudaError::Driver`] if something in it may not be recorded, such as to wait
    /// for the stream.
    pub fn capture<E: From<CudaError>>(
        &self,
        work: impl FnOnce(&Stream) -> Result<(), E>,
    ) -> Result<Graph, E> {
        let _current = self.context.bind()?;
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is alive.
        let begun = unsafe { result::stream::begin_capture(self.raw(), mode) };
        begun.map_err(|error| failure("cuStreamBeginCapture", error))?;
        let mut recording = Recording { stream: self, ended: false, graph: ptr::null_mut() };
        // What goes wrong inside is why the recording is not valid.
        work(self)?;
        recording.end().map_err(|error| failure("cuStreamEndCapture", error))?;
        if recording.graph.is_null() {
            return Err(CudaError::Call("the recording is not valid".to_owned()).into());
        }
        let flags = sys::CUgraphInstantiate_flags(0);
        // SAFETY: the graph was just made.
        let executable = unsafe { result::graph::instantiate(recording.graph, flags) };
        let executable = executable.map_err(|error| failure("cuGraphInstantiate", error))?;
        Ok(Graph { context: self.context.clone(), executable })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The last one destroys a stream of its own, for which cudarc makes the context current.
        let current = self.context.bind();
        drop(self.stream.take());
        drop(current);
    }
}

/// A recording that was begun, and what was recorded. Ended and destroyed on every way out: an executable graph
/// does not need the one that it was made from.
struct Recording<'s> {
    stream: &'s Stream,
    ended: bool,
    graph: sys::CUgraph,
}

impl Recording<'_> {
    fn end(&mut self) -> Result<(), DriverError> {
        self.ended = true;
        // SAFETY: the stream is alive, and a recording was begun and not ended.
        self.graph = unsafe { result::stream::end_capture(self.stream.raw()) }?;
        Ok(())
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        let Ok(_current) = self.stream.context.bind() else { return };
        if !self.ended {
            let _ = self.end();
        }
        if !self.graph.is_null() {
            // SAFETY: made by `end`, and destroyed once.
            let _ = unsafe { result::graph::destroy(self.graph) };
        }
    }
}

/// Recorded work that can be put into streams again and again.
#[derive(Debug)]
pub struct Graph {
    context: Context,
    executable: sys::CUgraphExec,
}

// SAFETY: the driver's handles may be used from any thread.
unsafe impl Send for Graph {}

impl Graph {
    /// Puts the recorded work into a stream.
    ///
    /// # Safety
    ///
    /// The memory that the work reads and writes, kernels and optimizers among it, is still there and stays until
    /// the work has happened.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub unsafe fn launch(&self, stream: &Stream) -> Result<(), CudaError> {
        let _current = self.context.bind()?;
        // SAFETY: both are alive; the caller answers for the memory.
        let launched = unsafe { result::graph::launch(self.executable, stream.raw()) };
        launched.map_err(|error| failure("cuGraphLaunch", error))
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if let Ok(_current) = self.context.bind() {
            // SAFETY: made by `capture`, and destroyed once.
            let _ = unsafe { result::graph::exec_destroy(self.executable) };
        }
    }
}

/// Whether a driver's error is that there is no memory.
fn is_memory(error: DriverError) -> bool {
    error.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY
}
