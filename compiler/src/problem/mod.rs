//! Everything that can be wrong with a rule file, as causes with data and places.
//!
//! Each cause has a stable code, a headline that stands alone, a label for the place and, where there
//! is a way out, a help. `docs/errors.md` lists the codes.

mod help;
mod report;
mod slip;

pub use report::Report;
pub use slip::Slip;

use crate::source::Span;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The rule cannot be used.
    Error,
    /// The rule can be used, but may not mean what was meant.
    Warning,
}

/// What bytes are that are no text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Text in UTF-16, as some editors and shells write it.
    #[error("the text is UTF-16, not UTF-8")]
    Utf16,
    /// Something that no text holds: an array, a picture, a program.
    #[error("the file is no text")]
    Binary,
    /// Text in some other encoding.
    #[error("the text is not UTF-8")]
    Other,
}

impl NotText {
    /// What bytes look like that are not UTF-8, or hold a zero.
    pub(crate) fn of(bytes: &[u8]) -> NotText {
        /// Enough to tell.
        const LOOKED_AT: usize = 1024;
        let start = &bytes[..bytes.len().min(LOOKED_AT)];
        let is_control =
            |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c' | b'\x1b');
        match start {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => NotText::Utf16,
            // One line in UTF-16 without a mark: every other byte is a zero.
            [0, second, 0, fourth, ..] if *second != 0 && *fourth != 0 => NotText::Utf16,
            [first, 0, third, 0, ..] if *first != 0 && *third != 0 => NotText::Utf16,
            _ if start.iter().any(is_control) || bytes.contains(&0) => NotText::Binary,
            _ => NotText::Other,
        }
    }
}

/// One problem, with the place where it can be fixed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what its fields are")]
#[non_exhaustive]
pub enum Problem {
    #[error("{found}")]
    NotUtf8 { found: NotText, at: Span },
    #[error("the file has more than {limit} bytes")]
    FileTooLarge { limit: usize, at: Span },
    #[error("unexpected character {character:?}")]
    UnexpectedCharacter { character: char, at: Span },
    #[error("expected {expected}, found {found}")]
    Expected { expected: &'static str, found: String, slip: Option<Slip>, at: Span },
    #[error("`{delimiter}` is never closed")]
    Unclosed { delimiter: &'static str, at: Span },
    #[error("nesting deeper than {limit}")]
    NestingTooDeep { limit: usize, at: Span },
    #[error("a comparison stands only as the first argument of `where`")]
    MisplacedComparison { at: Span },
    #[error("`where` needs a comparison as its first argument")]
    MissingComparison { at: Span },
    #[error("number {text} is out of range for {kind}")]
    NumberOverflow { text: String, kind: &'static str, at: Span },
    #[error("number {text} rounds to 0 as {kind}")]
    NumberUnderflow { text: String, kind: &'static str, at: Span },
    #[error("the file holds no rule")]
    NoRule { at: Span },
    #[error("rule `{name}` stands twice")]
    DuplicateRule { name: String, at: Span },
    #[error("`{name}` is declared twice")]
    DuplicateName { name: String, at: Span },
    #[error("rule `{rule}` has {count} `{statement}` statements, expected {expected}")]
    StatementCount {
        rule: String,
        statement: &'static str,
        count: usize,
        expected: &'static str,
        at: Span,
    },
    #[error("unknown name `{name}`")]
    UnknownName { name: String, nearest: Option<String>, at: Span },
    #[error("unknown name `{name}`")]
    UnknownInSchedule { name: String, at: Span },
    #[error("unknown function `{name}`")]
    UnknownFunction { name: String, nearest: Option<String>, at: Span },
    #[error("`{name}` is a function")]
    FunctionWithoutCall { name: String, usage: &'static str, at: Span },
    #[error("`{name}` is not a function")]
    NotAFunction { name: String, at: Span },
    #[error("`{function}` takes {expected}, found {found}")]
    ArgumentCount {
        function: &'static str,
        expected: String,
        found: usize,
        usage: &'static str,
        at: Span,
    },
    #[error("`{name}` is used before it is declared")]
    UsedBeforeDeclaration { name: String, is_state: bool, at: Span },
    #[error("`{name}` is a function and cannot be declared")]
    ShadowsFunction { name: String, at: Span },
    #[error("`prev` takes the name of a state")]
    PrevNeedsState { at: Span },
    #[error("`debias` takes an `ema(...)`, or a `let` bound to one")]
    DebiasNeedsAverage { at: Span },
    #[error("{what} must be a constant")]
    NotConstant { what: &'static str, at: Span },
    #[error("{what} is {value}, expected {expected}")]
    OutOfRange { what: &'static str, value: f64, expected: &'static str, at: Span },
    #[error("a starting value reads a state")]
    StartReadsState { at: Span },
    #[error("{what} varies from element to element")]
    VariesByElement { what: &'static str, at: Span },
    #[error("rule `{rule}` needs more than {limit} {what}")]
    RuleTooLarge { rule: String, what: &'static str, limit: usize, at: Span },
    #[error("the token string has {found} token{}, expected a multiple of 5", plural(*.found))]
    TokenCount { found: usize, at: Span },
    #[error("`{token}` is not {expected}")]
    UnknownToken { token: String, expected: &'static str, nearest: Option<String>, at: Span },
    #[error("`%{index}` is not defined yet: this is group {group}")]
    BankIndex { index: usize, group: usize, at: Span },
    #[error("a comma stands inside a group of five")]
    MisplacedComma { at: Span },
    #[error("{kind} `{name}` is never used")]
    Unused { kind: &'static str, name: String, at: Span },
    #[error("the update of rule `{rule}` does not depend on the gradient")]
    IgnoresGradient { rule: String, at: Span },
}

impl Problem {
    /// Stable name of the cause, `nosc::...`.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::NotUtf8 { .. } => "nosc::not_utf8",
            Problem::FileTooLarge { .. } => "nosc::file_too_large",
            Problem::UnexpectedCharacter { .. } => "nosc::unexpected_character",
            Problem::Expected { .. } => "nosc::expected",
            Problem::Unclosed { .. } => "nosc::unclosed",
            Problem::NestingTooDeep { .. } => "nosc::nesting_too_deep",
            Problem::MisplacedComparison { .. } => "nosc::misplaced_comparison",
            Problem::MissingComparison { .. } => "nosc::missing_comparison",
            Problem::NumberOverflow { .. } => "nosc::number_overflow",
            Problem::NumberUnderflow { .. } => "nosc::number_underflow",
            Problem::NoRule { .. } => "nosc::no_rule",
            Problem::DuplicateRule { .. } => "nosc::duplicate_rule",
            Problem::DuplicateName { .. } => "nosc::duplicate_name",
            Problem::StatementCount { .. } => "nosc::statement_count",
            Problem::UnknownName { .. } | Problem::UnknownInSchedule { .. } => "nosc::unknown_name",
            Problem::UnknownFunction { .. } => "nosc::unknown_function",
            Problem::FunctionWithoutCall { .. } => "nosc::function_without_call",
            Problem::NotAFunction { .. } => "nosc::not_a_function",
            Problem::ArgumentCount { .. } => "nosc::argument_count",
            Problem::UsedBeforeDeclaration { .. } => "nosc::used_before_declaration",
            Problem::ShadowsFunction { .. } => "nosc::shadows_function",
            Problem::PrevNeedsState { .. } => "nosc::prev_needs_state",
            Problem::DebiasNeedsAverage { .. } => "nosc::debias_needs_average",
            Problem::NotConstant { .. } => "nosc::not_constant",
            Problem::OutOfRange { .. } => "nosc::out_of_range",
            Problem::StartReadsState { .. } => "nosc::start_reads_state",
            Problem::VariesByElement { .. } => "nosc::varies_by_element",
            Problem::RuleTooLarge { .. } => "nosc::rule_too_large",
            Problem::TokenCount { .. } => "nosc::token_count",
            Problem::UnknownToken { .. } => "nosc::unknown_token",
            Problem::BankIndex { .. } => "nosc::bank_index",
            Problem::MisplacedComma { .. } => "nosc::misplaced_comma",
            Problem::Unused { .. } => "nosc::unused",
            Problem::IgnoresGradient { .. } => "nosc::ignores_gradient",
        }
    }

    /// All codes, in the order of the enum; `docs/errors.md` has a heading for each.
    pub const CODES: &'static [&'static str] = &[
        "nosc::not_utf8",
        "nosc::file_too_large",
        "nosc::unexpected_character",
        "nosc::expected",
        "nosc::unclosed",
        "nosc::nesting_too_deep",
        "nosc::misplaced_comparison",
        "nosc::missing_comparison",
        "nosc::number_overflow",
        "nosc::number_underflow",
        "nosc::no_rule",
        "nosc::duplicate_rule",
        "nosc::duplicate_name",
        "nosc::statement_count",
        "nosc::unknown_name",
        "nosc::unknown_function",
        "nosc::function_without_call",
        "nosc::not_a_function",
        "nosc::argument_count",
        "nosc::used_before_declaration",
        "nosc::shadows_function",
        "nosc::prev_needs_state",
        "nosc::debias_needs_average",
        "nosc::not_constant",
        "nosc::out_of_range",
        "nosc::start_reads_state",
        "nosc::varies_by_element",
        "nosc::rule_too_large",
        "nosc::token_count",
        "nosc::unknown_token",
        "nosc::bank_index",
        "nosc::misplaced_comma",
        "nosc::unused",
        "nosc::ignores_gradient",
    ];

    /// Whether the rule is refused.
    pub fn severity(&self) -> Severity {
        match self {
            Problem::NumberUnderflow { .. }
            | Problem::Unused { .. }
            | Problem::IgnoresGradient { .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Whether it is more than a warning.
    pub(crate) fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// Where it is.
    pub fn span(&self) -> Span {
        match self {
            Problem::NotUtf8 { at, .. }
            | Problem::FileTooLarge { at, .. }
            | Problem::UnexpectedCharacter { at, .. }
            | Problem::Expected { at, .. }
            | Problem::Unclosed { at, .. }
            | Problem::NestingTooDeep { at, .. }
            | Problem::MisplacedComparison { at }
            | Problem::MissingComparison { at }
            | Problem::NumberOverflow { at, .. }
            | Problem::NumberUnderflow { at, .. }
            | Problem::NoRule { at }
            | Problem::DuplicateRule { at, .. }
            | Problem::DuplicateName { at, .. }
            | Problem::StatementCount { at, .. }
            | Problem::UnknownName { at, .. }
            | Problem::UnknownInSchedule { at, .. }
            | Problem::UnknownFunction { at, .. }
            | Problem::FunctionWithoutCall { at, .. }
            | Problem::NotAFunction { at, .. }
            | Problem::ArgumentCount { at, .. }
            | Problem::UsedBeforeDeclaration { at, .. }
            | Problem::ShadowsFunction { at, .. }
            | Problem::PrevNeedsState { at }
            | Problem::DebiasNeedsAverage { at }
            | Problem::NotConstant { at, .. }
            | Problem::OutOfRange { at, .. }
            | Problem::StartReadsState { at }
            | Problem::VariesByElement { at, .. }
            | Problem::RuleTooLarge { at, .. }
            | Problem::TokenCount { at, .. }
            | Problem::UnknownToken { at, .. }
            | Problem::BankIndex { at, .. }
            | Problem::MisplacedComma { at }
            | Problem::Unused { at, .. }
            | Problem::IgnoresGradient { at, .. } => *at,
        }
    }
}

/// The first of some errors, and how many more there are.
pub(crate) fn headline<T: std::fmt::Display>(mut errors: impl Iterator<Item = T>) -> String {
    let Some(first) = errors.next() else { return "no error".to_owned() };
    match errors.count() {
        0 => first.to_string(),
        more => format!("{first} (and {more} more error{})", plural(more)),
    }
}

/// The `s` of more than one.
pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
