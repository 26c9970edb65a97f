//! `nosc fmt`: rule files in one format.

use std::io::Write;
use std::path::Path;

use clap::Args;
use nosc_compiler::RuleFile;
use nosc_compiler::format::{FormatError, format};
use nosc_compiler::problem::Problem;
use nosc_runtime::files::NewFile;
use similar::TextDiff;

use crate::arguments::Colour;
use crate::error::CliError;
use crate::output::{message, print, print_line, show_problems};
use crate::source::{check_input_once, read, standard_input};

/// What a file that cannot be formatted has by way of help.
const REPORT: &str = "the file was left as it is; please report this, with the file";

#[derive(Debug, Args)]
pub(crate) struct FmtArguments {
    /// Rule files, which are changed in place; `-` formats standard input to standard output
    #[arg(required = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// Change nothing; print the names of files that are not formatted, and fail if there are any
    #[arg(long)]
    pub(crate) check: bool,
    /// Change nothing; print what would change, and fail if anything would
    #[arg(long)]
    pub(crate) diff: bool,
}

/// What was found about a file.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Formatted,
    Unformatted,
    Broken,
}

pub(crate) fn fmt(arguments: &FmtArguments, colour: Colour) -> Result<(), CliError> {
    check_input_once(&arguments.files)?;
    let only_look = arguments.check || arguments.diff;
    let mut failed = false;
    for name in &arguments.files {
        let found = match one(name, arguments, colour) {
            Ok(found) => found,
            Err(error @ CliError::Output(_)) => return Err(error),
            Err(error) => {
                error.tell();
                Found::Broken
            }
        };
        failed |= found == Found::Broken || (only_look && found == Found::Unformatted);
    }
    if failed { Err(CliError::Shown) } else { Ok(()) }
}

fn one(name: &str, arguments: &FmtArguments, colour: Colour) -> Result<Found, CliError> {
    let is_input = name == "-";
    let (file, shown) = if is_input {
        (RuleFile::from_bytes("stdin", &standard_input()?), "<stdin>")
    } else {
        (read(Path::new(name))?, name)
    };
    let Some(formatted) = formatted(&file, shown, colour) else { return Ok(Found::Broken) };
    let is_same = formatted == file.text;
    if arguments.diff {
        print(&difference(&file.text, &formatted, shown))?;
    }
    if arguments.check && !is_same {
        print_line(shown)?;
    }
    if !arguments.check && !arguments.diff {
        if is_input {
            print(&formatted)?;
        } else if !is_same {
            replace(Path::new(name), &formatted)?;
            message(&format!("formatted `{name}`"));
        }
    }
    Ok(if is_same { Found::Formatted } else { Found::Unformatted })
}

/// The formatted text, if there is one; otherwise the reason is shown.
fn formatted(file: &RuleFile, name: &str, colour: Colour) -> Option<String> {
    // The text of such a file is a part of it only.
    let is_part = |problem: &Problem| {
        matches!(problem, Problem::NotUtf8 { .. } | Problem::FileTooLarge { .. })
    };
    if file.problems.iter().any(is_part) {
        show_problems(file, name, colour);
        return None;
    }
    match format(&file.text) {
        Ok(text) => Some(text),
        Err(FormatError::Errors(_)) => {
            show_problems(file, name, colour);
            None
        }
        Err(error) => {
            message(&format!("error: `{name}`: {error}\n  help: {REPORT}"));
            None
        }
    }
}

fn difference(before: &str, after: &str, name: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    diff.unified_diff().header(name, &format!("{name} (formatted)")).to_string()
}

/// Puts the text in the file's place at once.
fn replace(path: &Path, text: &str) -> Result<(), CliError> {
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    let mut file = NewFile::create(path).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.put().map_err(fail)
}
