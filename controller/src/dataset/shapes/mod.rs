//! `shapes`: images that are drawn by the program, of any size and number, with nothing to download.
//!
//! Each shows one figure in front of a background, noisier and more hidden the greater the
//! difficulty: `scene.rs` says how. Colours, places and sizes say nothing about the class, so a
//! linear model learns little; a small convolutional net tells most figures apart.
//!
//! # How hard
//!
//! Validation accuracy of the paper's convolutional net after 5 epochs of 45,000 images, by momentum
//! at the learning rate 0.005 (32x32 pixels, 10 classes, one seed):
//!
//! | difficulty | 0 | 0.25 | 0.5 | 0.7 |
//! |---|---|---|---|---|
//! | accuracy | 99.7 % | 93.7 % | 80.0 % | 66.5 % |
//!
//! At 0.5, on 10,000 training images, softmax regression has 13 %, the nearest mean of a class 10 %,
//! the vote of the 5 nearest images 18 %.
//!
//! # What holds
//!
//! Image i of a part is a function of side, classes, difficulty, part and i. So a data set with
//! fewer images has the first ones of a larger one, and images can be drawn in any order. Its class
//! is i modulo the number of classes. All values are k/255 with k from 0 to 255. They are computed
//! with `+ - * /`, square roots and the functions of the `libm` crate, in f32: the same bits on
//! every machine.

mod figures;
mod scene;

use super::{ImageData, ImageDataError, ImageShape, LabelledImages, SplitSizes};
use crate::random::Random;
use scene::Scene;

/// What the data set is. [`Shapes::default`] has the sizes of CIFAR-10.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shapes {
    /// Pixels in a row and in a column: a multiple of 4, 8 to 64.
    pub side: usize,
    /// Number of classes, 2 to 20.
    pub classes: usize,
    /// 0, clean figures of strong colours, to 1, noisy, turned, squeezed and hidden ones.
    pub difficulty: f64,
    /// Numbers of images.
    pub sizes: SplitSizes,
}

/// Why such a data set cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapesError {
    /// A side that pooling cannot halve twice, or beyond the limits.
    #[error("images of side {side}: expected a multiple of 4, 8 to 64")]
    Side {
        /// The side as given.
        side: usize,
    },
    /// More classes than there are figures, or nothing to tell apart.
    #[error("{classes} classes: expected 2 to {}", figures::CLASSES.len())]
    Classes {
        /// The number as given.
        classes: usize,
    },
    /// A difficulty outside of its range.
    #[error("difficulty {difficulty}: expected a number from 0 to 1")]
    Difficulty {
        /// The difficulty as given.
        difficulty: f64,
    },
    /// A part without images.
    #[error("no {part} images: expected at least 1")]
    Empty {
        /// Name of the part.
        part: &'static str,
    },
    /// Too many images.
    #[error(transparent)]
    Data(#[from] ImageDataError),
}

impl Default for Shapes {
    fn default() -> Self {
        let sizes = SplitSizes { train: 45_000, validation: 5_000, test: 10_000 };
        Self { side: 32, classes: 10, difficulty: 0.5, sizes }
    }
}

impl Shapes {
    /// Name of the data set.
    pub const NAME: &'static str = "shapes";

    /// Draws all images.
    ///
    /// # Errors
    ///
    /// [`ShapesError`] names the setting that is beyond its limits.
    pub fn generate(&self) -> Result<ImageData, ShapesError> {
        let shape = self.check()?;
        let SplitSizes { train, validation, test } = self.sizes;
        let parts = [(train, "train"), (validation, "validation"), (test, "test")];
        let parts = parts.map(|(count, part)| self.part(shape, count, part));
        Ok(ImageData::new(Self::NAME, self.describe(), shape, parts)?)
    }

    /// Names of the classes, in the order of their labels.
    pub fn class_names(&self) -> Vec<&'static str> {
        figures::CLASSES.iter().take(self.classes).map(|class| class.name).collect()
    }

    fn check(&self) -> Result<ImageShape, ShapesError> {
        let Self { side, classes, difficulty, sizes } = *self;
        if !(8..=64).contains(&side) || !side.is_multiple_of(4) {
            return Err(ShapesError::Side { side });
        }
        if !(2..=figures::CLASSES.len()).contains(&classes) {
            return Err(ShapesError::Classes { classes });
        }
        if !(0.0..=1.0).contains(&difficulty) {
            return Err(ShapesError::Difficulty { difficulty });
        }
        let counts = [sizes.train, sizes.validation, sizes.test];
        let parts = ["train", "validation", "test"];
        if let Some((_, part)) = counts.iter().zip(parts).find(|(count, _)| **count == 0) {
            return Err(ShapesError::Empty { part });
        }
        let shape = ImageShape::new(side, scene::CHANNELS, classes)?;
        shape.check_count(&sizes)?;
        Ok(shape)
    }

    fn part(&self, shape: ImageShape, count: usize, part: &str) -> LabelledImages {
        let seed = self.seed(part);
        let labels: Vec<u8> = (0..self.classes as u8).cycle().take(count).collect();
        LabelledImages::painted(shape.image_length(), labels, |index, image| {
            let mut random = Random::new(seed, index as u64);
            let class = figures::CLASSES[index % self.classes];
            Scene::draw(&mut random, class, self.side, self.difficulty as f32)
                .paint(&mut random, image);
        })
    }

    /// A function of everything that an image depends on but its index.
    fn seed(&self, part: &str) -> u64 {
        // -0 is the difficulty 0.
        let difficulty = (self.difficulty + 0.0).to_bits();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"nosc shapes 1\n");
        for number in [self.side as u64, self.classes as u64, difficulty] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(part.as_bytes());
        let mut seed = [0; 8];
        hasher.finalize_xof().fill(&mut seed);
        u64::from_le_bytes(seed)
    }

    fn describe(&self) -> String {
        format!(
            "{} images of {side}x{side} pixels in colour, drawn by nosc: figures of {} classes ({}), \
             difficulty {}.",
            self.sizes.total(),
            self.classes,
            self.class_names().join(", "),
            self.difficulty,
            side = self.side,
        )
    }
}

#[cfg(test)]
mod tests;
