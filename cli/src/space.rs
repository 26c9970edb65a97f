//! Search spaces by name or file, and their mistakes.

use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use nosc_compiler::nearest;
use nosc_compiler::source::MAX_SOURCE_BYTES;
use nosc_compiler::space::{
    Constraints, SearchSpace, SpaceErrors, SpaceProblem, SpaceReport, UnknownConstraint,
};
#[cfg(feature = "search")]
use nosc_controller::search::settings::SpaceText;

use crate::arguments::Colour;
use crate::error::CliError;
use crate::output::{errors, show_reports};

/// The space of a name, or of a file.
pub(crate) fn select(text: &str, colour: Colour) -> Result<SearchSpace, CliError> {
    Ok(select_file(text, colour)?.0)
}

/// The same with what a search keeps of it.
#[cfg(feature = "search")]
pub(crate) fn select_with_text(
    text: &str,
    colour: Colour,
) -> Result<(SearchSpace, SpaceText), CliError> {
    let (space, text) = select_file(text, colour)?;
    let kept = SpaceText { name: space.name().to_owned(), text };
    Ok((space, kept))
}

/// The same with the text of the file, if it is one.
fn select_file(text: &str, colour: Colour) -> Result<(SearchSpace, Option<String>), CliError> {
    let path = Path::new(text);
    let is_file = path.exists() || path.extension().is_some() || text.contains(['/', '\\']);
    match SearchSpace::built_in(text) {
        Some(space) => Ok((space, None)),
        None if is_file => {
            let (space, text) = read(path, text, colour)?;
            Ok((space, Some(text)))
        }
        None => {
            let hint = match nearest(text, SearchSpace::BUILT_IN.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("give {} or a file", SearchSpace::BUILT_IN.join(", ")),
            };
            Err(CliError::NoSuchRule(format!(
                "no file and no search space is named `{text}`; {hint}"
            )))
        }
    }
}

fn read(path: &Path, name: &str, colour: Colour) -> Result<(SearchSpace, String), CliError> {
    let fail = |source| CliError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(CliError::Problems(format!(
            "`{name}` is not a search space: the file has more than {MAX_SOURCE_BYTES} bytes"
        )));
    }
    if path.extension().is_some_and(|ending| ending == "nos") {
        return Err(CliError::Problems(format!(
            "`{name}` is a rule file; a search space is a file in TOML, or {}",
            SearchSpace::BUILT_IN.join(" or ")
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        CliError::Problems(format!(
            "`{name}` is not a search space: line {line} is not UTF-8; save the file as UTF-8"
        ))
    })?;
    let stem = path.file_stem().map_or_else(|| "space".into(), |stem| stem.to_string_lossy());
    let space = SearchSpace::parse(&stem, &text).map_err(|mistakes| {
        show(&mistakes, name, colour);
        let count = errors(mistakes.problems.len());
        CliError::Problems(format!("`{name}` is not a search space: {count}"))
    })?;
    Ok((space, text))
}

fn show(errors: &SpaceErrors, name: &str, colour: Colour) {
    let report = |problem: &SpaceProblem| SpaceReport::new(name, &errors.text, problem.clone());
    let reports = errors.problems.iter().map(|problem| (problem.span(), report(problem)));
    show_reports(reports, &errors.text, name, colour);
}

/// `N`, or `N..M` with both ends.
pub(crate) fn groups(text: &str) -> Result<RangeInclusive<usize>, String> {
    let wrong = || format!("`{text}` is not a number of groups; write N, or N..M with both ends");
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
        None => (number(text)?, number(text)?),
    };
    if first > last {
        return Err(format!("{first} is more than {last}; write {last}..{first}"));
    }
    Ok(first..=last)
}

/// Constraints by their names.
pub(crate) fn constraints(text: &str) -> Result<Constraints, String> {
    text.parse().map_err(|error: UnknownConstraint| format!("{error}; {}", error.help()))
}
