//! A data set of labelled images in three disjoint parts, with a name and a digest.
//!
//! # The digest
//!
//! BLAKE3 of, one after another, all numbers in little-endian order:
//!
//! 1. the bytes `nosc images 1` and a line feed;
//! 2. side, channels and classes, 8 bytes each;
//! 3. for train, validation and test in turn: the number of images, 8 bytes; all values, 4 bytes
//!    each, IEEE 754; all labels, a byte each.
//!
//! It is taken of the images as they come. Scaling is a function of them, so it changes the values
//! and not the digest. Name and description are for people, and not in it.

use serde::Serialize;

use super::{LabelledImages, Normalization};

/// The longest side of an image.
pub const MAX_SIDE: usize = 256;
/// Most channels of an image.
pub const MAX_CHANNELS: usize = 16;
/// Most classes: labels are bytes.
pub const MAX_CLASSES: usize = 256;
/// Most values of all images together, 8 GiB.
pub const MAX_VALUES: usize = 1 << 31;

/// Numbers of examples in the three disjoint parts of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SplitSizes {
    /// Examples that gradients come from.
    pub train: usize,
    /// Examples that rules and learning rates are judged on.
    pub validation: usize,
    /// Examples for the report alone.
    pub test: usize,
}

/// Sizes that all images of a data set have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ImageShape {
    side: usize,
    channels: usize,
    classes: usize,
}

/// A data set. Its images never change, so it can be shared.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageData {
    name: &'static str,
    description: String,
    shape: ImageShape,
    parts: [LabelledImages; 3],
    digest: blake3::Hash,
    normalization: Option<Normalization>,
}

/// Why images are no data set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageDataError {
    /// A size outside of its limits.
    #[error("{what} is {value}, expected 1 to {most}")]
    Size {
        /// Which one.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The largest value.
        most: usize,
    },
    /// Images of another length.
    #[error("{part} images have {found} values, expected {expected}")]
    Length {
        /// Name of the part.
        part: &'static str,
        /// Values of an image.
        found: usize,
        /// Values that the shape asks for.
        expected: usize,
    },
    /// A label that is no class.
    #[error("{part} image {image} has label {label}, expected less than {classes}")]
    Label {
        /// Name of the part.
        part: &'static str,
        /// Index of the image in it.
        image: usize,
        /// Its label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// A value that is infinite or not a number.
    #[error("{part} image {image} has the value {value}, expected finite numbers")]
    Value {
        /// Name of the part.
        part: &'static str,
        /// Index of the image in it.
        image: usize,
        /// The value.
        value: f32,
    },
    /// More images than memory should hold.
    #[error(
        "{} images of {image_length} values take more than the limit of {MAX_VALUES} values; \
         ask for at most {} in all",
        images,
        MAX_VALUES / image_length
    )]
    Many {
        /// Images in all parts, as many as can be counted.
        images: usize,
        /// Values of each.
        image_length: usize,
    },
}

const PARTS: [&str; 3] = ["train", "validation", "test"];

impl SplitSizes {
    /// All examples together, as many as can be counted.
    pub fn total(&self) -> usize {
        self.train.saturating_add(self.validation).saturating_add(self.test)
    }
}

impl ImageShape {
    /// Images of `side` x `side` pixels with `channels` values each, in `classes` classes.
    ///
    /// # Errors
    ///
    /// [`ImageDataError::Size`] for a size that is 0 or beyond its limit.
    pub fn new(side: usize, channels: usize, classes: usize) -> Result<Self, ImageDataError> {
        let sizes = [
            ("the side of an image", side, MAX_SIDE),
            ("the number of channels", channels, MAX_CHANNELS),
            ("the number of classes", classes, MAX_CLASSES),
        ];
        match sizes.into_iter().find(|(_, value, most)| !(1..=*most).contains(value)) {
            Some((what, value, most)) => Err(ImageDataError::Size { what, value, most }),
            None => Ok(Self { side, channels, classes }),
        }
    }

    /// Pixels in a row and in a column.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Values of a pixel.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Classes; labels are less.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of an image: values of a plane.
    pub fn plane_length(&self) -> usize {
        self.side * self.side
    }

    /// Values of an image.
    pub fn image_length(&self) -> usize {
        self.channels * self.plane_length()
    }

    /// Looks whether so many images are within the limit.
    pub(super) fn check_count(&self, sizes: &SplitSizes) -> Result<(), ImageDataError> {
        let (images, image_length) = (sizes.total(), self.image_length());
        if images > MAX_VALUES / image_length {
            return Err(ImageDataError::Many { images, image_length });
        }
        Ok(())
    }
}

impl ImageData {
    /// A data set of these parts: train, validation, test. `name` is the one on the command line;
    /// `description` says what the images are and where they come from.
    ///
    /// That no image is in two parts is up to the caller.
    ///
    /// # Errors
    ///
    /// [`ImageDataError`] if an image does not have the shape, has no class or is not finite.
    pub fn new(
        name: &'static str,
        description: String,
        shape: ImageShape,
        parts: [LabelledImages; 3],
    ) -> Result<Self, ImageDataError> {
        for (part, images) in PARTS.into_iter().zip(&parts) {
            check_part(part, images, shape)?;
        }
        let digest = digest(shape, &parts);
        Ok(Self { name, description, shape, parts, digest, normalization: None })
    }

    /// Name on the command line.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the images are and where they come from, in a few sentences.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Sizes of the images.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Images that gradients come from.
    pub fn train(&self) -> &LabelledImages {
        &self.parts[0]
    }

    /// Images that rules and learning rates are judged on.
    pub fn validation(&self) -> &LabelledImages {
        &self.parts[1]
    }

    /// Images for the report alone.
    pub fn test(&self) -> &LabelledImages {
        &self.parts[2]
    }

    /// The images alone: train, validation, test.
    pub fn into_parts(self) -> [LabelledImages; 3] {
        self.parts
    }

    /// Numbers of images.
    pub fn sizes(&self) -> SplitSizes {
        let [train, validation, test] = self.parts.each_ref().map(LabelledImages::len);
        SplitSizes { train, validation, test }
    }

    /// Names the data: 64 hexadecimal digits. The documentation of this file says of what.
    pub fn digest(&self) -> String {
        self.digest.to_hex().to_string()
    }

    /// How the images were scaled, if they were.
    pub fn normalization(&self) -> Option<&Normalization> {
        self.normalization.as_ref()
    }

    /// The data with each channel scaled to mean 0 and variance 1 over the training part; see
    /// [`Normalization`]. Scaled already, they stay as they are.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        if self.normalization.is_none() {
            let normalization = Normalization::of(self.train(), self.shape);
            for images in &mut self.parts {
                normalization.apply(images, self.shape);
            }
            self.normalization = Some(normalization);
        }
        self
    }
}

fn check_part(
    part: &'static str,
    images: &LabelledImages,
    shape: ImageShape,
) -> Result<(), ImageDataError> {
    let (found, expected) = (images.image_length(), shape.image_length());
    if found != expected {
        return Err(ImageDataError::Length { part, found, expected });
    }
    let classes = shape.classes();
    let mut labels = images.labels().iter().copied().enumerate();
    if let Some((image, label)) = labels.find(|(_, label)| usize::from(*label) >= classes) {
        return Err(ImageDataError::Label { part, image, label, classes });
    }
    match images.pixels().iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let value = images.pixels()[index];
            Err(ImageDataError::Value { part, image: index / expected, value })
        }
        None => Ok(()),
    }
}

fn digest(shape: ImageShape, parts: &[LabelledImages; 3]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
    };
    put(b"nosc images 1\n");
    for size in [shape.side, shape.channels, shape.classes] {
        put(&(size as u64).to_le_bytes());
    }
    let mut bytes = vec![0; 4 * shape.image_length()];
    for images in parts {
        put(&(images.len() as u64).to_le_bytes());
        for image in images.pixels().chunks_exact(shape.image_length()) {
            for (to, from) in bytes.chunks_exact_mut(4).zip(image) {
                to.copy_from_slice(&from.to_le_bytes());
            }
            put(&bytes);
        }
        put(images.labels());
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::{ImageData, ImageDataError, ImageShape, SplitSizes};
    use crate::dataset::LabelledImages;

    fn part(values: &[f32], label: u8) -> LabelledImages {
        let mut images = LabelledImages::new(1);
        for value in values {
            images.push([*value], label);
        }
        images
    }

    fn data(train: &[f32], validation: &[f32], label: u8) -> Result<ImageData, ImageDataError> {
        let shape = ImageShape::new(1, 1, 3).unwrap();
        let parts = [part(train, label), part(validation, 1), part(&[0.25], 2)];
        ImageData::new("dots", "made up".to_owned(), shape, parts)
    }

    #[test]
    fn parts_and_sizes_are_those_given() {
        let data = data(&[0.5, 1.0], &[0.75], 0).unwrap();
        assert_eq!(data.sizes(), SplitSizes { train: 2, validation: 1, test: 1 });
        assert_eq!(data.sizes().total(), 4);
        assert_eq!(data.train().image(1), [1.0]);
        assert_eq!(data.validation().image(0), [0.75]);
        assert_eq!(data.test().labels(), [2]);
        assert_eq!((data.name(), data.description()), ("dots", "made up"));
        assert_eq!(data.shape().classes(), 3);
    }

    #[test]
    fn the_digest_is_the_documented_one_and_nothing_but_the_data_changes_it() {
        let digest = data(&[0.5, 1.0], &[0.75], 0).unwrap().digest();
        let mut bytes = b"nosc images 1\n".to_vec();
        let word = |number: u64| number.to_le_bytes().to_vec();
        bytes.extend([1, 1, 3, 2].into_iter().flat_map(word));
        bytes.extend([0.5_f32, 1.0].into_iter().flat_map(f32::to_le_bytes));
        bytes.extend([0, 0]);
        bytes.extend(word(1));
        bytes.extend(0.75_f32.to_le_bytes());
        bytes.push(1);
        bytes.extend(word(1));
        bytes.extend(0.25_f32.to_le_bytes());
        bytes.push(2);
        assert_eq!(digest, blake3::hash(&bytes).to_hex().to_string());
        for other in [
            data(&[0.5, 1.0], &[0.75], 2),
            data(&[0.5], &[1.0, 0.75], 0),
            data(&[1.0, 0.5], &[0.75], 0),
            data(&[0.5, 1.0], &[0.750_000_1], 0),
        ] {
            assert_ne!(other.unwrap().digest(), digest);
        }
    }

    #[test]
    fn scaling_keeps_the_digest_and_happens_once() {
        let raw = data(&[0.5, 1.0], &[0.75], 0).unwrap();
        assert_eq!(raw.normalization(), None);
        let scaled = raw.clone().normalized();
        assert_eq!(scaled.train().pixels(), [-1.0, 1.0]);
        assert_eq!(scaled.validation().pixels(), [0.0]);
        assert_eq!(scaled.test().pixels(), [-2.0]);
        assert_eq!(scaled.digest(), raw.digest());
        assert_eq!(scaled.normalization().unwrap().means(), [0.75]);
        assert_eq!(scaled.clone().normalized(), scaled);
    }

    #[test]
    fn what_is_wrong_with_the_images_is_named() {
        let label = ImageDataError::Label { part: "train", image: 0, label: 3, classes: 3 };
        assert_eq!(data(&[0.5], &[], 3).unwrap_err(), label);
        assert_eq!(label.to_string(), "train image 0 has label 3, expected less than 3");
        let value = data(&[0.5], &[0.0, f32::INFINITY], 0).unwrap_err();
        assert_eq!(
            value.to_string(),
            "validation image 1 has the value inf, expected finite numbers"
        );
        let shape = ImageShape::new(2, 1, 3).unwrap();
        let parts = [part(&[], 0), part(&[], 0), part(&[], 0)];
        let length = ImageData::new("dots", String::new(), shape, parts).unwrap_err();
        assert_eq!(length, ImageDataError::Length { part: "train", found: 1, expected: 4 });
    }

    #[test]
    fn shapes_and_counts_have_limits() {
        for (side, channels, classes) in [
            (0, 1, 1),
            (257, 1, 1),
            (1, 0, 1),
            (1, 17, 1),
            (1, 1, 0),
            (1, 1, 257),
            (usize::MAX, 1, 1),
        ] {
            assert!(ImageShape::new(side, channels, classes).is_err());
        }
        let shape = ImageShape::new(256, 16, 256).unwrap();
        let sizes = |train| SplitSizes { train, validation: 1, test: usize::MAX - train };
        assert!(shape.check_count(&SplitSizes { train: 2000, validation: 48, test: 0 }).is_ok());
        assert!(shape.check_count(&SplitSizes { train: 2000, validation: 49, test: 0 }).is_err());
        let message = shape.check_count(&sizes(5)).unwrap_err().to_string();
        assert!(message.ends_with("ask for at most 2048 in all"), "{message}");
    }
}
