//! `nosc.Optimizer`: a rule with its states, over arrays of any library, in place.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nosc_runtime::{
    Backend, CheckpointError, Floats, FloatsMut, Optimizer, RuntimeError, Settings, StepOptions,
    StepOutcome, WeightDecay, chain,
};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{Held, Lent, borrow, disjoint, ranges};
use crate::cache::compiled;
use crate::compiled::PyCompiledRule;
use crate::error::{of_construction, of_runtime, raise};
use crate::options::{non_finite, rounding};
use crate::rule::rule_of;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyOptimizer>()
}

/// A rule with its states for a list of arrays: NumPy's, or any that speak DLPack and are in the processor's memory.
///
/// `arrays` are the parameters, or the numbers of their elements. Parameters of the rule are keywords. `threads` is None
/// for one a core; results do not depend on it. Further: `total_steps` for rules with a decay or T, the `seed` of all draws,
/// `non_finite` ("propagate", "skip" or "error") for gradients that are infinite or NaN, and `rounding` ("nearest" or
/// "stochastic") for parameters of 16 bits.
///
/// A step changes arrays in place, without a copy and without Python's lock: no other thread may use them meanwhile.
#[pyclass(frozen, name = "Optimizer", module = "nosc")]
#[derive(Debug)]
pub(crate) struct PyOptimizer(Mutex<Optimizer>);

#[pymethods]
impl PyOptimizer {
    #[new]
    #[pyo3(signature = (rule, arrays, *, total_steps=None, seed=None, threads=None, non_finite="propagate",
                        rounding="nearest", **parameters))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn new(
        rule: &Bound<'_, PyAny>,
        arrays: &Bound<'_, PyAny>,
        total_steps: Option<u64>,
        seed: Option<u64>,
        threads: Option<usize>,
        non_finite: &str,
        rounding: &str,
        parameters: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyOptimizer> {
        let py = rule.py();
        let compiled = if let Ok(rule) = rule.cast::<PyCompiledRule>() {
            rule.get().compiled.clone()
        } else {
            let parts = rule_of(rule)?;
            compiled(py, &parts, Backend::Auto)?
        };
        let parameters = parameters.map(PyDictMethods::iter).into_iter().flatten();
        let parameters = parameters.map(|(name, value)| Ok((name.extract()?, value.extract()?)));
        let settings = Settings {
            parameters: parameters.collect::<PyResult<Vec<(String, f64)>>>()?,
            total_steps,
            seed,
            threads,
            non_finite: self::non_finite(non_finite)?,
            rounding: self::rounding(rounding)?,
            ..Settings::default()
        };
        let lengths = list(arrays)?.iter().map(length).collect::<PyResult<Vec<usize>>>()?;
        let optimizer = py.detach(|| Optimizer::new(compiled, &lengths, settings));
        Ok(PyOptimizer(Mutex::new(optimizer.map_err(|error| of_construction(py, &error))?)))
    }

    /// Moves `parameters` by one step: `w <- w - lr * schedule * update`, for gradients of the same shapes.
    ///
    /// The rule sees `clip(g * c / loss_scale, -clip_value, clip_value)` with c so that the norm of all gradients is at most
    /// `clip_norm`, negated with `maximize`. A `weight_decay` is added to the gradient, or to the update if it is decoupled.
    /// True if the step happened, False if it was skipped: with `found_inf`, or for a gradient that is not finite under the
    /// policy "skip". After an error nothing has changed.
    #[pyo3(signature = (parameters, gradients, lr, *, loss_scale=1.0, found_inf=false, clip_norm=None, clip_value=None,
                        maximize=false, weight_decay=None, decoupled_weight_decay=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn step(
        &self,
        parameters: &Bound<'_, PyAny>,
        gradients: &Bound<'_, PyAny>,
        lr: f64,
        loss_scale: f64,
        found_inf: bool,
        clip_norm: Option<f64>,
        clip_value: Option<f64>,
        maximize: bool,
        weight_decay: Option<f64>,
        decoupled_weight_decay: bool,
    ) -> PyResult<bool> {
        let py = parameters.py();
        let weight_decay = match weight_decay {
            None => WeightDecay::None,
            Some(strength) if decoupled_weight_decay => WeightDecay::Decoupled(strength),
            Some(strength) => WeightDecay::L2(strength),
        };
        let options = StepOptions {
            loss_scale,
            found_inf,
            clip_norm,
            clip_value,
            maximize,
            weight_decay,
            ..StepOptions::new(lr)
        };
        let arrays = Arrays::new(parameters, gradients)?;
        let (written, read) = (&arrays.parameters, &arrays.gradients);
        let outcome = py.detach(|| step(&mut self.lock(), written, read, &options));
        match outcome {
            Ok(outcome) => Ok(outcome == StepOutcome::Done),
            Err(error) => Err(of_runtime(py, &error)),
        }
    }

    /// Steps done.
    #[getter]
    fn steps(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.lock().steps())
    }

    /// Steps skipped.
    #[getter]
    fn skipped(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.lock().skipped())
    }

    /// The norm of all gradients at the last step that clipped by it; None before.
    #[getter]
    fn gradient_norm(&self, py: Python<'_>) -> Option<f64> {
        py.detach(|| self.lock().gradient_norm())
    }

    /// Sets a parameter of the rule from the next step on. Nothing is compiled.
    fn set(&self, py: Python<'_>, name: &str, value: f64) -> PyResult<()> {
        let set = py.detach(|| self.lock().set(name, value));
        set.map_err(|error| of_runtime(py, &error))
    }

    /// A copy of a state: the slot by its name, the array by its number, as an `array.array` of "f".
    fn state<'py>(&self, py: Python<'py>, slot: &str, array: usize) -> PyResult<Bound<'py, PyAny>> {
        let found = py.detach(|| {
            let optimizer = self.lock();
            let slots = optimizer.compiled().slots();
            let varying = || slots.iter().filter(|known| !known.uniform);
            let Some(place) = varying().position(|known| known.name == slot) else {
                return Err(varying().map(|known| known.name.clone()).collect::<Vec<_>>());
            };
            let values = optimizer.state(place, array);
            Ok(values
                .map(|values| values.iter().flat_map(|x| x.to_ne_bytes()).collect::<Vec<u8>>()))
        });
        match found {
            Ok(Some(bytes)) => {
                py.import("array")?.getattr("array")?.call1(("f", PyBytes::new(py, &bytes)))
            }
            Ok(None) => Err(PyIndexError::new_err(format!("no array {array}"))),
            Err(known) => {
                let message = format!("no state `{slot}`, the rule has: {}", known.join(", "));
                Err(raise(py, "ParameterError", message))
            }
        }
    }

    /// Writes rule, step, seed, parameters and states to a file of safetensors, whole or not at all.
    #[expect(clippy::needless_pass_by_value, reason = "as Python hands it over")]
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let saved = py.detach(|| self.lock().save(&path));
        saved.map_err(|error| of_checkpoint(py, &error))
    }

    /// Takes up what `save` wrote, to go on with the same bits. A checkpoint of another rule, or for arrays of other lengths,
    /// is refused and changes nothing.
    #[expect(clippy::needless_pass_by_value, reason = "as Python hands it over")]
    fn load(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let loaded = py.detach(|| self.lock().load(&path));
        loaded.map_err(|error| of_checkpoint(py, &error))
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("an Optimizer is not pickled or copied: use save and load"))
    }
}

impl PyOptimizer {
    fn lock(&self) -> MutexGuard<'_, Optimizer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a checkpoint was refused for.
fn of_checkpoint(py: Python<'_>, error: &CheckpointError) -> PyErr {
    raise(py, "CheckpointError", chain(error))
}

fn list<'py>(arrays: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if arrays.hasattr("__dlpack__")? {
        return Err(PyTypeError::new_err("expected a list of arrays, found one array"));
    }
    arrays.try_iter()?.collect()
}

fn length(array: &Bound<'_, PyAny>) -> PyResult<usize> {
    match array.extract() {
        Ok(length) => Ok(length),
        Err(_) => Ok(borrow(array, false)?.array.view().len()),
    }
}

/// The arrays of a step, held.
struct Arrays<'py> {
    parameters: Vec<Lent>,
    gradients: Vec<Lent>,
    _held: Vec<Held<'py>>,
}

impl<'py> Arrays<'py> {
    fn new(parameters: &Bound<'py, PyAny>, gradients: &Bound<'py, PyAny>) -> PyResult<Arrays<'py>> {
        let py = parameters.py();
        let (w, g) = (list(parameters)?, list(gradients)?);
        let w = w.iter().map(|array| borrow(array, true)).collect::<PyResult<Vec<_>>>()?;
        let g = g.iter().map(|array| borrow(array, false)).collect::<PyResult<Vec<_>>>()?;
        for (place, (w, g)) in w.iter().zip(&g).enumerate() {
            if !w.array.view().is_ordered_as(g.array.view()) {
                let (w, g) = (w.array.shape(), g.array.shape());
                let message = if w == g {
                    format!(
                        "array {place}: the gradient's elements are in another order in memory than the parameters' \
                         (strides): copy it into an array like them, as numpy.empty_like makes"
                    )
                } else {
                    format!(
                        "array {place}: a gradient of shape {g:?} for parameters of shape {w:?}"
                    )
                };
                return Err(raise(py, "StepError", message));
            }
        }
        let lent = |(place, held): (usize, &Held<'py>)| match Lent::new(held.array.view()) {
            Ok(lent) if lent.gpu().is_none() => Ok(lent),
            Ok(_) => {
                let message = format!(
                    "array {place} is not in the processor's memory: nosc.torch steps on GPUs"
                );
                Err(raise(py, "StepError", message))
            }
            Err(error) => Err(raise(py, "StepError", format!("array {place}: {error}"))),
        };
        let parameters = w.iter().enumerate().map(lent).collect::<PyResult<Vec<_>>>()?;
        let gradients = g.iter().enumerate().map(lent).collect::<PyResult<Vec<_>>>()?;
        let (written, read) = (parameters.iter().copied(), gradients.iter().copied());
        if !disjoint(ranges(written, read)) {
            let message = "parameters share memory with each other or with gradients";
            return Err(raise(py, "StepError", message.to_owned()));
        }
        Ok(Arrays { parameters, gradients, _held: w.into_iter().chain(g).collect() })
    }
}

/// The step over memory that was found to be disjoint.
#[expect(unsafe_code, reason = "arrays of a step, seen as slices while it runs")]
fn step(
    optimizer: &mut Optimizer,
    parameters: &[Lent],
    gradients: &[Lent],
    options: &StepOptions,
) -> Result<StepOutcome, RuntimeError> {
    // SAFETY: `Arrays` holds the owners and has found that nothing that is written is anything else; that nobody else
    // uses the arrays meanwhile is what the documentation of the class asks of callers.
    let of_array = |lent: &Lent| unsafe { lent.floats_mut() };
    let mut parameters: Vec<FloatsMut<'_>> = parameters.iter().map(of_array).collect();
    // SAFETY: as above.
    let of_array = |lent: &Lent| unsafe { lent.floats() };
    let gradients: Vec<Floats<'_>> = gradients.iter().map(of_array).collect();
    optimizer.step_with(&mut parameters, &gradients, options)
}
