//! Problems of a document, as the checker has them.

use lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    NumberOrString,
};
use nosc_compiler::problem::{Problem, Severity};
use serde_json::{Value, json};

use super::view::View;

/// Where each code has a heading.
const MANUAL: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors.md");

/// All problems of a document, in the order of their places.
pub(super) fn of(view: View<'_>) -> Vec<Diagnostic> {
    view.file().problems.iter().map(|problem| diagnostic(view, problem)).collect()
}

/// One problem. The way out is a second line of the message, since nothing else is shown everywhere.
pub(super) fn diagnostic(view: View<'_>, problem: &Problem) -> Diagnostic {
    let client = view.client;
    let related = view.outline().related(problem).into_iter();
    let related: Vec<_> = related
        .map(|place| DiagnosticRelatedInformation {
            location: view.location(place.at),
            message: place.label.to_owned(),
        })
        .collect();
    let help = problem.help();
    let message = match &help {
        Some(help) => format!("{problem}\nhelp: {help}"),
        None => problem.to_string(),
    };
    let is_unused = matches!(problem, Problem::Unused { .. });
    let data = json!({
        "help": help,
        "fix": view.outline().fix(view.text(), problem).map(|fix| fix.title),
    });
    Diagnostic {
        range: view.range(problem.span()),
        severity: Some(match problem.severity() {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(problem.code().to_owned())),
        code_description: client.code_description.then(|| link(problem.code())).flatten(),
        source: Some("nosc".to_owned()),
        message,
        related_information: (client.related_information && !related.is_empty()).then_some(related),
        tags: (client.unnecessary_tag && is_unused).then(|| vec![DiagnosticTag::UNNECESSARY]),
        data: client.diagnostic_data.then_some(data),
    }
}

/// The heading of a code: of `nosc::unused` the anchor is `noscunused`.
fn link(code: &str) -> Option<CodeDescription> {
    let anchor = code.replace(':', "");
    Some(CodeDescription { href: format!("{MANUAL}#{anchor}").parse().ok()? })
}

/// The answer to a client that asks for problems.
pub(super) fn report(view: View<'_>, previous: Option<&str>) -> Value {
    let id = format!("{}.{}", view.document.opening, view.document.version);
    if previous == Some(&id) {
        return json!({ "kind": "unchanged", "resultId": id });
    }
    json!({ "kind": "full", "resultId": id, "items": of(view) })
}
