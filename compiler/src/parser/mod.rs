//! Tokens to syntax, by descent with precedence climbing.
//!
//! Every mistake becomes a [`Problem`] and parsing goes on at the next statement or rule. Nesting is
//! bounded by [`MAX_NESTING`]; chains of operators are loops and may be long.

mod block;

use crate::lexer::Token;
use crate::primitive::{Binary, Comparison};
use crate::problem::Problem;
use crate::recognizer;
use crate::source::Span;
use crate::syntax::{Body, Expr, ExprId, RuleSyntax, Syntax};

/// Deepest nesting of brackets, calls and exponents.
pub const MAX_NESTING: usize = 128;

const OPERAND: &str = "a number, a name or `(`";

/// Reads all rules of a file, and all problems.
pub(crate) fn parse(text: &str, tokens: &[(Token, Span)], problems: &mut Vec<Problem>) -> Syntax {
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        nesting: 0,
        brackets: 0,
        in_block: false,
        syntax: Syntax::default(),
        problems,
    };
    parser.file();
    parser.syntax
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [(Token, Span)],
    at: usize,
    nesting: usize,
    /// Inside parentheses newlines are white space.
    brackets: usize,
    in_block: bool,
    syntax: Syntax,
    problems: &'a mut Vec<Problem>,
}

/// The problem has been reported; give up on this statement.
struct Stop;

type Parsed<T> = Result<T, Stop>;

impl Parser<'_> {
    fn file(&mut self) {
        self.skip_separators();
        if self.peek() == Token::End {
            return;
        }
        if !self.at_rule() {
            self.anonymous();
            return;
        }
        while self.peek() != Token::End {
            if self.at_rule() {
                let before = self.span().start as usize;
                let rule = self.rule();
                self.end_of_rule();
                // What is no formula at all has no more to say.
                let is_other = matches!(
                    self.problems.last(),
                    Some(Problem::Expected { slip: Some(slip), at, .. })
                        if slip.is_no_formula() && before < at.start as usize
                );
                if let Ok(mut rule) = rule
                    && !is_other
                {
                    rule.reach.end = self.span().start;
                    self.syntax.rules.push(rule);
                }
            } else {
                self.expected("`rule`");
                self.skip_to_rule();
            }
            self.skip_separators();
        }
    }

    /// A file that is one formula, token string or block.
    fn anonymous(&mut self) {
        let start = self.span();
        let body = match self.peek() {
            Token::OpenBracket => self.token_string(),
            Token::OpenBrace => self.block(),
            _ => self.expression().map(Body::Formula),
        };
        let Ok(body) = body else { return };
        self.skip_separators();
        if self.peek() == Token::End {
            let at = start.join(self.previous_span());
            let reach = Span::new(0, self.text.len());
            self.syntax.rules.push(RuleSyntax { name: None, body, at, reach });
        } else {
            self.expected("an operator or the end of the file");
        }
    }

    fn rule(&mut self) -> Parsed<RuleSyntax> {
        let start = self.advance();
        let name = self.take(Token::Name, "the rule's name")?;
        let body = match self.peek() {
            Token::Assign => {
                self.advance();
                self.skip_newlines();
                match self.peek() {
                    Token::OpenBracket => self.token_string()?,
                    _ => Body::Formula(self.expression()?),
                }
            }
            Token::OpenBrace => self.block()?,
            _ => return Err(self.expected("`=` or `{`")),
        };
        let at = start.join(self.previous_span());
        Ok(RuleSyntax { name: Some(name), body, at, reach: at })
    }

    fn token_string(&mut self) -> Parsed<Body> {
        let open = self.advance();
        let mut words = Vec::new();
        loop {
            match self.peek() {
                Token::Word => words.push((true, self.advance())),
                Token::Comma => words.push((false, self.advance())),
                Token::CloseBracket => {
                    let close = self.advance();
                    return Ok(Body::Tokens(words, open.join(close)));
                }
                Token::End => return Err(self.never_closed("[", open)),
                _ => return Err(self.expected("a token or `]`")),
            }
        }
    }

    fn expression(&mut self) -> Parsed<ExprId> {
        self.nested(Self::comparison)
    }

    fn comparison(&mut self) -> Parsed<ExprId> {
        let left = self.sum()?;
        let Some((op, swapped)) = comparison(self.peek()) else { return Ok(left) };
        self.operator();
        let right = self.sum()?;
        if comparison(self.peek()).is_some() {
            let at = self.span();
            self.problems.push(Problem::MisplacedComparison { at });
            return Err(Stop);
        }
        let (a, b) = if swapped { (right, left) } else { (left, right) };
        let at = self.syntax.span(left).join(self.syntax.span(right));
        Ok(self.push(Expr::Compare(op, a, b), at))
    }

    fn sum(&mut self) -> Parsed<ExprId> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek() {
                Token::Plus => Binary::Add,
                Token::Minus => Binary::Sub,
                _ => return Ok(left),
            };
            self.operator();
            let right = self.product()?;
            left = self.binary(op, left, right);
        }
    }

    fn product(&mut self) -> Parsed<ExprId> {
        let mut left = self.signed()?;
        loop {
            let op = match self.peek() {
                Token::Star => Binary::Mul,
                Token::Slash => Binary::Div,
                _ => return Ok(left),
            };
            self.operator();
            let right = self.signed()?;
            left = self.binary(op, left, right);
        }
    }

    /// Unary minuses bind less than `^`: `-x^2` is `-(x^2)`.
    fn signed(&mut self) -> Parsed<ExprId> {
        let mut signs = Vec::new();
        while self.peek() == Token::Minus {
            signs.push(self.span());
            self.operator();
        }
        let mut value = self.power()?;
        for sign in signs.into_iter().rev() {
            let at = sign.join(self.syntax.span(value));
            value = self.push(Expr::Neg(value), at);
        }
        Ok(value)
    }

    fn power(&mut self) -> Parsed<ExprId> {
        let base = self.primary()?;
        if self.peek() != Token::Caret {
            return Ok(base);
        }
        self.operator();
        let exponent = self.nested(Self::signed)?;
        Ok(self.binary(Binary::Pow, base, exponent))
    }

    fn primary(&mut self) -> Parsed<ExprId> {
        match self.peek() {
            Token::Number => Ok(self.number()),
            // What goes on in a next statement or after the block breaks off at the end of the line.
            Token::Name | Token::CloseBrace if self.starts_line() && self.at_statement_or_end() => {
                self.step_back_to_end_of_line();
                Err(self.expected(OPERAND))
            }
            Token::Name => {
                let name = self.advance();
                if self.peek() == Token::OpenParen {
                    self.call(name)
                } else {
                    Ok(self.push(Expr::Name, name))
                }
            }
            Token::OpenParen => {
                let open = self.open();
                let inner = self.expression()?;
                if self.peek() != Token::CloseParen {
                    return Err(self.unclosed(open));
                }
                self.close();
                Ok(inner)
            }
            _ => Err(self.expected(OPERAND)),
        }
    }

    fn call(&mut self, name: Span) -> Parsed<ExprId> {
        let open = self.open();
        let mut arguments = Vec::new();
        if self.peek() != Token::CloseParen {
            loop {
                arguments.push(self.expression()?);
                match self.peek() {
                    Token::Comma => self.operator(),
                    Token::CloseParen => break,
                    _ => return Err(self.unclosed(open)),
                }
            }
        }
        let close = self.close();
        Ok(self.push(Expr::Call(name, arguments), name.join(close)))
    }

    fn number(&mut self) -> ExprId {
        let at = self.advance();
        let written = &self.text[at.range()];
        let digits = written.replace('_', "");
        let value: f64 = digits.parse().unwrap_or(f64::INFINITY);
        if value.is_infinite() {
            let text = written.to_owned();
            self.problems.push(Problem::NumberOverflow { text, kind: "f64", at });
        } else if value == 0.0 && has_nonzero_digit(&digits) {
            let text = written.to_owned();
            self.problems.push(Problem::NumberUnderflow { text, kind: "f64", at });
        }
        let integer = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok());
        self.push(Expr::Number { value, integer: integer.flatten() }, at)
    }

    fn binary(&mut self, op: Binary, left: ExprId, right: ExprId) -> ExprId {
        let at = self.syntax.span(left).join(self.syntax.span(right));
        self.push(Expr::Binary(op, left, right), at)
    }

    fn push(&mut self, expr: Expr, at: Span) -> ExprId {
        self.syntax.expressions.push((expr, at));
        ExprId(self.syntax.expressions.len() as u32 - 1)
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<ExprId>) -> Parsed<ExprId> {
        if self.nesting == MAX_NESTING {
            let at = self.span();
            self.problems.push(Problem::NestingTooDeep { limit: MAX_NESTING, at });
            return Err(Stop);
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn open(&mut self) -> Span {
        self.brackets += 1;
        let open = self.advance();
        self.skip_newlines();
        open
    }

    fn close(&mut self) -> Span {
        self.brackets -= 1;
        self.advance()
    }

    /// Steps over an operator or comma; a newline after it is white space.
    fn operator(&mut self) {
        self.advance();
        self.skip_newlines();
    }

    fn unclosed(&mut self, open: Span) -> Stop {
        let next = self.peek();
        let ends = next == Token::CloseBrace && self.in_block
            || next == Token::Name && self.starts_line() && self.at_statement_or_end();
        if ends {
            self.step_back_to_end_of_line();
        }
        if ends || next == Token::End {
            self.never_closed("(", open)
        } else {
            self.expected("an operator, `,` or `)`")
        }
    }

    fn never_closed(&mut self, delimiter: &'static str, at: Span) -> Stop {
        self.problems.push(Problem::Unclosed { delimiter, at });
        Stop
    }

    fn take(&mut self, token: Token, expected: &'static str) -> Parsed<Span> {
        if self.peek() == token { Ok(self.advance()) } else { Err(self.expected(expected)) }
    }

    fn expected(&mut self, expected: &'static str) -> Stop {
        let (found, at) = match self.peek() {
            Token::End => ("the end of the file".to_owned(), self.after_last()),
            Token::Newline => ("the end of the line".to_owned(), self.after_last()),
            _ => (format!("`{}`", shortened(self.slice())), self.span()),
        };
        let slip = recognizer::find(self.text, self.tokens, self.at, self.in_block);
        self.problems.push(Problem::Expected { expected, found, slip, at });
        Stop
    }

    /// The place right after the last token before this one, newlines left out.
    fn after_last(&self) -> Span {
        let before = &self.tokens[..self.at];
        let last = before.iter().rev().find(|(token, _)| *token != Token::Newline);
        let end = last.map_or(self.span().start, |(_, at)| at.end);
        Span { start: end, end }
    }

    fn starts_line(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1].0 == Token::Newline
    }

    fn at_statement_or_end(&self) -> bool {
        match self.tokens[self.at].0 {
            Token::CloseBrace => self.in_block,
            _ => self.at_rule() || recognizer::is_statement(self.text, self.tokens, self.at),
        }
    }

    /// Back over the newlines that were passed over.
    fn step_back_to_end_of_line(&mut self) {
        self.brackets = 0;
        while self.starts_line() {
            self.at -= 1;
        }
    }

    /// The next token; inside parentheses newlines are passed over.
    fn peek(&mut self) -> Token {
        if self.brackets > 0 {
            self.skip_newlines();
        }
        self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    fn previous_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    fn slice(&self) -> &str {
        &self.text[self.span().range()]
    }

    fn advance(&mut self) -> Span {
        let span = self.span();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        span
    }

    fn skip_newlines(&mut self) {
        while self.tokens[self.at].0 == Token::Newline {
            self.at += 1;
        }
    }

    fn skip_separators(&mut self) {
        while matches!(self.tokens[self.at].0, Token::Newline | Token::Semicolon) {
            self.at += 1;
        }
    }

    fn at_rule(&self) -> bool {
        self.tokens[self.at].0 == Token::Name
            && self.slice() == "rule"
            && self.tokens.get(self.at + 1).is_some_and(|next| {
                // `rule` could be a name in a lone formula, but then no name follows it.
                matches!(next.0, Token::Name | Token::Number)
            })
    }

    /// After a rule there must be a separator; otherwise one problem, then on to the next rule.
    fn end_of_rule(&mut self) {
        self.brackets = 0;
        self.nesting = 0;
        match self.tokens[self.at].0 {
            Token::Newline | Token::Semicolon | Token::End => {}
            _ if self.problems.last().is_some_and(|p| p.span() == self.span()) => {
                self.skip_to_rule();
            }
            _ if self.at_rule() => {}
            _ => {
                self.expected("an operator or the end of the rule");
                self.skip_to_rule();
            }
        }
    }

    fn skip_to_rule(&mut self) {
        while self.tokens[self.at].0 != Token::End && !self.at_rule_start() {
            self.at += 1;
        }
    }

    /// A rule that stands at the start of a line.
    fn at_rule_start(&self) -> bool {
        let starts_line =
            self.at == 0 || matches!(self.tokens[self.at - 1].0, Token::Newline | Token::Semicolon);
        starts_line && self.at_rule()
    }
}

fn comparison(token: Token) -> Option<(Comparison, bool)> {
    match token {
        Token::Less => Some((Comparison::Less, false)),
        Token::LessEqual => Some((Comparison::LessEqual, false)),
        Token::Greater => Some((Comparison::Less, true)),
        Token::GreaterEqual => Some((Comparison::LessEqual, true)),
        Token::EqualEqual => Some((Comparison::Equal, false)),
        Token::NotEqual => Some((Comparison::NotEqual, false)),
        _ => None,
    }
}

fn has_nonzero_digit(digits: &str) -> bool {
    digits.bytes().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| (b'1'..=b'9').contains(&b))
}

fn shortened(text: &str) -> &str {
    match text.char_indices().nth(24) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
