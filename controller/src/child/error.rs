//! What a child refuses.

use super::net::Path;

/// A size, an array or a path that does not fit a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// A batch names an image that is not there.
    #[error("there is no image {index}: the set has {images}")]
    Image {
        /// The index in the batch.
        index: usize,
        /// Number of images.
        images: usize,
    },
    /// A batch names an example that is not there.
    #[error("there is no example {index}: there are {examples} for training")]
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
    /// This processor, or this number of channels, has no such path.
    #[error("path {path} does not run here: no such vectors, or more than 4 channels")]
    Path {
        /// The path that was asked for.
        path: Path,
    },
}
