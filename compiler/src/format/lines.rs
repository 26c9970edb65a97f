//! Tokens and comments of a text, cut into lines: a statement, a bracket or a comment each.

use crate::lexer::{self, Token};

/// What a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lexeme<'t> {
    Token(Token, &'t str),
    /// A comment without the white space after it, and the column of its `#`.
    Comment {
        text: &'t str,
        column: usize,
    },
    Newline,
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Atom<'t> {
    Token(Token, &'t str),
    /// A comment; what follows it stands on a new line.
    Comment {
        text: &'t str,
        /// Whether it stands on a line of its own.
        own: bool,
    },
}

/// What stands on one line, if it is not too long.
#[derive(Debug, Default)]
pub(super) struct Line<'t> {
    /// Whether it is inside a block.
    pub(super) in_block: bool,
    pub(super) blank_before: bool,
    /// Whether it is a comment that goes on with the one at the end of the line before.
    pub(super) goes_on: bool,
    pub(super) atoms: Vec<Atom<'t>>,
}

impl Line<'_> {
    fn last_token(&self) -> Option<Token> {
        self.atoms.iter().rev().find_map(|atom| match atom {
            Atom::Token(token, _) => Some(*token),
            Atom::Comment { .. } => None,
        })
    }
}

/// Tokens, comments and newlines in their order. The lexer skips comments: they stand in its gaps.
pub(super) fn lexemes(text: &str) -> Vec<Lexeme<'_>> {
    let mut lexemes = Vec::new();
    let mut at = 0;
    for (token, span) in lexer::lex(text).tokens {
        let range = span.range();
        gap(text, at..range.start, &mut lexemes);
        at = range.end;
        lexemes.push(match token {
            Token::Newline => Lexeme::Newline,
            _ => Lexeme::Token(token, &text[range]),
        });
    }
    lexemes
}

fn gap<'t>(text: &'t str, range: std::ops::Range<usize>, lexemes: &mut Vec<Lexeme<'t>>) {
    let mut at = range.start;
    while let Some(found) = text[at..range.end].find(['#', '\n']) {
        at += found;
        if text[at..].starts_with('\n') {
            lexemes.push(Lexeme::Newline);
            at += 1;
            continue;
        }
        let rest = &text[at..range.end];
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let column = text[line_start..at].chars().count();
        lexemes.push(Lexeme::Comment { text: rest[..end].trim_end(), column });
        at += end;
    }
}

/// The lines of a text without mistakes.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut cutter = Cutter::default();
    let lexemes = lexemes(text);
    for (index, lexeme) in lexemes.iter().enumerate() {
        match *lexeme {
            Lexeme::Newline => cutter.newline(),
            Lexeme::Comment { text, column } => cutter.comment(text, column),
            Lexeme::Token(Token::Semicolon, _) => cutter.semicolon(),
            Lexeme::Token(Token::End, _) => cutter.end_line(),
            Lexeme::Token(token, text) => {
                let next = lexemes.get(index + 1).copied();
                if token == Token::Name && text == "rule" && cutter.may_end_before_rule(next) {
                    cutter.end_line();
                }
                cutter.token(token, text);
            }
        }
    }
    let mut lines = cutter.lines;
    lines.iter_mut().for_each(group_tokens);
    lines
}

#[derive(Debug, Default)]
struct Cutter<'t> {
    lines: Vec<Line<'t>>,
    line: Line<'t>,
    in_block: bool,
    /// Open parentheses and brackets, inside which newlines are white space.
    open: usize,
    /// Newlines since the last token or comment.
    newlines: usize,
    /// The column of the comment that a comment below it would go on with.
    column: Option<usize>,
}

impl<'t> Cutter<'t> {
    fn newline(&mut self) {
        self.newlines += 1;
        if !self.is_open() {
            self.end_line();
        }
    }

    /// Whether the line goes on after a newline.
    fn is_open(&self) -> bool {
        self.open > 0 || self.line.last_token().is_some_and(goes_on)
    }

    fn semicolon(&mut self) {
        self.end_line();
        self.newlines = self.newlines.min(1);
    }

    fn comment(&mut self, text: &'t str, column: usize) {
        let own = self.newlines > 0 || (self.line.atoms.is_empty() && self.lines.is_empty());
        let comment = Atom::Comment { text, own };
        match self.lines.last_mut() {
            _ if !self.line.atoms.is_empty() => self.line.atoms.push(comment),
            Some(last) if !own => last.atoms.push(comment),
            _ => {
                self.line.goes_on = self.newlines == 1 && self.column == Some(column);
                let goes_on = self.line.goes_on;
                self.start(comment);
                self.end_line();
                self.column = self.column.filter(|_| goes_on);
                return;
            }
        }
        self.newlines = 0;
        self.column = Some(column).filter(|_| !own);
    }

    fn token(&mut self, token: Token, text: &'t str) {
        match token {
            Token::OpenParen | Token::OpenBracket => self.open += 1,
            Token::CloseParen | Token::CloseBracket => self.open = self.open.saturating_sub(1),
            Token::CloseBrace => {
                self.end_line();
                self.in_block = false;
            }
            _ => {}
        }
        self.column = None;
        self.start(Atom::Token(token, text));
        match token {
            Token::OpenBrace => {
                self.end_line();
                self.in_block = true;
            }
            Token::CloseBrace => self.end_line(),
            _ => {}
        }
    }

    /// Two rules may stand on a line with nothing between them.
    fn may_end_before_rule(&self, next: Option<Lexeme<'_>>) -> bool {
        let is_name = matches!(next, Some(Lexeme::Token(Token::Name, _)));
        is_name && !self.in_block && !self.is_open() && self.line.atoms.len() > 1
    }

    fn start(&mut self, atom: Atom<'t>) {
        if self.line.atoms.is_empty() {
            let last = self.lines.last().and_then(Line::last_token);
            let is_edge = matches!(atom, Atom::Token(Token::CloseBrace, _))
                || self.lines.is_empty()
                || last == Some(Token::OpenBrace);
            self.line.blank_before = self.newlines > 1 && !is_edge;
            self.line.in_block = self.in_block;
        }
        self.line.atoms.push(atom);
        self.newlines = 0;
    }

    fn end_line(&mut self) {
        if !self.line.atoms.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }
}

/// Whether a formula goes on behind this token, on the next line if need be.
pub(super) fn goes_on(token: Token) -> bool {
    is_operator(token) || matches!(token, Token::Comma | Token::Assign)
}

pub(super) fn is_operator(token: Token) -> bool {
    use Token::{
        Caret, EqualEqual, Greater, GreaterEqual, Less, LessEqual, Minus, NotEqual, Plus, Slash,
        Star,
    };
    matches!(
        token,
        Plus | Minus
            | Star
            | Slash
            | Caret
            | Less
            | LessEqual
            | Greater
            | GreaterEqual
            | EqualEqual
            | NotEqual
    )
}

/// Commas after every group of five but the last. A token string that is none stays as it is.
fn group_tokens(line: &mut Line<'_>) {
    let (mut words, mut misplaced) = (0, false);
    let mut after_comma = false;
    for atom in &line.atoms {
        match atom {
            Atom::Token(Token::Word, _) => words += 1,
            Atom::Token(Token::Comma, _) => misplaced |= words % 5 != 0 || after_comma,
            _ => continue,
        }
        after_comma = matches!(atom, Atom::Token(Token::Comma, _));
    }
    if words == 0 || words % 5 != 0 || misplaced {
        return;
    }
    let atoms = std::mem::take(&mut line.atoms);
    let mut word = 0;
    for atom in atoms {
        match atom {
            Atom::Token(Token::Comma, _) => {}
            Atom::Token(Token::Word, _) => {
                word += 1;
                line.atoms.push(atom);
                if word % 5 == 0 && word < words {
                    line.atoms.push(Atom::Token(Token::Comma, ","));
                }
            }
            _ => line.atoms.push(atom),
        }
    }
}
