//! Search spaces: which token strings there are, how many, and random ones.
//!
//! A [`SearchSpace`] lists operands, unary and binary functions. Most are tokens of the paper's space
//! ([`primitive`](crate::primitive)); a space may add its own, each with a formula for its meaning. A string
//! of n groups is five tokens a group, `op1 op2 u1 u2 b`; [`Constraints`] leave some strings out.
//!
//! ```text
//! TOML text ─► read ─► SearchSpace ─┬─ count    ─► exact size
//!                                   ├─ sampler  ─► random token strings
//!                                   ├─ vocabulary ─► choices, position by position
//!                                   └─ meaning  ─► a string's Rule
//! ```
//!
//! # What holds
//!
//! 1. Sizes are exact, and a [`Sampler`] draws each string of a length with the same probability.
//! 2. String number i of a seed is a function of space, lengths, constraints, seed and i: the same on every
//!    machine, whatever was drawn before.
//! 3. For a string without tokens of the space's own, [`SearchSpace::rule`] is
//!    [`Rule::from_tokens`](crate::Rule::from_tokens).

mod constraints;
mod problem;
mod read;
mod definition;
mod meaning;
mod string_count;
mod count;
mod philox;
mod sampler;
mod vocabulary;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::RangeInclusive;

use indexmap::IndexMap;

use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};

pub use constraints::{Constraints, UnknownConstraint};
pub use problem::{SpaceErrors, SpaceProblem, SpaceReport};
pub use sampler::{SampleError, Sampler};
pub use string_count::StringCount;
pub use vocabulary::Vocabulary;

use definition::Definition;

/// Most groups of a string that is counted or sampled.
pub const MAX_GROUPS: usize = 32;
/// Most operands, unary or binary functions of a space.
pub const MAX_TOKENS: usize = 1_000;

/// Which of the three tables a token is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `op1` and `op2`.
    Operand,
    /// `u1` and `u2`, functions of `x`.
    Unary,
    /// `b`, functions of `x` and `y`.
    Binary,
}

impl Kind {
    /// All three, in the order of a group.
    pub const ALL: [Kind; 3] = [Kind::Operand, Kind::Unary, Kind::Binary];

    /// The key of the kind's list in a space file.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Operand => "operands",
            Kind::Unary => "unary",
            Kind::Binary => "binary",
        }
    }
}

/// `operand`, `unary function` or `binary function`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Operand => "operand",
            Kind::Unary => "unary function",
            Kind::Binary => "binary function",
        })
    }
}

/// The tokens that a search chooses from.
#[derive(Debug, Clone)]
pub struct SearchSpace {
    name: String,
    tokens: [Vec<String>; 3],
    own: IndexMap<String, Definition>,
    groups: Option<RangeInclusive<usize>>,
    constraints: Option<Constraints>,
}

/// Decays with restarts in the paper's experiments.
const PAPER_DECAYS: &[&str] = &["rd_10", "rd_20"];

const SMALL_OPERANDS: &[&str] = &["g", "m", "sign_g", "sign_m", "1", "adam", "rmsprop", "ld"];
const SMALL_UNARY: &[&str] = &["id", "neg", "exp", "sqrt", "sign"];
const SMALL_BINARY: &[&str] = &["add", "sub", "mul", "div"];

impl SearchSpace {
    /// The paper's space: 22 operands, 12 unary and 6 binary functions.
    ///
    /// The paper gives the cosine decays as families, `cd_n` and `rd_n`. Here they stand with the n of its
    /// experiments: `cd`, which is n = 1/2, `rd_10` and `rd_20`.
    ///
    /// ```
    /// use nosc_compiler::space::{Constraints, SearchSpace};
    ///
    /// let space = SearchSpace::paper();
    /// assert_eq!(space.size(1, Constraints::NONE).to_string(), "418176");
    /// assert_eq!(space.size(2, Constraints::NONE).to_string(), "191129849856");
    /// ```
    pub fn paper() -> SearchSpace {
        let operands: Vec<&str> = [OPERAND_TOKENS, PAPER_DECAYS].concat();
        SearchSpace::of("paper", [&operands, UNARY_TOKENS, BINARY_TOKENS])
    }

    /// A small space that holds Adam, `PowerSign`, `AddSign` and their linear decays, for trying things out.
    pub fn small() -> SearchSpace {
        SearchSpace::of("small", [SMALL_OPERANDS, SMALL_UNARY, SMALL_BINARY])
    }

    /// A space that is built in, by its name: `paper` or `small`.
    pub fn built_in(name: &str) -> Option<SearchSpace> {
        match name {
            "paper" => Some(SearchSpace::paper()),
            "small" => Some(SearchSpace::small()),
            _ => None,
        }
    }

    /// Names of the spaces that are built in.
    pub const BUILT_IN: &'static [&'static str] = &["paper", "small"];

    /// Reads a space file; `name` is what the space is called, mostly the file's name without its ending.
    ///
    /// # Errors
    ///
    /// [`SpaceErrors`] with every mistake in the text, each with its place and the way out.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::space::{Constraints, SearchSpace};
    ///
    /// let space = SearchSpace::parse("mine", r#"
    ///     operands = ["g", "m"]
    ///     unary    = ["id", "sign"]
    ///     binary   = ["mul"]
    ///
    ///     [define.operands]
    ///     slow_m = "debias(ema(g, 0.99))"
    /// "#)?;
    /// assert_eq!(space.operands(), ["g", "m", "slow_m"]);
    /// assert_eq!(space.size(1, Constraints::NONE).to_string(), "36");
    /// assert!(space.rule("slow_m g id sign mul").is_ok());
    ///
    /// let errors = SearchSpace::parse("mine", "operands = ['gg']\nunary = ['id']\nbinary = ['mul']");
    /// assert_eq!(errors.unwrap_err().to_string(), "`gg` is not an operand token");
    /// # Ok::<(), nosc_compiler::space::SpaceErrors>(())
    /// ```
    pub fn parse(name: &str, text: &str) -> Result<SearchSpace, SpaceErrors> {
        read::read(name, text)
    }

    fn of(name: &str, tokens: [&[&str]; 3]) -> SearchSpace {
        SearchSpace {
            name: name.to_owned(),
            tokens: tokens.map(|list| list.iter().map(|token| (*token).to_owned()).collect()),
            own: IndexMap::new(),
            groups: None,
            constraints: None,
        }
    }

    /// What the space is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tokens of a kind, in order; of operands all but `%k`.
    pub fn tokens(&self, kind: Kind) -> &[String] {
        &self.tokens[kind as usize]
    }

    /// Operands but for `%k`, in order.
    pub fn operands(&self) -> &[String] {
        self.tokens(Kind::Operand)
    }

    /// Unary functions, in order.
    pub fn unary(&self) -> &[String] {
        self.tokens(Kind::Unary)
    }

    /// Binary functions, in order.
    pub fn binary(&self) -> &[String] {
        self.tokens(Kind::Binary)
    }

    /// The formula of a token that the space has defined.
    pub fn definition(&self, token: &str) -> Option<&str> {
        self.own.get(token).map(Definition::formula)
    }

    /// Whether the space has tokens of its own.
    pub fn has_definitions(&self) -> bool {
        !self.own.is_empty()
    }

    /// The numbers of groups that the space file asks for.
    pub fn groups(&self) -> Option<RangeInclusive<usize>> {
        self.groups.clone()
    }

    /// The constraints that the space file asks for.
    pub fn constraints(&self) -> Option<Constraints> {
        self.constraints
    }
}
