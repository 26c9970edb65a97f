//! Looking at the tensors of a group: what a step is to work on, in memory.

use nosc_runtime::{ElementType, TensorPlace};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::Stepper;
use super::work::{Row, Tensors};
use crate::arrays::{Array, Lent, View};
use crate::error::raise;

/// Looks at the tensors of a group.
pub(super) struct Gathering<'a, 'py> {
    stepper: &'a Stepper,
    helper: &'a Bound<'py, PyAny>,
    state: &'a Bound<'py, PyDict>,
    held: Vec<Py<PyAny>>,
    parameters: Bound<'py, PyList>,
    write_back: Bound<'py, PyList>,
    tensors: Tensors,
}

/// What was found.
pub(super) struct Gathered<'py> {
    /// Every tensor that is pointed into.
    pub(super) held: Vec<Py<PyAny>>,
    /// The parameters that a step changes.
    pub(super) parameters: Bound<'py, PyList>,
    /// Pairs: a parameter that a step does not change itself, and what it is to be.
    pub(super) write_back: Bound<'py, PyList>,
    pub(super) tensors: Tensors,
}

/// What the helper says of a tensor: address, device, type of elements, shape and strides, in DLPack's numbers.
#[derive(FromPyObject)]
struct Described(usize, (i32, i32), (u8, u8), Vec<i64>, Vec<i64>);

/// A parameter with its gradient, as memory.
struct Pair<'py> {
    parameter: Bound<'py, PyAny>,
    /// What is stepped over: the parameter, or what stands for it.
    array: Array,
    parameters: Lent,
    gradients: Lent,
    place: TensorPlace,
    /// None if it has none yet.
    state: Option<Bound<'py, PyDict>>,
}

impl<'a, 'py> Gathering<'a, 'py> {
    pub(super) fn new(
        stepper: &'a Stepper,
        helper: &'a Bound<'py, PyAny>,
        state: &'a Bound<'py, PyDict>,
        count: usize,
    ) -> Gathering<'a, 'py> {
        let py = helper.py();
        let (slots, width) = (stepper.names.len(), stepper.uniform_names.len());
        Gathering {
            stepper,
            helper,
            state,
            held: Vec::with_capacity(count * (2 + slots + width)),
            parameters: PyList::empty(py),
            write_back: PyList::empty(py),
            tensors: Tensors::with_capacity(count, slots, width),
        }
    }

    /// Looks at all; `None` if no parameter has a gradient.
    pub(super) fn all(
        mut self,
        stepper: &Bound<'py, Stepper>,
        parameters: &Bound<'py, PyList>,
        first_id: u32,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Gathered<'py>>> {
        let pairs = self.pairs(parameters, first_id)?;
        if pairs.is_empty() {
            return Ok(None);
        }
        Self::make_states(stepper, &pairs, owner)?;
        for pair in &pairs {
            self.row(pair)?;
        }
        let Gathering { held, parameters, write_back, tensors, .. } = self;
        Ok(Some(Gathered { held, parameters, write_back, tensors }))
    }

    /// All parameters that have a gradient.
    fn pairs(
        &mut self,
        parameters: &Bound<'py, PyList>,
        first_id: u32,
    ) -> PyResult<Vec<Pair<'py>>> {
        let py = parameters.py();
        let mut found = Vec::with_capacity(parameters.len());
        let tensors = PyList::empty(py);
        for (parameter, id) in parameters.iter().zip(first_id..) {
            let gradient = parameter.getattr(intern!(py, "grad"))?;
            if !gradient.is_none() {
                tensors.append(&parameter)?;
                tensors.append(&gradient)?;
                found.push((parameter, gradient, id));
            }
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        // One call for all, since a call costs as much as the rest of a tensor.
        let negative = self.helper.call_method1(intern!(py, "any_negative"), (tensors,))?;
        let negative = negative.is_truthy()?;
        let mut states = StatesInOrder::new(self.state, found.len(), self.stepper.state_count());
        let mut pairs = Vec::with_capacity(found.len());
        for (parameter, gradient, id) in found {
            let state = states.of(&parameter)?;
            let pair = self.pair(parameter, gradient, (id, negative), state);
            pairs.push(pair.map_err(|error| of_parameter(py, id, error))?);
        }
        Ok(pairs)
    }

    fn pair(
        &mut self,
        parameter: Bound<'py, PyAny>,
        gradient: Bound<'py, PyAny>,
        (id, negative): (u32, bool),
        state: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Pair<'py>> {
        let py = parameter.py();
        self.parameters.append(&parameter)?;
        if !negative
            && self.is_ordinary(&parameter)
            && self.is_ordinary(&gradient)
            && let Ok(array) = self.look(&parameter, Array::of)
            && let Ok(parameters) = Lent::new(array.view())
            && let Ok(Some(gradients)) = self.look(&gradient, |g| lent_gradients(g, &array))
            && !array.view().is_complex()
        {
            self.held.push(gradient.unbind());
            let place = TensorPlace { id, first_element: 0 };
            return Ok(Pair { parameter, array, parameters, gradients, place, state });
        }
        let Stepper { is_random, is_guarded, .. } = self.stepper;
        let arguments = (&parameter, &gradient, is_random, is_guarded);
        let plain = self.helper.call_method1(intern!(py, "plain"), arguments)?;
        let plain = plain.cast_into::<PyTuple>()?;
        let (w, g) = (plain.get_item(0)?, plain.get_item(1)?);
        let first_element: u64 = plain.get_item(2)?.extract()?;
        if plain.get_item(3)?.is_truthy()? {
            self.write_back.append((&parameter, &w))?;
        }
        let (array, gradient) = (self.look(&w, Array::of)?, self.look(&g, Array::of)?);
        let unfit = |error| raise(py, "StepError", format!("a tensor: {error}"));
        let parameters = Lent::new(array.view()).map_err(unfit)?;
        Lent::new(gradient.view()).map_err(unfit)?;
        let Some(gradients) = lent_gradients(gradient.view(), &array) else {
            let (w, g) = (array.shape(), gradient.shape());
            let message = format!("a gradient of shape {g:?} for a parameter of shape {w:?}");
            return Err(raise(py, "StepError", message));
        };
        self.held.extend([w.unbind(), g.unbind()]);
        let place = TensorPlace { id, first_element };
        Ok(Pair { parameter, array, parameters, gradients, place, state })
    }

    /// Whether a tensor is one of torch's own, and no other that looks like one.
    fn is_ordinary(&self, tensor: &Bound<'py, PyAny>) -> bool {
        let class = tensor.get_type();
        self.stepper.classes.iter().any(|known| class.is(known))
    }

    /// Lets `look` see what a tensor is.
    fn look<R>(&self, tensor: &Bound<'py, PyAny>, look: impl FnOnce(View<'_>) -> R) -> PyResult<R> {
        if let Some(exchange) = self.stepper.exchange {
            return exchange.view(tensor, look);
        }
        let found = self.helper.call_method1(intern!(tensor.py(), "describe"), (tensor,))?;
        let Described(address, device, kind, shape, strides) = found.extract()?;
        Ok(look(View::new(address, device, kind, &shape, &strides)))
    }

    /// Has states made for the parameters that have none.
    fn make_states(
        stepper: &Bound<'py, Stepper>,
        pairs: &[Pair<'py>],
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let py = owner.py();
        let fresh = PyList::empty(py);
        for pair in pairs.iter().filter(|pair| pair.state.is_none()) {
            fresh.append(&pair.parameter)?;
        }
        if !fresh.is_empty() {
            owner.call_method1(intern!(py, "_fresh"), (fresh, stepper))?;
        }
        Ok(())
    }

    fn row(&mut self, pair: &Pair<'py>) -> PyResult<()> {
        let py = pair.parameter.py();
        let missing = || raise(py, "StepError", "a parameter has no state".to_owned());
        let found = if pair.state.is_none() {
            state_dict(self.state.get_item(&pair.parameter)?, self.stepper.state_count())?
        } else {
            None
        };
        let state = pair.state.as_ref().or(found.as_ref()).ok_or_else(missing)?;
        let stepper = self.stepper;
        for name in &stepper.names {
            let found = self.state_of(pair, state, name.bind(py), false)?;
            self.tensors.states.push(found);
        }
        for name in &stepper.uniform_names {
            let found = self.state_of(pair, state, name.bind(py), true)?;
            self.tensors.uniform.push(found);
        }
        let step = self.state_of(pair, state, intern!(py, "step"), true)?;
        let (parameters, gradients) = (pair.parameters, pair.gradients);
        self.tensors.rows.push(Row { parameters, gradients, place: pair.place, step });
        Ok(())
    }

    /// A state; one that does not fit is mended once.
    fn state_of(
        &mut self,
        pair: &Pair<'py>,
        state: &Bound<'py, PyDict>,
        name: &Bound<'py, PyString>,
        uniform: bool,
    ) -> PyResult<Lent> {
        let fits = |found: View<'_>| fitting(found, &pair.array, uniform);
        if let Some(found) = state.get_item(name)?
            && self.is_ordinary(&found)
            && let Ok(Some(lent)) = self.look(&found, fits)
        {
            self.held.push(found.unbind());
            return Ok(lent);
        }
        let py = name.py();
        let mend = (&pair.parameter, state, name, uniform);
        let mended = self.helper.call_method1(intern!(py, "mend"), mend)?;
        let lent = self.look(&mended, fits)?.ok_or_else(|| {
            let message = format!("the state `{name}` of a parameter does not fit it");
            raise(py, "StepError", message)
        })?;
        self.held.push(mended.unbind());
        Ok(lent)
    }
}

/// A refusal with the number of the parameter, among all of the optimizer.
fn of_parameter(py: Python<'_>, id: u32, error: PyErr) -> PyErr {
    let is_ours = error.get_type(py).name().is_ok_and(|name| name == "StepError");
    if is_ours {
        raise(py, "StepError", format!("parameter {id}: {}", error.value(py)))
    } else {
        error
    }
}

/// Gradients as memory, if they are in the order of their parameters and on their device.
fn lent_gradients(gradients: View<'_>, parameters: &Array) -> Option<Lent> {
    let lent = Lent::like(gradients, parameters.view()).ok()?;
    (gradients.device == parameters.device).then_some(lent)
}

/// The state as memory, if it is one of f32 in the order of its parameter, or one number of f64.
fn fitting(state: View<'_>, parameters: &Array, uniform: bool) -> Option<Lent> {
    if uniform {
        let lent = Lent::new(state).ok()?;
        let fits = lent.element_type() == ElementType::F64 && lent.len() == 1;
        return (fits && lent.gpu().is_none()).then_some(lent);
    }
    let lent = Lent::like(state, parameters.view()).ok()?;
    let fits = lent.element_type() == ElementType::F32 && state.device == parameters.device;
    fits.then_some(lent)
}

/// The states of a parameter, if it has any; what others keep there alone is none.
fn state_dict(
    found: Option<Bound<'_, PyAny>>,
    least: usize,
) -> PyResult<Option<Bound<'_, PyDict>>> {
    let Some(found) = found else { return Ok(None) };
    let state = found.cast_into::<PyDict>()?;
    if state.len() <= least && !state.contains(intern!(state.py(), "step"))? {
        return Ok(None);
    }
    Ok(Some(state))
}

/// An optimizer's states, looked up for one parameter after another. They mostly come in the order in which they stand
/// in the dictionary, and then the hash of a tensor, which Python computes, is not needed.
struct StatesInOrder<'a, 'py> {
    state: &'a Bound<'py, PyDict>,
    /// Keys and values in their order; empty if they are too many to be worth it.
    items: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Where the next one is expected.
    next: usize,
    /// States that a parameter has besides its step.
    least: usize,
}

impl<'a, 'py> StatesInOrder<'a, 'py> {
    fn new(state: &'a Bound<'py, PyDict>, wanted: usize, least: usize) -> StatesInOrder<'a, 'py> {
        let worth = state.len() <= 4 * wanted;
        let items = if worth { state.iter().collect() } else { Vec::new() };
        StatesInOrder { state, items, next: 0, least }
    }

    fn of(&mut self, parameter: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
        if self.next == 0 {
            let first = self.items.iter().position(|(key, _)| key.is(parameter));
            self.next = first.unwrap_or(self.items.len());
        }
        if let Some((key, value)) = self.items.get(self.next)
            && key.is(parameter)
        {
            self.next += 1;
            return state_dict(Some(value.clone()), self.least);
        }
        state_dict(self.state.get_item(parameter)?, self.least)
    }
}
