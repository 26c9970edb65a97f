//! Text to tokens.
//!
//! Two small lexers: one for formulas, one for the words of a token string between `[` and `]`.
//! An unknown character becomes a [`Problem`] and lexing goes on.

use logos::Logos;

use crate::problem::Problem;
use crate::source::Span;

/// A token of a formula or of a token string.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(skip(r"[ \t]+"))]
#[logos(skip(r"#[^\r\n]*", allow_greedy = true))]
pub(crate) enum Token {
    #[regex(r"\r?\n")]
    Newline,
    #[token(";")]
    Semicolon,
    #[token(",")]
    Comma,
    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token("+")]
    Plus,
    #[token("-")]
    #[token("\u{2212}")]
    Minus,
    #[token("*")]
    #[token("\u{b7}")]
    #[token("\u{d7}")]
    Star,
    #[token("/")]
    Slash,
    #[token("^")]
    Caret,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("==")]
    EqualEqual,
    #[token("!=")]
    NotEqual,
    #[token("=")]
    Assign,
    #[regex(r"([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][+-]?[0-9][0-9_]*)?")]
    Number,
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    #[token("m\u{302}")]
    #[token("v\u{302}")]
    #[token("\u{3b3}\u{302}")]
    #[token("\u{3b3}")]
    #[token("\u{3b5}")]
    #[token("\u{3f5}")]
    #[token("\u{3b5}_t")]
    #[token("\u{3f5}_t")]
    #[token("\u{3b2}1")]
    #[token("\u{3b2}2")]
    #[token("\u{3b2}3")]
    #[token("\u{3b4}")]
    #[token("\u{3c0}")]
    Name,
    /// A word between brackets; made by [`BracketToken`], never by this lexer.
    Word,
    /// The end of the text.
    End,
}

/// The inside of `[ ... ]`.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(skip(r"[ \t]+"))]
#[logos(skip(r"\r?\n"))]
#[logos(skip(r"#[^\r\n]*", allow_greedy = true))]
enum BracketToken {
    #[token(",")]
    Comma,
    #[token("[")]
    Open,
    #[token("]")]
    Close,
    #[regex(r"[^ \t\r\n,\[\]#;{}]+")]
    Word,
}

/// Tokens with their places; the last one is [`Token::End`].
#[derive(Debug)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<(Token, Span)>,
    pub(crate) problems: Vec<Problem>,
}

/// Splits the text into tokens. A byte-order mark at the very start is skipped.
pub(crate) fn lex(text: &str) -> Lexed {
    let skipped = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut out = Lexed { tokens: Vec::new(), problems: Vec::new() };
    let mut lexer = Token::lexer(&text[skipped..]);
    let mut at =
        |range: std::ops::Range<usize>| Span::new(range.start + skipped, range.end + skipped);
    while let Some(result) = lexer.next() {
        let span = at(lexer.span());
        match result {
            Ok(Token::OpenBracket) => {
                out.tokens.push((Token::OpenBracket, span));
                lexer = words(lexer.morph(), &mut out, &mut at).morph();
            }
            Ok(token) => out.tokens.push((token, span)),
            Err(()) => unexpected(&mut out.problems, &text[span.range()], span),
        }
    }
    out.tokens.push((Token::End, Span::new(text.len(), text.len())));
    out
}

fn words<'s>(
    mut lexer: logos::Lexer<'s, BracketToken>,
    out: &mut Lexed,
    at: &mut impl FnMut(std::ops::Range<usize>) -> Span,
) -> logos::Lexer<'s, BracketToken> {
    while let Some(result) = lexer.next() {
        let span = at(lexer.span());
        match result {
            Ok(BracketToken::Comma) => out.tokens.push((Token::Comma, span)),
            Ok(BracketToken::Open) => out.tokens.push((Token::OpenBracket, span)),
            Ok(BracketToken::Word) => out.tokens.push((Token::Word, span)),
            Ok(BracketToken::Close) => {
                out.tokens.push((Token::CloseBracket, span));
                break;
            }
            Err(()) => unexpected(&mut out.problems, lexer.slice(), span),
        }
    }
    lexer
}

/// One problem for a run of unknown characters, so that binary input does not flood.
fn unexpected(problems: &mut Vec<Problem>, text: &str, span: Span) {
    if let Some(Problem::UnexpectedCharacter { at, .. }) = problems.last_mut()
        && at.end == span.start
    {
        at.end = span.end;
        return;
    }
    let character = text.chars().next().unwrap_or('\u{fffd}');
    problems.push(Problem::UnexpectedCharacter { character, at: span });
}

/// Whether the whole text is one number as formulas have it.
pub(crate) fn is_number(text: &str) -> bool {
    let mut lexer = Token::lexer(text);
    matches!(lexer.next(), Some(Ok(Token::Number))) && lexer.slice() == text
}

/// The plain spelling of a name: Greek letters and hats of papers become the language's own names.
pub(crate) fn plain_name(name: &str) -> &str {
    match name {
        "m\u{302}" | "m_hat" => "m",
        "v\u{302}" | "v_hat" => "v",
        "\u{3b3}\u{302}" | "\u{3b3}" | "gamma_hat" => "gamma",
        "\u{3b5}" | "\u{3f5}" => "eps",
        "\u{3b5}_t" | "\u{3f5}_t" => "eps_t",
        "\u{3b2}1" => "beta1",
        "\u{3b2}2" => "beta2",
        "\u{3b2}3" => "beta3",
        "\u{3b4}" => "delta",
        "\u{3c0}" => "pi",
        other => other,
    }
}
