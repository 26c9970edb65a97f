//! A whole file: the facade over lexer, parser and checker.

use crate::problem::{NotText, Problem, headline};
use crate::source::{MAX_SOURCE_BYTES, Span};
use crate::tree::Rule;
use crate::{check, lexer, parser, recognizer};

/// After this many problems the rest is not shown.
pub(crate) const MAX_PROBLEMS: usize = 100;

/// The rules of a file, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Name of the file without folder and ending; an anonymous rule is named after it.
    pub name: String,
    /// The text that the places of the problems point into.
    pub text: String,
    /// Rules without an error, in the order of the file.
    pub rules: Vec<Rule>,
    /// In the order of their places; warnings too.
    pub problems: Vec<Problem>,
}

/// The problems of a text that holds at least one error.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", headline(.problems.iter().filter(|problem| problem.is_error())))]
pub struct CompileErrors {
    /// The text that the places point into.
    pub text: String,
    /// In the order of their places; at least one is an error.
    pub problems: Vec<Problem>,
}

impl RuleFile {
    /// Reads a text: all its rules and all its problems. Nothing stops at the first mistake.
    ///
    /// ```
    /// use nosc_compiler::RuleFile;
    ///
    /// let file = RuleFile::parse("example", "rule a = exp(sgn(g)) * g\nrule b = g");
    /// assert_eq!(file.rules.len(), 1);
    /// assert_eq!(file.problems[0].to_string(), "unknown function `sgn`");
    /// assert_eq!(file.problems[0].help().as_deref(), Some("did you mean `sign`?"));
    /// ```
    pub fn parse(name: &str, text: &str) -> RuleFile {
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        if text.len() > MAX_SOURCE_BYTES {
            problems.push(too_large());
        } else {
            let lexed = lexer::lex(text);
            problems.extend(lexed.problems);
            let syntax = parser::parse(text, &lexed.tokens, &mut problems);
            if syntax.rules.is_empty() && problems.is_empty() {
                problems.push(Problem::NoRule { at: end_of(text) });
            }
            let checked = check::check(name, text, &syntax, &mut problems);
            rules = sound(checked, &mut problems);
        }
        in_order(text, &mut problems);
        RuleFile { name: name.to_owned(), text: text.to_owned(), rules, problems }
    }

    /// Reads bytes, which may not be UTF-8.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> RuleFile {
        match std::str::from_utf8(bytes) {
            // Headers of arrays have zeros, and so has UTF-16 without accents, which is UTF-8 too. One is a slip.
            Ok(text) if bytes.iter().filter(|byte| **byte == 0).nth(1).is_some() => {
                let text = text[..text.find('\0').unwrap_or_default()].to_owned();
                RuleFile::not_text(name, text, bytes)
            }
            Ok(text) => RuleFile::parse(name, text),
            Err(error) => {
                let valid = error.valid_up_to();
                let text =
                    String::from_utf8_lossy(&bytes[..valid.min(MAX_SOURCE_BYTES)]).into_owned();
                // The limit may have cut a character in two.
                let is_cut = bytes.len() > MAX_SOURCE_BYTES && error.error_len().is_none();
                if is_cut {
                    let problems = vec![too_large()];
                    return RuleFile { name: name.to_owned(), text, rules: Vec::new(), problems };
                }
                RuleFile::not_text(name, text, bytes)
            }
        }
    }

    /// A file that holds no rules, since it is no text from the end of this one on.
    fn not_text(name: &str, text: String, bytes: &[u8]) -> RuleFile {
        let at = Span::new(text.len(), text.len());
        let problems = vec![Problem::NotUtf8 { found: NotText::of(bytes), at }];
        RuleFile { name: name.to_owned(), text, rules: Vec::new(), problems }
    }

    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// The errors as a value, if there are any.
    ///
    /// # Errors
    ///
    /// [`CompileErrors`] if any problem is an error.
    pub fn into_result(self) -> Result<Vec<Rule>, CompileErrors> {
        if self.has_errors() {
            return Err(CompileErrors { text: self.text, problems: self.problems });
        }
        Ok(self.rules)
    }
}

/// The rules without an error in all the text that they may reach over: what was not read may have been
/// part of the rule. Nor is it known of the others whether they read the gradient.
fn sound(checked: Vec<(Rule, Span)>, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let mut errors: Vec<Span> =
        problems.iter().filter(|p| p.is_error()).map(Problem::span).collect();
    errors.sort_unstable();
    let (mut rules, mut broken) = (Vec::new(), Vec::<Span>::new());
    for (rule, reach) in checked {
        let first = errors.partition_point(|at| at.start < reach.start);
        let mut inside = errors[first..].iter().take_while(|at| at.start <= reach.end);
        if inside.any(|at| reach.holds(*at)) {
            broken.push(reach);
        } else {
            rules.push(rule);
        }
    }
    // Rules stand one after the other.
    let is_broken = |at: Span| {
        let next = broken.partition_point(|reach| reach.end < at.start);
        broken.get(next).is_some_and(|reach| reach.holds(at))
    };
    problems.retain(
        |problem| !matches!(problem, Problem::IgnoresGradient { at, .. } if is_broken(*at)),
    );
    rules
}

/// In the order of the places, without what follows from another mistake, and not too many. Errors stay
/// before warnings do, so that a text with an error always has one.
pub(crate) fn in_order(text: &str, problems: &mut Vec<Problem>) {
    problems.sort_by_key(Problem::span);
    recognizer::one_message_each(text, problems);
    problems.sort_by_key(|problem| (!problem.is_error(), problem.span()));
    problems.truncate(MAX_PROBLEMS);
    problems.sort_by_key(Problem::span);
}

pub(crate) fn too_large() -> Problem {
    Problem::FileTooLarge { limit: MAX_SOURCE_BYTES, at: Span::default() }
}

/// Right after the last character that is no white space.
fn end_of(text: &str) -> Span {
    let end = text.trim_end().len();
    Span::new(end, end)
}

impl Rule {
    /// Reads one rule: a `rule` statement, a bare formula, a block or a token string in brackets.
    ///
    /// # Errors
    ///
    /// [`CompileErrors`] with every mistake in the text, or if it holds more than one rule.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::Rule;
    ///
    /// let rule = Rule::parse("exp(sign(g) * sign(m)) * g")?;
    /// assert_eq!(rule.states.len(), 1); // the average behind m
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn parse(text: &str) -> Result<Rule, CompileErrors> {
        let mut rules = RuleFile::parse("rule", text).into_result()?;
        if let (Some(rule), true) = (rules.pop(), rules.is_empty()) {
            return Ok(rule);
        }
        let (found, at) = ("more than one rule".to_owned(), end_of(text));
        let problem = Problem::Expected { expected: "one rule", found, slip: None, at };
        Err(CompileErrors { text: text.to_owned(), problems: vec![problem] })
    }

    /// Reads a token string without brackets, as the controller and lists write it.
    ///
    /// # Errors
    ///
    /// [`CompileErrors`] with every mistake in the tokens.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::Rule;
    ///
    /// let rule = Rule::from_tokens("sign_g sign_m id id mul  %0 g exp id mul")?;
    /// assert_eq!(rule.states.len(), 1);
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn from_tokens(tokens: &str) -> Result<Rule, CompileErrors> {
        Rule::parse(&format!("[{tokens}]"))
    }
}
