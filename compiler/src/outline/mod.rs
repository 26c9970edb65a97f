//! What an editor asks of a text: where its rules, statements and names stand, and what each name means.
//!
//! ```text
//! tokens and comments ─► read (rules, statements, names) ─► outline ─► related places, fixes
//! ```
//!
//! An outline is made of tokens, not of the syntax tree: a text that is being typed is broken most of the
//! time, and a name keeps its meaning in a formula that cannot be read. For a text without mistakes both
//! agree, which a test compares.

mod fix;
mod read;
mod related;

use crate::primitive::Primitive;
use crate::source::{MAX_SOURCE_BYTES, Span};

pub use fix::{Edit, Fix};
pub use related::Related;

/// Rules and tokens of a text, in its order.
///
/// ```
/// use nosc_compiler::outline::{Kind, Outline, Role};
///
/// let text = "rule a {\n    let s = sign(g)\n    update = s * (";
/// let outline = Outline::new(text);
/// let at = text.rfind('s').unwrap_or(0);
/// let lexeme = outline.lexeme_at(at).ok_or("no token")?;
/// assert_eq!(lexeme.kind, Kind::Name(Role::Uses(0)));
/// assert_eq!(outline.rules[0].statements[0].name, "s");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// Rules, whole or broken.
    pub rules: Vec<RuleOutline>,
    /// Tokens and comments; characters that the language does not have are left out.
    pub lexemes: Vec<Lexeme>,
}

/// A token or a comment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lexeme {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub at: Span,
    /// The rule that it belongs to, an index in [`Outline::rules`].
    pub rule: Option<usize>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// From `#` to the end of the line.
    Comment,
    /// One of [`KEYWORDS`](crate::primitive::KEYWORDS), in its place.
    Keyword,
    /// A name, and what it stands for.
    Name(Role),
    /// A number.
    Number,
    /// An operator of a formula.
    Operator,
    /// `=`
    Assign,
    /// A newline or `;`.
    Separator,
    /// `,`
    Comma,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// A word of a token string.
    Word {
        /// The group of five, from 0.
        group: usize,
        /// The place in it: 0 and 1 are operands, 2 and 3 unary, 4 is binary.
        place: usize,
    },
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// The name of a rule, where it is declared; nothing uses it.
    Rule,
    /// The name in its declaration, an index in [`RuleOutline::statements`].
    Declares(usize),
    /// A use of that declaration.
    Uses(usize),
    /// A row of the table.
    BuiltIn(&'static Primitive),
    /// Nothing that is known.
    Unknown,
}

impl PartialEq for Role {
    fn eq(&self, other: &Role) -> bool {
        match (self, other) {
            (Role::Rule, Role::Rule) | (Role::Unknown, Role::Unknown) => true,
            (Role::Declares(a), Role::Declares(b)) | (Role::Uses(a), Role::Uses(b)) => a == b,
            (Role::BuiltIn(a), Role::BuiltIn(b)) => a.name == b.name,
            _ => false,
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOutline {
    /// Its name and where that stands; `None` for what stands alone in a file.
    pub name: Option<(String, Span)>,
    /// All of it, from `rule` to its last token.
    pub at: Span,
    /// How its right-hand side is written.
    pub body: BodyKind,
    /// Statements of a block that have a name and `=`, or the first part of that.
    pub statements: Vec<Statement>,
    /// Groups of a token string: where each begins and ends.
    pub groups: Vec<Span>,
}

/// How the right-hand side of a rule is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `rule a = FORMULA`
    Formula,
    /// `rule a { ... }`
    Block,
    /// `rule a = [ ... ]`
    Tokens,
}

/// What a statement of a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// `param`
    Parameter,
    /// `let`
    Let,
    /// `state`
    State,
    /// `update`
    Update,
    /// `schedule`
    Schedule,
}

/// A statement of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// The declared name in its plain spelling, or the keyword of `update` and `schedule`.
    pub name: String,
    /// Where the name stands.
    pub name_at: Span,
    /// All of it, from the keyword to its last token.
    pub at: Span,
    /// The formula after `=`, if there is any.
    pub value: Option<Span>,
    /// The formula after `init`, if there is any.
    pub start: Option<Span>,
}

impl Statement {
    /// Whether it declares a name.
    pub fn declares(&self) -> bool {
        !matches!(self.kind, StatementKind::Update | StatementKind::Schedule)
    }
}

impl RuleOutline {
    /// The first declaration of a name, given in its plain spelling.
    pub fn declaration(&self, name: &str) -> Option<usize> {
        self.statements.iter().position(|s| s.declares() && s.name == name)
    }
}

impl Outline {
    /// Reads a text; a text above [`MAX_SOURCE_BYTES`] has an empty outline.
    pub fn new(text: &str) -> Outline {
        if text.len() > MAX_SOURCE_BYTES { Outline::default() } else { read::read(text) }
    }

    /// The token that a cursor before the byte `offset` touches: the one that begins there or goes on there,
    /// else the one that ends there. Names, numbers and words win over what stands beside them.
    pub fn lexeme_at(&self, offset: usize) -> Option<&Lexeme> {
        let after = self.lexemes.partition_point(|lexeme| lexeme.at.end as usize <= offset);
        let here = self.lexemes.get(after).filter(|lexeme| lexeme.at.start as usize <= offset);
        let before = after.checked_sub(1).map(|before| &self.lexemes[before]);
        let before = before.filter(|lexeme| lexeme.at.end as usize == offset);
        let is_word = |lexeme: &&Lexeme| {
            matches!(
                lexeme.kind,
                Kind::Name(_) | Kind::Keyword | Kind::Number | Kind::Word { .. } | Kind::Comment
            )
        };
        here.filter(is_word).or(before.filter(is_word)).or(here).or(before)
    }

    /// How many tokens end at or before the byte `offset`.
    pub fn lexemes_before(&self, offset: usize) -> usize {
        self.lexemes.partition_point(|lexeme| lexeme.at.end as usize <= offset)
    }

    /// All places that have the name of this token: the declaration and its uses, or the uses of a row of the
    /// table in the same rule. None for what is no name, or an unknown one.
    pub fn occurrences(&self, lexeme: &Lexeme) -> Vec<&Lexeme> {
        let same = |other: &&Lexeme| match (lexeme.kind, other.kind) {
            (
                Kind::Name(Role::Declares(a) | Role::Uses(a)),
                Kind::Name(Role::Declares(b) | Role::Uses(b)),
            ) => a == b && lexeme.rule == other.rule,
            (Kind::Name(a @ Role::BuiltIn(_)), Kind::Name(b)) => {
                a == b && lexeme.rule == other.rule
            }
            (Kind::Name(Role::Rule), Kind::Name(Role::Rule)) => lexeme.at == other.at,
            _ => false,
        };
        self.lexemes.iter().filter(same).collect()
    }

    /// The rule that holds the byte `offset`, or ends right before it.
    pub fn rule_at(&self, offset: usize) -> Option<usize> {
        let next = self.rules.partition_point(|rule| (rule.at.end as usize) < offset);
        self.rules.get(next).filter(|rule| rule.at.start as usize <= offset).map(|_| next)
    }
}

/// The spelling that a name of a formula counts as: Greek letters and hats of papers become plain names.
///
/// ```
/// assert_eq!(nosc_compiler::outline::plain_name("ε"), "eps");
/// assert_eq!(nosc_compiler::outline::plain_name("rate"), "rate");
/// ```
pub fn plain_name(name: &str) -> &str {
    crate::lexer::plain_name(name)
}

/// Whether a text is one name, as formulas have it.
///
/// ```
/// use nosc_compiler::outline::is_name;
///
/// assert!(is_name("beta_1") && !is_name("1beta") && !is_name("a b") && !is_name(""));
/// ```
pub fn is_name(text: &str) -> bool {
    let tokens = crate::lexer::lex(text).tokens;
    matches!(tokens.as_slice(), [(crate::lexer::Token::Name, at), _] if at.range() == (0..text.len()))
}

#[cfg(test)]
mod tests;
