//! `nosc._nosc`: what the Python package `nosc` takes from Rust.
//!
//! ```text
//! text ─► Rule ─► CompiledRule ─► steps
//!          └► canonical texts, keys, equality, explanations; lists of rules
//! ```
//!
//! Each file registers what it exports; names are given out by `nosc/__init__.py`, and exceptions are classes of
//! `nosc/_errors.py`. Python's lock is let go of wherever work may take longer than the letting go.

mod error;
mod read;
mod rule;
mod json;
mod compare;
mod library;
mod cache;
mod compiled;
mod dedup;
mod sample;
mod options;
mod arrays;
mod arena;
mod optimizer;
mod torch;

use pyo3::prelude::*;

/// The compiled part of the package `nosc`.
#[pymodule]
fn _nosc(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    rule::register(module)?;
    compare::register(module)?;
    library::register(module)?;
    compiled::register(module)?;
    dedup::register(module)?;
    sample::register(module)?;
    arena::register(module)?;
    optimizer::register(module)?;
    torch::register(module)
}
