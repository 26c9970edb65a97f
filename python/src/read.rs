//! From what Python hands over, a text or a file, to a rule.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nosc_compiler::problem::Problem;
use nosc_compiler::source::MAX_SOURCE_BYTES;
use nosc_compiler::{CompileErrors, Rule, RuleFile, line, nearest};
use nosc_runtime::library;
use pyo3::prelude::*;

use crate::error;

/// The name of a rule that has none.
pub(crate) const NO_NAME: &str = "rule";

/// A rule that was read, with what made no error of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rule: Rule,
    /// The rule as it was written, or, of one among several, as it would be.
    pub(crate) text: String,
    /// The text that the places of the warnings point into.
    pub(crate) source: String,
    pub(crate) warnings: Vec<Problem>,
}

/// Why there is no rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("could not read `{}`: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{errors}")]
    Problems {
        errors: CompileErrors,
        /// What the text is called in messages.
        name: String,
        /// The standard rule that may be meant.
        standard: Option<String>,
    },
    #[error("{0}")]
    Which(String),
}

impl ReadError {
    pub(crate) fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            ReadError::Io { path, source } => error::of_io(path, source),
            ReadError::Problems { errors, name, standard } => {
                let hint = standard.as_ref().map_or_else(String::new, |name| {
                    format!("nosc.rule('{name}') is the standard rule of this name")
                });
                error::rule_error(py, errors, name, &hint)
            }
            ReadError::Which(text) => error::raise(py, "RuleError", text.clone()),
        }
    }
}

/// The rule of a text: a formula, a block, a token string with or without brackets, or a rule file. A `name` is
/// given to a rule without one, and says which one is meant of those with names.
pub(crate) fn text(text: &str, name: Option<&str>) -> Result<Found, ReadError> {
    if let Some(name) = name.filter(|name| !is_name(name)) {
        let shown: String = name.chars().take(40).collect();
        return Err(ReadError::Which(format!(
            "`{shown}` is no name for a rule: a name has letters, digits and `_`, and no digit first"
        )));
    }
    let mut found =
        one_of(RuleFile::parse(name.unwrap_or(NO_NAME), &line::source(text)), name, NO_NAME);
    match &mut found {
        Err(ReadError::Problems { standard, .. }) => *standard = standard_rule(text),
        Ok(found) if found.text == found.source => text.clone_into(&mut found.text),
        _ => {}
    }
    found
}

/// The rule of a file, the one of this name if there are several.
pub(crate) fn file(path: &Path, name: Option<&str>) -> Result<Found, ReadError> {
    let bytes = bytes(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    let stem = path.file_stem().map_or_else(|| NO_NAME.into(), |stem| stem.to_string_lossy());
    one_of(RuleFile::from_bytes(&stem, &bytes), name, &path.display().to_string())
}

/// The bytes of a file, of one that is too large no more than tells so.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn one_of(file: RuleFile, name: Option<&str>, shown: &str) -> Result<Found, ReadError> {
    let RuleFile { text, mut rules, problems, .. } = file;
    let names: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
    let wanted = match name {
        Some(name) => names.iter().position(|known| known == name),
        None => (names.len() == 1).then_some(0),
    };
    let has_errors = problems
        .iter()
        .any(|problem| problem.severity() == nosc_compiler::problem::Severity::Error);
    // One rule by its name is usable when the others of its file are not.
    if has_errors && (name.is_none() || wanted.is_none()) {
        let errors = CompileErrors { text, problems };
        return Err(ReadError::Problems { errors, name: shown.to_owned(), standard: None });
    }
    let Some(wanted) = wanted else { return Err(ReadError::Which(which(&names, name, shown))) };
    let is_alone = rules.len() == 1 && !has_errors;
    let rule = rules.swap_remove(wanted);
    if is_alone {
        return Ok(Found { rule, text: text.clone(), source: text, warnings: problems });
    }
    // Problems of the others are not this rule's.
    Ok(Found { text: rule.to_text(), rule, source: text, warnings: Vec::new() })
}

/// What is said where it is not clear which rule is meant.
fn which(names: &[String], name: Option<&str>, shown: &str) -> String {
    let all = || names.join(", ");
    let Some(name) = name else {
        return format!(
            "`{shown}` holds {} rules; say which with `name`, one of {}",
            names.len(),
            all()
        );
    };
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("`{shown}` has no rule `{name}`; did you mean `{near}`?"),
        None => format!("`{shown}` has no rule `{name}`; it has {}", all()),
    }
}

fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.len() <= 200 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The standard rule that is nearly named by a text.
fn standard_rule(text: &str) -> Option<String> {
    let word = text.trim();
    if !is_name(word) {
        return None;
    }
    library::nearest(word)
}
