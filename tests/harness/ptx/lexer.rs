//! Text to tokens, with their lines.

use std::fmt;

use super::error::{Mistake, TextError};

/// A token; names are parts of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name, an instruction with its modifiers, a directive with its dot, a register with its percent sign.
    Name(&'a str),
    /// What stands between quotes.
    Text(&'a str),
    /// An integer.
    Integer(u64),
    /// Two integers with a dot between them.
    Version,
    /// The bits of a binary32.
    Single(u32),
    /// The bits of a binary64.
    Double(u64),
    /// Anything else is a sign by itself.
    Sign(char),
    /// Behind the last one.
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name(name) => write!(f, "`{name}`"),
            Token::Text(text) => write!(f, "\"{text}\""),
            Token::Integer(number) => write!(f, "`{number}`"),
            Token::Version => write!(f, "a number with a dot"),
            Token::Single(bits) => write!(f, "`0f{bits:08X}`"),
            Token::Double(bits) => write!(f, "`0d{bits:016X}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
            Token::End => write!(f, "the end"),
        }
    }
}

/// The tokens of a text, [`Token::End`] last, each with its line.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, u32)>, TextError> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_whitespace() {
            1
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            let (token, length) =
                token(rest, first).map_err(|mistake| TextError { line, mistake })?;
            tokens.push((token, line));
            length
        };
        let (passed, after) = rest.split_at(length);
        line += passed.matches('\n').count() as u32;
        rest = after;
    }
    tokens.push((Token::End, line));
    Ok(tokens)
}

/// The token that a text starts with, and its length.
fn token(text: &str, first: char) -> Result<(Token<'_>, usize), Mistake> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.');
    let word = |from: usize| {
        let length = text[from..].find(|c| !inside(c)).map_or(text.len(), |length| from + length);
        (&text[..length], length)
    };
    match first {
        'a'..='z' | 'A'..='Z' | '_' | '$' | '%' | '.' => {
            let (name, length) = word(1);
            Ok((Token::Name(name), length))
        }
        '0'..='9' => {
            let (digits, length) = word(0);
            let number = number(digits).ok_or_else(|| Mistake::Number(digits.to_owned()))?;
            Ok((number, length))
        }
        '"' => {
            let found = || "text without an end".to_owned();
            let length = text[1..].find(['"', '\n']).filter(|at| text[1 + at..].starts_with('"'));
            let length =
                length.ok_or_else(|| Mistake::Expected { wanted: "`\"`", found: found() })?;
            Ok((Token::Text(&text[1..=length]), length + 2))
        }
        '{' | '}' | '(' | ')' | '[' | ']' | '<' | '>' | ',' | ';' | ':' | '@' | '!' | '+' | '-' => {
            Ok((Token::Sign(first), 1))
        }
        _ => Err(Mistake::Character(first)),
    }
}

fn number(digits: &str) -> Option<Token<'static>> {
    let (start, hex) = digits.split_at_checked(2).unwrap_or((digits, ""));
    let bits = |digits: usize| {
        let all = hex.len() == digits && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
        if all { u64::from_str_radix(hex, 16).ok() } else { None }
    };
    match start {
        "0f" | "0F" => Some(Token::Single(bits(8)? as u32)),
        "0d" | "0D" => Some(Token::Double(bits(16)?)),
        "0x" | "0X" => Some(Token::Integer(bits(hex.len())?)),
        _ => match digits.split_once('.') {
            Some((major, minor)) => {
                let _numbers: (u64, u64) = (decimal(major)?, decimal(minor)?);
                Some(Token::Version)
            }
            None => decimal(digits).map(Token::Integer),
        },
    }
}

/// A leading zero would make it octal.
fn decimal(digits: &str) -> Option<u64> {
    let octal = digits.len() > 1 && digits.starts_with('0');
    let all = digits.bytes().all(|digit| digit.is_ascii_digit());
    if all && !octal { digits.parse().ok() } else { None }
}
