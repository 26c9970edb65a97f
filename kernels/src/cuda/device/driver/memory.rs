//! Memory of a device.

#![expect(unsafe_code, reason = "calls into the driver")]

use cudarc::driver::result;
use cudarc::driver::sys;

use super::{Context, Stream, failure, is_memory};
use crate::cuda::CudaError;

/// Memory of a device, freed when it is dropped: that waits for all work of the device.
#[derive(Debug)]
pub(in crate::cuda::device) struct Buffer {
    context: Context,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// Memory with any content. None at address 0 for no bytes.
    pub(in crate::cuda::device) fn new(
        context: &Context,
        bytes: usize,
    ) -> Result<Buffer, CudaError> {
        let context = context.clone();
        if bytes == 0 {
            return Ok(Buffer { context, address: 0, bytes });
        }
        let _current = context.bind()?;
        // SAFETY: the result is freed once, in `drop`.
        let address = unsafe { result::malloc_sync(bytes) };
        let address = address.map_err(|error| match error {
            error if is_memory(error) => CudaError::Memory { ordinal: context.ordinal(), bytes },
            error => failure("cuMemAlloc", error),
        })?;
        Ok(Buffer { context, address, bytes })
    }

    pub(in crate::cuda::device) fn address(&self) -> u64 {
        self.address
    }

    pub(in crate::cuda::device) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes 32-bit words of one value over a part of it.
    pub(in crate::cuda::device) fn fill(
        &self,
        stream: &Stream,
        word: u32,
        first: usize,
        words: usize,
    ) -> Result<(), CudaError> {
        let end = first.checked_add(words).and_then(|end| end.checked_mul(4));
        if end.is_none_or(|end| end > self.bytes) {
            return Err(CudaError::Call("a fill beyond its memory".to_owned()));
        }
        // SAFETY: the words are inside the memory.
        unsafe { fill(stream, self.address + 4 * first as u64, word, words) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.address != 0
            && let Ok(_current) = self.context.bind()
        {
            // SAFETY: allocated by `new`, and freed once; the driver waits for work that uses it.
            let _ = unsafe { result::free_sync(self.address) };
        }
    }
}

/// Writes 32-bit words of one value, after what is in the stream before. Nothing waits.
///
/// # Safety
///
/// As many words are allocated at `to`, a multiple of 4, on the device of the stream, and stay until this has happened.
pub(in crate::cuda::device) unsafe fn fill(
    stream: &Stream,
    to: u64,
    word: u32,
    words: usize,
) -> Result<(), CudaError> {
    if words == 0 {
        return Ok(());
    }
    let _current = stream.context.bind()?;
    // SAFETY: the caller answers for the memory, and the stream is alive.
    let status = unsafe { sys::cuMemsetD32Async(to, word, words, stream.raw()) };
    status.result().map_err(|error| failure("cuMemsetD32Async", error))
}

/// Copies bytes to device memory, and waits until they are there.
///
/// # Safety
///
/// As many bytes as `from` has are allocated at `to`, on the device of the stream.
pub(in crate::cuda::device) unsafe fn upload(
    stream: &Stream,
    to: u64,
    from: &[u8],
) -> Result<(), CudaError> {
    if from.is_empty() {
        return Ok(());
    }
    let _current = stream.context.bind()?;
    // SAFETY: the caller answers for the device's side; `from` stays until the copy has happened, below.
    let copied = unsafe { result::memcpy_htod_async(to, from, stream.raw()) };
    copied.map_err(|error| failure("cuMemcpyHtoDAsync", error))?;
    stream.synchronize()
}

/// Copies bytes from device memory, after what is in the stream before, and waits until they are here.
///
/// # Safety
///
/// As many bytes as `to` has are allocated at `from`, on the device of the stream.
pub(in crate::cuda::device) unsafe fn download(
    stream: &Stream,
    to: &mut [u8],
    from: u64,
) -> Result<(), CudaError> {
    if to.is_empty() {
        return Ok(());
    }
    let _current = stream.context.bind()?;
    // SAFETY: the caller answers for the device's side; `to` is borrowed until the copy has happened, below.
    let copied = unsafe { result::memcpy_dtoh_async(to, from, stream.raw()) };
    let done = stream.synchronize();
    copied.map_err(|error| failure("cuMemcpyDtoHAsync", error))?;
    done
}

/// Puts a copy between two places of a device into the stream.
///
/// # Safety
///
/// `bytes` are allocated at both, on the device of the stream, and they do not overlap; both stay until the copy
/// has happened.
pub(in crate::cuda::device) unsafe fn copy(
    stream: &Stream,
    to: u64,
    from: u64,
    bytes: usize,
) -> Result<(), CudaError> {
    if bytes == 0 {
        return Ok(());
    }
    let _current = stream.context.bind()?;
    // SAFETY: the caller answers for both places.
    let copied = unsafe { result::memcpy_dtod_async(to, from, bytes, stream.raw()) };
    copied.map_err(|error| failure("cuMemcpyDtoDAsync", error))
}
