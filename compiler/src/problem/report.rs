//! A problem with its text, for rendering.

use super::{Problem, Severity};

/// A problem together with the text it is about, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Report {
    source: miette::NamedSource<String>,
    problem: Problem,
}

impl Report {
    /// Joins a problem with the name and text of its file.
    pub fn new(name: &str, text: &str, problem: Problem) -> Report {
        Report { source: miette::NamedSource::new(name, text.to_owned()), problem }
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.problem.code()))
    }
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem.help().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let span = self.problem.span();
        let label = miette::LabeledSpan::new_with_span(Some(self.problem.label()), span);
        Some(Box::new(std::iter::once(label)))
    }
}
