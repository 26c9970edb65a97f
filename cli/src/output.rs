//! Printing: to standard output, where a closed pipe is a quiet end, and messages to standard error.
//!
//! What a terminal would obey reaches none: texts may come from strangers. A pipe or a file gets every byte.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use miette::Diagnostic;
use nosc_compiler::RuleFile;
use nosc_compiler::plain::plain;
use nosc_compiler::problem::{Problem, Report};
use nosc_compiler::render::Renderer;
use nosc_compiler::source::Span;
use nosc_runtime::files::{NewFile, folder_of};

use crate::arguments::Colour;
use crate::error::CliError;

/// Writes text to standard output.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Standard output, for whatever is written there.
pub(crate) fn stdout() -> Box<dyn Write + Send> {
    let out = io::stdout();
    if out.is_terminal() { Box::new(PlainWriter::new(out)) } else { Box::new(out) }
}

/// Passes on what a terminal shows, as [`plain`] has it. A character that is not whole yet, or a carriage return whose line may
/// end, waits for what follows.
struct PlainWriter<W: Write> {
    out: W,
    held: Vec<u8>,
}

impl<W: Write> PlainWriter<W> {
    fn new(out: W) -> Self {
        Self { out, held: Vec::new() }
    }

    /// Passes on the first bytes of those held.
    fn pass(&mut self, count: usize) -> io::Result<()> {
        let text: Vec<u8> = self.held.drain(..count).collect();
        self.out.write_all(plain(&String::from_utf8_lossy(&text)).as_bytes())
    }
}

impl<W: Write> Write for PlainWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.held) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.held.len(),
        };
        let is_return = whole == self.held.len() && self.held.ends_with(b"\r");
        self.pass(whole - usize::from(is_return))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(self.held.len())?;
        self.out.flush()
    }
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
    rendered(&plain(text));
}

/// Writes a message that has its own colours and is plain otherwise.
fn rendered(text: &str) {
    let mut out = io::stderr().lock();
    // There is no place left to say that a message could not be written.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")));
}

/// Whether messages are coloured.
pub(crate) fn coloured(colour: Colour) -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => io::stderr().is_terminal() && !plain,
    }
}

/// A number and what it counts, as in `1 rule` and `2 rules`.
pub(crate) fn counted(number: &str, one: &str, many: &str) -> String {
    format!("{number} {}", if number == "1" { one } else { many })
}

/// Lines of cells in columns: those of names stand to the left, those of numbers to the right.
pub(crate) fn aligned<L: AsRef<[String]>>(lines: &[L], names: &[usize]) -> String {
    let columns = lines.first().map_or(0, |line| line.as_ref().len());
    let width = |c: usize| lines.iter().map(|line| line.as_ref()[c].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in lines {
        let cells = line.as_ref().iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if names.contains(&column) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

/// How many errors, in words.
pub(crate) fn errors(count: usize) -> String {
    counted(&count.to_string(), "error", "errors")
}

/// Shows every problem of a file with the lines that it is about.
pub(crate) fn show_problems(file: &RuleFile, name: &str, colour: Colour) {
    let report = |problem: &Problem| Report::new(name, &file.text, problem.clone());
    let reports = file.problems.iter().map(|problem| (problem.span(), report(problem)));
    show_reports(reports, &file.text, name, colour);
}

/// Shows reports on the text of a file, each with its place and the lines that it is about.
pub(crate) fn show_reports<R: Diagnostic>(
    reports: impl Iterator<Item = (Span, R)>,
    text: &str,
    name: &str,
    colour: Colour,
) {
    let renderer = Renderer::new(coloured(colour));
    for (at, report) in reports {
        rendered(&renderer.report(&report, at, text, name));
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    write_with(path, |out| out.write_all(bytes).map_err(fail))
}

/// Writes a file that is there when it is whole, so that an old one is never half overwritten.
pub(crate) fn write_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    let mut file = NewFile::create(path).map_err(fail)?;
    write(&mut file)?;
    Prepared { path, file }.put()
}

/// A file that is written, but not in its place yet.
#[must_use]
pub(crate) struct Prepared<'a> {
    path: &'a Path,
    file: NewFile,
}

impl Prepared<'_> {
    /// Puts it in its place, where an old file goes.
    pub(crate) fn put(self) -> Result<(), CliError> {
        let Prepared { path, file } = self;
        let is_file = file.is_file();
        file.put().map_err(|source| CliError::Write { path: path.to_owned(), source })?;
        if is_file {
            message(&format!("wrote `{}`", path.display()));
        }
        Ok(())
    }
}

/// Writes a file beside its place, so that whatever may fail has been done.
pub(crate) fn prepare<'a>(path: &'a Path, bytes: &[u8]) -> Result<Prepared<'a>, CliError> {
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    let mut file = NewFile::create(path).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.flush()).map_err(fail)?;
    Ok(Prepared { path, file })
}

/// Makes a folder that several files are written into.
pub(crate) fn make_folder(path: &Path) -> Result<(), CliError> {
    let source = match std::fs::create_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(_) if path.is_file() => io::Error::other("it is a file, and a folder is needed"),
        Err(source) => source,
    };
    Err(CliError::Write { path: path.to_owned(), source })
}

/// Fails before any work is done if a file could not be written there.
pub(crate) fn check_writable(path: &Path) -> Result<(), CliError> {
    if path.exists() && !path.is_file() && !path.is_dir() {
        // A device or a pipe, whose reader may come later.
        return Ok(());
    }
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    NewFile::create(path).map(drop).map_err(fail)
}

/// Whether two paths lead to one place, where there may be no file yet.
pub(crate) fn is_same_place(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| {
        path.canonicalize().or_else(|_| {
            let folder = folder_of(path).canonicalize()?;
            Ok::<_, io::Error>(path.file_name().map_or(folder.clone(), |name| folder.join(name)))
        })
    };
    match (real(a), real(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        assert_eq!(counted("1", "rule", "rules"), "1 rule");
        assert_eq!(counted("0", "rule", "rules"), "0 rules");
        assert_eq!(errors(21), "21 errors");
    }

    #[test]
    fn what_a_terminal_obeys_is_shown_as_question_marks() {
        let text = "a\u{1b}[2Jb\u{9b}1mé\r\n\tc\u{7f}\rd\u{202e}e\u{7}\r";
        for piece in [1, 2, 3, 100] {
            let mut out = PlainWriter::new(Vec::new());
            text.as_bytes().chunks(piece).for_each(|bytes| out.write_all(bytes).unwrap());
            out.write_all(b"\xffx\xe2\x80").unwrap();
            out.flush().unwrap();
            let shown = String::from_utf8(out.out).unwrap();
            let wanted = "a?[2Jb¿1mé\r\n\tc??d\u{fffd}e??\u{fffd}x\u{fffd}";
            assert_eq!(shown, wanted, "pieces of {piece}");
        }
    }

    #[test]
    fn places_are_one_however_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("sub")).unwrap();
        std::fs::write(path("is.txt"), "").unwrap();
        assert!(is_same_place(&path("is.txt"), &path("sub/../is.txt")));
        assert!(is_same_place(&path("new.txt"), &path("sub/../new.txt")));
        assert!(!is_same_place(&path("new.txt"), &path("sub/new.txt")));
        assert!(!is_same_place(&path("is.txt"), &path("new.txt")));
    }
}
