//! What was most likely meant by a command line that clap refuses: one more tip in its message.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use nosc_compiler::nearest;
use nosc_runtime::library;

use crate::arguments::Arguments;

/// The same error with a tip, where one is known.
pub(crate) fn with_tip(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    // Help and versions come as errors too, and are not to wait.
    if !error.use_stderr() {
        return error;
    }
    let commands = Arguments::command();
    let mut words = words.iter().skip(1).filter_map(|word| word.to_str());
    let command = words.find(|word| commands.find_subcommand(word).is_some());
    let Some(tip) = tip(&error, command.unwrap_or_default()) else { return error };
    // Names of commands that look like a file's say nothing, and that `--` makes a value of it neither.
    for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue] {
        error.remove(kind);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error
}

fn tip(error: &clap::Error, command: &str) -> Option<String> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let known = error.get(ContextKind::SuggestedSubcommand).is_some();
            no_command(word(ContextKind::InvalidSubcommand)?, known)
        }
        ErrorKind::UnknownArgument => {
            let word = word(ContextKind::InvalidArg)?;
            match word.strip_prefix("--") {
                Some(name) => unknown_option(name, command),
                None => too_many(word, command),
            }
        }
        ErrorKind::InvalidUtf8 => {
            Some("files may be given as standard input: `nosc check - < FILE`".to_owned())
        }
        ErrorKind::InvalidValue if is_gpu(word(ContextKind::InvalidValue)?) => {
            Some("NVIDIA's GPUs are `cuda`".to_owned())
        }
        _ => None,
    }
}

fn is_gpu(value: &str) -> bool {
    ["gpu", "nvidia", "nvptx", "ptx"].iter().any(|name| name.eq_ignore_ascii_case(value))
}

/// A word in the place of a command: a rule, a task, a formula.
fn no_command(word: &str, is_like_a_command: bool) -> Option<String> {
    let names: Vec<String> = library::rules().into_iter().map(|rule| rule.name).collect();
    let rule = names.iter().find(|name| *name == word).map(String::as_str);
    let near = || nearest(word, names.iter().map(String::as_str)).filter(|_| !is_like_a_command);
    if let Some(rule) = rule.or_else(near) {
        return Some(format!("to see the rule `{rule}`, write `nosc explain {rule}`"));
    }
    let stem =
        Path::new(word).extension().filter(|ending| *ending == "nos").and(word.rsplit_once('.'));
    match stem {
        Some((stem, _)) if !Path::new(word).exists() && names.iter().any(|name| name == stem) => {
            return Some(format!("to see the standard rule `{stem}`, write `nosc explain {stem}`"));
        }
        Some(_) => {
            return Some(format!(
                "to look for mistakes in a rule file, write `nosc check {word}`; to see what its rules are, \
                 `nosc explain {word}`"
            ));
        }
        None => {}
    }
    if nosc_controller::task::NAMES.contains(&word) {
        return Some(format!("to train on {word}, write `nosc train {word} --rules sgd,adam`"));
    }
    let is_formula = word.contains(|c: char| "*/+()[] ".contains(c)) && !Path::new(word).exists();
    is_formula.then(|| format!("to see what a formula is, write `nosc explain -e '{word}'`"))
}

/// What other programs call an option, or where none is needed.
fn unknown_option(name: &str, command: &str) -> Option<String> {
    let name = name.split('=').next().unwrap_or_default().replace('-', "_");
    let tip = match name.as_str() {
        "rule" if command != "train" => {
            "a rule stands without an option after the command: `nosc explain powersign`".to_owned()
        }
        "learning_rate" if matches!(command, "run" | "train" | "transfer") => {
            "the learning rate is `--lr`".to_owned()
        }
        "gpu" | "cuda" if matches!(command, "run" | "train" | "bench") => {
            "a GPU is chosen by `--device cuda`".to_owned()
        }
        _ if matches!(command, "run" | "train") && is_parameter(&name) => {
            format!("parameters of a rule are set by `--set {name}=VALUE`")
        }
        _ => return None,
    };
    Some(tip)
}

fn is_parameter(name: &str) -> bool {
    library::rules().iter().any(|rule| rule.parameters.iter().any(|known| known.name == name))
}

/// One word more than a command takes.
fn too_many(word: &str, command: &str) -> Option<String> {
    if word.starts_with('-') {
        return None;
    }
    let tip = match command {
        "train" => "several rules stand after one `--rules`, with commas: `--rules sgd,adam`".to_owned(),
        "sample" if !word.contains(' ') => format!("a search space is named by `--space {word}`"),
        "compile" => {
            "one rule or file at a time: `FILE:NAME` is a rule of a file, and `-o` says where the result goes"
                .to_owned()
        }
        "explain" | "run" => "one rule or file at a time: `FILE:NAME` is a rule of a file".to_owned(),
        "eq" => "two rules are compared; a formula with spaces stands in quotes".to_owned(),
        _ => return None,
    };
    Some(tip)
}
