//! What goes wrong, as the exceptions of `nosc/_errors.py`: one function a kind of error.

use std::io;
use std::path::Path;

use nosc_compiler::CompileErrors;
use nosc_compiler::problem::{Problem, Severity};
use nosc_compiler::render::Renderer;
use nosc_compiler::source::{Span, place};
use nosc_kernels::scalars::ScalarError;
use nosc_runtime::{RuntimeError, chain};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Problems that the text of an exception shows; its `problems` has all.
const SHOWN: usize = 10;

/// An exception of this package by the name of its class.
pub(crate) fn raise(py: Python<'_>, class: &str, text: String) -> PyErr {
    match class_of(py, class) {
        Ok(class) => PyErr::from_type(class, (text,)),
        Err(error) => error,
    }
}

fn class_of<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(py.import("nosc._errors")?.getattr(name)?.cast_into()?)
}

/// What the runtime says of a step, as the exception that the documentation names.
pub(crate) fn of_runtime(py: Python<'_>, error: &RuntimeError) -> PyErr {
    told_by_runtime(py, error, "StepError")
}

/// The same of an optimizer that is made.
pub(crate) fn of_construction(py: Python<'_>, error: &RuntimeError) -> PyErr {
    told_by_runtime(py, error, "OptimizerError")
}

fn told_by_runtime(py: Python<'_>, error: &RuntimeError, other: &str) -> PyErr {
    let class = match error {
        RuntimeError::ThreadCount { .. } => return PyValueError::new_err(error.to_string()),
        RuntimeError::Lower(_) | RuntimeError::Compile(_) => "CompileError",
        RuntimeError::UnknownParameter { .. } | RuntimeError::ParameterValue { .. } => {
            "ParameterError"
        }
        RuntimeError::Scalars(ScalarError::TotalSteps) => "MissingTotalSteps",
        _ => other,
    };
    raise(py, class, chain(error))
}

/// A text that is no rule. The text of the exception is what the terminal shows, its headline first, and a hint if
/// there is one.
pub(crate) fn rule_error(py: Python<'_>, errors: &CompileErrors, name: &str, hint: &str) -> PyErr {
    headed(py, errors, name, &errors.to_string(), hint)
}

/// The same for a text among others: the headline says which.
pub(crate) fn item_error(py: Python<'_>, errors: &CompileErrors, index: usize) -> PyErr {
    let name = format!("item {index}");
    headed(py, errors, &name, &format!("{name}: {errors}"), "")
}

fn headed(py: Python<'_>, errors: &CompileErrors, name: &str, headline: &str, hint: &str) -> PyErr {
    let CompileErrors { text, problems } = errors;
    let renderer = Renderer::new(false);
    let shown = problems.iter().take(SHOWN).map(|problem| renderer.problem(problem, text, name));
    let mut message = told(headline, shown, problems.len());
    if !hint.is_empty() {
        message += &format!("\n\n{hint}");
    }
    let error = || {
        let list: Vec<Bound<'_, PyAny>> = problems
            .iter()
            .map(|problem| of_problem(py, problem, text))
            .collect::<PyResult<_>>()?;
        Ok(PyErr::from_value(class_of(py, "RuleError")?.call1((message, list, text))?))
    };
    error().unwrap_or_else(|error: PyErr| error)
}

/// A headline, pictures, and how many more there would be.
pub(crate) fn told(headline: &str, shown: impl Iterator<Item = String>, count: usize) -> String {
    let mut message = headline.to_owned();
    for picture in shown {
        message += &format!("\n\n{}", picture.trim_end());
    }
    if count > SHOWN {
        message += &format!("\n\n... and {} more: see `problems`", count - SHOWN);
    }
    message
}

/// A problem as a `nosc.Problem`.
fn of_problem<'py>(py: Python<'py>, problem: &Problem, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let severity = match problem.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Found { line, column, start, end } = Found::new(text, problem.span());
    let (code, message) = (problem.code(), problem.to_string());
    let fields = (code, severity, message, line, column, start, end, problem.help());
    py.import("nosc._errors")?.getattr("Problem")?.call1(fields)
}

/// A place as Python counts: in characters.
struct Found {
    line: usize,
    column: usize,
    start: usize,
    end: usize,
}

impl Found {
    fn new(text: &str, span: Span) -> Found {
        let at = place(text, span.start as usize);
        let characters =
            |bytes: u32| text.char_indices().take_while(|(byte, _)| *byte < bytes as usize).count();
        let (start, end) = (characters(span.start), characters(span.end));
        Found { line: at.line, column: at.column, start, end }
    }
}

/// Warnings of a text that is a rule, through Python's `warnings`.
pub(crate) fn warn(py: Python<'_>, warnings: &[Problem], text: &str) -> PyResult<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    let class = class_of(py, "RuleWarning")?;
    for problem in warnings.iter().take(SHOWN) {
        let at = place(text, problem.span().start as usize);
        let help = problem.help().map_or_else(String::new, |help| format!("; {help}"));
        let message =
            format!("{problem} (line {}, column {}, {}){help}", at.line, at.column, problem.code());
        py.import("warnings")?.call_method1("warn", (message, &class, 1))?;
    }
    Ok(())
}

/// A file that could not be read, as Python's own `open` says it.
pub(crate) fn of_io(path: &Path, error: &io::Error) -> PyErr {
    // The system's words without the number, which Python shows itself.
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default().to_owned();
    match error.raw_os_error() {
        Some(code) => PyOSError::new_err((code, words, path.as_os_str().to_owned())),
        None => PyOSError::new_err(format!("{words}: {}", path.display())),
    }
}
