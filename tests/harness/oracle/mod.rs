//! The oracle that judges keys: rules are evaluated, and equal keys must mean equal values.
//!
//! ```text
//! tokens ─► program ─► function: values at some 400 points, for every mask of the drops
//!                          │        └ value: a number of 106 bits and an honest bound
//!                          └► equality ─► judge: false merges, missed merges
//! ```
//!
//! The meaning is that of the language over the extended reals, computed by other code than the compiler's: the
//! two share no line, not even the reader of token strings. A difference is proof, as the bounds are honest;
//! an equality is evidence from many points. Start at [`judge`](fn@judge).

mod double_double;
mod value;
mod power;
mod points;
mod program;
mod function;
mod hidden;
mod equality;
mod missed;
mod judge;
mod space;

pub use double_double::DoubleDouble;
pub use equality::{Relation, Verdict, compare};
pub use function::{Function, Oracle};
pub use judge::{Keyed, Pair, Report, judge, key_all, relation};
pub use missed::{Signs, signs_of};
pub use points::Variable;
pub use power::power;
pub use program::{Malformed, Program};
pub use space::Space;
pub use value::{Agreement, Value};
