//! Tensors in the memory of a device.

#![expect(unsafe_code, reason = "memory that others own, and copies of it")]

use std::ops::Range;

use super::Device;
use super::driver::{Buffer, Stream, copy, download, fill, upload};
use crate::cuda::CudaError;
use crate::floats::Floats;
use crate::{ElementType, FloatVec};

/// The elements of a tensor in the memory of a device.
#[derive(Debug)]
pub struct DeviceTensor {
    memory: Memory,
    ordinal: usize,
    element_type: ElementType,
    length: usize,
}

#[derive(Debug)]
enum Memory {
    Owned(Buffer),
    /// An address of memory that someone else frees.
    Borrowed(u64),
}

impl DeviceTensor {
    /// A tensor of zeros.
    ///
    /// # Errors
    ///
    /// [`CudaError::Memory`] if the device has none.
    pub fn zeros(
        stream: &Stream,
        element_type: ElementType,
        length: usize,
    ) -> Result<DeviceTensor, CudaError> {
        let tensor = DeviceTensor::new(stream, element_type, length)?;
        if let Memory::Owned(buffer) = &tensor.memory {
            buffer.fill(stream, 0, 0, buffer.bytes() / 4)?;
        }
        Ok(tensor)
    }

    /// A copy of an array of the host, complete when this returns.
    ///
    /// # Errors
    ///
    /// [`CudaError::Memory`] if the device has none.
    pub fn from_host(stream: &Stream, values: Floats<'_>) -> Result<DeviceTensor, CudaError> {
        let mut tensor = DeviceTensor::new(stream, values.element_type(), values.len())?;
        tensor.copy_from_host(stream, values)?;
        Ok(tensor)
    }

    /// Elements that someone else owns, such as a tensor of PyTorch's.
    ///
    /// # Safety
    ///
    /// `length` elements of this type are allocated at `address`, on this device, and aligned to their size; and
    /// they stay so until the last work that was given the tensor has happened. Nobody else writes to
    /// them, or reads them while they are written, without waiting for the streams that use them.
    pub unsafe fn from_raw(
        device: &Device,
        address: u64,
        element_type: ElementType,
        length: usize,
    ) -> DeviceTensor {
        let memory = Memory::Borrowed(address);
        DeviceTensor { memory, ordinal: device.ordinal(), element_type, length }
    }

    fn new(
        stream: &Stream,
        element_type: ElementType,
        length: usize,
    ) -> Result<DeviceTensor, CudaError> {
        let ordinal = stream.ordinal();
        // In whole words, so that it can be filled.
        let bytes = length.checked_mul(element_type.bytes());
        let bytes = bytes.and_then(|bytes| bytes.checked_next_multiple_of(4));
        let bytes = bytes.ok_or(CudaError::Memory { ordinal, bytes: usize::MAX })?;
        let memory = Memory::Owned(Buffer::new(stream.context(), bytes)?);
        Ok(DeviceTensor { memory, ordinal, element_type, length })
    }

    /// Its address on the device; 0 if it has no element.
    pub fn address(&self) -> u64 {
        match &self.memory {
            Memory::Owned(buffer) => buffer.address(),
            Memory::Borrowed(address) => *address,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// Number of its device.
    pub fn ordinal(&self) -> usize {
        self.ordinal
    }

    /// Replaces all elements by those of an array of the host; complete when this returns.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if type or length differ or the stream is another device's.
    pub fn copy_from_host(&mut self, stream: &Stream, values: Floats<'_>) -> Result<(), CudaError> {
        self.check(stream, values.element_type(), values.len())?;
        let bytes = values.to_le_bytes();
        // SAFETY: the tensor has as many elements of the same size, on the stream's device.
        unsafe { upload(stream, self.address(), &bytes) }
    }

    /// Puts a copy of another tensor's elements into the stream. Nothing waits.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if type, length or device differ.
    pub fn copy_from(&mut self, stream: &Stream, from: &DeviceTensor) -> Result<(), CudaError> {
        self.check(stream, from.element_type, from.length)?;
        from.check(stream, from.element_type, from.length)?;
        let bytes = self.length * self.element_type.bytes();
        // SAFETY: both have these bytes, and one is borrowed alone; memory is freed after the work that uses it.
        unsafe { copy(stream, self.address(), from.address(), bytes) }
    }

    /// The elements, after what is in the stream before. Waits for the stream.
    ///
    /// # Errors
    ///
    /// As [`DeviceTensor::read`].
    pub fn to_host(&self, stream: &Stream) -> Result<FloatVec, CudaError> {
        self.read(stream, 0..self.length)
    }

    /// Some neighbouring elements, after what is in the stream before. Waits for the stream.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if it has not all of them or the stream is another device's, [`CudaError::Driver`]
    /// if work before failed.
    pub fn read(&self, stream: &Stream, range: Range<usize>) -> Result<FloatVec, CudaError> {
        self.check(stream, self.element_type, self.length)?;
        if range.start > range.end || range.end > self.length {
            let message = format!("elements {range:?} of a tensor of {}", self.length);
            return Err(CudaError::Call(message));
        }
        let size = self.element_type.bytes();
        let mut bytes = vec![0; range.len() * size];
        let from = self.address() + (range.start * size) as u64;
        // SAFETY: elements that the tensor has, on the stream's device.
        unsafe { download(stream, &mut bytes, from) }?;
        Ok(FloatVec::from_le_bytes(self.element_type, &bytes))
    }

    /// Sets neighbouring elements to one value, after what is in the stream before. Only for tensors of f32.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] for another tensor, elements that it does not have, or a stream of another device.
    pub fn fill(
        &mut self,
        stream: &Stream,
        value: f32,
        first: usize,
        length: usize,
    ) -> Result<(), CudaError> {
        self.check(stream, ElementType::F32, self.length)?;
        if first.checked_add(length).is_none_or(|end| end > self.length) {
            let message = format!("{length} elements from {first} of a tensor of {}", self.length);
            return Err(CudaError::Call(message));
        }
        // SAFETY: elements that the tensor has, on the stream's device.
        unsafe { fill(stream, self.address() + 4 * first as u64, value.to_bits(), length) }
    }

    fn check(
        &self,
        stream: &Stream,
        element_type: ElementType,
        length: usize,
    ) -> Result<(), CudaError> {
        let same = self.element_type == element_type && self.length == length;
        if !same {
            return Err(CudaError::Call(format!(
                "{length} elements of {element_type} for a tensor of {} of {}",
                self.length, self.element_type
            )));
        }
        if stream.ordinal() != self.ordinal {
            return Err(CudaError::Call(format!(
                "a tensor on cuda:{} with a stream of cuda:{}",
                self.ordinal,
                stream.ordinal()
            )));
        }
        Ok(())
    }
}
