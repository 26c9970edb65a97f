//! `nosc rules`: the standard rules.

use std::path::Path;

use nosc_compiler::Rule;
use nosc_compiler::canonical::CanonicalRule;
use nosc_runtime::library;

use crate::arguments::RulesArguments;
use crate::error::CliError;
use crate::output::{print, print_line};

/// The first line of the comment that a rule's own file starts with, else its formula.
fn about(rule: &Rule) -> String {
    let file = library::files().iter().find(|(file, _)| *file == rule.name);
    let comment = file.and_then(|(_, text)| text.lines().next()?.strip_prefix('#'));
    match comment {
        Some(comment) => comment.trim().to_owned(),
        None => CanonicalRule::new(rule).text(),
    }
}

fn no_such_rule(name: &str) -> String {
    let hint = match library::nearest(name) {
        Some(near) => format!("did you mean `{near}`?"),
        None if Path::new(name).is_file() => {
            "`nosc explain FILE` says what the rules of a file are".to_owned()
        }
        None => "`nosc rules` lists them".to_owned(),
    };
    format!("no standard rule is named `{name}`; {hint}")
}

pub(crate) fn rules(arguments: &RulesArguments) -> Result<(), CliError> {
    if arguments.names.is_empty() {
        let rules = library::rules();
        let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
        let mut out = String::new();
        for rule in rules {
            let text = about(&rule);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let short: String = text.chars().take(80).collect();
            let dots = if short.len() < text.len() { " ..." } else { "" };
            out += &format!("{:width$}  {short}{dots}\n", rule.name);
        }
        return print(&out);
    }
    for name in &arguments.names {
        let rule = library::rule(name).ok_or_else(|| CliError::NoSuchRule(no_such_rule(name)))?;
        print_line(library::text(&rule).trim_end())?;
    }
    Ok(())
}
