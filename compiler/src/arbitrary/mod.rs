//! Valid rules from random bytes, for property tests and fuzzing.
//!
//! A generated text uses the whole language: every operand and function, blocks with parameters, lets and
//! states that shadow operands, schedules, token strings, chains, and the spellings that papers use. It
//! always checks without an error. Few bytes give a small rule and no bytes give `rule a = g`, so
//! that a shrinking fuzzer shrinks the rule.
//!
//! `docs/generators.md` says how to test tools of one's own with these; its examples run as tests, too.
//!
//! With the `arbitrary` crate:
//!
//! ```
//! use arbitrary::{Arbitrary, Unstructured};
//! use nosc_compiler::Rule;
//! use nosc_compiler::arbitrary::RuleText;
//!
//! let mut bytes = Unstructured::new(b"any bytes at all, a fuzzer's for example");
//! let text = RuleText::arbitrary(&mut bytes)?;
//! assert!(Rule::parse(&text.0).is_ok());
//! assert_eq!(RuleText::arbitrary(&mut Unstructured::new(b""))?.0, "rule a = g");
//! # Ok::<(), arbitrary::Error>(())
//! ```
//!
//! With no more than a seed, from any test framework:
//!
//! ```
//! use nosc_compiler::{Rule, arbitrary};
//!
//! for seed in 0..100 {
//!     let text = arbitrary::rule_text_from_seed(seed, 100);
//!     let rule = Rule::parse(&text)?;
//!     let printed = rule.to_text();
//!     assert!(Rule::parse(&printed)?.same_as(&rule), "seed {seed}: {text}\n{printed}");
//! }
//! # Ok::<(), nosc_compiler::CompileErrors>(())
//! ```
//!
//! Token strings of the paper's space:
//!
//! ```
//! use nosc_compiler::{Rule, arbitrary};
//!
//! let tokens = arbitrary::token_text_from_seed(7, 3);
//! assert_eq!(tokens, arbitrary::token_text_from_seed(7, 3));
//! assert!(Rule::from_tokens(&tokens).is_ok(), "{tokens}");
//! ```
//!
//! Pairs of token strings with one value at every point, for tools that have to find equal rules:
//!
//! ```
//! use nosc_compiler::Rule;
//! use nosc_compiler::arbitrary::rewrites::{Kind, Pair};
//! use nosc_compiler::counterexample::find;
//!
//! let pair = Pair::from_seed(7, 3, &Kind::ALL);
//! let a = Rule::from_tokens(&pair.tokens)?;
//! let b = Rule::from_tokens(&pair.rewritten)?;
//! assert_eq!(find(&a, &b, 0), None, "{pair:?}");
//! # Ok::<(), nosc_compiler::CompileErrors>(())
//! ```
//!
//! Strings of a search space of one's own, which need no feature:
//!
//! ```
//! use nosc_compiler::space::{Sampler, SearchSpace};
//!
//! let space = SearchSpace::parse("mine", r#"
//!     base = "small"
//!     [define.unary]
//!     softsign = "x / (1 + abs(x))"
//! "#)?;
//! let constraints = "operands-differ,all-used".parse()?;
//! for tokens in Sampler::new(&space, 1..=3, constraints, 7)?.take(100) {
//!     assert!(space.rule(&tokens).is_ok(), "{tokens}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
mod expression;
pub mod rewrites;
mod tokens;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::Rule;
use crate::random::SplitMix64;
use expression::Writer;

/// The text of a valid rule: a formula, a block or a token string, with or without `rule NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText(pub String);

/// A token string of the paper's space without brackets, of 1 to 8 groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenText(pub String);

impl<'a> Arbitrary<'a> for RuleText {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let body = match u.int_in_range(0..=9)? {
            0..=3 => formula(u)?,
            4 => {
                let groups = u.int_in_range(1..=6)?;
                format!("[{}]", tokens::tokens(u, groups)?)
            }
            _ => block::block(u)?,
        };
        if u.int_in_range(0..=2)? > 0 {
            return Ok(RuleText(body));
        }
        let name = *u.choose(&["a", "power_sign", "rule", "g", "_1", "update"])?;
        let equals = if body.starts_with('{') { "" } else { "= " };
        Ok(RuleText(format!("rule {name} {equals}{body}")))
    }
}

impl<'a> Arbitrary<'a> for TokenText {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let groups = u.int_in_range(1..=8)?;
        tokens::tokens(u, groups).map(TokenText)
    }
}

impl<'a> Arbitrary<'a> for Rule {
    /// A checked rule, by way of its text.
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let text = RuleText::arbitrary(u)?;
        Rule::parse(&text.0).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

fn formula(u: &mut Unstructured<'_>) -> Result<String> {
    let budget = u.int_in_range(1..=24)?;
    Writer::new(u).element(budget)
}

/// The text of a valid rule, always the same for a seed and size. `size` bounds the random decisions that
/// are taken, and with them the length: 20 gives a line, 1000 a page.
pub fn rule_text_from_seed(seed: u64, size: usize) -> String {
    let bytes = bytes_from_seed(seed, size);
    let text = RuleText::arbitrary(&mut Unstructured::new(&bytes));
    text.map_or_else(|_| "g".to_owned(), |text| text.0)
}

/// A token string of the paper's space with so many groups (at least 1), without brackets.
pub fn token_text_from_seed(seed: u64, groups: usize) -> String {
    let groups = groups.max(1);
    let bytes = bytes_from_seed(seed, groups * 24);
    let text = tokens::tokens(&mut Unstructured::new(&bytes), groups);
    text.unwrap_or_else(|_| "g g id id left".to_owned())
}

/// Random bytes of a seed: the outputs of splitmix64.
pub fn bytes_from_seed(seed: u64, size: usize) -> Vec<u8> {
    let mut random = SplitMix64::new(seed);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&random.next_u64().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The examples of the page for those who use this.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/generators.md")]
struct Page;
