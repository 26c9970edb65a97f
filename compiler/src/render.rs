//! Problems as a terminal shows them: headline, the lines that they are about, the way out.

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, Severity, ThemeCharacters, ThemeStyles,
};

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
            return short(report, at, text, name);
        }
        let mut shown = String::new();
        match self.0.render_report(&mut shown, report) {
            Ok(()) => format!("{}\n", shown.trim_end()),
            Err(_) => report.to_string(),
        }
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
    fn a_long_line_is_not_shown_whole() {
        let text = format!("{}gg", "g + ".repeat(10_000));
        let file = RuleFile::parse("a", &text);
        let shown = Renderer::new(false).problem(&file.problems[0], &file.text, "a.nos");
        assert!(shown.len() < 1_000 && shown.contains("a.nos:1:40001"), "{shown}");
    }
}
