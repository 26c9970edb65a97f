//! What is looked at in gradients on the device: their norm, and whether they are finite.

#![expect(unsafe_code, reason = "launches of kernels with arguments of their types")]

use super::auxiliary::{
    Auxiliary, CHUNK_ELEMENTS, Gradients, SOURCE_BYTES, SUM_BYTES, type_number,
};
use super::driver::{Buffer, Stream, download};
use super::launcher::chunk_map;
use super::table::Table;
use super::{Device, DeviceTensor, Launcher};
use crate::cuda::CudaError;
use crate::cuda::abi;

/// Bytes of the results: two limits, the norm, and the first gradient that is not finite.
const RESULTS: usize = 32;
const NORM: u64 = 16;
const FIRST: u64 = 24;

/// Memory on the device for looking at the gradients of some tensors.
#[derive(Debug)]
pub struct GradientChecks {
    auxiliary: Auxiliary,
    lengths: Vec<usize>,
    sources: Table,
    map: Vec<abi::Chunk>,
    chunks: Buffer,
    sums: Buffer,
    results: Buffer,
}

impl GradientChecks {
    /// Allocates for tensors of these lengths.
    ///
    /// # Errors
    ///
    /// [`CudaError::Memory`], or [`CudaError::Call`] for more elements than a launch can have.
    pub fn new(
        device: &Device,
        stream: &Stream,
        lengths: &[usize],
    ) -> Result<GradientChecks, CudaError> {
        let numbers: Vec<u64> = lengths.iter().map(|length| *length as u64).collect();
        let map = abi::chunks(&numbers, CHUNK_ELEMENTS).ok_or_else(|| {
            CudaError::Call("more tensors or elements than a launch can have".to_owned())
        })?;
        let context = stream.context();
        let chunks = chunk_map(stream, &map)?;
        Ok(GradientChecks {
            auxiliary: device.auxiliary()?,
            sources: Table::new(stream, lengths.len(), SOURCE_BYTES)?,
            lengths: lengths.to_vec(),
            chunks,
            sums: Buffer::new(context, map.len() * SUM_BYTES)?,
            map,
            results: Buffer::new(context, RESULTS)?,
        })
    }

    /// Puts the loss scale, below 0 to negate the gradients, and the largest norm into the stream, for [`GradientChecks::clip`] after it.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn put_limits(
        &mut self,
        stream: &Stream,
        loss_scale: f64,
        largest_norm: f64,
    ) -> Result<(), CudaError> {
        let words = [loss_scale, largest_norm].map(f64::to_bits);
        let words: Vec<u32> = words.iter().flat_map(|x| [*x as u32, (x >> 32) as u32]).collect();
        // SAFETY: the results have room for two f64 at their start.
        unsafe { self.auxiliary.put(stream, self.results.address(), &words) }
    }

    /// Puts into the stream: the norm of all gradients, and from it what the kernels of `launchers` multiply them
    /// by. It has the bits that the CPU's runtime has, and nothing waits for it.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if an array does not fit or a kernel has no guard.
    pub fn clip<'a>(
        &mut self,
        stream: &Stream,
        gradients: impl Iterator<Item = &'a DeviceTensor>,
        launchers: &mut [&mut Launcher],
    ) -> Result<(), CudaError> {
        let mut scales = Vec::with_capacity(launchers.len());
        for launcher in launchers {
            let found = launcher.kernel().device().ordinal();
            if found != stream.ordinal() {
                let message = format!("a kernel on cuda:{found}, gradients on {stream:?}");
                return Err(CudaError::Call(message));
            }
            let place = launcher.guard_scale();
            scales
                .push(place.ok_or_else(|| CudaError::Call("a kernel without a guard".to_owned()))?);
        }
        let gradients = self.show(stream, gradients)?;
        let results = self.results.address();
        // Without a launcher there is a norm all the same; its scale goes where nothing is kept.
        if scales.is_empty() {
            scales.push(results + FIRST);
        }
        let places = (self.sums.address(), results, results + NORM);
        // SAFETY: all memory is of the sizes that `new` gave it; each scale is among a launcher's arguments; the
        // gradients are borrowed now.
        unsafe { self.auxiliary.clip_scale(stream, gradients, places, &scales) }
    }

    /// Takes note that a recorded [`GradientChecks::clip`] goes into the stream: it leaves the table as it was when
    /// it was recorded.
    pub fn note_replay(&mut self) {
        self.sources.forget();
    }

    /// The norm of the last [`GradientChecks::clip`], divided by the loss scale. Waits for the stream.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`], also for work before that failed.
    pub fn norm(&self, stream: &Stream) -> Result<f64, CudaError> {
        self.result(stream, NORM).map(f64::from_bits)
    }

    /// The first gradient that is infinite or NaN as a kernel loads it: tensor and element. Waits for the stream.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if an array does not fit, [`CudaError::Driver`] if work before failed.
    pub fn first_non_finite<'a>(
        &mut self,
        stream: &Stream,
        gradients: impl Iterator<Item = &'a DeviceTensor>,
    ) -> Result<Option<(usize, usize)>, CudaError> {
        let gradients = self.show(stream, gradients)?;
        self.results.fill(stream, u32::MAX, FIRST as usize / 4, 2)?;
        // SAFETY: as in `clip`; the result has just been set to all ones, before this in the stream.
        unsafe { self.auxiliary.non_finite(stream, gradients, self.results.address() + FIRST) }?;
        let found = self.result(stream, FIRST)?;
        let chunk = self.map.get((found >> 32) as usize);
        let place = |chunk: &abi::Chunk| {
            let start = chunk.number as usize * CHUNK_ELEMENTS as usize;
            (chunk.tensor as usize, start + (found as u32) as usize)
        };
        Ok(chunk.map(place))
    }

    fn result(&self, stream: &Stream, place: u64) -> Result<u64, CudaError> {
        let mut bytes = [0; 8];
        // SAFETY: one of the 8-byte places of the results.
        unsafe { download(stream, &mut bytes, self.results.address() + place) }?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Checks the gradients and tells the device where they are.
    fn show<'a>(
        &mut self,
        stream: &Stream,
        gradients: impl Iterator<Item = &'a DeviceTensor>,
    ) -> Result<Gradients, CudaError> {
        let (lengths, ordinal) = (&self.lengths, stream.ordinal());
        let capturing = stream.is_capturing()?;
        self.sources.update(stream, &self.auxiliary, capturing, |table| {
            for (gradient, length) in gradients.zip(lengths) {
                if gradient.len() != *length || gradient.ordinal() != ordinal {
                    return Err(CudaError::Call(format!(
                        "gradients: {} elements on cuda:{}, expected {length} on cuda:{ordinal}",
                        gradient.len(),
                        gradient.ordinal()
                    )));
                }
                let row =
                    [gradient.address(), *length as u64, type_number(gradient.element_type())];
                table.extend(row.iter().flat_map(|number| number.to_le_bytes()));
            }
            Ok(())
        })?;
        let count = self.map.len() as u32;
        Ok(Gradients { sources: self.sources.address(), chunks: self.chunks.address(), count })
    }
}
