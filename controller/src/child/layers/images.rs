//! The images of a data set with the channels of a pixel together.

use crate::child::Part;
use crate::dataset::{ImageData, ImageShape, LabelledImages};

/// Images `[side, side, channels]` and their classes.
#[derive(Debug, Clone)]
pub(super) struct Images {
    length: usize,
    values: Vec<f32>,
    labels: Vec<u8>,
}

/// The three parts of a data set.
#[derive(Debug, Clone)]
pub(super) struct Parts([Images; 3]);

impl Images {
    fn new(shape: ImageShape, images: &LabelledImages) -> Self {
        let mut values = Vec::with_capacity(images.pixels().len());
        for index in 0..images.len() {
            let planes = images.image(index);
            for pixel in 0..shape.plane_length() {
                values.extend(planes.iter().skip(pixel).step_by(shape.plane_length()));
            }
        }
        Self { length: shape.image_length(), values, labels: images.labels().to_vec() }
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn image(&self, index: usize) -> &[f32] {
        &self.values[index * self.length..(index + 1) * self.length]
    }

    pub(super) fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }
}

impl Parts {
    /// The images of a data set, which sees to it that their lengths and labels are right.
    /// One part after another is given up as soon as it is copied.
    pub(super) fn new(data: ImageData) -> Self {
        let shape = data.shape();
        Self(data.into_parts().map(|images| Images::new(shape, &{ images })))
    }

    pub(super) fn get(&self, part: Part) -> &Images {
        let [train, validation, test] = &self.0;
        match part {
            Part::Train => train,
            Part::Validation => validation,
            Part::Test => test,
        }
    }
}
