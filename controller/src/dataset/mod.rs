//! Labelled images, and text: data sets in three disjoint parts, where they come from, and how they
//! are checked, named and scaled.
//!
//! ```text
//! compiled in: digits ┐
//! drawn:       shapes ├─► ImageData: train | validation | test, digest ─► normalized ─► a child
//! from files: cifar10 ┘
//!
//! compiled in: a novel ──► Text: train | validation | test, digest ─► windows ─► a child
//! ```
//!
//! An image is f32 values, plane after plane and row by row in a plane: `[channels, side, side]`,
//! the order of the CIFAR files and of `PyTorch`. Values are 0 to 1 as they come.
//!
//! # What holds
//!
//! 1. **The same data have the same digest** on every machine, and other data another one.
//! 2. Nothing is downloaded, and nothing is written.
//! 3. No file and no setting makes it panic or take memory without bound.

mod labelled;
mod image_data;
mod normalization;

pub mod digits;
pub mod shapes;
pub mod cifar10;
pub mod text;

pub use image_data::{
    ImageData, ImageDataError, ImageShape, MAX_CHANNELS, MAX_CLASSES, MAX_SIDE, MAX_VALUES,
    SplitSizes,
};
pub use labelled::LabelledImages;
pub use normalization::Normalization;
