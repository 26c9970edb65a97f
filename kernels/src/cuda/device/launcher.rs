//! Launches of one kernel over the same tensors, step after step.

#![expect(unsafe_code, reason = "launches of kernels with arguments of their types")]

use std::ffi::c_void;
use std::ptr::from_ref;
use std::sync::Arc;

use super::auxiliary::Auxiliary;
use super::driver::{Buffer, Stream, upload};
use super::table::Table;
use super::{CudaKernel, DeviceTensor};
use crate::ElementType;
use crate::cuda::CudaError;
use crate::cuda::abi::{self, LAUNCH_CHUNK_ELEMENTS, THREADS, WORDS, tensor_bytes};

/// Where a tensor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of elements.
    pub length: usize,
    /// Which tensor it is, for random draws.
    pub id: u32,
    /// Index of the first of these elements in the whole tensor, for random draws; a multiple of 4.
    pub first_element: u64,
    /// Index of the first of these elements in arrays of states that tensors share; a multiple of 4.
    pub state: usize,
}

/// The arrays of a tensor.
#[derive(Debug)]
pub struct Row<'a> {
    /// `w`, updated in place.
    pub parameters: &'a mut DeviceTensor,
    /// `g`.
    pub gradients: &'a DeviceTensor,
    /// An array of its own for each state slot, in order; none if the arrays of the launch have its states.
    pub states: &'a mut [DeviceTensor],
}

/// Memory on the device that launches of a kernel over some tensors need.
///
/// Launches read it, so those of different streams have to wait for each other.
#[derive(Debug)]
pub struct Launcher {
    /// Step scalars, then the words. Dropped first: to free it waits for launches, and then the kernel may be
    /// unloaded.
    arguments: Buffer,
    tensors: Table,
    chunks: Buffer,
    kernel: Arc<CudaKernel>,
    auxiliary: Auxiliary,
    places: Vec<Place>,
    chunk_count: u32,
    chunk_elements: u32,
    /// What of them is on the device when all that was put into streams has happened; empty if not known.
    there: Vec<u32>,
}

impl Launcher {
    /// Allocates for tensors of these places; a launch allocates nothing.
    ///
    /// # Errors
    ///
    /// [`CudaError::Memory`], or [`CudaError::Call`] for more tensors or elements than a launch can have.
    pub fn new(
        kernel: &Arc<CudaKernel>,
        stream: &Stream,
        places: Vec<Place>,
    ) -> Result<Launcher, CudaError> {
        Launcher::with_chunks(kernel, stream, places, LAUNCH_CHUNK_ELEMENTS)
    }

    /// The same with chunks of another size, a multiple of 4. Results do not depend on it.
    ///
    /// # Errors
    ///
    /// As [`Launcher::new`].
    pub fn with_chunks(
        kernel: &Arc<CudaKernel>,
        stream: &Stream,
        places: Vec<Place>,
        chunk_elements: u32,
    ) -> Result<Launcher, CudaError> {
        let device = &kernel.device;
        if stream.ordinal() != device.ordinal() {
            return Err(CudaError::Call("a kernel and a stream of different devices".to_owned()));
        }
        if let Some(place) = places.iter().find(|place| !place.state.is_multiple_of(4)) {
            let message = format!("states from element {}, expected a multiple of 4", place.state);
            return Err(CudaError::Call(message));
        }
        if let Some(place) = places.iter().find(|place| !place.first_element.is_multiple_of(4)) {
            let first = place.first_element;
            let message = format!("a part from element {first}, expected a multiple of 4");
            return Err(CudaError::Call(message));
        }
        let lengths: Vec<u64> = places.iter().map(|place| place.length as u64).collect();
        let chunks = abi::chunks(&lengths, chunk_elements).ok_or_else(|| {
            CudaError::Call("more tensors or elements than a launch can have".to_owned())
        })?;
        let context = stream.context();
        let buffer = chunk_map(stream, &chunks)?;
        let states = kernel.demands.states;
        let arguments = 4 * (usize::from(kernel.demands.scalars) + WORDS);
        Ok(Launcher {
            auxiliary: device.auxiliary()?,
            kernel: Arc::clone(kernel),
            tensors: Table::new(stream, places.len(), tensor_bytes(states))?,
            places,
            chunks: buffer,
            chunk_count: chunks.len() as u32,
            chunk_elements,
            arguments: Buffer::new(context, arguments)?,
            there: Vec::new(),
        })
    }

    /// The kernel.
    pub fn kernel(&self) -> &CudaKernel {
        &self.kernel
    }

    /// Puts step scalars, seed and step number into the stream: what the launches after this use. Nothing is put
    /// where they are there already.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if the kernel has another number of scalars.
    pub fn put_arguments(
        &mut self,
        stream: &Stream,
        scalars: &[f32],
        seed: u64,
        step: u32,
    ) -> Result<(), CudaError> {
        let expected = usize::from(self.kernel.demands.scalars);
        if scalars.len() != expected {
            let message = format!("the kernel takes {expected} scalars, found {}", scalars.len());
            return Err(CudaError::Call(message));
        }
        // What a kernel does not draw from does not change either.
        let words = [seed as u32, (seed >> 32) as u32, step];
        let words = if self.kernel.draws { words } else { [0; WORDS] };
        let words: Vec<u32> = scalars.iter().map(|x| x.to_bits()).chain(words).collect();
        if self.there == words {
            return Ok(());
        }
        self.there.clear();
        // SAFETY: the buffer was made for the scalars and these words.
        unsafe { self.auxiliary.put(stream, self.arguments.address(), &words) }?;
        self.there = words;
        Ok(())
    }

    /// Takes note that a recorded launch goes into the stream: it leaves the table as it was when it was
    /// recorded and, if a [`GradientChecks::clip`](super::GradientChecks::clip) was recorded with it, another scale.
    pub fn note_replay(&mut self, clips: bool) {
        self.tensors.forget();
        if clips {
            self.there.clear();
        }
    }

    /// Where the number that gradients are multiplied by is, if the kernel has a guard. Whoever asks writes it.
    pub(super) fn guard_scale(&mut self) -> Option<u64> {
        self.there.clear();
        self.kernel.guard_scale.map(|place| self.arguments.address() + 4 * place as u64)
    }

    /// Puts a step of all tensors into the stream. `states` are the arrays of all state slots, in order, in each of
    /// which a tensor whose row has none has the elements from its place on.
    ///
    /// Nothing of the host is read after this returns, and nothing waits.
    ///
    /// # Errors
    ///
    /// [`CudaError::Call`] if an array does not fit, and then nothing has been launched.
    pub fn launch<'a>(
        &mut self,
        stream: &Stream,
        rows: impl Iterator<Item = Row<'a>>,
        states: &mut [DeviceTensor],
    ) -> Result<(), CudaError> {
        let capturing = stream.is_capturing()?;
        let (kernel, places) = (&self.kernel, &self.places);
        self.tensors.update(stream, &self.auxiliary, capturing, |table| {
            fill(kernel, places, rows, states, table)
        })?;
        let scalars = self.arguments.address();
        let words = scalars + 4 * u64::from(kernel.demands.scalars);
        let (tensors, chunks) = (self.tensors.address(), self.chunks.address());
        let arguments: &mut [*mut c_void] = &mut [
            from_ref(&tensors).cast_mut().cast(),
            from_ref(&chunks).cast_mut().cast(),
            from_ref(&self.chunk_count).cast_mut().cast(),
            from_ref(&self.chunk_elements).cast_mut().cast(),
            from_ref(&scalars).cast_mut().cast(),
            from_ref(&words).cast_mut().cast(),
        ];
        // SAFETY: the parameters of `abi`, in its order. The table has as many rows as the map of chunks speaks
        // of; addresses and lengths in it were checked against tensors that are borrowed now.
        unsafe { kernel.function.launch(stream, self.chunk_count, THREADS, arguments) }
    }
}

/// A map of chunks on the device.
pub(super) fn chunk_map(stream: &Stream, chunks: &[abi::Chunk]) -> Result<Buffer, CudaError> {
    let mut map = Vec::with_capacity(chunks.len() * abi::CHUNK_BYTES);
    for chunk in chunks {
        chunk.write(&mut map);
    }
    let buffer = Buffer::new(stream.context(), map.len())?;
    // SAFETY: the buffer was made for these bytes.
    unsafe { upload(stream, buffer.address(), &map) }?;
    Ok(buffer)
}

/// Checks all arrays, and writes the rows of the table.
fn fill<'a>(
    kernel: &CudaKernel,
    places: &[Place],
    rows: impl Iterator<Item = Row<'a>>,
    states: &[DeviceTensor],
    table: &mut Vec<u8>,
) -> Result<(), CudaError> {
    let (demands, ordinal) = (kernel.demands, kernel.device.ordinal());
    let fits = |array: &DeviceTensor, what: &str, expected, length: usize| {
        if array.ordinal() != ordinal {
            let found = array.ordinal();
            let message = format!("{what} on cuda:{found}, the kernel is on cuda:{ordinal}");
            return Err(CudaError::Call(message));
        }
        if array.element_type() != expected || array.len() < length {
            let message = format!(
                "{what}: {} elements of {}, expected {length} of {expected}",
                array.len(),
                array.element_type()
            );
            return Err(CudaError::Call(message));
        }
        if length > 0 && array.address() == 0 {
            return Err(CudaError::Call(format!("{what} at address 0")));
        }
        Ok(())
    };
    let (mut count, mut addresses) = (0, Vec::with_capacity(usize::from(demands.states)));
    for (place, row) in places.iter().zip(rows) {
        let Row { parameters, gradients, states: own } = row;
        fits(parameters, "parameters", demands.parameter, place.length)?;
        fits(gradients, "gradients", demands.gradient, place.length)?;
        let (states, start) = if own.is_empty() { (states, place.state) } else { (&*own, 0) };
        if states.len() != usize::from(demands.states) {
            let (expected, found) = (demands.states, states.len());
            let message = format!("the kernel takes {expected} states, found {found}");
            return Err(CudaError::Call(message));
        }
        addresses.clear();
        for state in states {
            fits(state, "states", ElementType::F32, start.saturating_add(place.length))?;
            addresses.push(state.address() + 4 * start as u64);
        }
        let row = abi::Tensor {
            parameters: parameters.address(),
            gradients: gradients.address(),
            length: place.length as u64,
            first_element: place.first_element,
            id: place.id,
        };
        row.write(&addresses, table);
        count += 1;
    }
    if count != places.len() {
        let message = format!("{count} tensors, expected {}", places.len());
        return Err(CudaError::Call(message));
    }
    Ok(())
}
