//! `nosc explain`: what a rule is and what it costs.

use nosc_runtime::explain::Explanation;
use serde_json::Value;

use crate::arguments::{Colour, ExplainArguments};
use crate::error::CliError;
use crate::output::{print, print_json};
use crate::source::select;

pub(crate) fn explain(arguments: &ExplainArguments, colour: Colour) -> Result<(), CliError> {
    let selected = select(&arguments.source, &[], colour)?;
    let explained: Vec<Explanation> =
        selected.rules.iter().map(Explanation::new).collect::<Result<_, _>>()?;
    if arguments.json {
        let mut list: Vec<Value> = explained.iter().map(Explanation::json).collect();
        let whole = match list.pop() {
            Some(one) if list.is_empty() => one,
            last => {
                list.extend(last);
                Value::Array(list)
            }
        };
        return print_json(&whole);
    }
    for (index, rule) in explained.iter().enumerate() {
        let gap = if index > 0 { "\n" } else { "" };
        print(&format!("{gap}{}", rule.text()))?;
    }
    Ok(())
}
