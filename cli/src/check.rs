//! `nosc check`: all mistakes of rule files at once.

use std::path::Path;

use nosc_compiler::RuleFile;
use nosc_compiler::problem::{Problem, Severity};
use nosc_compiler::source::place;
use serde_json::{Value, json};

use crate::arguments::{CheckArguments, Colour};
use crate::error::CliError;
use crate::output::{print_json, print_line, show_problems};
use crate::source::{check_input_once, read, standard_input};

pub(crate) fn check(arguments: &CheckArguments, colour: Colour) -> Result<(), CliError> {
    check_input_once(&arguments.files)?;
    let mut list = Vec::new();
    let mut errors = 0;
    for name in &arguments.files {
        let (read, shown) = match name.as_str() {
            "-" => (standard_input().map(|b| RuleFile::from_bytes("stdin", &b)), "<stdin>"),
            path => (read(Path::new(path)), path),
        };
        let file = match read {
            Ok(file) => file,
            Err(error) => {
                errors += 1;
                list.push(json!({
                    "code": "nosc::unreadable",
                    "message": error.to_string(),
                    "line": null,
                    "column": null,
                    "help": error.help(),
                    "severity": "error",
                    "file": shown,
                    "end_line": null,
                    "end_column": null,
                }));
                error.tell();
                continue;
            }
        };
        let count = |severity| file.problems.iter().filter(|p| p.severity() == severity).count();
        errors += count(Severity::Error);
        if arguments.json {
            list.extend(file.problems.iter().map(|problem| json_of(problem, &file.text, shown)));
            continue;
        }
        show_problems(&file, shown, colour);
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        print_line(&format!(
            "{shown}: {}, {}, {}",
            counted(file.rules.len(), "good rule"),
            counted(errors, "error"),
            counted(warnings, "warning")
        ))?;
    }
    if arguments.json {
        print_json(&Value::Array(list))?;
    }
    if errors > 0 { Err(CliError::Shown) } else { Ok(()) }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn json_of(problem: &Problem, text: &str, file: &str) -> Value {
    let start = place(text, problem.span().start as usize);
    let end = place(text, problem.span().end as usize);
    json!({
        "code": problem.code(),
        "message": problem.to_string(),
        "line": start.line,
        "column": start.column,
        "help": problem.help(),
        "severity": match problem.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "file": file,
        "end_line": end.line,
        "end_column": end.column,
    })
}
