//! The child of the paper: a small convolutional net for images, forward and backward.
//!
//! ```text
//! image [side, side, channels]
//!   convolution 3x3 to 32, border of zeros ► batch norm ► ReLU ► max-pool 2x2    [side/2, side/2, 32]
//!   convolution 3x3 to 32, border of zeros ► batch norm ► ReLU ► max-pool 2x2    [side/4, side/4, 32]
//!   linear to classes ► cross-entropy, mean over the batch
//! ```
//!
//! Convolutions have no bias; the linear layer has one. Parameters are one flat array: see
//! [`Tensor`]. [`ConvNet`] is memory and code for a shape. It computes losses and gradients and
//! never moves a parameter: optimizers do.
//!
//! # What holds
//!
//! 1. One thread computes a net. The same parameters, images and [`Path`] give the same bits on
//!    every run. Paths differ in rounding. ([`Path::Gemm`] cuts its products by the sizes of the
//!    processor's caches, so its bits may differ from machine to machine. So are the sums of patch
//!    moments cut, on all paths, but they are rounded from f64 to f32 afterwards, which hides it all but
//!    always.) Evaluation depends on the running statistics too.
//! 2. After construction the direct paths allocate nothing. (`gemm` allocates in its products.)
//! 3. No value of a parameter or an image makes it panic. Parameters are to be finite; for others
//!    results mean nothing. A batch norm whose sums of squares overflow makes the loss one that is
//!    not a number.
//!
//! # Example
//!
//! ```
//! use nosc_controller::child::net::{ConvNet, Prepared, Shape};
//! use nosc_controller::dataset::LabelledImages;
//!
//! let shape = Shape::new(8, 1, 2, 4)?;
//! let mut images = LabelledImages::new(shape.image_length());
//! for label in 0..4_u8 {
//!     images.push((0..64_u8).map(|pixel| f32::from(pixel * (label + 1) % 7)), label % 2);
//! }
//! let images = Prepared::new(shape, &images)?;
//! let mut net = ConvNet::new(shape);
//! let mut parameters = shape.initial_parameters(0);
//! let mut gradients = vec![0.0; parameters.len()];
//! let before = net.evaluate(&parameters, &images, &[0, 1, 2, 3])?;
//! for _ in 0..50 {
//!     net.forward_backward(&parameters, &images, &[0, 1, 2, 3], &mut gradients)?;
//!     parameters.iter_mut().zip(&gradients).for_each(|(w, g)| *w -= 0.05 * g);
//! }
//! let after = net.evaluate(&parameters, &images, &[0, 1, 2, 3])?;
//! assert!(after.loss < before.loss);
//! # Ok::<(), nosc_controller::child::ChildError>(())
//! ```

mod shape;
mod path;
mod model;
pub(super) mod aligned;
mod prepared;
mod batch_norm;
pub(super) mod vectors;
mod convolutions;
mod products;
#[cfg(target_arch = "x86_64")]
mod winograd;
#[cfg(target_arch = "x86_64")]
mod direct;
pub(super) mod head;
mod buffers;
mod step;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use batch_norm::Running;
pub use model::ConvNetModel;
pub use path::{Path, UnknownPath};
pub use prepared::Prepared;
pub use shape::{FILTERS, MAX_BATCH, MAX_CHANNELS, MAX_CLASSES, MAX_SIDE, Shape, Tensor};

pub use crate::child::batch_norm::{EPSILON, MOMENTUM};
use crate::child::{ChildError, Score, Sums};
use buffers::Buffers;
use convolutions::Convolutions;
#[cfg(target_arch = "x86_64")]
use direct::Direct;
use products::Products;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Arch, Simd, WithSimd};
use shape::PartsMut;
use step::Pass;
#[cfg(target_arch = "x86_64")]
use winograd::Tiles;

/// Memory and code for one net at a time, and the running statistics of its batch norms.
#[derive(Debug, Clone)]
pub struct ConvNet {
    shape: Shape,
    path: Path,
    engine: Engine,
    buffers: Buffers,
    running: [Running; 2],
}

/// The vectors of a path and the memory that it needs for one image.
#[derive(Debug, Clone)]
enum Engine {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4, Tiles),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3, Tiles),
    Any(Arch, Products),
}

impl ConvNet {
    /// A net on the fastest path that runs here.
    pub fn new(shape: Shape) -> Self {
        let path = Path::fastest(&shape);
        let engine = Engine::new(path, &shape).unwrap_or_else(|| Engine::any(&shape));
        Self::with(shape, path, engine)
    }

    /// A net on a path.
    ///
    /// # Errors
    ///
    /// [`ChildError::Path`] if the path does not run on this processor or for this shape.
    pub fn on_path(shape: Shape, path: Path) -> Result<Self, ChildError> {
        let engine = Engine::new(path, &shape).ok_or(ChildError::Path { path })?;
        Ok(Self::with(shape, path, engine))
    }

    fn with(shape: Shape, path: Path, engine: Engine) -> Self {
        let buffers = Buffers::new(&shape);
        Self { shape, path, engine, buffers, running: [Running::default(); 2] }
    }

    /// The sizes it was made for.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The path that computes it.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Running statistics of the first and the second batch norm.
    pub fn running(&self) -> &[Running; 2] {
        &self.running
    }

    /// Sets the running statistics, to go on with a child of which they were kept.
    /// `Default::default()` starts a fresh one.
    pub fn set_running(&mut self, running: [Running; 2]) {
        self.running = running;
    }

    /// Mean loss of the batch's images and its derivatives by the parameters, which `gradients`
    /// becomes. Batch norms use the statistics of the batch, and add them to the running ones.
    ///
    /// `batch` holds indices into `images`: 1 to [`Shape::batch`] of them, in any order.
    ///
    /// # Errors
    ///
    /// If the sizes of the arrays are not those of the shape, or an index is none of an image.
    /// Nothing has changed then.
    pub fn forward_backward(
        &mut self,
        parameters: &[f32],
        images: &Prepared,
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<Score, ChildError> {
        self.check(parameters, images)?;
        ChildError::check_gradients(gradients, self.shape.parameter_count())?;
        ChildError::check_batch(batch, self.shape.batch(), images.len())?;
        if !images.has_moments() {
            return Err(ChildError::NoMoments);
        }
        let gradients = Some(self.shape.parts_mut(gradients));
        Ok(self.pass(parameters, images, batch, gradients).score(batch.len()))
    }

    /// Mean loss and right answers on any number of images, in evaluation mode: batch norms use the
    /// running statistics. Sums are over runs of [`Shape::batch`] images.
    ///
    /// # Errors
    ///
    /// As [`forward_backward`](Self::forward_backward).
    pub fn evaluate(
        &mut self,
        parameters: &[f32],
        images: &Prepared,
        indices: &[usize],
    ) -> Result<Score, ChildError> {
        self.check(parameters, images)?;
        ChildError::check_indices(indices, images.len())?;
        let mut total = Sums::default();
        for batch in indices.chunks(self.shape.batch()) {
            total += self.pass(parameters, images, batch, None);
        }
        Ok(total.score(indices.len()))
    }

    fn check(&self, parameters: &[f32], images: &Prepared) -> Result<(), ChildError> {
        ChildError::check_parameters(parameters, self.shape.parameter_count())?;
        if images.fits(&self.shape) { Ok(()) } else { Err(ChildError::Prepared) }
    }

    /// Training if there are gradients to write, evaluation if not.
    fn pass(
        &mut self,
        parameters: &[f32],
        images: &Prepared,
        batch: &[usize],
        gradients: Option<PartsMut<'_>>,
    ) -> Sums {
        let call = Call {
            shape: self.shape,
            buffers: &mut self.buffers,
            running: &mut self.running,
            parameters,
            images,
            batch,
            gradients,
        };
        match &mut self.engine {
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512(simd, tiles) => call.direct(*simd, tiles),
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2(simd, tiles) => call.direct(*simd, tiles),
            Engine::Any(arch, products) => arch.dispatch(OnProducts(call, products)),
        }
    }
}

impl Engine {
    /// `None` if the path does not run on this processor or for this shape.
    fn new(path: Path, shape: &Shape) -> Option<Self> {
        match path {
            _ if !path.runs(shape) => None,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => Some(Self::Avx512(V4::try_new()?, Tiles::new())),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => Some(Self::Avx2(V3::try_new()?, Tiles::new())),
            #[cfg(not(target_arch = "x86_64"))]
            Path::Avx512 | Path::Avx2 => None,
            Path::Gemm => Some(Self::any(shape)),
        }
    }

    fn any(shape: &Shape) -> Self {
        Self::Any(Arch::new(), Products::new(*shape))
    }
}

/// Arguments of a pass.
struct Call<'a> {
    shape: Shape,
    buffers: &'a mut Buffers,
    running: &'a mut [Running; 2],
    parameters: &'a [f32],
    images: &'a Prepared,
    batch: &'a [usize],
    gradients: Option<PartsMut<'a>>,
}

/// A pass whose convolutions are matrix products.
struct OnProducts<'a>(Call<'a>, &'a mut Products);

impl WithSimd for OnProducts<'_> {
    type Output = Sums;

    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        self.0.run(simd, self.1)
    }
}

impl Call<'_> {
    /// A pass with direct kernels: for each number of channels its own.
    #[cfg(target_arch = "x86_64")]
    fn direct<S: Simd>(self, simd: S, tiles: &mut Tiles) -> Sums {
        let shape = self.shape;
        match shape.channels() {
            1 => self.run(simd, &mut Direct::<1, 3, 3> { shape, tiles }),
            2 => self.run(simd, &mut Direct::<2, 6, 1> { shape, tiles }),
            3 => self.run(simd, &mut Direct::<3, 9, 1> { shape, tiles }),
            _ => self.run(simd, &mut Direct::<4, 12, 1> { shape, tiles }),
        }
    }

    fn run<S: Simd, C: Convolutions>(self, simd: S, convolutions: &mut C) -> Sums {
        let mut pass = Pass {
            simd,
            convolutions,
            shape: self.shape,
            buffers: self.buffers,
            parameters: self.shape.parts(self.parameters),
            images: self.images,
            batch: self.batch,
        };
        match self.gradients {
            Some(gradients) => pass.train(self.running, gradients),
            None => pass.evaluate(self.running),
        }
    }
}
