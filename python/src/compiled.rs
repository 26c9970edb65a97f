//! `nosc.compile` and `nosc.CompiledRule`: a rule with its machine code.

use std::sync::Arc;

use nosc_compiler::line::one_line;
use nosc_kernels::Edges;
use nosc_runtime::explain::plan_text;
use nosc_runtime::{Backend, CompiledRule, export};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::cache::compiled;
use crate::error::of_runtime;
use crate::rule::{Parts, PyRule, PySlot, rule_of};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyCompiledRule>()?;
    module.add_function(wrap_pyfunction!(compile, module)?)
}

/// A rule that is ready to run, made by `nosc.compile`. It never changes, and any number of threads and optimizers
/// may share it.
#[pyclass(frozen, weakref, name = "CompiledRule", module = "nosc")]
#[derive(Debug)]
pub(crate) struct PyCompiledRule {
    parts: Arc<Parts>,
    /// What was asked for, `auto` included.
    asked: Backend,
    /// What steps use; a clone shares the machine code.
    pub(crate) compiled: CompiledRule,
}

#[pymethods]
impl PyCompiledRule {
    /// The rule that was compiled.
    #[getter]
    fn rule(&self) -> PyRule {
        PyRule(self.parts.clone())
    }

    /// What runs the rule: "wide", "cranelift" or "interpreter".
    #[getter]
    fn backend(&self) -> String {
        self.compiled.compiled().backend.to_string()
    }

    /// The states that a step moves, those that vary by element in the order of the kernel's arrays.
    #[getter]
    fn slots(&self) -> Vec<PySlot> {
        self.compiled.slots().into_iter().map(PySlot).collect()
    }

    /// The rule's key at the level "exact".
    #[getter]
    fn key(&self) -> String {
        self.compiled.key().to_string()
    }

    /// Why the interpreter runs the rule although that was not asked for; None if it does not.
    #[getter]
    fn fallback(&self) -> Option<String> {
        self.compiled.compiled().fallback.clone()
    }

    /// What the kernel computes, operation by operation, as `nosc compile --emit plan` prints it.
    fn plan(&self) -> String {
        plan_text(self.compiled.lowered())
    }

    /// The rule as a program that needs no nosc: `target` is "torch" (an optimizer of PyTorch, in Python), "jax" (a
    /// transformation of optax, in Python) or "c" (C99). docs/exports.md says what each does.
    fn export(&self, py: Python<'_>, target: &str) -> PyResult<String> {
        match target {
            "torch" => Ok(export::torch(&self.compiled)),
            "jax" => Ok(export::jax(&self.compiled)),
            "c" => {
                export::c(&self.compiled, Edges::default()).map_err(|error| of_runtime(py, &error))
            }
            _ => {
                let message =
                    format!("target is \"{target}\", expected \"torch\", \"jax\" or \"c\"");
                Err(PyValueError::new_err(message))
            }
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (PyRule, String))> {
        let restore = py.get_type::<PyCompiledRule>().getattr("_restore")?;
        Ok((restore, (self.rule(), self.asked.to_string())))
    }

    /// A compiled rule that was pickled: it is compiled for the machine at hand.
    #[staticmethod]
    fn _restore(rule: &Bound<'_, PyRule>, backend: &str) -> PyResult<PyCompiledRule> {
        compile(rule.as_any(), backend)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rule = Py::new(py, self.rule())?.bind(py).repr()?.to_string();
        Ok(format!("<CompiledRule {}, {}>", one_line(&rule), self.backend()))
    }
}

/// Compiles a rule, or its text, for the processor at hand.
///
/// `backend` is "auto" (the fastest that takes the rule), "wide" (vectors of AVX2 or AVX-512), "cranelift" or
/// "interpreter"; all return the same bits. Compiling a rule again is a look-up: the last 256 are kept.
///
/// Raises `CompileError` if the back end does not take the rule, `RuleError` if a text is no rule.
#[pyfunction]
#[pyo3(signature = (rule, *, backend="auto"))]
fn compile(rule: &Bound<'_, PyAny>, backend: &str) -> PyResult<PyCompiledRule> {
    let asked = backend.parse::<Backend>();
    let asked = asked.map_err(|error| PyValueError::new_err(error.to_string()))?;
    let parts = rule_of(rule)?;
    let compiled = compiled(rule.py(), &parts, asked)?;
    Ok(PyCompiledRule { parts, asked, compiled })
}
