//! Images in the form that the net reads, with what it wants to know of them beforehand.
//!
//! Images never change, so sums over them are taken once for a data set, and children share them.
//! The first batch norm needs the mean and the variance of each filter's output z = w . p over all
//! patches p of 3 x 3 pixels (with the border of zeros) of a batch, and its gradient needs sums of
//! z p. All of these follow from the patch moments
//!
//! ```text
//! s_k = sum_p p_k     C_kl = sum_p p_k p_l     so that     sum z = w . s    sum z^2 = w C w
//! ```
//!
//! which are sums over the images of the batch. So no output of the first convolution is ever
//! stored. Images are prepared on all cores; each depends on nothing else.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use super::shape::Shape;
use crate::child::ChildError;
use crate::child::matrix::{View, multiply};
use crate::dataset::LabelledImages;

/// A data set for nets of one image side, number of channels and of classes. Does not depend on
/// the batch. Immutable: share it through an `Arc`.
#[derive(Debug, Clone)]
pub struct Prepared {
    shape: Shape,
    /// Images with a border of zeros: `[side + 2, side + 2, channels]` each.
    images: Vec<f32>,
    /// For each image the upper triangle, row by row, of the moments of (p, 1): C, s, and the
    /// number of patches. Empty if they are not trained on.
    moments: Vec<f32>,
    labels: Vec<u8>,
}

impl Prepared {
    /// Prepares images, whose values are `[channels, side, side]`: planes, as `PyTorch` and the
    /// CIFAR files have them.
    ///
    /// # Errors
    ///
    /// If the images have another length than the shape says, or a label is not a class.
    pub fn new(shape: Shape, images: &LabelledImages) -> Result<Self, ChildError> {
        let mut prepared = Self::for_evaluation(shape, images)?;
        let length = moments_length(&shape);
        prepared.moments = vec![0.0; images.len() * length];
        let images = prepared.images.par_chunks_exact(shape.padded_image());
        images.zip(prepared.moments.par_chunks_exact_mut(length)).for_each_init(
            || Scratch::new(&shape),
            |scratch, (image, moments)| scratch.take_moments(&shape, image, moments),
        );
        Ok(prepared)
    }

    /// Prepares images to be evaluated only: without the moments, which take an eighth of the memory
    /// and nearly all of the time.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn for_evaluation(shape: Shape, images: &LabelledImages) -> Result<Self, ChildError> {
        let image = |index| images.image(index);
        for index in 0..images.len() {
            ChildError::check_length("an image", image(index).len(), shape.image_length())?;
        }
        let classes = shape.classes();
        let mut labels = images.labels().iter().enumerate();
        if let Some((image, label)) = labels.find(|(_, label)| usize::from(**label) >= classes) {
            return Err(ChildError::Label { image, label: *label, classes });
        }
        let mut prepared = Self {
            shape,
            images: vec![0.0; images.len() * shape.padded_image()],
            moments: Vec::new(),
            labels: images.labels().to_vec(),
        };
        let padded = prepared.images.par_chunks_exact_mut(shape.padded_image()).enumerate();
        padded.for_each(|(index, padded)| pad(&shape, image(index), padded));
        Ok(prepared)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether a net can be trained on them.
    pub(super) fn has_moments(&self) -> bool {
        self.is_empty() || !self.moments.is_empty()
    }

    /// Classes of the images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Whether nets of this shape read these images.
    pub(super) fn fits(&self, shape: &Shape) -> bool {
        let sizes = |shape: &Shape| (shape.side(), shape.channels(), shape.classes());
        sizes(&self.shape) == sizes(shape)
    }

    /// Image `index` with its border: `[side + 2, side + 2, channels]`.
    pub(super) fn image(&self, index: usize) -> &[f32] {
        let length = self.shape.padded_image();
        &self.images[index * length..(index + 1) * length]
    }

    /// Adds the moments of image `index`.
    pub(super) fn add_moments(&self, index: usize, moments: &mut Moments) {
        let length = moments.sums.len();
        for (sum, value) in moments.sums.iter_mut().zip(&self.moments[index * length..]) {
            *sum += f64::from(*value);
        }
    }
}

/// Patch moments of a batch.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    patch: usize,
    sums: Vec<f64>,
}

impl Moments {
    pub(super) fn new(shape: &Shape) -> Self {
        Self { patch: shape.patch(), sums: vec![0.0; moments_length(shape)] }
    }

    pub(super) fn clear(&mut self) {
        self.sums.fill(0.0);
    }

    /// Number of patches.
    pub(super) fn count(&self) -> f64 {
        self.second(self.patch, self.patch)
    }

    /// Sum of element `k` over all patches.
    pub(super) fn first(&self, k: usize) -> f64 {
        self.second(k, self.patch)
    }

    /// Sum of element `k` times element `l` over all patches.
    pub(super) fn second(&self, k: usize, l: usize) -> f64 {
        let (row, column) = (k.min(l), k.max(l));
        // Rows of the triangle have patch + 1, patch, .., 1 elements.
        self.sums[row * (2 * self.patch + 1 - row) / 2 + column]
    }
}

/// Elements of the upper triangle of a matrix of `patch + 1` rows.
fn moments_length(shape: &Shape) -> usize {
    let rows = shape.patch() + 1;
    rows * (rows + 1) / 2
}

/// Planes to pixels, into the middle of a border of zeros.
fn pad(shape: &Shape, planes: &[f32], padded: &mut [f32]) {
    let (side, channels) = (shape.side(), shape.channels());
    for (channel, plane) in planes.chunks_exact(side * side).enumerate() {
        for (y, row) in plane.chunks_exact(side).enumerate() {
            let start = (y + 1) * shape.image_row() + channels + channel;
            for (x, value) in row.iter().enumerate() {
                padded[start + x * channels] = *value;
            }
        }
    }
}

/// Memory for the moments of one image.
struct Scratch {
    /// All patches, each followed by a 1.
    patches: Vec<f64>,
    /// The full matrix of moments.
    square: Vec<f64>,
}

impl Scratch {
    fn new(shape: &Shape) -> Self {
        let rows = shape.patch() + 1;
        let pixels = shape.side() * shape.side();
        Self { patches: vec![1.0; pixels * rows], square: vec![0.0; rows * rows] }
    }

    fn take_moments(&mut self, shape: &Shape, padded: &[f32], moments: &mut [f32]) {
        let rows = shape.patch() + 1;
        let taps = 3 * shape.channels();
        for (pixel, patch) in self.patches.chunks_exact_mut(rows).enumerate() {
            let (y, x) = (pixel / shape.side(), pixel % shape.side());
            let start = y * shape.image_row() + x * shape.channels();
            for (row, values) in patch.chunks_exact_mut(taps).take(3).enumerate() {
                let image = &padded[start + row * shape.image_row()..][..taps];
                values.iter_mut().zip(image).for_each(|(to, from)| *to = f64::from(*from));
            }
        }
        let pixels = self.patches.len() / rows;
        let patches = View::new(&self.patches, pixels, rows, rows);
        multiply(&mut self.square, patches.transposed(), patches, false);
        let upper = self.square.chunks_exact(rows).enumerate();
        let upper = upper.flat_map(|(row, values)| &values[row..]);
        moments.iter_mut().zip(upper).for_each(|(to, from)| *to = *from as f32);
    }
}
