//! Recognizes common slips at the place where the parser gave up.

use crate::lexer::Token;
use crate::primitive::{OPERAND_TOKENS, UNARY_TOKENS};
use crate::problem::{Problem, Slip};
use crate::source::Span;
use crate::suggest::nearest;

type Tokens<'a> = &'a [(Token, Span)];

/// What was probably meant, where the token `at` is not what was expected.
pub(crate) fn find(text: &str, tokens: Tokens<'_>, at: usize, in_block: bool) -> Option<Slip> {
    let word = |at: usize| &text[tokens[at].1.range()];
    let name = |at: usize| if tokens[at].0 == Token::Name { word(at) } else { "" };
    let before = at.checked_sub(1);
    let (last, here) = (before.map(|before| tokens[before].0), tokens[at].0);
    if in_block {
        let starts_line =
            matches!(last, Some(Token::Newline | Token::Semicolon | Token::OpenBrace));
        if starts_line && here == Token::Name && tokens[at + 1].0 == Token::Assign {
            let kept = || Slip::Let(word(at).to_owned());
            return Some(keyword(word(at)).map_or_else(kept, Slip::Keyword));
        }
        if !starts_line && is_statement(text, tokens, at) {
            return Some(Slip::Separator);
        }
    } else if bare_tokens(text, tokens, at) {
        return Some(Slip::Tokens);
    } else if is_statement(text, tokens, at)
        || before.is_some_and(|before| is_statement(text, tokens, before))
    {
        return Some(Slip::Block);
    }
    let before = before?;
    let (left, right) = (name(before), name(at));
    if here == Token::Star && last == Some(Token::Star) {
        return Some(Slip::Power);
    }
    if ["and", "or"].iter().any(|condition| [left, right].contains(condition)) {
        return Some(Slip::Conditions);
    }
    if ["if", "then", "else"].iter().any(|choice| [left, right].contains(choice)) {
        return Some(Slip::Choice);
    }
    if here == Token::Minus && before > 0 && name(before - 1) == "rule" {
        return Some(Slip::Name);
    }
    let alone = before == 0 || tokens[before - 1].0 == Token::Newline;
    match (last?, here) {
        (Token::Name, Token::Assign) if alone && !in_block => Some(Slip::Rule(format!("{left} ="))),
        (Token::Name, Token::OpenBrace) if alone && !in_block => {
            Some(Slip::Rule(format!("{left} {{")))
        }
        (Token::Number, Token::Name | Token::OpenParen)
        | (Token::Name, Token::Name | Token::Number)
        | (Token::CloseParen, Token::Name | Token::Number | Token::OpenParen)
            if !["rule", "not", "return"].contains(&left) =>
        {
            let factor = |at: usize| match tokens[at].0 {
                Token::Name | Token::Number => word(at).chars().take(24).collect(),
                _ => "(...)".to_owned(),
            };
            Some(Slip::Product(factor(before), factor(at)))
        }
        _ => None,
    }
}

/// The first words of statements.
pub(crate) const STATEMENTS: [&str; 5] = ["param", "let", "state", "update", "schedule"];

/// The keyword of a statement that a word most likely means.
pub(crate) fn keyword(word: &str) -> Option<&'static str> {
    nearest(word, STATEMENTS.into_iter())
}

/// Whether a statement of a block starts here; no formula can go on so.
pub(crate) fn is_statement(text: &str, tokens: Tokens<'_>, at: usize) -> bool {
    let (Some((Token::Name, here)), Some((next, _))) = (tokens.get(at), tokens.get(at + 1)) else {
        return false;
    };
    match &text[here.range()] {
        "param" | "let" | "state" => *next == Token::Name,
        "update" | "schedule" => *next == Token::Assign,
        _ => false,
    }
}

/// Whether the formula around `at` starts as a token string does.
fn bare_tokens(text: &str, tokens: Tokens<'_>, at: usize) -> bool {
    let ends = |token: Token| matches!(token, Token::Newline | Token::Semicolon | Token::Assign);
    let start = tokens[..at].iter().rposition(|(token, _)| ends(*token)).map_or(0, |end| end + 1);
    // As much as three tokens may take, so that a long line costs no more than a short one.
    let line: String = text[tokens[start].1.start as usize..]
        .chars()
        .take(100)
        .take_while(|c| *c != '\n')
        .collect();
    let mut words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let operand = |word: &str| {
        OPERAND_TOKENS.contains(&word) || ["%", "cd_", "rd_"].iter().any(|p| word.starts_with(p))
    };
    let mut next_is = |kind: &dyn Fn(&str) -> bool| words.next().is_some_and(kind);
    next_is(&operand) && next_is(&operand) && next_is(&|word| UNARY_TOKENS.contains(&word))
}

/// Leaves out what follows from another mistake: after a character that the language does not have, the
/// rest of the line is not complained about, and so is a `%` of a token string without brackets.
/// The problems are in the order of their places.
pub(crate) fn one_message_each(text: &str, problems: &mut Vec<Problem>) {
    let mut broken_to = 0;
    let mut broken_from = usize::MAX;
    let mut bare = false;
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |end| at + end);
    // Of an empty place right before such a character only the character is a mistake.
    let odd: Vec<usize> = problems
        .iter()
        .filter(|p| matches!(p, Problem::UnexpectedCharacter { .. }))
        .map(|p| p.span().start as usize)
        .collect();
    problems.retain(|problem| {
        let at = problem.span().range();
        let follows = broken_from <= at.start && at.start <= broken_to;
        match problem {
            Problem::UnexpectedCharacter { character, .. } => {
                if follows || bare && *character == '%' {
                    return false;
                }
                (broken_from, broken_to) = (at.start, line_end(at.end));
                true
            }
            Problem::Expected { slip, .. } => {
                let next = odd.partition_point(|odd| *odd < at.end);
                let before_odd = at.is_empty()
                    && odd.get(next).is_some_and(|odd| text[at.end..*odd].trim().is_empty());
                if follows || before_odd {
                    return false;
                }
                bare |= *slip == Some(Slip::Tokens);
                true
            }
            _ => true,
        }
    });
}
