//! The standard rules, for `nosc.rule` and `nosc.rules`.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use nosc_runtime::library;
use pyo3::prelude::*;

use crate::error;
use crate::rule::{Parts, PyRule};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(rule, module)?)?;
    module.add_function(wrap_pyfunction!(standard_names, module)?)
}

/// All standard rules by name, read once.
fn rules() -> &'static IndexMap<String, Arc<Parts>> {
    static RULES: OnceLock<IndexMap<String, Arc<Parts>>> = OnceLock::new();
    RULES.get_or_init(|| {
        let parts = |rule: nosc_compiler::Rule| {
            let text = library::text(&rule);
            (rule.name.clone(), Parts::new(rule, text, None))
        };
        library::rules().into_iter().map(parts).collect()
    })
}

/// The standard rule of this name, as `nosc.rule("adamw")`. `nosc.rules()` has all.
///
/// Raises `UnknownRuleError` if there is none.
#[pyfunction]
fn rule(py: Python<'_>, name: &str) -> PyResult<PyRule> {
    let rules = py.detach(rules);
    if let Some(parts) = rules.get(name) {
        return Ok(PyRule(parts.clone()));
    }
    let shown: String = name.chars().take(80).collect();
    let hint = match library::nearest(name) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "nosc.rules() has all; a formula is nosc.Rule(text)".to_owned(),
    };
    let text = format!("no standard rule is named '{shown}'; {hint}");
    Err(error::raise(py, "UnknownRuleError", text))
}

/// Names of the standard rules, in the order of `nosc rules`.
#[pyfunction]
#[pyo3(name = "_standard_names")]
fn standard_names(py: Python<'_>) -> Vec<&'static str> {
    py.detach(rules).keys().map(String::as_str).collect()
}
