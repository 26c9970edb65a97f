//! `nosc.dedup`: the classes of equal rules of any iterable, in bounded pieces and on several threads.
//!
//! ```text
//! iterator ─► a piece of items ─► keys, a share for each thread ─► classes, in the order of the items
//! (Python)    (Python's lock)     (without the lock)
//! ```

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use indexmap::IndexMap;
use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use nosc_compiler::line::{bare, source};
use nosc_compiler::{CompileErrors, Rule};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error;
use crate::rule::{Parts, PyRule, level_of};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyGroup>()?;
    module.add_function(wrap_pyfunction!(dedup, module)?)
}

/// Items that are taken from the iterator before work starts.
const PIECE: usize = 8_192;
/// Items of a thread below which another one is not worth its start.
const SHARE: usize = 256;
/// Bytes of text that a piece may hold before it is worked on.
const PIECE_BYTES: usize = 16 << 20;

/// Rules that have one key.
#[pyclass(frozen, name = "Group", module = "nosc")]
#[derive(Debug)]
pub(crate) struct PyGroup {
    key: Key,
    indices: Vec<usize>,
    rule: Arc<Parts>,
}

#[pymethods]
impl PyGroup {
    /// The key at the level that was asked for.
    #[getter]
    fn key(&self) -> String {
        self.key.to_string()
    }

    /// Places of the rules in the iterable, from 0, in order.
    #[getter]
    fn indices(&self) -> Vec<usize> {
        self.indices.clone()
    }

    /// The first of the rules.
    #[getter]
    fn rule(&self) -> PyRule {
        PyRule(self.rule.clone())
    }

    fn __len__(&self) -> usize {
        self.indices.len()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rule = Py::new(py, self.rule())?.bind(py).repr()?.to_string();
        Ok(format!("<Group of {}: {rule}>", self.indices.len()))
    }
}

/// The classes of equal rules, in the order of their first ones. `rules` is any iterable of rules and texts, a
/// generator too; a text is whatever `Rule` takes.
///
/// Raises `RuleError` with the place of the first text that is no rule.
#[pyfunction]
#[pyo3(signature = (rules, level="real"))]
fn dedup(rules: &Bound<'_, PyAny>, level: &str) -> PyResult<Vec<PyGroup>> {
    let (py, level) = (rules.py(), level_of(level)?);
    if rules.is_instance_of::<PyString>() {
        let text = "expected an iterable of rules, found one text: put it in a list";
        return Err(PyTypeError::new_err(text));
    }
    let mut iterator = rules.try_iter()?;
    let mut classes = Classes::new(level);
    loop {
        let piece = piece(&mut iterator, classes.next)?;
        if piece.is_empty() {
            break;
        }
        py.detach(|| classes.take(&piece)).map_err(|bad| bad.raise(py))?;
        py.check_signals()?;
    }
    py.detach(|| classes.groups()).map_err(|bad| bad.raise(py))
}

/// A rule or its text.
enum Item {
    Rule(Arc<Parts>),
    Text(String),
}

fn piece<'py>(
    iterator: &mut impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    first: usize,
) -> PyResult<Vec<Item>> {
    let (mut piece, mut bytes) = (Vec::new(), 0);
    while piece.len() < PIECE && bytes < PIECE_BYTES {
        let Some(item) = iterator.next() else { break };
        let item = item?;
        piece.push(if let Ok(rule) = item.cast::<PyRule>() {
            Item::Rule(rule.get().0.clone())
        } else if let Ok(text) = item.cast::<PyString>() {
            let text = text.to_cow()?.into_owned();
            bytes += text.len();
            Item::Text(text)
        } else {
            let (at, found) = (first + piece.len(), item.get_type().name()?);
            let text =
                format!("item {at} of the iterable: expected a Rule or its text, found {found}");
            return Err(PyTypeError::new_err(text));
        });
    }
    Ok(piece)
}

/// A text that is no rule.
struct BadItem {
    index: usize,
    errors: CompileErrors,
}

impl BadItem {
    fn raise(&self, py: Python<'_>) -> PyErr {
        error::item_error(py, &self.errors, self.index)
    }
}

/// A class that has been met.
struct Class {
    indices: Vec<usize>,
    first: Item,
}

struct Classes {
    level: Level,
    /// One a thread; they keep what they have worked out.
    canonicalizers: Vec<Canonicalizer>,
    met: IndexMap<Key, Class>,
    /// Number of items so far.
    next: usize,
}

impl Classes {
    fn new(level: Level) -> Classes {
        let met = IndexMap::new();
        Classes { level, canonicalizers: vec![Canonicalizer::new(level)], met, next: 0 }
    }

    /// Threads of its own for each piece: those of a pool would be missing in a process that was forked.
    fn keys(&mut self, piece: &[Item]) -> Result<Vec<Key>, BadItem> {
        let most = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (piece.len() / SHARE).clamp(1, most);
        while self.canonicalizers.len() < threads {
            self.canonicalizers.push(Canonicalizer::new(self.level));
        }
        let share = piece.len().div_ceil(threads);
        let starts = (self.next..).step_by(share);
        let mut shares = self.canonicalizers.iter_mut().zip(piece.chunks(share)).zip(starts);
        let Some(((own, first), start)) = shares.next() else { return Ok(Vec::new()) };
        let results: Vec<Result<Vec<Key>, BadItem>> = thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|((canonicalizer, items), start)| {
                    let others = (items, start);
                    // A thread that cannot be started is no reason to fail.
                    (
                        others,
                        thread::Builder::new()
                            .spawn_scoped(scope, move || keys(canonicalizer, items, start))
                            .ok(),
                    )
                })
                .collect();
            let mut results = vec![keys(own, first, start)];
            for ((items, start), thread) in others {
                let done = thread.and_then(|thread| thread.join().ok());
                results.push(done.unwrap_or_else(|| keys(own, items, start)));
            }
            results
        });
        let mut all = Vec::with_capacity(piece.len());
        for result in results {
            all.extend(result?);
        }
        Ok(all)
    }

    /// Takes the next items.
    fn take(&mut self, piece: &[Item]) -> Result<(), BadItem> {
        let keys = self.keys(piece)?;
        for (key, item) in keys.into_iter().zip(piece) {
            let class = self.met.entry(key).or_insert_with(|| {
                let first = match item {
                    Item::Rule(parts) => Item::Rule(parts.clone()),
                    Item::Text(text) => Item::Text(text.clone()),
                };
                Class { indices: Vec::new(), first }
            });
            class.indices.push(self.next);
            self.next += 1;
        }
        Ok(())
    }

    fn groups(self) -> Result<Vec<PyGroup>, BadItem> {
        let group = |(key, Class { indices, first }): (Key, Class)| {
            let rule = match first {
                Item::Rule(parts) => parts,
                Item::Text(text) => {
                    let index = indices.first().copied().unwrap_or(0);
                    let rule = rule_of(&text).map_err(|errors| BadItem { index, errors })?;
                    Parts::new(rule, text, None)
                }
            };
            Ok(PyGroup { key, indices, rule })
        };
        self.met.into_iter().map(group).collect()
    }
}

fn keys(
    canonicalizer: &mut Canonicalizer,
    items: &[Item],
    start: usize,
) -> Result<Vec<Key>, BadItem> {
    let key = |(item, index): (&Item, usize)| match item {
        Item::Rule(parts) => Ok(match canonicalizer.level() {
            Level::Exact => parts.exact().key,
            _ => canonicalizer.key(&parts.rule),
        }),
        Item::Text(text) => key_of(canonicalizer, text).map_err(|errors| BadItem { index, errors }),
    };
    items.iter().zip(start..).map(key).collect()
}

fn key_of(canonicalizer: &mut Canonicalizer, text: &str) -> Result<Key, CompileErrors> {
    let source = source(text);
    match bare(&source) {
        (tokens, 0) => canonicalizer.key_of_tokens(tokens),
        _ => Ok(canonicalizer.key(&Rule::parse(&source)?)),
    }
}

fn rule_of(text: &str) -> Result<Rule, CompileErrors> {
    Rule::parse(&source(text))
}
