//! A rule as a straight-line program: the one thing that every back end sees.

mod builder;
mod ir;
mod print;
pub mod semantics;
mod verify;

pub use builder::PlanBuilder;
pub use ir::{Array, BinaryOp, Instruction, Plan, ShiftOp, Store, Type, UnaryOp, Value, Word};
pub use verify::verify;
