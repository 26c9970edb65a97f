//! The math library, written once in plan operations.

mod ops;

pub use ops::{Direct, Ops};
