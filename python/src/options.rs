//! Options that are words.

use nosc_runtime::{NonFinite, Rounding};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What to do about gradients that are infinite or NaN.
pub(crate) fn non_finite(word: &str) -> PyResult<NonFinite> {
    Ok(match word {
        "propagate" => NonFinite::Propagate,
        "skip" => NonFinite::Skip,
        "error" => NonFinite::Error,
        _ => return Err(unknown("non_finite", word, "\"propagate\", \"skip\" or \"error\"")),
    })
}

/// How parameters of 16 bits are rounded.
pub(crate) fn rounding(word: &str) -> PyResult<Rounding> {
    Ok(match word {
        "nearest" => Rounding::Nearest,
        "stochastic" => Rounding::Stochastic,
        _ => return Err(unknown("rounding", word, "\"nearest\" or \"stochastic\"")),
    })
}

fn unknown(option: &str, word: &str, expected: &str) -> PyErr {
    PyValueError::new_err(format!("{option} is \"{word}\", expected {expected}"))
}
