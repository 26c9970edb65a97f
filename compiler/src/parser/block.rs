//! The statements between `{` and `}`.

use super::{Parsed, Parser, Stop};
use crate::lexer::Token;
use crate::recognizer;
use crate::source::Span;
use crate::syntax::{Body, Expr, ExprId, Statement, StatementKind};

const KEYWORDS: &str = "`param`, `let`, `state`, `update` or `schedule`";

impl Parser<'_> {
    pub(super) fn block(&mut self) -> Parsed<Body> {
        self.in_block = true;
        let body = self.statements();
        self.in_block = false;
        body
    }

    fn statements(&mut self) -> Parsed<Body> {
        let open = self.advance();
        let mut statements = Vec::new();
        loop {
            self.skip_separators();
            match self.peek() {
                Token::CloseBrace => {
                    self.advance();
                    return Ok(Body::Block(statements));
                }
                Token::End => return Err(self.never_closed("{", open)),
                _ if self.at_rule_start() => return Err(self.never_closed("{", open)),
                _ => statements.extend(self.statement()),
            }
        }
    }

    /// A statement; one that declares something stays declared when its formula is broken, so that one
    /// mistake is one message.
    fn statement(&mut self) -> Option<Statement> {
        let before = self.problems.len();
        let Ok((mut kind, name)) = self.statement_head() else {
            self.skip_statement();
            return None;
        };
        let at = self.at;
        let sound = self.problems.len() == before;
        let value = if sound { self.statement_value(&mut kind) } else { Err(Stop) };
        let value = value.unwrap_or_else(|Stop| {
            self.skip_statement();
            let at = self.tokens[at.min(self.at)].1;
            self.push(Expr::Broken, at)
        });
        Some(Statement { kind, name, value })
    }

    /// The keyword and the name.
    fn statement_head(&mut self) -> Parsed<(StatementKind, Span)> {
        let keyword = self.take(Token::Name, KEYWORDS)?;
        Ok(match &self.text[keyword.range()] {
            "param" => (StatementKind::Param, self.take(Token::Name, "a name")?),
            "let" => (StatementKind::Let, self.take(Token::Name, "a name")?),
            "state" => (StatementKind::State { init: None }, self.take(Token::Name, "a name")?),
            "update" => (StatementKind::Update, keyword),
            "schedule" => (StatementKind::Schedule, keyword),
            word => {
                let kind = match recognizer::keyword(word) {
                    Some("update") => StatementKind::Update,
                    Some("schedule") => StatementKind::Schedule,
                    _ => StatementKind::Let,
                };
                self.at -= 1;
                let stop = self.expected(KEYWORDS);
                if self.tokens[self.at + 1].0 != Token::Assign {
                    return Err(stop);
                }
                // A broken statement of the kind that was meant: its formula is not read.
                (kind, keyword)
            }
        })
    }

    fn statement_value(&mut self, kind: &mut StatementKind) -> Parsed<ExprId> {
        if let StatementKind::State { init } = kind
            && self.peek() == Token::Name
            && self.slice() == "init"
        {
            self.advance();
            *init = Some(self.expression()?);
        }
        self.take(Token::Assign, "`=`")?;
        self.skip_newlines();
        let value = self.expression()?;
        match self.peek() {
            Token::Newline | Token::Semicolon | Token::CloseBrace | Token::End => Ok(value),
            _ => {
                let stop = self.expected("an operator or the end of the statement");
                // A statement on the same line is read as if it stood on its own.
                let goes_on = recognizer::is_statement(self.text, self.tokens, self.at);
                if goes_on { Ok(value) } else { Err(stop) }
            }
        }
    }

    fn skip_statement(&mut self) {
        self.brackets = 0;
        while !matches!(
            self.tokens[self.at].0,
            Token::Newline | Token::Semicolon | Token::CloseBrace | Token::End
        ) {
            self.at += 1;
        }
    }
}
