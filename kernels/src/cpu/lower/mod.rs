//! From a plan to a Cranelift function: two loops around one table of operations.
//!
//! ```text
//! entry:  pointers, step scalars, words, everything that no element changes
//! quads:  4 elements a pass, while at least 4 are left
//! tail:   1 element a pass
//! ```
//!
//! [`function`] makes the loops; [`body`] carries out the plan for one or four elements; [`uniform`]
//! finds what goes to the entry; [`fused`] is the multiply-add for machines without one.

mod body;
mod function;
mod fused;
mod lanes;
mod uniform;

pub(super) use function::{Strategy, lower};
