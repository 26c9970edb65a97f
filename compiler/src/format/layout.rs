//! Spaces inside lines, breaks of lines that are too long, and columns of comments.

use crate::lexer::Token;

use super::MAX_WIDTH;
use super::lines::{Atom, Line, is_operator};

const INDENT: usize = 4;
/// Deeper brackets do not move a broken line further to the right.
const MAX_INDENTS: usize = 6;
/// How much a break in a place that is only taken for want of a better one costs.
const LAST: usize = usize::MAX;

/// One line of the result.
#[derive(Debug, Default)]
struct Row {
    blank_before: bool,
    goes_on: bool,
    indent: usize,
    code: String,
    width: usize,
    comment: Option<String>,
}

/// The text of lines.
pub(super) fn text(lines: &[Line<'_>], line_end: &str) -> String {
    let rows: Vec<Row> = lines.iter().flat_map(rows).collect();
    let columns = columns(&rows);
    let mut out = String::new();
    for (row, column) in rows.iter().zip(columns) {
        if row.blank_before {
            out += line_end;
        }
        let mut padding = if row.code.is_empty() { 0 } else { row.indent };
        out.extend(std::iter::repeat_n(' ', padding));
        out += &row.code;
        if let Some(comment) = &row.comment {
            padding = column - if row.code.is_empty() { 0 } else { row.indent + row.width };
            out.extend(std::iter::repeat_n(' ', padding));
            out += comment;
        }
        out += line_end;
    }
    out
}

/// By row: where its comment stands. Comments at the ends of adjacent lines stand in one column.
fn columns(rows: &[Row]) -> Vec<usize> {
    let own = |row: &Row| match row.code.is_empty() {
        true if row.goes_on => 0,
        true => row.indent,
        false => row.indent + row.width + 2,
    };
    let mut columns: Vec<usize> = rows.iter().map(own).collect();
    let mut start = 0;
    while start < rows.len() {
        let joins = |row: &&Row| {
            let is_beside = !row.code.is_empty() && row.comment.is_some() && !row.blank_before;
            row.goes_on || (is_beside && row.indent == rows[start].indent)
        };
        let at_end = !rows[start].code.is_empty() && rows[start].comment.is_some();
        let more = if at_end { rows[start + 1..].iter().take_while(joins).count() } else { 0 };
        let group = start..start + 1 + more;
        let column = columns[group.clone()].iter().copied().max().unwrap_or_default();
        columns[group.clone()].fill(column);
        start = group.end;
    }
    columns
}

/// The rows that a line takes.
fn rows(line: &Line<'_>) -> Vec<Row> {
    let base = if line.in_block { INDENT } else { 0 };
    let pieces = pieces(line);
    let mut rows: Vec<Row> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let piece = &pieces[at];
        let indent = match (at, piece.atom) {
            (0, _) => base,
            // A comment inside a line says something of what comes after it.
            _ => base + INDENT * (1 + pieces[at - 1].depth).min(MAX_INDENTS),
        };
        let mut row = Row { indent, ..Row::default() };
        if let Atom::Comment { text, own } = piece.atom {
            at += 1;
            match rows.last_mut() {
                Some(last) if !own && last.comment.is_none() => {
                    last.comment = Some(text.to_owned());
                    continue;
                }
                _ => row.comment = Some(text.to_owned()),
            }
        } else {
            let end = row_end(&pieces, at, MAX_WIDTH.saturating_sub(indent));
            for (index, piece) in pieces[at..end].iter().enumerate() {
                if index > 0 && piece.space {
                    row.code.push(' ');
                }
                row.code += piece.text();
            }
            row.width = row.code.chars().count();
            at = end;
        }
        rows.push(row);
    }
    if let Some(first) = rows.first_mut() {
        first.blank_before = line.blank_before;
        first.goes_on = line.goes_on;
    }
    rows
}

/// Where a row that starts at a piece ends: before a comment, at the end of the line, or at the break that
/// costs least of those within the width, and of equal ones the last.
fn row_end(pieces: &[Piece<'_>], start: usize, width: usize) -> usize {
    let mut used = 0;
    let mut best: Option<(usize, usize)> = None;
    for (index, piece) in pieces.iter().enumerate().skip(start) {
        if matches!(piece.atom, Atom::Comment { .. }) {
            return index;
        }
        used += piece.width + usize::from(piece.space && index > start);
        if used > width
            && let Some((_, end)) = best
        {
            return end;
        }
        if let Some(cost) = piece.cost
            && best.is_none_or(|(least, _)| cost <= least)
        {
            best = Some((cost, index + 1));
        }
    }
    pieces.len()
}

/// A token or comment with what may stand around it.
#[derive(Debug)]
struct Piece<'t> {
    atom: Atom<'t>,
    width: usize,
    /// Whether a space stands before it.
    space: bool,
    /// Open parentheses after it.
    depth: usize,
    /// What a break after it costs, if one may stand there.
    cost: Option<usize>,
}

impl Piece<'_> {
    fn text(&self) -> &str {
        match self.atom {
            Atom::Token(_, text) | Atom::Comment { text, .. } => text,
        }
    }
}

fn pieces<'t>(line: &Line<'t>) -> Vec<Piece<'t>> {
    let mut depth = 0usize;
    let mut before = Before::Start;
    let mut tokens = 0;
    let is_state = line.in_block && matches!(line.atoms.first(), Some(Atom::Token(_, "state")));
    let piece = |atom: &Atom<'t>| {
        let Atom::Token(token, text) = *atom else {
            return Piece { atom: *atom, width: 0, space: false, depth, cost: None };
        };
        let space = is_apart(before, token);
        before = match token {
            Token::Minus if before.expects_operand() => Before::Sign,
            _ if is_state && tokens == 2 && text == "init" => Before::Keyword,
            _ => Before::Token(token),
        };
        tokens += 1;
        match token {
            Token::OpenParen => depth += 1,
            Token::CloseParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        Piece { atom: *atom, width: text.chars().count(), space, depth, cost: cost(before, depth) }
    };
    line.atoms.iter().map(piece).collect()
}

/// What stands before a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Start,
    Token(Token),
    /// The minus of `-x`.
    Sign,
    /// `init`, which is no function.
    Keyword,
}

impl Before {
    fn expects_operand(self) -> bool {
        match self {
            Before::Start | Before::Sign | Before::Keyword => true,
            Before::Token(token) => {
                is_operator(token)
                    || matches!(token, Token::OpenParen | Token::Comma | Token::Assign)
            }
        }
    }
}

fn is_apart(before: Before, token: Token) -> bool {
    use Token::{Caret, CloseBracket, CloseParen, Comma, Name, OpenBracket, OpenParen};
    match (before, token) {
        (_, CloseParen | CloseBracket | Comma | Caret)
        | (Before::Start | Before::Sign | Before::Token(OpenParen | OpenBracket | Caret), _)
        | (Before::Token(Name), OpenParen) => false,
        (Before::Token(_) | Before::Keyword, _) => true,
    }
}

/// What a break after a token costs: less outside brackets than inside, less between terms than between
/// factors.
fn cost(token: Before, depth: usize) -> Option<usize> {
    let Before::Token(token) = token else { return None };
    let precedence = match token {
        Token::Comma => 0,
        Token::Plus | Token::Minus => 2,
        Token::Star | Token::Slash => 3,
        Token::Caret => 4,
        Token::Assign | Token::OpenParen | Token::Word => return Some(LAST),
        token if is_operator(token) => 1,
        _ => return None,
    };
    Some(depth * 8 + precedence)
}
