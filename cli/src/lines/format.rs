//! What a line holds: a token string, with or without brackets, or a formula.

use clap::ValueEnum;
use nosc_compiler::Rule;
use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use nosc_compiler::line::{bare, looks_like_tokens};

use super::BadLine;

/// What the lines of a list hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Token strings, with or without brackets
    Tokens,
    /// Formulas, or anything else that a rule file may hold in one line
    Infix,
    /// Either, line by line
    Auto,
}

/// Reads lines as rules.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) keys: Canonicalizer,
    format: Format,
}

impl Reader {
    pub(crate) fn new(level: Level, format: Format) -> Reader {
        Reader { keys: Canonicalizer::new(level), format }
    }

    /// The key of the rule in a line.
    pub(crate) fn key(&mut self, line: &str) -> Result<Key, BadLine> {
        if self.is_tokens(line) {
            let (tokens, shift) = bare(line);
            return self.keys.key_of_tokens(tokens).map_err(|e| BadLine::of_errors(&e, shift));
        }
        let rule = Rule::parse(line).map_err(|e| BadLine::of_errors(&e, 0))?;
        Ok(self.keys.key(&rule))
    }

    /// The rule in a line.
    pub(crate) fn rule(&self, line: &str) -> Result<Rule, BadLine> {
        if self.is_tokens(line) {
            let (tokens, shift) = bare(line);
            return Rule::from_tokens(tokens).map_err(|e| BadLine::of_errors(&e, shift));
        }
        Rule::parse(line).map_err(|e| BadLine::of_errors(&e, 0))
    }

    fn is_tokens(&self, line: &str) -> bool {
        match self.format {
            Format::Tokens => true,
            Format::Infix => false,
            Format::Auto => looks_like_tokens(line.as_bytes()),
        }
    }
}
