//! The formatter's text, as changes of the lines that differ.

use std::time::{Duration, Instant};

use lsp_types::{Position, Range, TextEdit};
use nosc_compiler::format::{FormatError, format};
use nosc_compiler::outline::{Edit, Fix};
use nosc_compiler::source::Span;
use similar::{Algorithm, DiffOp, DiffableStr, capture_diff_slices_deadline};

use super::message::Failure;
use super::view::View;

/// After this time a difference is finished in a coarser way.
const PATIENCE: Duration = Duration::from_millis(100);

/// Changes that format all of a document; `None` if it cannot be read, which its problems say.
pub(super) fn format_all(view: View<'_>) -> Result<Option<Vec<TextEdit>>, Failure> {
    let Some(formatted) = formatted(view.text())? else { return Ok(None) };
    Ok(Some(in_terms_of(view, &changes(view.text(), &formatted))))
}

/// Those of them that touch lines of a range, or all where they do not stand alone.
pub(super) fn format_range(view: View<'_>, range: Range) -> Result<Option<Vec<TextEdit>>, Failure> {
    let text = view.text();
    let Some(formatted) = formatted(text)? else { return Ok(None) };
    let all = changes(text, &formatted);
    let lines = lines_of(view, range);
    let touches = |at: Span| {
        at.start <= lines.start && lines.start < at.end.max(at.start + 1)
            || lines.start <= at.start && at.start < lines.end
    };
    let inside = all.iter().filter(|edit| touches(edit.at));
    let part = Fix { title: String::new(), edits: inside.cloned().collect() };
    // Lines of the difference may have been matched so that one change needs another.
    let stands_alone = self::formatted(&part.apply(text)).is_ok_and(|f| f == Some(formatted));
    Ok(Some(in_terms_of(view, if stands_alone { &part.edits } else { &all })))
}

/// The whole lines that a range touches.
fn lines_of(view: View<'_>, range: Range) -> Span {
    let at = |line| view.offset(Position { line, character: 0 });
    let is_before_line = range.end.character == 0 && range.start.line < range.end.line;
    let last = range.end.line - u32::from(is_before_line);
    Span::new(at(range.start.line), at(last.saturating_add(1)).max(at(range.start.line) + 1))
}

fn formatted(text: &str) -> Result<Option<String>, Failure> {
    match format(text) {
        Ok(formatted) => Ok(Some(formatted)),
        Err(FormatError::Errors(_)) => Ok(None),
        Err(error) => Err(Failure::internal(format!("{error}; please report this, with the file"))),
    }
}

/// What turns one text into the other, whole lines at a time.
fn changes(before: &str, after: &str) -> Vec<Edit> {
    let (old, new) = (before.tokenize_lines(), after.tokenize_lines());
    let mut edits = Vec::new();
    let mut at = 0;
    let deadline = Some(Instant::now() + PATIENCE);
    for change in capture_diff_slices_deadline(Algorithm::Myers, &old, &new, deadline) {
        let length = |range: std::ops::Range<usize>| -> usize {
            old[range].iter().map(|line| line.len()).sum()
        };
        let end = at + length(change.old_range());
        if !matches!(change, DiffOp::Equal { .. }) {
            let text = new[change.new_range()].concat();
            edits.push(Edit { at: Span::new(at, end), text });
        }
        at = end;
    }
    edits
}

fn in_terms_of(view: View<'_>, edits: &[Edit]) -> Vec<TextEdit> {
    let edit = |edit: &Edit| TextEdit { range: view.range(edit.at), new_text: edit.text.clone() };
    edits.iter().map(edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_make_the_other_text_and_leave_lines_that_are_the_same() {
        let before = "rule a=g\nrule b = m\n\n\n\nrule c=v";
        let after = format(before).unwrap();
        let edits = changes(before, &after);
        let fix = Fix { title: String::new(), edits };
        assert_eq!(fix.apply(before), after);
        let kept = Span::new(9, 20);
        assert!(
            fix.edits.iter().all(|edit| edit.at.end <= kept.start || kept.end <= edit.at.start)
        );
    }
}
