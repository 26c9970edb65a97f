//! The tasks that a rule can be tried on, behind one trait.

mod contract;
mod registry;
mod training;

pub mod quadratic;
pub mod rosenbrock;
pub mod supervised;

pub use crate::dataset::SplitSizes;
pub use contract::{Budget, Description, Probe, Task, TaskError};
pub use registry::{
    CHILDREN, IMAGES, NAMES, TaskOptions, check_options, needs_data, open, open_with,
};
pub use training::{Event, Halt, MAX_POINTS, Progress, Training};
