//! What a line holds: a token string, with or without brackets, or a formula.

use clap::ValueEnum;
use nosc_compiler::canonical::{Canonicalizer, Key};
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

/// The tokens without brackets, and by how much the places of problems in them are to be moved to the left:
/// these count a bracket that is put before bare tokens.
pub(crate) fn bare(line: &str) -> (&str, usize) {
    match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(tokens) => (tokens, 0),
        None => (line, 1),
    }
}

/// Whether a line is a token string, good or bad: it begins with a bracket, or it has several words and nothing
/// that only a formula has. No line is a good formula and a good token string at once.
pub(crate) fn looks_like_tokens(line: &[u8]) -> bool {
    if line.first() == Some(&b'[') {
        return true;
    }
    let (mut words, mut was_space) = (0, true);
    for byte in line {
        match byte {
            b'(' | b')' | b'{' | b'}' | b'=' | b'*' | b'/' | b'+' | b'^' | b';' | b'<' | b'>' => {
                return false;
            }
            // Formulas from papers have operators that are not ASCII; tokens are.
            0x80.. => return false,
            b' ' | b'\t' | b',' => was_space = true,
            // A minus that begins a word: in tokens it stands in exponents only.
            b'-' if was_space => return false,
            _ => {
                words += u32::from(was_space);
                was_space = false;
            }
        }
    }
    words >= 2
}

/// The part of a line before a comment, without white space around it.
pub(crate) fn without_comment(line: &str) -> &str {
    match line.find('#') {
        Some(comment) => line[..comment].trim(),
        None => line.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_token_strings_are_told_apart() {
        let tokens = [
            "g m id id mul",
            "g\tm  id,id mul",
            "[g m id id]",
            "w1e-4 m id id mul",
            "cd_0.5 cd id id mul  %0 g exp id mul",
            "these words are no tokens",
            "g m",
        ];
        let formulas = [
            "g",
            "g - m - v - w",
            "g -m -v -w -1",
            "g · m × v · w · g",
            "exp(ld) * g",
            "rule a = [g]",
        ];
        assert!(tokens.iter().all(|line| looks_like_tokens(line.as_bytes())));
        assert!(!formulas.iter().any(|line| looks_like_tokens(line.as_bytes())));
    }

    #[test]
    fn comments_and_white_space_are_no_part_of_a_rule() {
        assert_eq!(without_comment("  g * m # AddSign"), "g * m");
        assert_eq!(without_comment("# nothing"), "");
    }
}
