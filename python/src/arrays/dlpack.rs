//! DLPack, by which libraries of arrays tell each other where elements are: <https://dmlc.github.io/dlpack>.
//!
//! Two ways lead to an array. `__dlpack__` returns a capsule, which keeps the memory for as long as it is held. The
//! table of functions of DLPack 1.2, which `torch.Tensor` has, describes a tensor in less than 100 ns and keeps nothing: the
//! tensor itself has to be held.

#![expect(unsafe_code, reason = "structures of C, as their specification has them")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyDict, PyType};
use pyo3::{ffi, intern};

use super::array::{Array, MOST_DIMENSIONS, View};

/// `DLTensor`.
#[repr(C)]
struct DlTensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    ndim: i32,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *const i64,
    strides: *const i64,
    byte_offset: u64,
}

impl DlTensor {
    const EMPTY: DlTensor = DlTensor {
        data: std::ptr::null_mut(),
        device_type: 0,
        device_id: 0,
        ndim: 0,
        code: 0,
        bits: 0,
        lanes: 0,
        shape: std::ptr::null(),
        strides: std::ptr::null(),
        byte_offset: 0,
    };
}

/// `DLManagedTensor`, of versions before 1.
#[repr(C)]
struct Managed {
    tensor: DlTensor,
    context: *mut c_void,
    deleter: *const c_void,
}

/// `DLManagedTensorVersioned`.
#[repr(C)]
struct Versioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: *const c_void,
    flags: u64,
    tensor: DlTensor,
}

/// `DLPackExchangeAPI`, as far as it is used here.
#[repr(C)]
struct Functions {
    major: u32,
    minor: u32,
    previous: *const c_void,
    allocate: *const c_void,
    managed_from_object: *const c_void,
    managed_to_object: *const c_void,
    describe: Option<unsafe extern "C" fn(*mut ffi::PyObject, *mut DlTensor) -> c_int>,
    stream: Option<unsafe extern "C" fn(i32, i32, *mut *mut c_void) -> c_int>,
}

const MAJOR: u32 = 1;
const READ_ONLY: u64 = 1;
const IS_COPIED: u64 = 2;
const PLAIN: &CStr = c"dltensor";
const WITH_VERSION: &CStr = c"dltensor_versioned";
const FUNCTIONS: &CStr = c"dlpack_exchange_api";

/// An array with what keeps its memory there.
#[derive(Debug)]
pub(crate) struct Held<'py> {
    pub(crate) array: Array,
    /// Held for its sake alone.
    _keeper: Bound<'py, PyAny>,
}

/// The array that an object is, if its library speaks DLPack.
///
/// # Errors
///
/// `TypeError` for what is no array, `BufferError` for one whose library does not lend it; with `write` also for one
/// that must not be written to.
pub(crate) fn borrow<'py>(object: &Bound<'py, PyAny>, write: bool) -> PyResult<Held<'py>> {
    if let Some(exchange) = Exchange::of(&object.get_type())? {
        resolved(object)?;
        let array = exchange.describe(object).map_err(|error| {
            // Libraries may add where in their code it was.
            let message = error.value(object.py()).to_string();
            PyBufferError::new_err(message.lines().next().unwrap_or_default().to_owned())
        })?;
        return Ok(Held { array, _keeper: object.clone() });
    }
    let py = object.py();
    let Ok(method) = object.getattr(intern!(py, "__dlpack__")) else {
        let found = object.get_type().qualname()?;
        let message = format!(
            "expected an array that speaks DLPack, such as a NumPy array or a torch tensor, found {found}"
        );
        return Err(PyTypeError::new_err(message));
    };
    let arguments = PyDict::new(py);
    arguments.set_item(intern!(py, "max_version"), (1, 0))?;
    let capsule = match method.call((), Some(&arguments)) {
        // Libraries of before version 1 do not know the argument.
        Err(error) if error.is_instance_of::<PyTypeError>(py) => method.call0()?,
        other => other?,
    };
    let capsule = capsule.cast_into::<PyCapsule>()?;
    if write && !capsule.is_valid_checked(Some(WITH_VERSION)) && !refuses_by_itself(object)? {
        let class = object.get_type().qualname()?;
        let message = format!(
            "whether {class} may be written to is not known: its library speaks DLPack of before version 1, and a step \
             writes in place. Copy it to a NumPy array or a torch tensor"
        );
        return Err(PyBufferError::new_err(message));
    }
    let array = from_capsule(&capsule, write)?;
    Ok(Held { array, _keeper: capsule.into_any() })
}

/// Refuses views that torch negates or conjugates when it reads them: their memory holds other numbers.
fn resolved(object: &Bound<'_, PyAny>) -> PyResult<()> {
    for (is_view, resolve) in [("is_neg", "resolve_neg"), ("is_conj", "resolve_conj")] {
        let Some(is_view) = object.getattr_opt(is_view)? else { continue };
        if is_view.call0()?.is_truthy()? {
            let message =
                format!("memory holds other numbers than the tensor: call {resolve}() first");
            return Err(PyBufferError::new_err(message));
        }
    }
    Ok(())
}

/// Whether it is an array of a library that does not lend what is read-only where DLPack has no word for it. JAX, whose
/// arrays must never change, lends them all.
fn refuses_by_itself(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    for class in object.get_type().mro().iter() {
        let module: String = class.getattr(intern!(py, "__module__"))?.extract()?;
        if matches!(module.split('.').next(), Some("numpy" | "torch")) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn from_capsule(capsule: &Bound<'_, PyCapsule>, write: bool) -> PyResult<Array> {
    if capsule.is_valid_checked(Some(WITH_VERSION)) {
        let pointer = capsule.pointer_checked(Some(WITH_VERSION))?.cast::<Versioned>();
        // SAFETY: a capsule of this name holds this structure until it is consumed or dropped, and it is neither here.
        let managed = unsafe { pointer.as_ref() };
        if managed.major != MAJOR {
            let message = format!("DLPack {}.{}, expected 1.x", managed.major, managed.minor);
            return Err(PyBufferError::new_err(message));
        }
        if write && managed.flags & (READ_ONLY | IS_COPIED) != 0 {
            return Err(PyBufferError::new_err(
                "the array is read-only: a step writes to it in place",
            ));
        }
        return view(&managed.tensor, Array::of);
    }
    let pointer = capsule.pointer_checked(Some(PLAIN))?.cast::<Managed>();
    // SAFETY: as above, for the structure of version 0.
    let managed = unsafe { pointer.as_ref() };
    view(&managed.tensor, Array::of)
}

/// The table of functions of a library, for arrays of one class. It stays for as long as the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange(NonNull<Functions>);

// SAFETY: the table is never written to and may be called by whoever holds Python's lock.
unsafe impl Send for Exchange {}
// SAFETY: as above.
unsafe impl Sync for Exchange {}

impl Exchange {
    /// The table of a class, if it has one of a version that is known here.
    pub(crate) fn of(class: &Bound<'_, PyType>) -> PyResult<Option<Exchange>> {
        let Some(found) = class.getattr_opt(intern!(class.py(), "__dlpack_c_exchange_api__"))?
        else {
            return Ok(None);
        };
        let Ok(capsule) = found.cast_into::<PyCapsule>() else { return Ok(None) };
        let table = capsule.pointer_checked(Some(FUNCTIONS))?.cast::<Functions>();
        // SAFETY: a capsule of this name on a class holds this table, which is static.
        let functions = unsafe { table.as_ref() };
        Ok((functions.major == MAJOR && functions.describe.is_some()).then_some(Exchange(table)))
    }

    fn functions(&self) -> &Functions {
        // SAFETY: the table is static, see `of`.
        unsafe { self.0.as_ref() }
    }

    /// What an instance of the class is. It has to be held while the result is used.
    ///
    /// # Errors
    ///
    /// What its library raises, for example for a sparse tensor.
    pub(crate) fn describe(self, object: &Bound<'_, PyAny>) -> PyResult<Array> {
        self.view(object, Array::of)
    }

    /// The same without a copy of the shape: `look` gets what the library has, and calls nothing of Python.
    ///
    /// # Errors
    ///
    /// As [`Exchange::describe`].
    pub(crate) fn view<R>(
        self,
        object: &Bound<'_, PyAny>,
        look: impl FnOnce(View<'_>) -> R,
    ) -> PyResult<R> {
        let refused = || PyBufferError::new_err("the library of the array does not describe it");
        let function = self.functions().describe.ok_or_else(refused)?;
        let mut tensor = DlTensor::EMPTY;
        // SAFETY: Python's lock is held, the object is an instance of the class that the table belongs to, and the
        // structure is writable. What it then points to is the object's own.
        let code = unsafe { function(object.as_ptr(), &raw mut tensor) };
        if code != 0 {
            return Err(PyErr::take(object.py()).unwrap_or_else(refused));
        }
        view(&tensor, look)
    }

    /// The stream in which the library works on a device at present; 0 for the default one.
    ///
    /// # Errors
    ///
    /// What the library raises.
    #[cfg(feature = "cuda")]
    pub(crate) fn stream(&self, py: Python<'_>, device_type: i32, device: i32) -> PyResult<usize> {
        let refused =
            || PyBufferError::new_err("the library of the array does not tell its stream");
        let function = self.functions().stream.ok_or_else(refused)?;
        let mut stream = std::ptr::null_mut();
        // SAFETY: Python's lock is held and the place for the result is writable.
        let code = unsafe { function(device_type, device, &raw mut stream) };
        if code != 0 {
            return Err(PyErr::take(py).unwrap_or_else(refused));
        }
        Ok(stream as usize)
    }
}

/// Lets `look` see what a structure describes, for as long as what it points to is there.
fn view<R>(tensor: &DlTensor, look: impl FnOnce(View<'_>) -> R) -> PyResult<R> {
    let count = usize::try_from(tensor.ndim).ok().filter(|count| *count <= MOST_DIMENSIONS);
    let count = count.ok_or_else(|| PyBufferError::new_err("an array of too many dimensions"))?;
    if tensor.lanes != 1 {
        return Err(PyBufferError::new_err("an array of vectors"));
    }
    let list = |start: *const i64| {
        if start.is_null() || count == 0 {
            return None;
        }
        // SAFETY: the specification has `ndim` numbers there, for as long as the tensor.
        Some(unsafe { std::slice::from_raw_parts(start, count) })
    };
    let shape = list(tensor.shape).unwrap_or_default();
    if shape.len() != count {
        return Err(PyBufferError::new_err("an array without a shape"));
    }
    let address = (tensor.data as usize).wrapping_add(tensor.byte_offset as usize);
    let kind = (tensor.code, tensor.bits);
    let device = (tensor.device_type, tensor.device_id);
    Ok(match list(tensor.strides) {
        Some(strides) => look(View::new(address, device, kind, shape, strides)),
        // Before version 1.2: in the order of its dimensions.
        None => look(Array::new(address, device, kind, shape, None).view()),
    })
}
