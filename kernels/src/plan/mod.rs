//! A rule as a straight-line program: the one thing that every back end sees.

mod builder;
mod ir;
mod print;
mod rates;
pub mod semantics;
mod verify;

pub use builder::PlanBuilder;
pub use ir::{
    Array, BinaryOp, ElementType, Instruction, Plan, ShiftOp, Store, Type, UnaryOp, Value, Word,
    Written,
};
pub use rates::{Rate, rates};
pub(crate) use verify::types;
pub use verify::verify;
