//! The kernels that all rules share.

#![expect(unsafe_code, reason = "launches of kernels with arguments of their types")]

use std::ffi::c_void;

use super::Device;
use super::driver::{Function, Stream};
use super::loading::{Loaded, load};
use crate::ElementType;
use crate::cuda::{CudaError, CudaSource};

/// Their text.
const SOURCE: &str = include_str!("auxiliary.cu");
/// Words of a launch that puts few,
const FEW: usize = 28;
/// and of one that puts many: its arguments fill less than 4 KiB.
pub(super) const MANY: usize = 960;
const THREADS: u32 = 256;
/// Elements of a chunk, as on the processor: sums have the same order there.
pub(super) const CHUNK_ELEMENTS: u32 = crate::kernel::CHUNK_ELEMENTS as u32;
/// Partial sums of a chunk.
const LANES: u64 = 16;
/// Bytes for the sums of a chunk: its partial ones and their sum.
pub(super) const SUM_BYTES: usize = 8 * (LANES as usize + 1);
/// Bytes of a row of sources.
pub(super) const SOURCE_BYTES: usize = 24;

/// The number of a type in a row of sources.
pub(super) fn type_number(element_type: ElementType) -> u64 {
    match element_type {
        ElementType::F32 => 0,
        ElementType::F64 => 1,
        ElementType::F16 => 2,
        ElementType::Bf16 => 3,
    }
}

/// Loaded, for one device.
#[derive(Debug, Clone)]
pub(super) struct Auxiliary {
    put_few: Function,
    put_many: Function,
    squares: Function,
    chunk_sums: Function,
    clip_scale: Function,
    non_finite: Function,
    blocks: u32,
}

/// Gradients of all tensors, and their chunks, on the device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gradients {
    pub(super) sources: u64,
    pub(super) chunks: u64,
    pub(super) count: u32,
}

/// A pointer to an argument.
fn argument<T>(value: &T) -> *mut c_void {
    std::ptr::from_ref(value).cast_mut().cast()
}

impl Auxiliary {
    pub(super) fn load(device: &Device) -> Result<Auxiliary, CudaError> {
        let source = CudaSource { symbol: "nosc_auxiliary".to_owned(), text: SOURCE.to_owned() };
        let Loaded { module, .. } = load(device, &source)?;
        Ok(Auxiliary {
            put_few: module.function("nosc_put_few")?,
            put_many: module.function("nosc_put_many")?,
            squares: module.function("nosc_squares")?,
            chunk_sums: module.function("nosc_chunk_sums")?,
            clip_scale: module.function("nosc_clip_scale")?,
            non_finite: module.function("nosc_non_finite")?,
            blocks: 8 * device.multiprocessors(),
        })
    }

    /// Writes words to memory of the device. They travel as arguments of launches, so the host's memory may
    /// change at once, and a recording has their values.
    ///
    /// # Safety
    ///
    /// As many words are allocated at `to`, a multiple of 4, and nothing else uses them meanwhile.
    pub(super) unsafe fn put(
        &self,
        stream: &Stream,
        mut to: u64,
        mut words: &[u32],
    ) -> Result<(), CudaError> {
        while !words.is_empty() {
            let many = words.len() > FEW;
            let (now, after) = words.split_at(words.len().min(if many { MANY } else { FEW }));
            let mut values = [0_u32; MANY];
            values[..now.len()].copy_from_slice(now);
            let count = now.len() as u32;
            let function = if many { &self.put_many } else { &self.put_few };
            let arguments = &mut [argument(&to), argument(&count), argument(&values)];
            let blocks = count.div_ceil(THREADS);
            // SAFETY: a pointer, a count and a struct of 28 or 960 words, both of which `values` holds;
            // the kernel writes `count` words at `to`, for which the caller answers.
            unsafe { function.launch(stream, blocks, THREADS, arguments) }?;
            (words, to) = (after, to + 4 * u64::from(count));
        }
        Ok(())
    }

    /// The norm of the gradients over the loss scale to `norm`, an f64, and what they are multiplied by so that
    /// it is at most the limit to each of `scales`, an f32. Loss scale and limit are two f64 at `limits`.
    ///
    /// # Safety
    ///
    /// Sources, chunks, and [`SUM_BYTES`] for each chunk at `sums` are allocated, as are `limits`, `norm` and `scales`;
    /// the sources describe gradients that stay until this has happened.
    pub(super) unsafe fn clip_scale(
        &self,
        stream: &Stream,
        gradients: Gradients,
        (sums, limits, norm): (u64, u64, u64),
        scales: &[u64],
    ) -> Result<(), CudaError> {
        let Gradients { sources, chunks, count } = gradients;
        let lanes = u64::from(count) * LANES;
        let blocks = |threads: u64| self.blocks.min(threads.div_ceil(THREADS.into()) as u32);
        let arguments = &mut [
            argument(&sources),
            argument(&chunks),
            argument(&count),
            argument(&CHUNK_ELEMENTS),
            argument(&sums),
        ];
        // SAFETY: the parameters of `nosc_squares`; the caller answers for the memory.
        unsafe { self.squares.launch(stream, blocks(lanes), THREADS, arguments) }?;
        let arguments = &mut [argument(&sums), argument(&count)];
        // SAFETY: the parameters of `nosc_chunk_sums`, and the sums of all chunks.
        unsafe { self.chunk_sums.launch(stream, blocks(count.into()), THREADS, arguments) }?;
        for scale in scales {
            let arguments = &mut [
                argument(&sums),
                argument(&count),
                argument(&limits),
                argument(&norm),
                argument(scale),
            ];
            // SAFETY: the parameters of `nosc_clip_scale`; the caller answers for the places.
            unsafe { self.clip_scale.launch(stream, 1, 1, arguments) }?;
        }
        Ok(())
    }

    /// The first gradient that is not finite, as the kernel has it, to `first`, a u64 that is all ones.
    ///
    /// # Safety
    ///
    /// Sources and chunks are allocated, and `first`; the sources describe gradients that stay until this has
    /// happened.
    pub(super) unsafe fn non_finite(
        &self,
        stream: &Stream,
        gradients: Gradients,
        first: u64,
    ) -> Result<(), CudaError> {
        let Gradients { sources, chunks, count } = gradients;
        let blocks = self.blocks.min(count);
        let arguments = &mut [
            argument(&sources),
            argument(&chunks),
            argument(&count),
            argument(&CHUNK_ELEMENTS),
            argument(&first),
        ];
        // SAFETY: the parameters of `nosc_non_finite`; the caller answers for the memory.
        unsafe { self.non_finite.launch(stream, blocks, THREADS, arguments) }
    }
}
