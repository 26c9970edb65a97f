//! Scaling of images: mean 0 and variance 1 for each channel over the training part.
//!
//! For channel c over all N pixels of all training images,
//!
//! ```text
//! mean_c = sum x / N        deviation_c = sqrt(sum (x - mean_c)^2 / N)        x' = (x - mean_c) / deviation_c
//! ```
//!
//! Validation and test images are scaled by the numbers of the training part, of which they know
//! nothing. Sums are f64: over each image first, pixel by pixel, then over the images in their
//! order, so the numbers have the same bits everywhere. `x'` is computed in f64 and rounded once.

use super::{ImageShape, LabelledImages};

/// Mean and standard deviation of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl Normalization {
    /// Those of `images`, the training part. A channel that never changes has deviation 1: it
    /// becomes 0 and no division fails. Without images nothing is scaled.
    pub(super) fn of(images: &LabelledImages, shape: ImageShape) -> Self {
        let channels = shape.channels();
        let means = average(images, shape, &vec![0.0; channels], |value| value);
        let variances = average(images, shape, &means, |value| value * value);
        let deviations = variances.into_iter().map(|variance| {
            let deviation = variance.sqrt();
            if deviation > 0.0 { deviation } else { 1.0 }
        });
        Self { deviations: deviations.collect(), means }
    }

    /// Mean of each channel.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Standard deviation of each channel.
    pub fn deviations(&self) -> &[f64] {
        &self.deviations
    }

    /// Scales all images.
    pub(super) fn apply(&self, images: &mut LabelledImages, shape: ImageShape) {
        let planes = images.pixels_mut().chunks_exact_mut(shape.plane_length());
        let scales = self.means.iter().zip(&self.deviations).cycle();
        for (plane, (mean, deviation)) in planes.zip(scales) {
            for value in plane {
                *value = ((f64::from(*value) - mean) / deviation) as f32;
            }
        }
    }
}

/// For each channel the mean of `term(value - offset)` over all images.
fn average(
    images: &LabelledImages,
    shape: ImageShape,
    offsets: &[f64],
    term: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let mut sums = vec![0.0; shape.channels()];
    for index in 0..images.len() {
        let planes = images.image(index).chunks_exact(shape.plane_length());
        for ((sum, offset), plane) in sums.iter_mut().zip(offsets).zip(planes) {
            *sum += plane.iter().fold(0.0, |sum, value| sum + term(f64::from(*value) - offset));
        }
    }
    let count = (images.len() * shape.plane_length()).max(1) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::Normalization;
    use crate::dataset::{ImageShape, LabelledImages};

    fn images() -> (LabelledImages, ImageShape) {
        let shape = ImageShape::new(2, 2, 2).unwrap();
        let mut images = LabelledImages::new(shape.image_length());
        images.push([1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0, 7.0], 0);
        images.push([5.0, 6.0, 7.0, 8.0, 7.0, 7.0, 7.0, 7.0], 1);
        (images, shape)
    }

    #[test]
    fn numbers_are_those_of_each_channel() {
        let (images, shape) = images();
        let normalization = Normalization::of(&images, shape);
        assert_eq!(normalization.means(), [4.5, 7.0]);
        assert_eq!(normalization.deviations(), [5.25_f64.sqrt(), 1.0]);
    }

    #[test]
    fn scaled_images_have_mean_0_and_variance_1() {
        let (mut images, shape) = images();
        Normalization::of(&images, shape).apply(&mut images, shape);
        assert_eq!(
            images.image(0)[..4],
            [-3.5, -2.5, -1.5, -0.5].map(|x: f64| (x / 5.25_f64.sqrt()) as f32)
        );
        assert_eq!(images.image(1)[4..], [0.0; 4]);
        let again = Normalization::of(&images, shape);
        assert!(again.means()[0].abs() < 1e-7);
        assert!((again.deviations()[0] - 1.0).abs() < 1e-7);
    }

    #[test]
    fn without_images_nothing_is_scaled() {
        let (images, shape) = images();
        let none = LabelledImages::new(shape.image_length());
        let normalization = Normalization::of(&none, shape);
        let mut scaled = images.clone();
        normalization.apply(&mut scaled, shape);
        assert_eq!(scaled, images);
    }
}
