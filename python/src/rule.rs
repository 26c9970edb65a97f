//! `nosc.Rule`: an update rule, checked.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use nosc_compiler::canonical::{CanonicalRule, Canonicalizer, Key, Level};
use nosc_compiler::line::one_line;
use nosc_compiler::tree::Rule;
use nosc_runtime::Backend;
use nosc_runtime::explain::Explanation;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use crate::cache::compiled;
use crate::compare::PyComparison;
use crate::read::{self, Found};
use crate::{error, json};

/// Characters of a rule that `repr` shows.
const MAX_REPR: usize = 200;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyRule>()?;
    module.add_class::<PySlot>()
}

/// What is known of a rule; every object of Python that means it shares this.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) rule: Rule,
    /// As it was written.
    pub(crate) text: String,
    /// What parses to the rule, where the text does not: tokens that a search space has defined.
    source: Option<String>,
    exact: OnceLock<CanonicalRule>,
}

impl Parts {
    pub(crate) fn new(rule: Rule, text: String, source: Option<String>) -> Arc<Parts> {
        Arc::new(Parts { rule, text, source, exact: OnceLock::new() })
    }

    /// The canonical rule, worked out when it is first needed.
    pub(crate) fn exact(&self) -> &CanonicalRule {
        self.exact.get_or_init(|| CanonicalRule::new(&self.rule))
    }

    /// The key at a level.
    pub(crate) fn key(&self, level: Level) -> Key {
        match level {
            Level::Exact => self.exact().key,
            level => Canonicalizer::new(level).key(&self.rule),
        }
    }

    /// A text that was read.
    fn of(found: Found) -> Arc<Parts> {
        Parts::new(found.rule, found.text, None)
    }
}

/// Arguments of `_restore`: text, source, name.
type Saved = (String, Option<String>, String);

/// An update rule: what is subtracted, times the learning rate, from each element of the parameters.
///
/// `text` is a formula (`exp(sign(g)*sign(m)) * g`), a block (`{ param a = 2; update = a*g }`), a token string
/// (`[g m id sign mul]`, with or without brackets) or the text of a file. `name` names a rule that has no name, and
/// picks one of those that have.
///
/// A rule never changes. Rules are equal if their kernels return the same bits for every input
/// (`key("exact")`); their names do not count, those of their parameters do.
///
/// Raises `RuleError` if the text is no rule; `RuleWarning` is for what may not be meant.
#[pyclass(frozen, weakref, name = "Rule", module = "nosc")]
#[derive(Debug)]
pub(crate) struct PyRule(pub(crate) Arc<Parts>);

impl PyRule {
    fn explanation(&self, py: Python<'_>) -> PyResult<Explanation> {
        let rule = &self.0.rule;
        py.detach(|| Explanation::new(rule)).map_err(|error| error::of_runtime(py, &error))
    }
}

#[pymethods]
impl PyRule {
    #[new]
    #[pyo3(signature = (text, *, name=None))]
    fn new(py: Python<'_>, text: &str, name: Option<&str>) -> PyResult<PyRule> {
        Ok(PyRule(parse(py, text, name)?))
    }

    /// The rule of a string of tokens, five a group: `Rule.from_tokens("g m id sign mul")`.
    #[classmethod]
    #[pyo3(signature = (tokens, *, name=None))]
    fn from_tokens(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        tokens: &str,
        name: Option<&str>,
    ) -> PyResult<PyRule> {
        let (bare, _) = nosc_compiler::line::bare(tokens.trim());
        let Found { rule, source, warnings, .. } =
            py.detach(|| read::text(&format!("[{bare}]"), name)).map_err(|e| e.raise(py))?;
        error::warn(py, &warnings, &source)?;
        Ok(PyRule(Parts::new(rule, tokens.to_owned(), Some(source))))
    }

    /// The rule of a file, the one of this name if it holds several.
    #[classmethod]
    #[pyo3(signature = (path, *, name=None))]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands paths over whole")]
    fn load(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        path: PathBuf,
        name: Option<&str>,
    ) -> PyResult<PyRule> {
        let found = py.detach(|| read::file(&path, name)).map_err(|e| e.raise(py))?;
        error::warn(py, &found.warnings, &found.source)?;
        Ok(PyRule(Parts::of(found)))
    }

    /// A rule that was pickled.
    #[classmethod]
    fn _restore(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        text: String,
        source: Option<String>,
        name: &str,
    ) -> PyResult<PyRule> {
        let read = source.as_deref().unwrap_or(&text);
        let mut found = py.detach(|| read::text(read, None)).map_err(|e| e.raise(py))?;
        name.clone_into(&mut found.rule.name);
        Ok(PyRule(Parts::new(found.rule, text, source)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Saved)> {
        let restore = py.get_type::<PyRule>().getattr("_restore")?;
        let Parts { rule, text, source, .. } = &*self.0;
        Ok((restore, (text.clone(), source.clone(), rule.name.clone())))
    }

    fn __copy__(slf: Bound<'_, PyRule>) -> Bound<'_, PyRule> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, PyRule>, _memo: &Bound<'py, PyAny>) -> Bound<'py, PyRule> {
        slf
    }

    fn __eq__(&self, other: &PyRule) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.exact().key == other.0.exact().key
    }

    fn __hash__(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0.exact().key.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn __str__(&self) -> String {
        self.formula()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let formula = one_line(&self.formula());
        let mut short: String = formula.chars().take(MAX_REPR).collect();
        if short.len() < formula.len() {
            short += " ...";
        }
        let quoted = |text: &str| Ok::<_, PyErr>(PyString::new(py, text).repr()?.to_string());
        let name = match self.0.rule.name.as_str() {
            read::NO_NAME => String::new(),
            name => format!(", name={}", quoted(name)?),
        };
        Ok(format!("Rule({}{name})", quoted(&short)?))
    }

    /// The rule's name; `rule` if it has none.
    #[getter]
    fn name(&self) -> &str {
        &self.0.rule.name
    }

    /// The rule as it was written. Of one among several rules of a text, as `nosc fmt` would write it.
    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    /// The rule as a formula, or as a block in braces if it has parameters or states of its own.
    #[getter]
    fn formula(&self) -> String {
        self.0.rule.body_text()
    }

    /// The text that all rules of one key share at a level: "exact", "real" or "scale".
    ///
    /// At "real" and "scale" rules with states of their own, and very large ones, have the text of "exact".
    #[pyo3(signature = (level="real"))]
    fn canonical(&self, py: Python<'_>, level: &str) -> PyResult<String> {
        let parts = &self.0;
        let level = level_of(level)?;
        Ok(py.detach(|| match level {
            Level::Exact => parts.exact().text(),
            level => Canonicalizer::new(level).canonicalize(&parts.rule).text,
        }))
    }

    /// The rule's key at a level, "exact", "real" or "scale", as 32 hexadecimal digits. Keys are the same on every
    /// machine, and are what `nosc canon` prints.
    #[pyo3(signature = (level="real"))]
    fn key(&self, py: Python<'_>, level: &str) -> PyResult<String> {
        let (parts, level) = (&self.0, level_of(level)?);
        Ok(py.detach(|| parts.key(level)).to_string())
    }

    /// Parameters that may be set, with their defaults, in the order of the text.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parameters = PyDict::new(py);
        for parameter in &self.0.rule.parameters {
            parameters.set_item(&parameter.name, parameter.default)?;
        }
        Ok(parameters)
    }

    /// What the rule remembers from step to step.
    #[getter]
    fn states(&self, py: Python<'_>) -> PyResult<Vec<PySlot>> {
        let compiled = compiled(py, &self.0, Backend::Interpreter)?;
        Ok(compiled.slots().into_iter().map(PySlot).collect())
    }

    /// Bytes of state for each element of the parameters.
    #[getter]
    fn bytes_per_parameter(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(compiled(py, &self.0, Backend::Interpreter)?.lowered().bytes_per_parameter())
    }

    /// Whether a step needs to know how many there will be: the rule uses `T`, `ld`, `cd` or `rd`.
    #[getter]
    fn needs_total_steps(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(compiled(py, &self.0, Backend::Interpreter)?.lowered().scalars.needs_total_steps())
    }

    /// Whether the rule draws random numbers.
    #[getter]
    fn is_random(&self) -> bool {
        let exact = self.0.exact();
        !exact.draws.is_empty() || !exact.schedule_draws.is_empty()
    }

    /// What the rule is and what it costs, as `nosc explain` prints it.
    fn explain(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.explanation(py)?.text())
    }

    /// The same as a dictionary, that of `nosc explain --json`.
    fn explain_data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.explanation(py)?.json())
    }

    /// Whether this rule and another, or its text, are one at a level: "exact", "real" or "scale". What comes back is
    /// true or false, and has a counterexample if there is one; `seed` is of the points that are tried for it.
    #[pyo3(signature = (other, level="real", *, seed=0))]
    fn equivalent(
        &self,
        other: &Bound<'_, PyAny>,
        level: &str,
        seed: u64,
    ) -> PyResult<PyComparison> {
        let level = level_of(level)?;
        let rules = [self.0.clone(), rule_of(other)?];
        Ok(other.py().detach(|| PyComparison::new(rules, level, seed)))
    }

    /// The paper's tokens for the rule, five a group. Raises `NoTokensError` where there are none.
    fn tokens(&self, py: Python<'_>) -> PyResult<String> {
        self.0.rule.token_string().map_err(|none| {
            let help = none.help().map_or_else(String::new, |help| format!("; {help}"));
            error::raise(py, "NoTokensError", format!("{none}{help}"))
        })
    }
}

/// What a rule remembers from step to step.
#[pyclass(frozen, name = "Slot", module = "nosc")]
#[derive(Debug)]
pub(crate) struct PySlot(pub(crate) nosc_runtime::Slot);

#[pymethods]
impl PySlot {
    /// A stable name: `m`, `v`, `gamma`, else `ema1`, `s1`, ...
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// How it moves.
    #[getter]
    fn formula(&self) -> &str {
        &self.0.formula
    }

    /// Whether it is one number a rule rather than one for each element.
    #[getter]
    fn uniform(&self) -> bool {
        self.0.uniform
    }

    fn __eq__(&self, other: &PySlot) -> bool {
        self.0 == other.0
    }

    fn __repr__(&self) -> String {
        let Self(slot) = self;
        let uniform = if slot.uniform { ", uniform" } else { "" };
        format!("<Slot {}: {}{uniform}>", slot.name, one_line(&slot.formula))
    }
}

/// The rule of a text, with its warnings said.
pub(crate) fn parse(py: Python<'_>, text: &str, name: Option<&str>) -> PyResult<Arc<Parts>> {
    let found = py.detach(|| read::text(text, name)).map_err(|error| error.raise(py))?;
    error::warn(py, &found.warnings, &found.source)?;
    Ok(Parts::of(found))
}

/// The rule that an argument means: a rule, or its text.
pub(crate) fn rule_of(argument: &Bound<'_, PyAny>) -> PyResult<Arc<Parts>> {
    if let Ok(rule) = argument.cast::<PyRule>() {
        return Ok(rule.get().0.clone());
    }
    if let Ok(text) = argument.cast::<PyString>() {
        return parse(argument.py(), &text.to_cow()?, None);
    }
    let found = argument.get_type().name()?;
    Err(PyTypeError::new_err(format!("expected a Rule or its text, found {found}")))
}

/// A level by its name.
pub(crate) fn level_of(name: &str) -> PyResult<Level> {
    name.parse().map_err(|error: nosc_compiler::canonical::UnknownLevel| {
        PyValueError::new_err(error.to_string())
    })
}
