//! Memory and recordings that a test answers for.

#![expect(unsafe_code, reason = "what a caller of nosc promises, a test promises here")]

use std::ops::Range;

use nosc_kernels::cuda::{Device, DeviceTensor, Graph, Stream};

/// The elements of a tensor from one of them on, as memory that someone else owns. Tests keep the owner until all
/// work is done.
pub fn raw_tensor(device: &Device, owner: &DeviceTensor, first: usize) -> DeviceTensor {
    raw_slice(device, owner, first..owner.len())
}

/// Some neighbouring elements of a tensor in the same way.
pub fn raw_slice(device: &Device, owner: &DeviceTensor, range: Range<usize>) -> DeviceTensor {
    assert!(range.start <= range.end && range.end <= owner.len(), "{range:?}");
    let (of, length) = (owner.element_type(), range.len());
    let address = owner.address() + (range.start * of.bytes()) as u64;
    // SAFETY: elements of the owner, on its device; the tests that call this keep it.
    unsafe { DeviceTensor::from_raw(device, address, of, length) }
}

/// A stream that another library made, by the address of its handle. Tests keep it for longer.
pub fn raw_stream(device: &Device, handle: usize) -> Stream {
    // SAFETY: tests pass a stream of the primary context, and keep it.
    unsafe { device.borrowed_stream(std::ptr::with_exposed_provenance_mut(handle)) }
}

/// Puts a recording into a stream, and waits for it.
pub fn launch(graph: &Graph, stream: &Stream) {
    // SAFETY: what was recorded is kept by the test until it has happened, which is waited for here.
    unsafe { graph.launch(stream) }.unwrap();
    stream.synchronize().unwrap();
}
