//! From a plan to a Cranelift function: two loops around one table of operations.
//!
//! ```text
//! entry:  pointers, step scalars, words, everything that no element changes
//! quads:  4 elements a pass, while at least 4 are left
//! tail:   1 element a pass
//! ```
//!
//! A plan with draws has passes of 16 elements: what belongs to their four blocks is computed at once,
//! a block in each lane, and its picks go through the stack to an inner loop over quads.
//!
//! [`function`] makes the loops; [`body`] carries out the plan for one or four elements; [`memory`] loads
//! and stores elements of every type; [`uniform`] finds what goes to the entry; [`fused`] is the
//! multiply-add for machines without one.

mod body;
mod function;
mod fused;
mod lanes;
mod memory;
mod uniform;

pub(super) use function::{Strategy, lower};
