//! Curves, dots and bars as pictures: SVG text, made without fonts, files or a clock, so that the same
//! curves give the same bytes.

mod axis;
mod look;
mod chart;
mod bars;
mod curves;
mod svg;

pub use axis::Scale;
pub use bars::{BarRow, Bars};
pub use chart::{Chart, Line, PlotError, Style};
pub use curves::training_curves;
pub use look::{PAGE_STYLE, Size};
