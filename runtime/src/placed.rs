//! An optimizer for arrays of the host, on whatever device.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use nosc_kernels::floats::{Floats, FloatsMut};

use crate::compiled::CompiledRule;
use crate::error::{CheckpointError, RuntimeError};
use crate::optimizer::Optimizer;
use crate::options::{Settings, StepOptions, StepOutcome};

#[cfg(feature = "cuda")]
use crate::cuda_optimizer::CudaOptimizer;
#[cfg(feature = "cuda")]
use nosc_kernels::cuda::{Device, DeviceTensor};

/// Where an optimizer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Placement {
    /// On the processor.
    #[default]
    Cpu,
    /// On the NVIDIA GPU of this number.
    Cuda(usize),
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::Cpu => f.write_str("cpu"),
            Placement::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// A word that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no device, expected cpu or cuda:0")]
pub struct UnknownPlacement(pub String);

impl FromStr for Placement {
    type Err = UnknownPlacement;

    /// Takes `cpu`, `cuda` and `cuda:0`.
    fn from_str(text: &str) -> Result<Placement, UnknownPlacement> {
        // `parse` takes a plus sign too.
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| Some(text).filter(is_number).and_then(|text| text.parse().ok());
        match text {
            "cpu" => Some(Placement::Cpu),
            "cuda" => Some(Placement::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(number).map(Placement::Cuda),
        }
        .ok_or_else(|| UnknownPlacement(text.to_owned()))
    }
}

/// An [`Optimizer`], or a [`CudaOptimizer`] that copies the arrays of each step to its GPU and the
/// parameters back. Both return the same bits, any NaN standing for any other.
#[derive(Debug)]
pub struct PlacedOptimizer(Inner);

#[derive(Debug)]
enum Inner {
    Cpu(Box<Optimizer>),
    #[cfg(feature = "cuda")]
    Cuda(Box<Remote>),
}

impl PlacedOptimizer {
    /// Makes the state for tensors of the given numbers of elements.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::new`], [`RuntimeError::Cuda`] if there is no such GPU, and [`RuntimeError::NoCuda`] if
    /// this program was built without CUDA.
    pub fn new(
        placement: Placement,
        compiled: CompiledRule,
        lengths: &[usize],
        settings: Settings,
    ) -> Result<PlacedOptimizer, RuntimeError> {
        Ok(PlacedOptimizer(match placement {
            Placement::Cpu => Inner::Cpu(Box::new(Optimizer::new(compiled, lengths, settings)?)),
            #[cfg(feature = "cuda")]
            Placement::Cuda(ordinal) => {
                let stream = Device::open(ordinal)?.new_stream()?;
                let optimizer = CudaOptimizer::new(compiled, &stream, lengths, settings)?;
                Inner::Cuda(Box::new(Remote { optimizer, tensors: Vec::new() }))
            }
            #[cfg(not(feature = "cuda"))]
            Placement::Cuda(_) => return Err(RuntimeError::NoCuda),
        }))
    }

    /// Where it computes.
    pub fn placement(&self) -> Placement {
        match &self.0 {
            Inner::Cpu(_) => Placement::Cpu,
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => Placement::Cuda(remote.optimizer.device().ordinal()),
        }
    }

    /// As [`Optimizer::step`].
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step`], and [`RuntimeError::Cuda`].
    pub fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
        learning_rate: f64,
    ) -> Result<StepOutcome, RuntimeError> {
        match &mut self.0 {
            Inner::Cpu(optimizer) => optimizer.step(parameters, gradients, learning_rate),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => {
                let mut parameters: Vec<FloatsMut<'_>> =
                    parameters.iter_mut().map(|tensor| FloatsMut::F32(tensor)).collect();
                let gradients: Vec<Floats<'_>> =
                    gradients.iter().map(|tensor| Floats::F32(tensor)).collect();
                remote.step(&mut parameters, &gradients, &StepOptions::new(learning_rate))
            }
        }
    }

    /// As [`Optimizer::step_with`].
    ///
    /// # Errors
    ///
    /// As [`Optimizer::step_with`], and [`RuntimeError::Cuda`].
    pub fn step_with(
        &mut self,
        parameters: &mut [FloatsMut<'_>],
        gradients: &[Floats<'_>],
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        match &mut self.0 {
            Inner::Cpu(optimizer) => optimizer.step_with(parameters, gradients, options),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => remote.step(parameters, gradients, options),
        }
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        match &self.0 {
            Inner::Cpu(optimizer) => optimizer.steps(),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => remote.optimizer.steps(),
        }
    }

    /// Steps skipped because a gradient was not finite.
    pub fn skipped(&self) -> u64 {
        match &self.0 {
            Inner::Cpu(optimizer) => optimizer.skipped(),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => remote.optimizer.skipped(),
        }
    }

    /// The compiled rule.
    pub fn compiled(&self) -> &CompiledRule {
        match &self.0 {
            Inner::Cpu(optimizer) => optimizer.compiled(),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => remote.optimizer.compiled(),
        }
    }

    /// As [`Optimizer::save`].
    ///
    /// # Errors
    ///
    /// As [`Optimizer::save`], and [`CheckpointError::Device`].
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        match &self.0 {
            Inner::Cpu(optimizer) => optimizer.save(path),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => remote.optimizer.save(path),
        }
    }

    /// As [`Optimizer::load`].
    ///
    /// # Errors
    ///
    /// As [`Optimizer::load`], and [`CheckpointError::Device`].
    pub fn load(&mut self, path: &Path) -> Result<(), CheckpointError> {
        match &mut self.0 {
            Inner::Cpu(optimizer) => optimizer.load(path),
            #[cfg(feature = "cuda")]
            Inner::Cuda(remote) => remote.optimizer.load(path),
        }
    }
}

/// An optimizer on a GPU, with memory for parameters and gradients of the host.
#[cfg(feature = "cuda")]
#[derive(Debug)]
struct Remote {
    optimizer: CudaOptimizer,
    /// Parameters, then gradients; those of the last step.
    tensors: Vec<DeviceTensor>,
}

#[cfg(feature = "cuda")]
impl Remote {
    fn step(
        &mut self,
        parameters: &mut [FloatsMut<'_>],
        gradients: &[Floats<'_>],
        options: &StepOptions,
    ) -> Result<StepOutcome, RuntimeError> {
        let stream = self.optimizer.stream().clone();
        let arrays: Vec<Floats<'_>> =
            parameters.iter().map(FloatsMut::as_floats).chain(gradients.iter().copied()).collect();
        let same = |tensor: &DeviceTensor, array: &Floats<'_>| {
            (tensor.len(), tensor.element_type()) == (array.len(), array.element_type())
        };
        let fit = self.tensors.iter().zip(&arrays).all(|(tensor, array)| same(tensor, array));
        if fit && self.tensors.len() == arrays.len() {
            for (tensor, array) in self.tensors.iter_mut().zip(&arrays) {
                tensor.copy_from_host(&stream, *array)?;
            }
        } else {
            self.tensors.clear();
            for array in &arrays {
                self.tensors.push(DeviceTensor::from_host(&stream, *array)?);
            }
        }
        let (own, rest) = self.tensors.split_at_mut(parameters.len());
        let outcome = self.optimizer.step_with(own, rest, options)?;
        if outcome == StepOutcome::Done {
            // All of them before the first is written: a device that fails leaves the host's as they were.
            let moved = own.iter().map(|tensor| tensor.to_host(&stream));
            let moved = moved.collect::<Result<Vec<_>, _>>()?;
            for (to, from) in parameters.iter_mut().zip(&moved) {
                to.copy_from(from.as_floats());
            }
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_are_read_and_written() {
        for (text, placement) in [
            ("cpu", Placement::Cpu),
            ("cuda", Placement::Cuda(0)),
            ("cuda:0", Placement::Cuda(0)),
            ("cuda:12", Placement::Cuda(12)),
        ] {
            assert_eq!(text.parse(), Ok(placement));
        }
        assert_eq!(Placement::Cuda(1).to_string(), "cuda:1");
        for text in
            ["", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cuda:99999999999999999999"]
        {
            assert!(text.parse::<Placement>().is_err(), "{text}");
        }
    }
}
