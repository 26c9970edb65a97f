//! The tasks that a rule can be tried on, behind one trait.

mod contract;
mod registry;
mod training;

pub mod digits;
pub mod digits_data;
pub mod rosenbrock;

pub use contract::{Budget, Description, SplitSizes, Task, TaskError};
pub use registry::{NAMES, open};
pub use training::{Accuracies, Halt, Progress, Training};
