//! Checkpoints of an optimizer on a GPU: the files of one on the processor.

use std::path::Path;

use nosc_kernels::FloatVec;

use crate::checkpoint::{Restored, read, write};
use crate::cuda_optimizer::CudaOptimizer;
use crate::error::CheckpointError;

impl CudaOptimizer {
    /// Writes the whole state to a file, atomically; [`Optimizer::load`](crate::Optimizer::load) takes it too. Waits for
    /// the stream.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Io`], and then a file that was there is as before; [`CheckpointError::Device`].
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        write(path, &self.to_checkpoint()?)
    }

    /// Takes state, step, skipped steps and seed from a file, also from one of an optimizer on the CPU. Hyper-parameters
    /// and the total of steps come from the file too, unless the settings name them. Waits for the stream.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if the file is not a checkpoint of this rule for these tensors; the optimizer is then as
    /// before. [`CheckpointError::Device`] if the device failed; then the states are lost.
    pub fn load(&mut self, path: &Path) -> Result<(), CheckpointError> {
        self.load_bytes(&read(path, self.host.most_bytes())?)
    }

    /// The checkpoint as bytes. Waits for the stream.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Device`].
    pub fn to_checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        self.host.to_checkpoint(|slot, tensor| {
            let start = self.starts[tensor];
            let range = start..start + self.host.lengths[tensor];
            match self.states[slot].read(&self.stream, range)? {
                FloatVec::F32(values) => Ok(values.into()),
                _ => Err(CheckpointError::Format("states are not of f32".to_owned())),
            }
        })
    }

    /// As [`CudaOptimizer::load`], from bytes.
    ///
    /// # Errors
    ///
    /// As [`CudaOptimizer::load`].
    pub fn load_bytes(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let Restored { host, states } = self.host.restored(bytes)?;
        for (slot, array) in self.states.iter_mut().enumerate() {
            let mut values = vec![0.0_f32; array.len()];
            for (tensor, start) in self.starts.iter().enumerate() {
                let from = states.get(slot, tensor).unwrap_or_default();
                values[*start..*start + from.len()].copy_from_slice(from);
            }
            // In place: recorded steps know the arrays by their addresses.
            array.copy_from_host(&self.stream, FloatVec::F32(values).as_floats())?;
        }
        self.host = host;
        Ok(())
    }
}
