//! `cifar10`: the official binary files of CIFAR-10, read from a folder or from their archive.
//!
//! A. Krizhevsky 2009, *Learning multiple layers of features from tiny images*, technical report,
//! University of Toronto; <https://www.cs.toronto.edu/~kriz/cifar.html>, "CIFAR-10 binary version".
//! Nothing is downloaded: the files have no licence that would let a program pass them on.
//!
//! # Format
//!
//! Five files `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` of 10,000 records. A
//! record is a label, 0 to 9, and 3,072 pixels: the red plane, the green one, the blue one, each 32
//! rows of 32 bytes. A byte k becomes k/255.
//!
//! # The split
//!
//! Of the 50,000 images of the five files, in their order, the first 45,000 are for training and
//! the last 5,000 for validation; `test_batch.bin` is the test. A count takes that many of the first
//! training images. The parts share no image of the files. (A few of the files' own images are
//! near copies of others; they stay as they are, as in everyone's results.)

mod error;
mod files;

use std::path::Path;

use super::{ImageData, ImageShape, LabelledImages};
pub use error::CifarError;
use files::Sizes;

/// Name of the data set.
pub const NAME: &str = "cifar10";
/// Where the files are from.
pub const URL: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
/// Names of the files: five for training and validation, one for the test.
pub const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// Training images when no number is given.
pub const TRAIN: usize = 45_000;

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const CLASSES: usize = 10;
const IMAGE_LENGTH: usize = SIDE * SIDE * CHANNELS;
const RECORD_LENGTH: usize = 1 + IMAGE_LENGTH;
const RECORDS: usize = 10_000;

/// The data set, with the first `count` training images or all of them. `path` is a folder with the
/// six files, one with the folder `cifar-10-batches-bin`, or the archive `cifar-10-binary.tar.gz`.
///
/// # Errors
///
/// [`CifarError`] if a file is missing or not what it should be, or there are fewer than `count`
/// training images.
pub fn load(path: &Path, count: Option<usize>) -> Result<ImageData, CifarError> {
    load_sized(path, count.unwrap_or(TRAIN), Sizes { records: RECORDS, train: TRAIN })
}

fn load_sized(path: &Path, count: usize, sizes: Sizes) -> Result<ImageData, CifarError> {
    if !(1..=sizes.train).contains(&count) {
        return Err(CifarError::Count { count, most: sizes.train });
    }
    let files = files::read(path, sizes)?;
    for (name, bytes) in FILES.into_iter().zip(&files) {
        check_labels(name, bytes)?;
    }
    let [batches @ .., test] = &files;
    let records = || batches.iter().flat_map(|bytes| bytes.chunks_exact(RECORD_LENGTH));
    let held_out = batches.len() * sizes.records - sizes.train;
    let parts = [
        images(records().take(count), count),
        images(records().skip(sizes.train), held_out),
        images(test.chunks_exact(RECORD_LENGTH), sizes.records),
    ];
    let description = format!(
        "{} photographs of 32x32 pixels in colour, 10 classes: A. Krizhevsky, Learning multiple \
         layers of features from tiny images, 2009, https://www.cs.toronto.edu/~kriz/cifar.html.",
        parts.iter().map(LabelledImages::len).sum::<usize>()
    );
    let shape = ImageShape::new(SIDE, CHANNELS, CLASSES)?;
    Ok(ImageData::new(NAME, description, shape, parts)?)
}

fn check_labels(file: &'static str, bytes: &[u8]) -> Result<(), CifarError> {
    let mut labels = bytes.iter().copied().step_by(RECORD_LENGTH).enumerate();
    match labels.find(|(_, label)| usize::from(*label) >= CLASSES) {
        Some((image, label)) => Err(CifarError::Label { file, image, label }),
        None => Ok(()),
    }
}

fn images<'a>(records: impl Iterator<Item = &'a [u8]>, count: usize) -> LabelledImages {
    let mut images = LabelledImages::with_capacity(IMAGE_LENGTH, count);
    for record in records {
        let pixels = record[1..].iter().map(|byte| f32::from(*byte) / 255.0);
        images.push(pixels, record[0]);
    }
    images
}

#[cfg(test)]
mod tests;
