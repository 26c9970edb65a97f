//! Rule files in one format.
//!
//! ```text
//! tokens and comments ─► lines (a statement each) ─► layout (spaces, breaks) ─► check ─► text
//! ```
//!
//! Only white space changes, and what stands for it: statements that `;` separates get lines of their own,
//! and groups of a token string get commas. Every other token and every comment stays as it is written and
//! where it stands. The result is compared with the text before it is returned, and formatting it again
//! changes nothing.

mod layout;
mod lines;

use crate::file::{CompileErrors, RuleFile};
use crate::lexer::{self, Token};
use crate::parser;
use crate::problem::Problem;

use lines::{Lexeme, lexemes};

/// The widest line that is not broken. Comments do not count.
pub const MAX_WIDTH: usize = 100;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why a text was not formatted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// It cannot be read; names that are unknown are no reason.
    #[error(transparent)]
    Errors(#[from] CompileErrors),
    /// A mistake of the formatter, found before it does harm.
    #[error("the formatted text would not hold the same rules")]
    Damaged,
}

/// A rule file in the standard format. Line ends are those of its first line, and a byte-order mark stays.
///
/// # Errors
///
/// [`FormatError::Errors`] with all problems of a text that breaks the grammar.
///
/// # Example
///
/// ```
/// use nosc_compiler::format::format;
///
/// let text = format("rule a{param c=2 # twice\n\n\nlet s=sign( g );update=c*s^2}")?;
/// assert_eq!(text, "rule a {\n    param c = 2  # twice\n\n    let s = sign(g)\n    update = c * s^2\n}\n");
/// # Ok::<(), nosc_compiler::format::FormatError>(())
/// ```
pub fn format(text: &str) -> Result<String, FormatError> {
    if !is_readable(text) {
        return Err(match RuleFile::parse("rule", text).into_result() {
            Err(errors) => FormatError::Errors(errors),
            Ok(_) => FormatError::Damaged,
        });
    }
    let bare = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mark = &text[..text.len() - bare.len()];
    let formatted = mark.to_owned() + &layout::text(&lines::lines(bare), line_end(bare));
    if same(text, &formatted) { Ok(formatted) } else { Err(FormatError::Damaged) }
}

/// Whether lexer and parser find nothing wrong.
fn is_readable(text: &str) -> bool {
    if text.len() > crate::source::MAX_SOURCE_BYTES {
        return false;
    }
    let lexed = lexer::lex(text);
    let mut problems = lexed.problems;
    let syntax = parser::parse(text, &lexed.tokens, &mut problems);
    !syntax.rules.is_empty() && !problems.iter().any(Problem::is_error)
}

fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Whether both texts have the same tokens and comments, and the same rules.
fn same(before: &str, after: &str) -> bool {
    if before == after {
        return true;
    }
    if !is_readable(after) || lasting(before) != lasting(after) {
        return false;
    }
    let [before, after] = [before, after].map(|text| RuleFile::parse("rule", text).rules);
    before.len() == after.len()
        && before.iter().zip(&after).all(|(a, b)| a.name == b.name && a.same_as(b))
}

/// What formatting keeps: all but white space, separators of statements and commas of token strings.
fn lasting(text: &str) -> Vec<&str> {
    let mut in_brackets = false;
    let mut kept = Vec::new();
    for lexeme in lexemes(text) {
        match lexeme {
            Lexeme::Newline | Lexeme::Token(Token::Semicolon | Token::End, _) => {}
            Lexeme::Token(Token::Comma, _) if in_brackets => {}
            Lexeme::Token(token, text) => {
                match token {
                    Token::OpenBracket => in_brackets = true,
                    Token::CloseBracket => in_brackets = false,
                    _ => {}
                }
                kept.push(text);
            }
            Lexeme::Comment { text, .. } => kept.push(text),
        }
    }
    kept
}

#[cfg(test)]
mod tests;
