//! `nosc.Comparison`: whether two rules are one at a level, and where they differ.

use std::sync::{Arc, OnceLock};

use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use nosc_runtime::compare::Comparison;
use pyo3::prelude::*;

use crate::json;
use crate::rule::{Parts, PyRule};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyComparison>()
}

/// What `Rule.equivalent` says of two rules: true if they have one key at the level.
///
/// True is certain. False at "real" and "scale" may be a law that is missing; a counterexample makes it certain.
#[pyclass(frozen, name = "Comparison", module = "nosc")]
#[derive(Debug)]
pub(crate) struct PyComparison {
    rules: [Arc<Parts>; 2],
    level: Level,
    keys: [Key; 2],
    seed: u64,
    /// Looked for when it is first asked for.
    whole: OnceLock<Comparison>,
}

impl PyComparison {
    pub(crate) fn new(rules: [Arc<Parts>; 2], level: Level, seed: u64) -> PyComparison {
        let keys = match level {
            Level::Exact => rules.each_ref().map(|parts| parts.exact().key),
            level => {
                let mut canonicalizer = Canonicalizer::new(level);
                rules.each_ref().map(|parts| canonicalizer.key(&parts.rule))
            }
        };
        PyComparison { rules, level, keys, seed, whole: OnceLock::new() }
    }

    fn whole(&self, py: Python<'_>) -> &Comparison {
        py.detach(|| {
            self.whole.get_or_init(|| {
                Comparison::new(self.rules.each_ref().map(|parts| parts.rule.clone()), self.seed)
            })
        })
    }
}

#[pymethods]
impl PyComparison {
    fn __bool__(&self) -> bool {
        let [a, b] = self.keys;
        a == b
    }

    /// The rules that were compared.
    #[getter]
    fn rules(&self) -> (PyRule, PyRule) {
        let [a, b] = self.rules.clone();
        (PyRule(a), PyRule(b))
    }

    /// The level: "exact", "real" or "scale".
    #[getter]
    fn level(&self) -> &'static str {
        self.level.name()
    }

    /// The keys of the two rules at the level.
    #[getter]
    fn keys(&self) -> (String, String) {
        let [a, b] = self.keys.map(|key| key.to_string());
        (a, b)
    }

    /// Where the rules differ at the level, as `nosc eq --json` has it; None if nothing was found. It is looked for
    /// when it is first asked for, which takes some milliseconds.
    #[getter]
    fn counterexample<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.whole(py).counterexample_json(self.level);
        found.map(|value| json::to_python(py, &value)).transpose()
    }

    /// All levels, and counterexamples where there are some, as `nosc eq` prints them.
    fn __str__(&self, py: Python<'_>) -> String {
        self.whole(py).text()
    }

    fn __repr__(&self) -> String {
        let verdict = if self.__bool__() { "equal" } else { "different" };
        format!("<Comparison at {}: {verdict}>", self.level)
    }
}
