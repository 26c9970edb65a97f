//! Tokens to rules, statements and names.

use indexmap::IndexMap;

use super::{BodyKind, Kind, Lexeme, Outline, Role, RuleOutline, Statement, StatementKind};
use crate::lexer::{self, Token, plain_name};
use crate::primitive::{Primitive, primitive};
use crate::recognizer;
use crate::source::Span;

pub(super) fn read(text: &str) -> Outline {
    let tokens = lexer::lex(text).tokens;
    let mut reader = Reader::new(text, &tokens);
    while reader.at < tokens.len() {
        reader.token();
    }
    reader.end_rule();
    reader.outline
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [(Token, Span)],
    at: usize,
    outline: Outline,
    /// Whether a rule is being read, the last one of the outline.
    in_rule: bool,
    in_block: bool,
    /// Whether a statement is being read, the last one of the rule.
    in_statement: bool,
    /// Words of the token string so far.
    words: usize,
    /// Names of the rule that are not resolved yet: their lexeme, and whether `(` follows.
    open: Vec<(usize, bool)>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, tokens: &'a [(Token, Span)]) -> Reader<'a> {
        Reader {
            text,
            tokens,
            at: 0,
            outline: Outline::default(),
            in_rule: false,
            in_block: false,
            in_statement: false,
            words: 0,
            open: Vec::new(),
        }
    }

    fn token(&mut self) {
        let (token, at) = self.tokens[self.at];
        if self.starts_rule() {
            return self.rule();
        }
        if self.in_block && recognizer::is_statement(self.text, self.tokens, self.at) {
            return self.statement();
        }
        match token {
            Token::End => {
                self.comments_before(at.start);
                self.at += 1;
                return;
            }
            Token::Newline | Token::Semicolon => return self.push(Kind::Separator),
            _ if !self.in_rule => self.start_rule(None, at),
            _ => {}
        }
        match token {
            Token::OpenBrace => {
                self.push(Kind::OpenBrace);
                self.in_block = true;
                self.last_rule().body = BodyKind::Block;
            }
            Token::CloseBrace => {
                self.push(Kind::CloseBrace);
                self.end_rule();
            }
            Token::OpenBracket => {
                self.push(Kind::OpenBracket);
                self.words = 0;
                self.last_rule().body = BodyKind::Tokens;
            }
            Token::CloseBracket => self.push(Kind::CloseBracket),
            Token::Word => self.word(at),
            Token::Name => self.name(at),
            Token::Assign => self.push(Kind::Assign),
            other => self.push(plain(other)),
        }
    }

    /// Whether a rule begins here; in a block only at the start of a line, since the block may not be closed.
    fn starts_rule(&self) -> bool {
        let (token, at) = self.tokens[self.at];
        if token != Token::Name || &self.text[at.range()] != "rule" {
            return false;
        }
        let next = self.tokens.get(self.at + 1);
        let is_named = next.is_some_and(|next| matches!(next.0, Token::Name | Token::Number));
        is_named && (!self.in_block || self.starts_line())
    }

    fn starts_line(&self) -> bool {
        self.before().is_none_or(|token| matches!(token, Token::Newline | Token::Semicolon))
    }

    fn before(&self) -> Option<Token> {
        self.at.checked_sub(1).map(|before| self.tokens[before].0)
    }

    fn rule(&mut self) {
        self.end_rule();
        let (next, name_at) = self.tokens[self.at + 1];
        let name = plain_name(&self.text[name_at.range()]).to_owned();
        let name = (next == Token::Name).then_some((name, name_at));
        let is_named = name.is_some();
        self.start_rule(name, self.tokens[self.at].1);
        self.push(Kind::Keyword);
        if is_named {
            self.push(Kind::Name(Role::Rule));
        }
    }

    fn start_rule(&mut self, name: Option<(String, Span)>, at: Span) {
        let body = BodyKind::Formula;
        let (statements, groups) = (Vec::new(), Vec::new());
        self.outline.rules.push(RuleOutline { name, at, body, statements, groups });
        self.in_rule = true;
    }

    fn statement(&mut self) {
        self.end_statement();
        let keyword = self.tokens[self.at].1;
        let kind = match &self.text[keyword.range()] {
            "param" => StatementKind::Parameter,
            "let" => StatementKind::Let,
            "state" => StatementKind::State,
            "schedule" => StatementKind::Schedule,
            _ => StatementKind::Update,
        };
        let mut statement = Statement {
            kind,
            name: String::new(),
            name_at: keyword,
            at: keyword,
            value: None,
            start: None,
        };
        if statement.declares() {
            statement.name_at = self.tokens[self.at + 1].1;
        }
        plain_name(&self.text[statement.name_at.range()]).clone_into(&mut statement.name);
        let declares = statement.declares();
        let index = self.last_rule().statements.len();
        self.last_rule().statements.push(statement);
        self.in_statement = true;
        self.push(Kind::Keyword);
        if declares {
            self.push(Kind::Name(Role::Declares(index)));
        }
        let (next, at) = self.tokens[self.at];
        let is_init = next == Token::Name && &self.text[at.range()] == "init";
        if kind == StatementKind::State && is_init {
            self.push(Kind::Keyword);
            self.last_statement(|statement| statement.start = Some(Span { start: at.end, end: 0 }));
        }
    }

    /// Sets where parts of the statement end, now that its last token is known.
    fn end_statement(&mut self) {
        if !std::mem::take(&mut self.in_statement) {
            return;
        }
        let rule = self.outline.rules.len() - 1;
        let Some(statement) = self.outline.rules[rule].statements.last_mut() else { return };
        let from = self.outline.lexemes.partition_point(|l| l.at.start < statement.at.start);
        let own = &self.outline.lexemes[from..];
        let is_part =
            |l: &&Lexeme| !matches!(l.kind, Kind::Separator | Kind::Comment | Kind::CloseBrace);
        let assign = own.iter().position(|lexeme| lexeme.kind == Kind::Assign);
        let part = |range: &[Lexeme]| {
            let mut parts = range.iter().filter(is_part);
            let first = parts.next()?.at;
            Some(parts.next_back().map_or(first, |last| first.join(last.at)))
        };
        statement.value = assign.and_then(|assign| part(&own[assign + 1..]));
        if let Some(start) = statement.start {
            let until = &own[..assign.unwrap_or(own.len())];
            let after = until.partition_point(|lexeme| lexeme.at.start < start.start);
            statement.start = part(&until[after..]);
        }
        if let Some(all) = part(own) {
            statement.at = all;
        }
    }

    fn name(&mut self, at: Span) {
        let text = &self.text[at.range()];
        let opens = self.before().is_some_and(|token| {
            matches!(token, Token::Newline | Token::Semicolon | Token::OpenBrace)
        });
        if self.in_block && opens && recognizer::STATEMENTS.contains(&text) {
            // The first word of a statement that is not finished.
            return self.push(Kind::Keyword);
        }
        let called = matches!(self.tokens.get(self.at + 1), Some((Token::OpenParen, _)));
        self.push(Kind::Name(Role::Unknown));
        self.open.push((self.outline.lexemes.len() - 1, called));
    }

    fn word(&mut self, at: Span) {
        let (group, place) = (self.words / 5, self.words % 5);
        self.words += 1;
        self.push(Kind::Word { group, place });
        let groups = &mut self.last_rule().groups;
        match groups.get_mut(group) {
            Some(span) => *span = span.join(at),
            None => groups.push(at),
        }
    }

    /// The rule is read: names get their meanings.
    fn end_rule(&mut self) {
        self.end_statement();
        self.in_block = false;
        if !std::mem::take(&mut self.in_rule) {
            return;
        }
        let rule = &self.outline.rules[self.outline.rules.len() - 1];
        let mut declared: IndexMap<&str, usize> = IndexMap::new();
        for (index, statement) in rule.statements.iter().enumerate() {
            let is_function = primitive(&statement.name).is_some_and(Primitive::is_function);
            if statement.declares() && !is_function {
                declared.entry(&statement.name).or_insert(index);
            }
        }
        for (lexeme, called) in self.open.drain(..) {
            let lexeme = &mut self.outline.lexemes[lexeme];
            let name = plain_name(&self.text[lexeme.at.range()]);
            let row = primitive(name);
            let role = match (declared.get(name), row) {
                (_, Some(row)) if called && row.arity.1 > 0 => Role::BuiltIn(row),
                (Some(index), _) => Role::Uses(*index),
                (None, Some(row)) => Role::BuiltIn(row),
                (None, None) => Role::Unknown,
            };
            lexeme.kind = Kind::Name(role);
        }
    }

    fn last_rule(&mut self) -> &mut RuleOutline {
        if self.outline.rules.is_empty() {
            self.start_rule(None, Span::default());
        }
        let last = self.outline.rules.len() - 1;
        &mut self.outline.rules[last]
    }

    fn last_statement(&mut self, change: impl FnOnce(&mut Statement)) {
        if let Some(statement) = self.last_rule().statements.last_mut() {
            change(statement);
        }
    }

    /// Takes the token as this, with the comments before it.
    fn push(&mut self, kind: Kind) {
        let at = self.tokens[self.at].1;
        self.comments_before(at.start);
        let rule = self.in_rule.then(|| self.outline.rules.len() - 1);
        if let Some(rule) = rule
            && kind != Kind::Separator
        {
            let own = &mut self.outline.rules[rule].at;
            *own = own.join(at);
        }
        self.outline.lexemes.push(Lexeme { kind, at, rule });
        self.at += 1;
    }

    /// Comments stand in the gaps between tokens.
    fn comments_before(&mut self, end: u32) {
        let mut from = self.outline.lexemes.last().map_or(0, |lexeme| lexeme.at.end as usize);
        let rule = self.in_rule.then(|| self.outline.rules.len() - 1);
        while let Some(found) = self.text[from..end as usize].find('#') {
            let start = from + found;
            let rest = &self.text[start..end as usize];
            let length = rest.find(['\r', '\n']).unwrap_or(rest.len());
            let at = Span::new(start, start + length);
            self.outline.lexemes.push(Lexeme { kind: Kind::Comment, at, rule });
            from = start + length;
        }
    }
}

fn plain(token: Token) -> Kind {
    match token {
        Token::Number => Kind::Number,
        Token::Comma => Kind::Comma,
        Token::OpenParen => Kind::OpenParen,
        Token::CloseParen => Kind::CloseParen,
        _ => Kind::Operator,
    }
}
