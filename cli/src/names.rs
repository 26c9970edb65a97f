//! What completions offer for arguments that take more than a list of names: standard rules, tasks, spaces.

use std::ffi::OsStr;
use std::sync::LazyLock;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use nosc_controller::task::NAMES as TASKS;
use nosc_runtime::library;

/// Takes any text, and offers some. What a text means is decided later, by who can say more about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered(fn() -> Vec<&'static str>);

impl TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// The standard rules. They are read when somebody asks for completions, and not before.
pub(crate) fn standard_rules() -> Vec<&'static str> {
    static NAMES: LazyLock<Vec<String>> =
        LazyLock::new(|| library::rules().into_iter().map(|rule| rule.name).collect());
    NAMES.iter().map(String::as_str).collect()
}

/// An argument that may be a standard rule.
pub(crate) const RULE: Offered = Offered(standard_rules);
/// An argument that is a task.
pub(crate) const TASK: Offered = Offered(|| TASKS.to_vec());
/// An argument that is a space by name or file.
pub(crate) const SPACE: Offered = Offered(|| vec!["paper", "small"]);
