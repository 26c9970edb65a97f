//! Steps over the tensors of a parameter group of PyTorch, which keeps parameters, gradients and states.
//!
//! ```text
//! group ─► [gather] look at every tensor ─► check: may it be refused? ─► run, without Python's lock [work]
//! ```
//!
//! What is out of the ordinary (sparse gradients, tensors spread over processes, gaps between elements, states that
//! are not there yet) goes to `nosc/torch/_tensors.py`, so that an ordinary tensor costs a fraction of a microsecond.

mod engine;
mod gather;
mod work;

use std::sync::{Mutex, MutexGuard, PoisonError};

use nosc_runtime::{NonFinite, Rounding, Settings, StepOptions, StepOutcome, WeightDecay};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyType};

#[cfg(feature = "cuda")]
use crate::arrays::CUDA;
use crate::arrays::Exchange;
use crate::compiled::PyCompiledRule;
use crate::error::{of_construction, of_runtime};
use crate::options::{non_finite, rounding};
use engine::{Engine, Numbers};
use gather::{Gathered, Gathering};
use work::Work;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Stepper>()?;
    module.add_class::<Prepared>()
}

/// A rule that steps over torch's tensors.
#[pyclass(frozen, module = "nosc._nosc")]
#[derive(Debug)]
pub(crate) struct Stepper {
    /// Names of the states that vary by element, in the order of the kernel's arrays.
    names: Vec<Py<PyString>>,
    /// Names of those that are one number a rule.
    uniform_names: Vec<Py<PyString>>,
    /// Whether a step depends on where elements are in their tensor.
    is_random: bool,
    /// Whether gradients are looked at before a step.
    is_guarded: bool,
    /// `nosc.torch._tensors`.
    helper: Py<PyAny>,
    /// `Tensor` and `Parameter`: what is neither goes to the helper.
    classes: [Py<PyType>; 2],
    /// None for a torch that has no such table.
    exchange: Option<Exchange>,
    engine: Mutex<Engine>,
}

/// A step that is ready to run.
#[pyclass(frozen, module = "nosc._nosc")]
#[derive(Debug)]
pub(crate) struct Prepared {
    stepper: Py<Stepper>,
    work: Work,
    /// Every tensor that the work points into.
    _held: Vec<Py<PyAny>>,
    /// The parameters that a step changes.
    #[pyo3(get)]
    parameters: Py<PyList>,
    /// Pairs: a parameter that a step did not change itself, and what it is to be.
    #[pyo3(get)]
    write_back: Py<PyList>,
}

#[pymethods]
impl Stepper {
    #[new]
    #[pyo3(signature = (compiled, helper, *, threads=None, non_finite="propagate", rounding="nearest"))]
    fn new(
        compiled: &Bound<'_, PyCompiledRule>,
        helper: Bound<'_, PyAny>,
        threads: Option<usize>,
        non_finite: &str,
        rounding: &str,
    ) -> PyResult<Stepper> {
        let py = helper.py();
        let compiled = compiled.get().compiled.clone();
        let (non_finite, rounding) = (self::non_finite(non_finite)?, self::rounding(rounding)?);
        let settings = Settings { threads, non_finite, rounding, ..Settings::default() };
        let slots = compiled.slots();
        let is_random = compiled.lowered().plan.is_random() || rounding == Rounding::Stochastic;
        let engine = Engine::new(compiled, settings);
        let engine = engine.map_err(|error| of_construction(py, &error))?;
        let names = |uniform| {
            let slots = slots.iter().filter(move |slot| slot.uniform == uniform);
            slots.map(|slot| PyString::intern(py, &slot.name).unbind()).collect()
        };
        let class = |name: &str| PyResult::Ok(helper.getattr(name)?.cast_into::<PyType>()?);
        let (tensor, parameter) = (class("Tensor")?, class("Parameter")?);
        let exchange = Exchange::of(&tensor)?;
        let exchange = if helper.getattr("use_exchange")?.is_truthy()? { exchange } else { None };
        Ok(Stepper {
            names: names(false),
            uniform_names: names(true),
            is_random,
            is_guarded: non_finite != NonFinite::Propagate,
            helper: helper.unbind(),
            classes: [tensor.unbind(), parameter.unbind()],
            exchange,
            engine: Mutex::new(engine),
        })
    }

    /// Looks at the tensors of a group that have gradients. `state` is the optimizer's, in which `owner._fresh` puts
    /// what a parameter does not have yet. None if there is nothing to do.
    ///
    /// `numbers`: values of the rule's parameters, total steps, seed; `options`: learning rate, loss scale, maximize,
    /// weight decay (None for none), whether it is decoupled.
    #[pyo3(signature = (parameters, state, owner, first_id, numbers, options))]
    fn prepare(
        slf: &Bound<'_, Stepper>,
        parameters: &Bound<'_, PyList>,
        state: &Bound<'_, PyDict>,
        owner: &Bound<'_, PyAny>,
        first_id: u32,
        numbers: (Vec<f64>, Option<u64>, u64),
        options: (f64, f64, bool, Option<f64>, bool),
    ) -> PyResult<Option<Prepared>> {
        let (py, stepper) = (slf.py(), slf.get());
        let (values, total_steps, seed) = numbers;
        let (learning_rate, loss_scale, maximize, weight_decay, decoupled) = options;
        let weight_decay = match weight_decay {
            None => WeightDecay::None,
            Some(strength) if decoupled => WeightDecay::Decoupled(strength),
            Some(strength) => WeightDecay::L2(strength),
        };
        let options =
            StepOptions { loss_scale, maximize, weight_decay, ..StepOptions::new(learning_rate) };
        let helper = stepper.helper.bind(py);
        let gathering = Gathering::new(stepper, helper, state, parameters.len());
        let Some(gathered) = gathering.all(slf, parameters, first_id, owner)? else {
            return Ok(None);
        };
        let Gathered { held, parameters, write_back, tensors } = gathered;
        let numbers = Numbers { values, total_steps, seed };
        // The lock is not held while anything of Python runs: who waits for it holds Python's own.
        let mut known = std::mem::take(&mut stepper.lock().known);
        let work = Work::new(py, &mut known, tensors, numbers, options)?;
        stepper.lock().known = known;
        stepper.find_streams(py, &work)?;
        Ok(Some(Prepared {
            stepper: slf.clone().unbind(),
            work,
            _held: held,
            parameters: parameters.unbind(),
            write_back: write_back.unbind(),
        }))
    }

    /// Names of the states that vary by element, and of those that are one number.
    #[getter]
    fn names(&self, py: Python<'_>) -> (Vec<Py<PyString>>, Vec<Py<PyString>>) {
        let list = |names: &[Py<PyString>]| names.iter().map(|name| name.clone_ref(py)).collect();
        (list(&self.names), list(&self.uniform_names))
    }
}

#[pymethods]
impl Prepared {
    /// Raises what the step would raise; nothing moves. False if it would be skipped.
    fn check(&self, py: Python<'_>) -> PyResult<bool> {
        self.carry_out(py, true)
    }

    /// Carries the step out, without Python's lock. False if it was skipped.
    fn run(&self, py: Python<'_>) -> PyResult<bool> {
        self.carry_out(py, false)
    }

    /// Whether its tensors are at different moments, so that one step is several.
    #[getter]
    fn is_mixed(&self) -> bool {
        self.work.is_mixed()
    }
}

impl Prepared {
    fn carry_out(&self, py: Python<'_>, only_check: bool) -> PyResult<bool> {
        let stepper = self.stepper.get();
        let done = py.detach(|| {
            let mut engine = stepper.lock();
            if only_check { self.work.check(&mut engine) } else { self.work.run(&mut engine) }
        });
        let done = done.map_err(|error| of_runtime(py, &error))?;
        Ok(done == StepOutcome::Done)
    }
}

impl Stepper {
    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many states a parameter has besides its step.
    fn state_count(&self) -> usize {
        self.names.len() + self.uniform_names.len()
    }

    /// Finds out in which stream torch works on each GPU of a step.
    #[cfg(feature = "cuda")]
    fn find_streams(&self, py: Python<'_>, work: &Work) -> PyResult<()> {
        for gpu in work.gpus() {
            let raw = match self.exchange {
                Some(exchange) => exchange.stream(py, CUDA, gpu as i32)?,
                None => self.helper.bind(py).call_method1("cuda_stream", (gpu,))?.extract()?,
            };
            let known = self.lock().work_in(gpu, raw);
            known.map_err(|error| of_runtime(py, &error))?;
        }
        Ok(())
    }

    #[cfg(not(feature = "cuda"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "there are none")]
    fn find_streams(&self, _: Python<'_>, _: &Work) -> PyResult<()> {
        Ok(())
    }
}
