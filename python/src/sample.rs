//! `nosc.sample`: random rules of a search space, those of `nosc sample`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nosc_compiler::nearest;
use nosc_compiler::render::Renderer;
use nosc_compiler::source::MAX_SOURCE_BYTES;
use nosc_compiler::space::{
    Constraints, SampleError, Sampler, SearchSpace, SpaceErrors, SpaceReport, UnknownConstraint,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error;
use crate::read::{NO_NAME, bytes};
use crate::rule::{Parts, PyRule};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sample, module)?)
}

/// Rules of one call. More are to be had in parts.
const MAX_COUNT: usize = 1_000_000;
/// Rules that are made before Python is asked whether to go on.
const PIECE: usize = 1_024;

/// Random rules of a search space, the same as `nosc sample` prints for the same seed, on every machine.
///
/// `space` is "paper", "small", the path of a space file, or the text of one. `n` is the number of groups of a rule's
/// tokens, or the first and last of a range, each equally likely; left out, what the space asks for, else 1 to 4.
/// `constraints` is "paper", "none", or some of operands-differ, last-not-add, reuse, all-used with commas between.
/// `start` leaves out as many strings of the seed, `distinct` those that came before.
///
/// The text of each rule is its token string. Raises `SpaceError` if the space is none, or has no such strings.
#[pyfunction]
#[pyo3(signature = (space=None, n=None, count=10, seed=0, *, start=0, constraints=None, distinct=false))]
#[expect(clippy::too_many_arguments, reason = "Python has names for them")]
fn sample(
    py: Python<'_>,
    space: Option<&Bound<'_, PyAny>>,
    n: Option<&Bound<'_, PyAny>>,
    count: usize,
    seed: u64,
    start: u64,
    constraints: Option<&str>,
    distinct: bool,
) -> PyResult<Vec<PyRule>> {
    let wrong = |text: String| error::raise(py, "SpaceError", text);
    if count > MAX_COUNT {
        return Err(PyValueError::new_err(format!(
            "count is {count}, expected at most {MAX_COUNT}; take more in parts, with `start`"
        )));
    }
    let space = match space {
        None => SearchSpace::paper(),
        Some(space) => space_of(space)?,
    };
    let constraints: Option<Constraints> =
        constraints.map(str::parse).transpose().map_err(|error: UnknownConstraint| {
            PyValueError::new_err(format!("{error}; {}", error.help()))
        })?;
    let constraints = constraints.or(space.constraints()).unwrap_or(Constraints::PAPER);
    let groups = match n {
        None => space.groups().unwrap_or(1..=4),
        Some(n) => groups_of(n)?,
    };
    let mut sampler = Sampler::new(&space, groups.clone(), constraints, seed)
        .map_err(|error| wrong(with_way_out(&error)))?;
    sampler.seek(start);
    if distinct {
        enough(&space, groups, constraints, count).map_err(wrong)?;
    }
    let mut strings = Strings { space, sampler, seen: distinct.then(BTreeSet::new) };
    let mut rules = Vec::new();
    while rules.len() < count {
        let piece = PIECE.min(count - rules.len());
        let found = py.detach(|| strings.next(piece)).map_err(|error| {
            // The space itself is sound: what one of its strings means is too large.
            wrong(format!("a string of the space is no rule: {error}"))
        })?;
        rules.extend(found.into_iter().map(PyRule));
        py.check_signals()?;
    }
    Ok(rules)
}

/// Numbers of groups: one, or the first and the last.
fn groups_of(n: &Bound<'_, PyAny>) -> PyResult<RangeInclusive<usize>> {
    if let Ok(one) = n.extract::<usize>() {
        return Ok(one..=one);
    }
    let (first, last) = n.extract::<(usize, usize)>().map_err(|_| {
        PyTypeError::new_err(
            "n is a number of groups, or the first and the last of a range: 2 or (1, 4)",
        )
    })?;
    Ok(first..=last)
}

/// Strings of a space and what they mean.
struct Strings {
    space: SearchSpace,
    sampler: Sampler,
    /// Those that came before, if none is to come twice.
    seen: Option<BTreeSet<String>>,
}

impl Strings {
    /// The rules of the next strings. Some may be left out, those that came before.
    fn next(&mut self, count: usize) -> Result<Vec<Arc<Parts>>, nosc_compiler::CompileErrors> {
        let mut rules = Vec::with_capacity(count);
        for text in self.sampler.by_ref().take(count) {
            if let Some(seen) = &mut self.seen
                && !seen.insert(text.clone())
            {
                continue;
            }
            let mut rule = self.space.rule(&text)?;
            NO_NAME.clone_into(&mut rule.name);
            // Tokens of the space's own mean nothing elsewhere.
            let source = self.space.has_definitions().then(|| rule.body_text());
            rules.push(Parts::new(rule, text, source));
        }
        Ok(rules)
    }
}

/// Whether there are so many strings.
fn enough(
    space: &SearchSpace,
    groups: RangeInclusive<usize>,
    constraints: Constraints,
    count: usize,
) -> Result<(), String> {
    let available = groups.map(|groups| space.size(groups, constraints)).reduce(|a, b| a + b);
    match available.filter(|available| *available < count.into()) {
        None => Ok(()),
        Some(available) => Err(format!(
            "the space has {available} such strings, and {count} distinct ones were asked for; ask for no more \
             than there are"
        )),
    }
}

fn with_way_out(error: &SampleError) -> String {
    match error {
        SampleError::Empty { .. } => {
            format!("{error}; give fewer with `constraints`, or another number of groups with `n`")
        }
        _ => error.to_string(),
    }
}

/// The space that an argument means.
fn space_of(argument: &Bound<'_, PyAny>) -> PyResult<SearchSpace> {
    let py = argument.py();
    let Ok(text) = argument.cast::<PyString>() else {
        return read(py, &argument.extract::<PathBuf>()?);
    };
    let text = text.to_cow()?;
    if let Some(space) = SearchSpace::built_in(&text) {
        return Ok(space);
    }
    if text.contains(['\n', '=']) {
        return parse(py, "space", &text, "space");
    }
    let path = Path::new(&*text);
    if path.exists() || path.extension().is_some() || text.contains(['/', '\\']) {
        return read(py, path);
    }
    let hint = match nearest(&text, SearchSpace::BUILT_IN.iter().copied()) {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("give {}, a file, or the text of one", SearchSpace::BUILT_IN.join(", ")),
    };
    let shown: String = text.chars().take(80).collect();
    let text = format!("no file and no search space is named '{shown}'; {hint}");
    Err(error::raise(py, "SpaceError", text))
}

fn read(py: Python<'_>, path: &Path) -> PyResult<SearchSpace> {
    let shown = path.display().to_string();
    let wrong =
        |what: &str| Err(error::raise(py, "SpaceError", format!("`{shown}` is no space: {what}")));
    let bytes = py.detach(|| bytes(path)).map_err(|error| error::of_io(path, &error))?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return wrong(&format!("the file has more than {MAX_SOURCE_BYTES} bytes"));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return wrong("it is not UTF-8; save the file as UTF-8");
    };
    let stem = path.file_stem().map_or_else(|| "space".into(), |stem| stem.to_string_lossy());
    parse(py, &stem, &text, &shown)
}

fn parse(py: Python<'_>, name: &str, text: &str, shown: &str) -> PyResult<SearchSpace> {
    if text.len() > MAX_SOURCE_BYTES {
        let text = format!("a space has at most {MAX_SOURCE_BYTES} bytes, found {}", text.len());
        return Err(error::raise(py, "SpaceError", text));
    }
    py.detach(|| SearchSpace::parse(name, text))
        .map_err(|errors| error::raise(py, "SpaceError", told(&errors, shown)))
}

/// Mistakes in a space file, as the terminal shows them.
fn told(errors: &SpaceErrors, name: &str) -> String {
    let renderer = Renderer::new(false);
    let shown = errors.problems.iter().map(|problem| {
        let report = SpaceReport::new(name, &errors.text, problem.clone());
        renderer.report(&report, problem.span(), &errors.text, name)
    });
    error::told(&errors.to_string(), shown, errors.problems.len())
}
