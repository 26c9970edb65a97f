//! Everything that can be wrong with a space file.

use super::{Constraints, Kind, MAX_GROUPS, MAX_TOKENS, SearchSpace, UnknownConstraint};
use crate::problem::{Problem, headline};
use crate::source::Span;

/// One mistake in a space file, with its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what its fields are")]
#[non_exhaustive]
pub enum SpaceProblem {
    #[error("this is not TOML: {message}")]
    NotToml { message: String, at: Span },
    #[error("unknown key `{key}`")]
    UnknownKey {
        key: String,
        nearest: Option<&'static str>,
        known: &'static [&'static str],
        at: Span,
    },
    #[error("`{key}` is {found}, expected {expected}")]
    WrongType { key: String, expected: &'static str, found: &'static str, at: Span },
    #[error("the space has no {kind}s")]
    Missing { kind: Kind, at: Span },
    #[error("more than {MAX_TOKENS} {kind}s")]
    TooMany { kind: Kind, at: Span },
    #[error("`{token}` is not {} {kind} token", article(*.kind))]
    UnknownToken { kind: Kind, token: String, nearest: Option<String>, at: Span },
    #[error("`{token}` stands twice")]
    Twice { token: String, at: Span },
    #[error("`{token}` is a token of the language and cannot be defined")]
    Reserved { token: String, at: Span },
    #[error("`{token}` cannot be the name of a token")]
    BadName { token: String, at: Span },
    #[error("the name `{token}` has a dot and no quotes")]
    DottedName { token: String, at: Span },
    #[error("in the definition of `{token}`: {problem}")]
    Formula { token: String, problem: Problem, at: Span },
    #[error("`{token}` is defined by {found}, expected a formula")]
    NotFormula { token: String, found: &'static str, at: Span },
    #[error("the {kind} `{token}` does not use {}", arguments(*.kind))]
    IgnoresArguments { kind: Kind, token: String, at: Span },
    #[error("unknown space `{name}`")]
    UnknownBase { name: String, at: Span },
    #[error("{problem}")]
    Constraint { problem: UnknownConstraint, at: Span },
    #[error("`{text}` is not a number of groups, nor a range of them")]
    Groups { text: String, at: Span },
}

fn article(kind: Kind) -> &'static str {
    if kind == Kind::Operand { "an" } else { "a" }
}

fn arguments(kind: Kind) -> &'static str {
    if kind == Kind::Binary { "`x` or `y`" } else { "`x`" }
}

impl SpaceProblem {
    /// Stable name of the cause, `nosc::...`.
    pub fn code(&self) -> &'static str {
        match self {
            SpaceProblem::NotToml { .. } => "nosc::space_not_toml",
            SpaceProblem::UnknownKey { .. } => "nosc::space_unknown_key",
            SpaceProblem::WrongType { .. } => "nosc::space_wrong_type",
            SpaceProblem::Missing { .. } => "nosc::space_missing",
            SpaceProblem::TooMany { .. } => "nosc::space_too_many",
            SpaceProblem::UnknownToken { .. } => "nosc::space_unknown_token",
            SpaceProblem::Twice { .. } => "nosc::space_twice",
            SpaceProblem::Reserved { .. } => "nosc::space_reserved",
            SpaceProblem::BadName { .. } => "nosc::space_bad_name",
            SpaceProblem::DottedName { .. } => "nosc::space_dotted_name",
            SpaceProblem::Formula { problem, .. } => problem.code(),
            SpaceProblem::NotFormula { .. } => "nosc::space_not_formula",
            SpaceProblem::IgnoresArguments { .. } => "nosc::space_ignores_arguments",
            SpaceProblem::UnknownBase { .. } => "nosc::space_unknown_base",
            SpaceProblem::Constraint { .. } => "nosc::space_unknown_constraint",
            SpaceProblem::Groups { .. } => "nosc::space_groups",
        }
    }

    /// Where it is.
    pub fn span(&self) -> Span {
        match self {
            SpaceProblem::NotToml { at, .. }
            | SpaceProblem::UnknownKey { at, .. }
            | SpaceProblem::WrongType { at, .. }
            | SpaceProblem::Missing { at, .. }
            | SpaceProblem::TooMany { at, .. }
            | SpaceProblem::UnknownToken { at, .. }
            | SpaceProblem::Twice { at, .. }
            | SpaceProblem::Reserved { at, .. }
            | SpaceProblem::BadName { at, .. }
            | SpaceProblem::DottedName { at, .. }
            | SpaceProblem::Formula { at, .. }
            | SpaceProblem::NotFormula { at, .. }
            | SpaceProblem::IgnoresArguments { at, .. }
            | SpaceProblem::UnknownBase { at, .. }
            | SpaceProblem::Constraint { at, .. }
            | SpaceProblem::Groups { at, .. } => *at,
        }
    }

    /// What the marked place is, in a few words.
    pub fn label(&self) -> String {
        match self {
            SpaceProblem::Formula { problem, .. } => problem.label(),
            SpaceProblem::WrongType { expected, .. } => format!("expected {expected}"),
            SpaceProblem::Twice { .. } => "again here".to_owned(),
            SpaceProblem::UnknownToken { kind, .. } => format!("no {kind} has this name"),
            _ => "here".to_owned(),
        }
    }

    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            SpaceProblem::NotToml { message, .. } if message.contains("must be quoted") => {
                "put each token in quotes: `[\"g\", \"m\"]`".to_owned()
            }
            SpaceProblem::NotToml { .. } => "see https://toml.io for the format".to_owned(),
            SpaceProblem::UnknownKey { nearest: Some(key), .. } => format!("did you mean `{key}`?"),
            SpaceProblem::UnknownKey { known, .. } => format!("write one of {}", known.join(", ")),
            SpaceProblem::WrongType { key, expected, .. } => {
                format!("write `{key} = {}`", example(expected))
            }
            SpaceProblem::Missing { kind, .. } => format!(
                "write `{} = [\"{}\"]`, or `base = \"paper\"` for all tokens of the paper",
                kind.key(),
                some_tokens(*kind).join("\", \"")
            ),
            SpaceProblem::TooMany { .. } => "leave some out".to_owned(),
            SpaceProblem::UnknownToken { nearest: Some(token), .. } => {
                format!("did you mean `{token}`?")
            }
            SpaceProblem::UnknownToken { kind, token, .. } => format!(
                "define it: write `{token} = \"{}\"` under `[define.{}]`",
                example_formula(*kind),
                kind.key()
            ),
            SpaceProblem::Twice { .. } => "leave one of them out".to_owned(),
            SpaceProblem::Reserved { .. } => "choose another name, or list the token".to_owned(),
            SpaceProblem::BadName { .. } => {
                "use letters, digits, `_`, `.`, `-` and `+`, a letter or `_` first".to_owned()
            }
            SpaceProblem::DottedName { token, .. } => format!("write `\"{token}\" = \"...\"`"),
            SpaceProblem::Formula { token, problem: Problem::UnknownName { name, .. }, .. }
                if name == "x" || name == "y" =>
            {
                format!(
                    "only functions have arguments: unary ones `x`, binary ones `x` and `y`; is `{token}` one?"
                )
            }
            SpaceProblem::Formula {
                problem: Problem::UnknownName { nearest: None, .. }, ..
            } => "use operands, functions and numbers of the language; `nosc language` lists them"
                .to_owned(),
            SpaceProblem::Formula { problem, .. } => return problem.help(),
            SpaceProblem::NotFormula { .. } => {
                "write a formula alone, such as \"x / (1 + abs(x))\"".to_owned()
            }
            SpaceProblem::IgnoresArguments { .. } => {
                "use it, or define an operand under `[define.operands]`".to_owned()
            }
            SpaceProblem::UnknownBase { .. } => {
                format!("write one of {}", SearchSpace::BUILT_IN.join(", "))
            }
            SpaceProblem::Constraint { problem, .. } => problem.help(),
            SpaceProblem::Groups { .. } => {
                format!("write `groups = 2` or `groups = \"1..4\"`, within 1 to {MAX_GROUPS}")
            }
        })
    }
}

fn example(expected: &str) -> String {
    match expected {
        "a list of tokens" => "[\"...\", \"...\"]".to_owned(),
        "a table of formulas" => "{ name = \"formula\" }".to_owned(),
        "a list of constraints" => format!("[\"{}\"]", Constraints::NAMES.join("\", \"")),
        "a number or a range" => "\"1..4\"".to_owned(),
        _ => "\"...\"".to_owned(),
    }
}

fn some_tokens(kind: Kind) -> [&'static str; 3] {
    match kind {
        Kind::Operand => ["g", "m", "v"],
        Kind::Unary => ["id", "neg", "sign"],
        Kind::Binary => ["add", "mul", "div"],
    }
}

fn example_formula(kind: Kind) -> &'static str {
    match kind {
        Kind::Operand => "debias(ema(g, 0.99))",
        Kind::Unary => "tanh(x)",
        Kind::Binary => "max(x, y)",
    }
}

/// All mistakes of a space file.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", headline(.problems.iter()))]
#[non_exhaustive]
pub struct SpaceErrors {
    /// The text that the places point into.
    pub text: String,
    /// In the order of their places; at least one.
    pub problems: Vec<SpaceProblem>,
}

/// A mistake together with the text it is about, ready to be rendered.
#[derive(Debug)]
pub struct SpaceReport {
    source: miette::NamedSource<String>,
    problem: SpaceProblem,
}

impl SpaceReport {
    /// Joins a mistake with the name and text of its file.
    pub fn new(name: &str, text: &str, problem: SpaceProblem) -> SpaceReport {
        SpaceReport { source: miette::NamedSource::new(name, text.to_owned()), problem }
    }
}

impl std::fmt::Display for SpaceReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for SpaceReport {}

impl miette::Diagnostic for SpaceReport {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.problem.code()))
    }
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem.help().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let label =
            miette::LabeledSpan::new_with_span(Some(self.problem.label()), self.problem.span());
        Some(Box::new(std::iter::once(label)))
    }
}
