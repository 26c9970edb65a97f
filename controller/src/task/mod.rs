//! The tasks that a rule can be tried on, behind one trait.

mod contract;
mod registry;
mod training;

pub mod digits;
pub mod images;
pub mod quadratic;
pub mod rosenbrock;

pub use crate::dataset::SplitSizes;
pub use contract::{Budget, Description, Task, TaskError};
pub use registry::{NAMES, TaskOptions, open, open_with};
pub use training::{Accuracies, Halt, Progress, Training};
