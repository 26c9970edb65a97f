//! The UCI handwritten digits, compiled in, checked and split.
//!
//! E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
//! Repository, 1998, <https://doi.org/10.24432/C50P49>, CC BY 4.0. `data/README.md` has the format.
//!
//! # The split
//!
//! The same for every seed, and stratified: the images are put in one fixed random order (seed 0);
//! in that order the first 25 of each class are for validation, the next 25 for the test, and the
//! other 1,297 for training. No two images are equal, so the parts are disjoint.

use super::{ImageData, ImageDataError, ImageShape, LabelledImages};
use crate::random::Random;

/// Name of the data set.
pub const NAME: &str = "digits";
/// Pixels in a row and in a column.
pub const SIDE: usize = 8;
/// Pixels of an image.
pub const IMAGE_LENGTH: usize = SIDE * SIDE;
/// The digits 0 to 9.
pub const CLASSES: usize = 10;
/// BLAKE3 of the bytes that are compiled in. (The digest of the data set is that of its images.)
pub const DIGEST: &str = "871a762edb23c6d138f1434d0b23e9fe94a1a2ee79328e095347ab9f62740139";

const BYTES: &[u8] = include_bytes!("../../data/digits.bin");
const DESCRIPTION: &str = "1,797 images of 8x8 pixels: E. Alpaydin and C. Kaynak, Optical Recognition of \
     Handwritten Digits, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, \
     CC BY 4.0.";
const IMAGES: usize = 1797;
const RECORD_LENGTH: usize = IMAGE_LENGTH + 1;
const DARKEST: u8 = 16;
const HELD_OUT_PER_CLASS: usize = 25;
const SPLIT_SEED: u64 = 0;

/// Why the data are not usable. It takes a damaged build to see one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DigitsError {
    /// Not a whole number of images, or not 1,797.
    #[error("expected {} bytes, found {found}", IMAGES * RECORD_LENGTH)]
    Length {
        /// Number of bytes.
        found: usize,
    },
    /// A pixel above 16 or a label above 9.
    #[error("image {image} has byte {value} at {position}, which is no pixel or label")]
    Value {
        /// Index of the image in the file.
        image: usize,
        /// Index of the byte in its record; 64 is the label.
        position: usize,
        /// The byte.
        value: u8,
    },
    /// Right in form, but other images.
    #[error("expected the data with digest {DIGEST}, found {found}")]
    Digest {
        /// BLAKE3 of the bytes, hexadecimal.
        found: String,
    },
    /// The images are no data set.
    #[error(transparent)]
    Data(#[from] ImageDataError),
}

/// The data of this build, checked against [`DIGEST`]; pixels are scaled to 0 (white) to 1 (black).
///
/// # Errors
///
/// [`DigitsError`] if the file was changed before the build.
pub fn load() -> Result<ImageData, DigitsError> {
    from_bytes(BYTES)
}

fn from_bytes(bytes: &[u8]) -> Result<ImageData, DigitsError> {
    check(bytes)?;
    let mut records: Vec<&[u8]> = bytes.chunks_exact(RECORD_LENGTH).collect();
    Random::new(SPLIT_SEED, 0).shuffle(&mut records);
    let mut parts = [(); 3].map(|()| LabelledImages::new(IMAGE_LENGTH));
    let mut seen = [0; CLASSES];
    for record in records {
        let (pixels, label) = (&record[..IMAGE_LENGTH], record[IMAGE_LENGTH]);
        let rank = &mut seen[usize::from(label)];
        let [train, validation, test] = &mut parts;
        let part = match *rank / HELD_OUT_PER_CLASS {
            0 => validation,
            1 => test,
            _ => train,
        };
        *rank += 1;
        part.push(pixels.iter().map(|&pixel| f32::from(pixel) / f32::from(DARKEST)), label);
    }
    let shape = ImageShape::new(SIDE, 1, CLASSES)?;
    Ok(ImageData::new(NAME, DESCRIPTION.to_owned(), shape, parts)?)
}

fn check(bytes: &[u8]) -> Result<(), DigitsError> {
    if bytes.len() != IMAGES * RECORD_LENGTH {
        return Err(DigitsError::Length { found: bytes.len() });
    }
    for (image, record) in bytes.chunks_exact(RECORD_LENGTH).enumerate() {
        for (position, &value) in record.iter().enumerate() {
            let largest = if position == IMAGE_LENGTH { CLASSES as u8 - 1 } else { DARKEST };
            if value > largest {
                return Err(DigitsError::Value { image, position, value });
            }
        }
    }
    let found = blake3::hash(bytes).to_hex().to_string();
    if found == DIGEST { Ok(()) } else { Err(DigitsError::Digest { found }) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{BYTES, CLASSES, DigitsError, IMAGE_LENGTH, from_bytes, load};
    use crate::dataset::LabelledImages;

    fn counts(part: &LabelledImages) -> [usize; CLASSES] {
        let mut counts = [0; CLASSES];
        for label in part.labels() {
            counts[usize::from(*label)] += 1;
        }
        counts
    }

    #[test]
    fn the_data_are_those_of_the_repository() {
        let data = load().unwrap();
        assert_eq!(data.train().len(), 1297);
        assert_eq!(counts(data.train()), [128, 132, 127, 133, 131, 132, 131, 129, 124, 130]);
        assert_eq!(counts(data.validation()), [25; CLASSES]);
        assert_eq!(counts(data.test()), [25; CLASSES]);
        let pixels: f32 = (0..250).flat_map(|i| data.test().image(i)).sum();
        assert!((0.2..0.4).contains(&(pixels / (250.0 * IMAGE_LENGTH as f32))));
    }

    #[test]
    fn the_data_set_has_its_shape_and_its_digest() {
        let data = load().unwrap();
        let shape = data.shape();
        assert_eq!((shape.side(), shape.channels(), shape.classes()), (8, 1, CLASSES));
        assert_eq!(
            data.digest(),
            "f530b6d79fa71449ffd46f9b2f03f510a6da829174e0ecd44dd1177a99aaa6f9"
        );
    }

    #[test]
    fn no_image_is_in_two_parts() {
        let data = load().unwrap();
        let mut seen = BTreeSet::new();
        for part in [data.train(), data.validation(), data.test()] {
            for index in 0..part.len() {
                let image: Vec<u32> = part.image(index).iter().map(|p| p.to_bits()).collect();
                assert!(seen.insert(image));
            }
        }
        assert_eq!(seen.len(), 1797);
    }

    #[test]
    fn damage_is_found_and_named() {
        let error = |change: fn(&mut Vec<u8>)| {
            let mut bytes = BYTES.to_vec();
            change(&mut bytes);
            from_bytes(&bytes).unwrap_err()
        };
        assert_eq!(error(|b| b.truncate(100)), DigitsError::Length { found: 100 });
        assert_eq!(
            error(|b| b[65 + 3] = 17),
            DigitsError::Value { image: 1, position: 3, value: 17 }
        );
        assert_eq!(error(|b| b[64] = 10), DigitsError::Value { image: 0, position: 64, value: 10 });
        assert!(matches!(error(|b| b[0] ^= 1), DigitsError::Digest { .. }));
    }
}
