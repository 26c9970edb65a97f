//! `nosc eq`: two rules compared at every level, and a point where they differ.

use std::path::Path;

use clap::Args;
use nosc_compiler::canonical::Level;
use nosc_compiler::{Rule, RuleFile, line};
use nosc_runtime::compare::Comparison;
use nosc_runtime::library;

use crate::arguments::Colour;
use crate::common::has_ending;
use crate::error::CliError;
use crate::output::{message, print, print_json, show_problems};
use crate::source::{check_input_once, select_named};

#[derive(Debug, Args)]
pub(crate) struct EqArguments {
    /// `FILE`, `FILE:NAME`, the name of a standard rule, a formula, or a token string
    #[arg(allow_hyphen_values = true, value_parser = crate::names::RULE, hide_possible_values = true)]
    a: String,
    /// The other rule
    #[arg(allow_hyphen_values = true, value_parser = crate::names::RULE, hide_possible_values = true)]
    b: String,
    /// Read both as token strings, such as 'g m id sign mul'
    #[arg(long)]
    tokens: bool,
    /// The level that `--exit-code` is about
    #[arg(long, default_value_t = Level::Real, value_name = "exact|real|scale")]
    level: Level,
    /// Exit with 1 if the rules differ at the level
    #[arg(long)]
    exit_code: bool,
    /// Seed of the points that are tried
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn eq(arguments: &EqArguments, colour: Colour) -> Result<(), CliError> {
    check_input_once([&arguments.a, &arguments.b])?;
    let read = |text: &str| one_rule(text, arguments.tokens, colour);
    let rules = [read(&arguments.a)?, read(&arguments.b)?];
    let compared = Comparison::new(rules, arguments.seed);
    if arguments.json {
        print_json(&compared.json())?;
    } else {
        print(&compared.text())?;
    }
    for level in compared.faults() {
        message(&format!(
            "error: the rules have one key at the level {level} and yet differ, as shown; this is a \
             fault of nosc, please report it"
        ));
    }
    if arguments.exit_code && !compared.is_equal(arguments.level) {
        return Err(CliError::Shown);
    }
    Ok(())
}

/// The rule that a text on the command line means.
fn one_rule(text: &str, tokens: bool, colour: Colour) -> Result<Rule, CliError> {
    let bare = text.trim();
    let is_list = |text: &str| !text.starts_with('[') && text.split_whitespace().count() >= 5;
    if tokens || (is_list(bare) && Rule::from_tokens(bare).is_ok()) {
        return parsed(&format!("[{}]", line::bare(bare).0), text, colour);
    }
    if !is_named(text) {
        return parsed(text, text, colour);
    }
    let mut rules = select_named(text, &[], colour)?.rules;
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Ok(rule),
        _ => Err(CliError::NoSuchRule(format!(
            "`{text}` holds several rules; write `{text}:NAME` for one of them"
        ))),
    }
}

/// Whether a text names a rule, rather than being one.
fn is_named(text: &str) -> bool {
    let is_file =
        |path: &str| path == "-" || Path::new(path).is_file() || has_ending(Path::new(path), "nos");
    let name_of_file = text.rsplit_once(':').is_some_and(|(file, _)| is_file(file));
    is_file(text) || name_of_file || library::find(text, &[]).is_some()
}

fn parsed(text: &str, shown: &str, colour: Colour) -> Result<Rule, CliError> {
    let file = RuleFile::parse("expression", text);
    let near = library::nearest(shown).filter(|_| file.has_errors());
    // A misspelt name of a rule is no formula with a mistake in it.
    if near.is_none() {
        show_problems(&file, shown, colour);
    }
    let wrong = |what: &str| Err(CliError::Problems(format!("`{shown}` {what}")));
    if file.has_errors() {
        let hint = near
            .map_or_else(String::new, |name| format!("; did you mean the standard rule `{name}`?"));
        return wrong(&format!("is no rule file, standard rule, formula or token string{hint}"));
    }
    let mut rules = file.rules;
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Ok(rule),
        _ => wrong("holds several rules, expected one"),
    }
}
