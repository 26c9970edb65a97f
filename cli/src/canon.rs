//! `nosc canon`: canonical forms and keys, of a few rules or of a stream with one a line.

use std::io::{IsTerminal, Write};
use std::path::Path;

use clap::Args;
use nosc_compiler::canonical::{Canonical, Canonicalizer, FORM_VERSION, Key, Level};
use nosc_compiler::line::one_line;
use serde_json::{Value, json};

use crate::arguments::{Colour, RuleSource};
use crate::common::has_ending;
use crate::error::CliError;
use crate::lines::{BadLine, Line, ListArguments, Plan, Progress, Reader, Source, Worker};
use crate::lines::{process, skipped};
use crate::output::{print, print_json, stdout};
use crate::source::select;

/// Reads one rule a line from standard input if no rule is named. A file that does not end in `.nos` is such
/// a list too.
#[derive(Debug, Args)]
pub(crate) struct CanonArguments {
    #[command(flatten)]
    source: RuleSource,
    #[command(flatten)]
    list: ListArguments,
    /// For a list: print key, tab and the line as it was read
    #[arg(long, conflicts_with = "json")]
    tsv: bool,
    /// Print JSON: an object for one rule, a list for several; for a list, an object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn canon(arguments: &CanonArguments, colour: Colour) -> Result<(), CliError> {
    if let Some(list) = list(&arguments.source) {
        return stream(arguments, list);
    }
    if let Some(name) = for_lists(arguments) {
        return Err(CliError::Usage(format!(
            "`{name}` is for lists: give them to standard input, one rule a line"
        )));
    }
    let selected = select(&arguments.source, &[], colour)?;
    let mut canonicalizer = Canonicalizer::new(arguments.list.level);
    let rules = selected.rules.iter();
    let forms = rules.map(|rule| (rule.name.as_str(), canonicalizer.canonicalize(rule)));
    if arguments.json {
        let mut list: Vec<Value> = forms.map(|(name, form)| json_of(name, &form)).collect();
        let is_one = selected.single && list.len() == 1;
        return print_json(&if is_one { list.swap_remove(0) } else { Value::Array(list) });
    }
    let texts: Vec<String> = forms.map(|(name, form)| text_of(name, &form)).collect();
    print(&texts.join("\n"))
}

/// An argument that only lists have, if there is one.
fn for_lists(arguments: &CanonArguments) -> Option<&'static str> {
    let list = &arguments.list;
    let given = [
        ("--tsv", arguments.tsv),
        ("--format", list.format.is_some()),
        ("--jobs", list.jobs.is_some()),
        ("--skip-bad", list.skip_bad),
    ];
    given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
}

/// The name of the list that the arguments mean, if they mean one.
fn list(source: &RuleSource) -> Option<&str> {
    if source.expression.is_some() || source.tokens.is_some() {
        return None;
    }
    let name = source.rule.as_deref().unwrap_or("-");
    let path = Path::new(name);
    let is_rules = has_ending(path, "nos");
    (name == "-" || path.is_file() && !is_rules).then_some(name)
}

fn json_of(name: &str, form: &Canonical) -> Value {
    json!({
        "name": name,
        "level": form.level.name(),
        "form_version": FORM_VERSION,
        "text": form.text,
        "is_normal": form.is_normal,
        "key": form.key.to_string(),
    })
}

fn text_of(name: &str, form: &Canonical) -> String {
    let text = form.text.trim_end().replace('\n', "\n            ");
    // The few rules without a text of their own at a level show their exact form.
    let level = if form.is_normal { form.level } else { Level::Exact }.name();
    format!("{:<12}{name}\n{level:<12}{text}\n{:<12}{}\n", "rule", "key", form.key)
}

fn stream(arguments: &CanonArguments, list: &str) -> Result<(), CliError> {
    let mut out = stdout();
    if list == "-" && std::io::stdin().is_terminal() {
        crate::output::message("reading rules from the terminal, one a line; end with Ctrl-D");
    }
    let options = &arguments.list;
    let source = Source::new(&[list.to_owned()], 0)?;
    let progress = if std::io::stdout().is_terminal() {
        Progress::hidden()
    } else {
        Progress::new(source.bytes())
    };
    let worker = || Printer {
        reader: Reader::new(options.level, options.format()),
        shape: match (arguments.tsv, arguments.json) {
            (true, _) => Shape::Line,
            (_, true) => Shape::Json,
            _ => Shape::Text,
        },
    };
    let mut workers: Vec<Printer> = (0..options.jobs()).map(|_| worker()).collect();
    let plan = Plan { skip_bad: options.skip_bad, progress: &progress };
    let result = process(source, &mut workers, plan, &mut out);
    progress.finish();
    let (_, tally) = result?;
    out.flush().map_err(CliError::Output)?;
    skipped(&tally);
    Ok(())
}

/// What stands in a line of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Key and line as read.
    Line,
    /// Key and canonical text.
    Text,
    Json,
}

struct Printer {
    reader: Reader,
    shape: Shape,
}

impl Worker for Printer {
    fn rule(&mut self, line: &Line<'_>, out: &mut Vec<u8>) -> Result<(), BadLine> {
        if self.shape == Shape::Line {
            let key = self.reader.key(line.rule)?;
            push_row(out, key, line.raw);
            return Ok(());
        }
        let form = self.reader.keys.canonicalize(&self.reader.rule(line.rule)?);
        let text = one_line(&form.text);
        if self.shape == Shape::Text {
            push_row(out, form.key, &text);
        } else {
            let object = json!({ "rule": line.raw, "key": form.key.to_string(), "text": text });
            out.extend_from_slice(object.to_string().as_bytes());
            out.push(b'\n');
        }
        Ok(())
    }
}

fn push_row(out: &mut Vec<u8>, key: Key, text: &str) {
    push_key(out, key);
    out.push(b'\t');
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// The key as text, quickly.
pub(crate) fn push_key(out: &mut Vec<u8>, key: Key) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in key.0 {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_printed_as_they_print_themselves() {
        let key = Key([0, 1, 0x23, 0xff, 0x9a, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xf0]);
        let mut out = Vec::new();
        push_key(&mut out, key);
        assert_eq!(String::from_utf8(out).unwrap(), key.to_string());
    }
}
