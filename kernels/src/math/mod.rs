//! The math library, written once in plan operations.
//!
//! ```text
//! exp log tanh sigmoid pow │ philox ► uniform, normal ─► [Ops] ─► Direct | PlanBuilder
//! ```
//!
//! Every function is generic over [`Ops`] and uses nothing else, so all back ends return the same
//! bits. Errors are counted in ulps (units in the last place) from the correctly rounded result.

mod convert;
mod exp;
mod log;
mod log2;
mod ops;
mod parts;
mod philox;
mod pow;
mod random;
mod sigmoid;
mod tanh;
mod trig;

#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod testing;

pub use convert::{from_bf16, from_f16, to_bf16, to_bf16_stochastic, to_f16, to_f16_stochastic};
pub use exp::exp;
pub use log::log;
pub use ops::{Direct, Ops};
pub use philox::philox;
pub use pow::pow;
pub use random::{Place, drop_mask, normal_draw, random_word, random_words, uniform, uniform_draw};
pub use sigmoid::sigmoid;
pub use tanh::tanh;
pub use trig::sin_cos_turns;
