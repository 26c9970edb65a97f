//! Quick fixes: what the outline knows to mend.

use lsp_types::{CodeActionKind, Range, TextEdit};
use nosc_compiler::outline::Edit;
use serde_json::{Value, json};

use super::diagnostics::diagnostic;
use super::view::View;

/// The fixes of problems that a range touches.
pub(super) fn actions(view: View<'_>, range: Range, only: Option<&[CodeActionKind]>) -> Value {
    let wanted =
        only.is_none_or(|only| only.iter().any(|kind| ["", "quickfix"].contains(&kind.as_str())));
    if !wanted || !view.client.code_actions {
        return json!([]);
    }
    let (start, end) = (view.offset(range.start), view.offset(range.end));
    let touches = |at: std::ops::Range<usize>| at.start <= end && start <= at.end;
    let problems = view.file().problems.iter().filter(|p| touches(p.span().range()));
    let fixes = problems.filter_map(|problem| {
        let fix = view.outline().fix(view.text(), problem)?;
        let edits: Vec<TextEdit> = fix.edits.iter().map(|edit| text_edit(view, edit)).collect();
        Some(json!({
            "title": fix.title,
            "kind": "quickfix",
            "diagnostics": [diagnostic(view, problem)],
            "isPreferred": true,
            "edit": view.edit(&edits),
        }))
    });
    Value::Array(fixes.collect())
}

fn text_edit(view: View<'_>, edit: &Edit) -> TextEdit {
    TextEdit { range: view.range(edit.at), new_text: edit.text.clone() }
}
