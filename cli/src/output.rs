//! Printing: to standard output, where a closed pipe is a quiet end, and messages to standard error.

use std::io::{IsTerminal, Write};
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};
use nosc_compiler::RuleFile;
use nosc_compiler::problem::{Problem, Report, Severity};
use nosc_compiler::source::{Span, place};

use crate::arguments::Colour;
use crate::error::CliError;

/// Writes text to standard output.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Writes text and a newline to standard output.
pub(crate) fn print_line(text: &str) -> Result<(), CliError> {
    print(&format!("{text}\n"))
}

/// Writes a value as JSON to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), CliError> {
    print_line(&format!("{value:#}"))
}

/// Writes a message to standard error; nobody may be listening.
pub(crate) fn message(text: &str) {
    let mut out = std::io::stderr().lock();
    // There is no place left to say that a message could not be written.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")));
}

/// Whether messages are coloured.
pub(crate) fn coloured(colour: Colour) -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => std::io::stderr().is_terminal() && !plain,
    }
}

/// Shows every problem of a file with the lines that it is about.
pub(crate) fn show_problems(file: &RuleFile, name: &str, colour: Colour) {
    let styles = if coloured(colour) { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    for problem in &file.problems {
        if in_long_line(&file.text, problem.span()) {
            message(&short(problem, &file.text, name));
            continue;
        }
        let report = Report::new(name, &file.text, problem.clone());
        let mut text = String::new();
        match handler.render_report(&mut text, &report) {
            Ok(()) => message(&format!("{}\n", text.trim_end())),
            Err(_) => message(&problem.to_string()),
        }
    }
}

/// Lines above this many bytes are not shown whole.
const LONG_LINE: usize = 400;

/// Whether the picture of a place would hold a very long line: its own, or one beside it.
fn in_long_line(text: &str, at: Span) -> bool {
    let own = text.as_bytes();
    let before = own[..at.start as usize].rsplit(|b| *b == b'\n').take(2);
    let after = own[at.start as usize..].split(|b| *b == b'\n').take(2);
    before.chain(after).map(<[u8]>::len).sum::<usize>() > LONG_LINE
        || at.end - at.start > LONG_LINE as u32
}

/// A problem with the text around its place, as few lines as it takes.
fn short(problem: &Problem, text: &str, name: &str) -> String {
    let at = problem.span().start as usize;
    let around: String = text[at..].chars().take_while(|c| *c != '\n').take(40).collect();
    let kind = match problem.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = place(text, at);
    let mut out = format!("{kind}: {problem} ({})\n  at {name}:{place}: {around}", problem.code());
    if let Some(help) = problem.help() {
        out += &format!("\n  help: {help}");
    }
    out
}

/// Writes a file beside its place and renames it into it, so that an old file is never half overwritten.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    // Errors of the file beside it would name that file: their kind is what matters.
    let fail = |source: std::io::Error| {
        let source = source.kind().into();
        CliError::Write { path: path.to_owned(), source }
    };
    if path.exists() && !path.is_file() {
        // A device or a pipe is written to, not replaced.
        return std::fs::write(path, bytes).map_err(fail);
    }
    let mut builder = tempfile::Builder::new();
    // What an ordinary new file has, before the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder_of(path)).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    message(&format!("wrote `{}`", path.display()));
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Fails before any work is done if a file could not be written there.
pub(crate) fn check_writable(path: &Path) -> Result<(), CliError> {
    if folder_of(path).is_dir() && !path.is_dir() {
        return Ok(());
    }
    let kind =
        if path.is_dir() { std::io::ErrorKind::IsADirectory } else { std::io::ErrorKind::NotFound };
    Err(CliError::Write { path: path.to_owned(), source: kind.into() })
}
