//! The form of a text: kernels with their parameters, and what stands in their bodies.
//!
//! Names are not resolved and instructions not looked up. All that NVRTC does not write is an error: nothing
//! is skipped that might mean something.

use std::fmt;

use super::error::{Mistake, TextError};
use super::lexer::{Token, tokens};
use super::registers::Kind;

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module<'a> {
    /// `.target`
    pub(super) target: &'a str,
    pub(super) entries: Vec<Entry<'a>>,
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<Parameter<'a>>,
    /// Threads of a block, at most.
    pub(super) most_threads: u64,
    pub(super) body: Vec<(Item<'a>, u32)>,
}

/// A parameter of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: u32,
    pub(super) line: u32,
}

/// What stands in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `.reg .b32 %r<7>;`: `%r0` to `%r6`, or a single name.
    Registers { kind: Kind, name: &'a str, count: Option<u32> },
    /// `$L__BB0_2:`
    Label(&'a str),
    /// An instruction.
    Statement(Statement<'a>),
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// `@%p1` or `@!%p1`: register, and the value for which it is carried out.
    pub(super) guard: Option<(&'a str, bool)>,
    /// With all modifiers.
    pub(super) spelling: &'a str,
    pub(super) operands: Vec<Operand<'a>>,
}

/// An operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    /// A register or a label.
    Name(&'a str),
    Integer(i128),
    /// `0f3F800000`
    Single(u32),
    /// `0d3FF0000000000000`
    Double(u64),
    /// `[%rd1+8]`
    Address(&'a str, i64),
    /// `{%f1, %f2}`
    Vector(Vec<&'a str>),
}

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Name(name) => write!(f, "`{name}`"),
            Operand::Integer(number) => write!(f, "`{number}`"),
            Operand::Single(bits) => write!(f, "`0f{bits:08X}`"),
            Operand::Double(bits) => write!(f, "`0d{bits:016X}`"),
            Operand::Address(base, offset) => write!(f, "`[{base}+{offset}]`"),
            Operand::Vector(names) => write!(f, "`{{{}}}`", names.join(", ")),
        }
    }
}

/// The form of a text.
pub(super) fn parse(text: &str) -> Result<Module<'_>, TextError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    parser.module().map_err(|mistake| TextError { line: parser.line(), mistake })
}

struct Parser<'a> {
    /// [`Token::End`] last.
    tokens: Vec<(Token<'a>, u32)>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn module(&mut self) -> Result<Module<'a>, Mistake> {
        self.word(".version")?;
        if !matches!(self.next(), Token::Version) {
            return self.expected("a version");
        }
        self.word(".target")?;
        let target = self.name()?;
        self.word(".address_size")?;
        if self.next() != Token::Integer(64) {
            return self.expected("addresses of 64 bits");
        }
        let mut entries = Vec::new();
        while self.peek() != Token::End {
            match self.next() {
                Token::Name(".visible") => entries.push(self.entry()?),
                Token::Name(other) => {
                    self.back();
                    return Err(Mistake::Directive(other.to_owned()));
                }
                _ => return self.expected("a kernel"),
            }
        }
        Ok(Module { target, entries })
    }

    fn entry(&mut self) -> Result<Entry<'a>, Mistake> {
        self.word(".entry")?;
        let name = self.name()?;
        self.sign('(')?;
        let mut parameters = Vec::new();
        while !self.takes(')') {
            if !parameters.is_empty() {
                self.sign(',')?;
            }
            parameters.push(self.parameter()?);
        }
        let mut most_threads = u64::MAX;
        while !self.takes('{') {
            match self.next() {
                Token::Name(".maxntid") => most_threads = self.threads()?,
                Token::Name(other) => {
                    self.back();
                    return Err(Mistake::Directive(other.to_owned()));
                }
                _ => return self.expected("`{`"),
            }
        }
        let (mut body, mut depth) = (Vec::new(), 1_u32);
        while depth > 0 {
            let line = self.line();
            let before = body.len();
            self.items(&mut body, line)?;
            match body.get(before) {
                Some((Item::Open, _)) => depth += 1,
                Some((Item::Close, _)) => depth -= 1,
                _ => {}
            }
        }
        body.pop();
        Ok(Entry { name, parameters, most_threads, body })
    }

    /// `.param .u64 .ptr .global .align 4 name`
    fn parameter(&mut self) -> Result<Parameter<'a>, Mistake> {
        self.word(".param")?;
        let bytes = match self.name()? {
            ".u64" | ".b64" => 8,
            ".u32" | ".b32" => 4,
            _ => {
                self.back();
                return self.at_fault("`.u32` or `.u64`");
            }
        };
        if self.takes_word(".ptr") {
            self.takes_word(".global");
            self.word(".align")?;
            self.integer()?;
        }
        let line = self.line();
        Ok(Parameter { name: self.name()?, bytes, line })
    }

    /// `256` or `256, 1, 1`
    fn threads(&mut self) -> Result<u64, Mistake> {
        let mut product = self.integer()?;
        for _ in 1..3 {
            if self.takes(',') {
                product = product.saturating_mul(self.integer()?);
            }
        }
        Ok(product)
    }

    /// One item; several if a declaration has several names; none for what changes nothing.
    fn items(&mut self, body: &mut Vec<(Item<'a>, u32)>, line: u32) -> Result<(), Mistake> {
        match self.next() {
            Token::Sign('{') => body.push((Item::Open, line)),
            Token::Sign('}') => body.push((Item::Close, line)),
            Token::Sign('@') => {
                let wanted = !self.takes('!');
                let guard = Some((self.name()?, wanted));
                let spelling = self.name()?;
                body.push((self.statement(guard, spelling)?, line));
            }
            Token::Name(".reg") => {
                let kind = self.kind()?;
                loop {
                    let name = self.name()?;
                    let count = if self.takes('<') { Some(self.count()?) } else { None };
                    body.push((Item::Registers { kind, name, count }, line));
                    if !self.takes(',') {
                        break;
                    }
                }
                self.sign(';')?;
            }
            // Says how to unroll, which changes no result.
            Token::Name(".pragma") => {
                if !matches!(self.next(), Token::Text(_)) {
                    return self.expected("a text");
                }
                self.sign(';')?;
            }
            Token::Name(other) if other.starts_with('.') => {
                self.back();
                return Err(Mistake::Directive(other.to_owned()));
            }
            Token::Name(label) if self.takes(':') => body.push((Item::Label(label), line)),
            Token::Name(spelling) => body.push((self.statement(None, spelling)?, line)),
            _ => return self.expected("an instruction"),
        }
        Ok(())
    }

    fn kind(&mut self) -> Result<Kind, Mistake> {
        Ok(match self.name()? {
            ".pred" => Kind::Predicate,
            ".b16" => Kind::B16,
            ".b32" => Kind::B32,
            ".b64" => Kind::B64,
            ".f32" => Kind::F32,
            ".f64" => Kind::F64,
            _ => {
                self.back();
                return self.at_fault("a type of registers");
            }
        })
    }

    /// What stands behind `<`.
    fn count(&mut self) -> Result<u32, Mistake> {
        let count = self.integer()?;
        self.sign('>')?;
        u32::try_from(count).map_err(|_| Mistake::Number(count.to_string()))
    }

    fn statement(
        &mut self,
        guard: Option<(&'a str, bool)>,
        spelling: &'a str,
    ) -> Result<Item<'a>, Mistake> {
        let mut operands = Vec::new();
        while !self.takes(';') {
            if !operands.is_empty() {
                self.sign(',')?;
            }
            operands.push(self.operand()?);
        }
        Ok(Item::Statement(Statement { guard, spelling, operands }))
    }

    fn operand(&mut self) -> Result<Operand<'a>, Mistake> {
        Ok(match self.next() {
            Token::Name(name) => Operand::Name(name),
            Token::Integer(number) => Operand::Integer(number.into()),
            Token::Sign('-') => Operand::Integer(-i128::from(self.integer()?)),
            Token::Single(bits) => Operand::Single(bits),
            Token::Double(bits) => Operand::Double(bits),
            Token::Sign('[') => {
                let base = self.name()?;
                let offset = if self.takes('+') { self.offset()? } else { 0 };
                self.sign(']')?;
                Operand::Address(base, offset)
            }
            Token::Sign('{') => {
                let mut names = vec![self.name()?];
                while !self.takes('}') {
                    self.sign(',')?;
                    names.push(self.name()?);
                }
                Operand::Vector(names)
            }
            _ => return self.expected("an operand"),
        })
    }

    fn offset(&mut self) -> Result<i64, Mistake> {
        let negative = self.takes('-');
        let number = self.integer()?;
        let offset = i64::try_from(number).map_err(|_| Mistake::Number(number.to_string()))?;
        Ok(if negative { -offset } else { offset })
    }

    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).map_or(Token::End, |(token, _)| *token)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(_, line)| *line)
    }

    /// The next token; the last one again and again.
    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// So that an error is about the token before.
    fn back(&mut self) {
        self.at -= 1;
    }

    /// The token before is none of these.
    fn expected<T>(&mut self, wanted: &'static str) -> Result<T, Mistake> {
        self.back();
        self.at_fault(wanted)
    }

    fn at_fault<T>(&self, wanted: &'static str) -> Result<T, Mistake> {
        Err(Mistake::Expected { wanted, found: self.peek().to_string() })
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = self.peek() == Token::Sign(sign);
        self.at += usize::from(there);
        there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let there = self.peek() == Token::Name(word);
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, sign: char) -> Result<(), Mistake> {
        if self.takes(sign) {
            return Ok(());
        }
        self.at_fault(match sign {
            '(' => "`(`",
            ',' => "`,`",
            ';' => "`;`",
            '>' => "`>`",
            _ => "`]`",
        })
    }

    fn word(&mut self, word: &'static str) -> Result<(), Mistake> {
        if self.takes_word(word) { Ok(()) } else { self.at_fault(word) }
    }

    fn name(&mut self) -> Result<&'a str, Mistake> {
        match self.next() {
            Token::Name(name) => Ok(name),
            _ => self.expected("a name"),
        }
    }

    fn integer(&mut self) -> Result<u64, Mistake> {
        match self.next() {
            Token::Integer(number) => Ok(number),
            _ => self.expected("an integer"),
        }
    }
}
