//! Problems as a terminal shows them: headline, the lines that they are about, the way out.
//!
//! Of the text nothing reaches the terminal that it would obey: a rule file may come from a stranger.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity,
    SourceCode, ThemeCharacters, ThemeStyles,
};

use crate::plain::plain;
use crate::problem::{Problem, Report};
use crate::source::{Span, place};

/// Characters of a line.
const WIDTH: usize = 100;

/// Lines above this many bytes are not shown whole.
const LONG_LINE: usize = 400;

/// Turns problems into text, with colours or without.
#[derive(Debug)]
pub struct Renderer(GraphicalReportHandler);

impl Renderer {
    /// With the colours of a terminal, or as plain text.
    pub fn new(coloured: bool) -> Renderer {
        let styles = if coloured { ThemeStyles::ansi() } else { ThemeStyles::none() };
        let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
        let handler = GraphicalReportHandler::new_themed(theme);
        Renderer(handler.with_width(WIDTH).with_links(false))
    }

    /// A problem of the text of a file, by the name of the file.
    ///
    /// ```
    /// use nosc_compiler::{RuleFile, render::Renderer};
    ///
    /// let file = RuleFile::parse("example", "exp(sgn(g))");
    /// let shown = Renderer::new(false).problem(&file.problems[0], &file.text, "example.nos");
    /// assert!(shown.contains("unknown function `sgn`") && shown.contains("example.nos:1:5"));
    /// ```
    pub fn problem(&self, problem: &Problem, text: &str, name: &str) -> String {
        self.report(&Report::new(name, text, problem.clone()), problem.span(), text, name)
    }

    /// A report on a place in the text of a file. No newline ends it, but where a picture is shown one more line
    /// sets it apart from what follows.
    pub fn report(&self, report: &dyn Diagnostic, at: Span, text: &str, name: &str) -> String {
        if in_long_line(text, at) {
            return plain(&short(report, at, text, name)).into_owned();
        }
        let mut shown = String::new();
        match self.0.render_report(&mut shown, &Plain::new(report, text, name)) {
            Ok(()) => format!("{}\n", shown.trim_end()),
            Err(_) => plain(&report.to_string()).into_owned(),
        }
    }
}

/// A report of which all text is plain.
#[derive(Debug)]
struct Plain<'a> {
    report: &'a dyn Diagnostic,
    source: NamedSource<String>,
}

impl<'a> Plain<'a> {
    fn new(report: &'a dyn Diagnostic, text: &str, name: &str) -> Self {
        Plain { report, source: NamedSource::new(plain(name), plain(text).into_owned()) }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.report.to_string()))
    }
}

impl std::error::Error for Plain<'_> {}

impl Diagnostic for Plain<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.report.code()
    }
    fn severity(&self) -> Option<Severity> {
        self.report.severity()
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.report.help()?.to_string();
        Some(Box::new(plain(&help).into_owned()))
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let shown = |label: LabeledSpan| {
            let text = label.label().map(|text| plain(text).into_owned());
            LabeledSpan::new_with_span(text, *label.inner())
        };
        Some(Box::new(self.report.labels()?.map(shown)))
    }
}

/// Whether the picture of a place would hold a very long line: its own, or one beside it.
fn in_long_line(text: &str, at: Span) -> bool {
    let own = text.as_bytes();
    let before = own[..at.start as usize].rsplit(|b| *b == b'\n').take(2);
    let after = own[at.start as usize..].split(|b| *b == b'\n').take(2);
    before.chain(after).map(<[u8]>::len).sum::<usize>() > LONG_LINE
        || at.end - at.start > LONG_LINE as u32
}

/// A problem with the text around its place, as few lines as it takes.
fn short(report: &dyn Diagnostic, at: Span, text: &str, name: &str) -> String {
    let at = at.start as usize;
    let around: String = text[at..].chars().take_while(|c| !c.is_control()).take(40).collect();
    let kind = match report.severity() {
        None | Some(Severity::Error) => "error",
        Some(Severity::Warning | Severity::Advice) => "warning",
    };
    let code = report.code().map(|code| format!(" ({code})")).unwrap_or_default();
    let place = place(text, at);
    let around = if around.is_empty() { around } else { format!(": {around}") };
    let mut out = format!("{kind}: {report}{code}\n  at {name}:{place}{around}");
    if let Some(help) = report.help() {
        out += &format!("\n  help: {help}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleFile;

    #[test]
    fn a_picture_marks_the_place_and_gives_the_way_out() {
        let file = RuleFile::parse("a", "rule a = g\nrule b = exp(sgn(g))");
        let shown = Renderer::new(false).problem(&file.problems[0], &file.text, "a.nos");
        assert!(
            shown.contains("[a.nos:2:14]") && shown.contains("did you mean `sign`?"),
            "{shown}"
        );
        assert!(!shown.contains('\u{1b}'));
        let coloured = Renderer::new(true).problem(&file.problems[0], &file.text, "a.nos");
        assert!(coloured.contains('\u{1b}'));
    }

    #[test]
    fn a_terminal_obeys_nothing_of_the_text() {
        let escape = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}";
        // Beside the place, in it, and in a line that is too long for a picture.
        for text in [
            format!("sgn(g) # {escape}"),
            format!("g + {escape}"),
            format!("sgn(g) + `{escape}` # {}", "x".repeat(LONG_LINE)),
        ] {
            let file = RuleFile::parse("a", &text);
            assert!(!file.problems.is_empty());
            for problem in &file.problems {
                let shown = Renderer::new(false).problem(problem, &file.text, escape);
                let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
                assert!(!shown.contains(obeyed), "{shown:?}");
                assert!(shown.contains("?[2J"), "{shown}");
            }
        }
    }

    #[test]
    fn a_long_line_is_not_shown_whole() {
        let text = format!("{}gg", "g + ".repeat(10_000));
        let file = RuleFile::parse("a", &text);
        let shown = Renderer::new(false).problem(&file.problems[0], &file.text, "a.nos");
        assert!(shown.len() < 1_000 && shown.contains("a.nos:1:40001"), "{shown}");
    }
}
