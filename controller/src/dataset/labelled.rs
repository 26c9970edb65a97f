//! Labelled images in memory, the form that children read.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

/// Images of one size with a class each.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImages {
    image_length: usize,
    pixels: Vec<f32>,
    labels: Vec<u8>,
}

impl LabelledImages {
    /// No images yet, of `image_length` values each.
    pub fn new(image_length: usize) -> Self {
        Self { image_length, pixels: Vec::new(), labels: Vec::new() }
    }

    /// The same, with memory for `images` images set aside.
    pub fn with_capacity(image_length: usize, images: usize) -> Self {
        Self {
            image_length,
            pixels: Vec::with_capacity(image_length.saturating_mul(images)),
            labels: Vec::with_capacity(images),
        }
    }

    /// As many images as there are labels, black at first, and then each as `paint` leaves it: called with
    /// an image's index and its values, for many images at once.
    pub(super) fn painted(
        image_length: usize,
        labels: Vec<u8>,
        paint: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let mut pixels = vec![0.0; image_length.saturating_mul(labels.len())];
        if image_length > 0 {
            let images = pixels.par_chunks_exact_mut(image_length).enumerate();
            images.for_each(|(index, image)| paint(index, image));
        }
        Self { image_length, pixels, labels }
    }

    /// Values of each image.
    pub fn image_length(&self) -> usize {
        self.image_length
    }

    /// Adds an image with its class. Values beyond the image length are left out, missing ones are
    /// 0.
    pub fn push(&mut self, image: impl IntoIterator<Item = f32>, label: u8) {
        let end = self.pixels.len() + self.image_length;
        self.pixels.extend(image.into_iter().take(self.image_length));
        self.pixels.resize(end, 0.0);
        self.labels.push(label);
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values of image `index`, row by row. The index must be less than [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[f32] {
        &self.pixels[index * self.image_length..(index + 1) * self.image_length]
    }

    /// Class of image `index`. The index must be less than [`len`](Self::len).
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The classes of all images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The values of all images, one after another.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// The values of all images, to be scaled.
    pub(super) fn pixels_mut(&mut self) -> &mut [f32] {
        &mut self.pixels
    }
}
