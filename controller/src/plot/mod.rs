//! Training curves as a picture: SVG text, made without fonts, files or a clock, so that the same
//! curves give the same bytes.

mod axis;
mod chart;
mod curves;
mod svg;

pub use axis::Scale;
pub use chart::{Chart, Line, PlotError};
pub use curves::training_curves;
