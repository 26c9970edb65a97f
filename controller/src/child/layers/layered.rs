//! One net in memory, on the vectors of this processor.

#[cfg(not(target_arch = "x86_64"))]
use pulp::Arch;
#[cfg(target_arch = "x86_64")]
use pulp::Scalar;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Simd, WithSimd};

use super::images::Images;
use super::network::{Input, Network};
use super::plan::Plan;
use crate::child::net::Path;
use crate::child::{ChildError, Score, Sums};

/// Memory and code for one net at a time, and the running statistics of its batch norms.
#[derive(Debug, Clone)]
pub(super) struct Layered {
    plan: Plan,
    vectors: Vectors,
    network: Network,
    /// Memory for the indices of a run of images.
    indices: Vec<usize>,
}

/// The vectors of a path, which this processor has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vectors {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    Any,
}

impl Layered {
    /// A net on these vectors.
    pub(super) fn new(plan: &Plan, vectors: Vectors) -> Self {
        let indices = Vec::with_capacity(plan.batch());
        Self { plan: plan.clone(), vectors, network: Network::new(plan), indices }
    }

    /// The kernels that compute it.
    #[cfg(test)]
    pub(super) fn path(&self) -> Path {
        self.vectors.path()
    }

    /// Mean and variance of the batch norm of each unit, averaged over past batches.
    #[cfg(test)]
    pub(super) fn running(&self) -> impl Iterator<Item = (&[f32], &[f32])> {
        let layers = self.network.states.iter().map(|state| &state.normalization);
        layers.map(|layer| (&layer.running_mean[..], &layer.running_variance[..]))
    }

    /// Mean loss of the batch's images and its derivatives by the parameters, which `gradients`
    /// becomes. Batch norms use the statistics of the batch, and add them to the running ones.
    ///
    /// # Errors
    ///
    /// As [`Child::differentiate`](crate::child::Child::differentiate).
    pub(super) fn differentiate(
        &mut self,
        parameters: &[f32],
        images: &Images,
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<Score, ChildError> {
        ChildError::check_parameters(parameters, self.plan.parameter_count())?;
        ChildError::check_gradients(gradients, self.plan.parameter_count())?;
        ChildError::check_batch(batch, self.plan.batch(), images.len())?;
        let input = Input { parameters, images, batch };
        Ok(self.pass(input, Some(gradients)).score(batch.len()))
    }

    /// Mean loss and right answers on all images, in evaluation mode: batch norms use the running
    /// statistics. Sums are over runs of as many images as a batch may have.
    ///
    /// # Errors
    ///
    /// [`ChildError::Length`] for parameters of another length.
    pub(super) fn evaluate(
        &mut self,
        parameters: &[f32],
        images: &Images,
    ) -> Result<Score, ChildError> {
        ChildError::check_parameters(parameters, self.plan.parameter_count())?;
        let mut total = Sums::default();
        let count = images.len();
        let mut indices = std::mem::take(&mut self.indices);
        for start in (0..count).step_by(self.plan.batch()) {
            indices.clear();
            indices.extend(start..(start + self.plan.batch()).min(count));
            total += self.pass(Input { parameters, images, batch: &indices }, None);
        }
        self.indices = indices;
        Ok(total.score(count))
    }

    /// Training if there are gradients to write, evaluation if not.
    fn pass(&mut self, input: Input<'_>, gradients: Option<&mut [f32]>) -> Sums {
        let call = Call { network: &mut self.network, input, gradients };
        match self.vectors {
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512(simd) => call.with_simd(simd),
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2(simd) => call.with_simd(simd),
            #[cfg(target_arch = "x86_64")]
            Vectors::Any => call.with_simd(Scalar::new()),
            #[cfg(not(target_arch = "x86_64"))]
            Vectors::Any => Arch::new().dispatch(call),
        }
    }
}

impl Vectors {
    /// Those of the fastest path that runs here.
    pub(super) fn fastest() -> Self {
        let on = |path| Self::of_path(path).ok();
        Path::ALL.into_iter().find_map(on).unwrap_or(Self::Any)
    }

    /// Those of a path.
    ///
    /// # Errors
    ///
    /// [`ChildError::Path`] if this processor has no such vectors.
    pub(super) fn of_path(path: Path) -> Result<Self, ChildError> {
        let vectors = match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => V4::try_new().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => V3::try_new().map(Self::Avx2),
            #[cfg(not(target_arch = "x86_64"))]
            Path::Avx512 | Path::Avx2 => None,
            Path::Gemm => Some(Self::Any),
        };
        vectors.ok_or(ChildError::Path { path })
    }

    /// Their path. Kernels for any processor are called [`Path::Gemm`], as they are of other nets.
    pub(super) fn path(self) -> Path {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Path::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Path::Avx2,
            Self::Any => Path::Gemm,
        }
    }
}

/// Arguments of a pass.
struct Call<'a> {
    network: &'a mut Network,
    input: Input<'a>,
    gradients: Option<&'a mut [f32]>,
}

impl WithSimd for Call<'_> {
    type Output = Sums;

    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        match self.gradients {
            Some(gradients) => self.network.train(simd, self.input, gradients),
            None => self.network.evaluate(simd, self.input),
        }
    }
}
