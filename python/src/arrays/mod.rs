//! Arrays of other libraries, in place: what they are, and their elements as slices.
//!
//! ```text
//! object ─► [dlpack] what its library says of it ─► [array] checked ─► [lend] slices, for a step
//! ```

mod array;
mod dlpack;
mod lend;

#[cfg(feature = "cuda")]
pub(crate) use array::CUDA;
pub(crate) use array::{Array, View};
pub(crate) use dlpack::{Exchange, Held, borrow};
pub(crate) use lend::{Lent, Range, disjoint, number, ranges, set_number};
