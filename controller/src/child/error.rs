//! What a child refuses.

use super::net::Path;

/// A size, an array or a path that does not fit a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// Both poolings halve the side.
    #[error("an image side of {side} is not a multiple of 4")]
    Side {
        /// The side that was asked for.
        side: usize,
    },
    /// A size is 0 or too large.
    #[error("{what} must be 1 to {most}, not {value}")]
    Size {
        /// Which size.
        what: &'static str,
        /// The value that was asked for.
        value: usize,
        /// The largest that is allowed.
        most: usize,
    },
    /// An array has not the length that the shape gives it.
    #[error("{what} must have {expected} elements, not {length}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The length that is needed.
        expected: usize,
    },
    /// A label is not a class.
    #[error("image {image} has label {label}, but there are {classes} classes")]
    Label {
        /// Index of the image.
        image: usize,
        /// Its label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// A batch names an example that is not there.
    #[error("there is no example {index}: the part has {examples}, counted from 0")]
    Example {
        /// The index in the batch.
        index: usize,
        /// Number of examples.
        examples: usize,
    },
    /// The images were prepared for another shape.
    #[error("the images were prepared for another side, number of channels or of classes")]
    Prepared,
    /// The images were prepared for evaluation only.
    #[error("the images were prepared without the moments that training needs")]
    NoMoments,
    /// This processor has no such vectors, or the net no such kernels: the paper's has them for images
    /// of at most 4 channels.
    #[error(
        "path {path} does not run here: the processor lacks its vectors, or the net its kernels for \
         images of this many channels; gemm always runs"
    )]
    Path {
        /// The path that was asked for.
        path: Path,
    },
}

impl ChildError {
    /// Whether a size is from 1 to the largest that is allowed.
    pub(super) fn check_size(what: &'static str, value: usize, most: usize) -> Result<(), Self> {
        if (1..=most).contains(&value) { Ok(()) } else { Err(Self::Size { what, value, most }) }
    }

    /// Whether both poolings halve the side of an image.
    pub(super) fn check_side(side: usize) -> Result<(), Self> {
        if side.is_multiple_of(4) { Ok(()) } else { Err(Self::Side { side }) }
    }

    /// Whether there are as many parameters as expected.
    pub(super) fn check_parameters(parameters: &[f32], expected: usize) -> Result<(), Self> {
        Self::check_length("the array of parameters", parameters.len(), expected)
    }

    /// Whether there are as many gradients as expected.
    pub(super) fn check_gradients(gradients: &[f32], expected: usize) -> Result<(), Self> {
        Self::check_length("the array of gradients", gradients.len(), expected)
    }

    /// Whether an array has the length that is expected.
    pub(super) fn check_length(
        what: &'static str,
        length: usize,
        expected: usize,
    ) -> Result<(), Self> {
        if length == expected { Ok(()) } else { Err(Self::Length { what, length, expected }) }
    }

    /// Whether a batch has 1 to `most` examples, each of them one of the `examples` that are there.
    pub(super) fn check_batch(batch: &[usize], most: usize, examples: usize) -> Result<(), Self> {
        Self::check_size("batch", batch.len(), most)?;
        Self::check_indices(batch, examples)
    }

    /// Whether each index is one of the `examples` that are there.
    pub(super) fn check_indices(indices: &[usize], examples: usize) -> Result<(), Self> {
        match indices.iter().find(|index| **index >= examples) {
            Some(index) => Err(Self::Example { index: *index, examples }),
            None => Ok(()),
        }
    }
}
