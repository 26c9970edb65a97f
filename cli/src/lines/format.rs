//! What a line holds: a token string, with or without brackets, or a formula.

use clap::ValueEnum;
use nosc_compiler::canonical::{Canonicalizer, Key};
use nosc_compiler::line::{bare, looks_like_tokens};
use nosc_compiler::{CompileErrors, Rule};

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

/// What makes keys. There is one, and a plain one that shows what everything else costs.
pub(crate) trait Keys: Send {
    fn of_tokens(&mut self, tokens: &str) -> Result<Key, CompileErrors>;
    fn of_rule(&mut self, rule: &Rule) -> Key;
}

impl Keys for Canonicalizer {
    fn of_tokens(&mut self, tokens: &str) -> Result<Key, CompileErrors> {
        self.key_of_tokens(tokens)
    }

    fn of_rule(&mut self, rule: &Rule) -> Key {
        self.key(rule)
    }
}

/// Reads lines as rules.
#[derive(Debug)]
pub(crate) struct Reader<K> {
    pub(crate) keys: K,
    format: Format,
}

impl<K: Keys> Reader<K> {
    pub(crate) fn new(keys: K, format: Format) -> Reader<K> {
        Reader { keys, format }
    }

    /// The key of the rule in a line.
    pub(crate) fn key(&mut self, line: &str) -> Result<Key, BadLine> {
        if self.is_tokens(line) {
            let (tokens, shift) = bare(line);
            return self.keys.of_tokens(tokens).map_err(|e| BadLine::of_errors(&e, shift));
        }
        let rule = Rule::parse(line).map_err(|e| BadLine::of_errors(&e, 0))?;
        Ok(self.keys.of_rule(&rule))
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
