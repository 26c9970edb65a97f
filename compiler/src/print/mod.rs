//! A rule as text: a formula, or a token string where one exists.
//!
//! Both parse back to the same tree (see [`Rule::same_as`](crate::Rule::same_as)).

mod formula;
mod layout;
mod token_string;
mod respelt;
mod no_tokens;

pub(crate) use formula::NodeTexts;
pub use formula::number;
pub use no_tokens::{NoTokens, WhyNot};
