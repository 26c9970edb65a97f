//! A run as one page of HTML, for reading: no scripts, no fonts, nothing from anywhere else.
//!
//! ```text
//! summary ─ rewards ─ other seeds ─ sampler ─ learning curves ─ tokens ─ cost ─ best rules ─ rules without a result
//! ```
//!
//! A section that has nothing to show is left out. The page is well-formed XML as well, with one `main` in it, and
//! follows the reader's choice of light or dark.

mod charts;
mod cost;
mod html;
mod other_seeds;
mod ranking;
mod reward_axis;
mod style;
mod summary;
mod token_shares;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::record::RunRecord;
use html::{escape, section};

/// Writes the page.
///
/// `step_nanoseconds` is the time of a step of the rule's optimizer by number of the trial, nanoseconds a parameter, as it
/// was measured; where it is empty, the plot of it is left out.
///
/// # Errors
///
/// Those of `out`.
pub fn write_report(
    run: &RunRecord,
    step_nanoseconds: &BTreeMap<u64, f64>,
    mut out: impl Write,
) -> io::Result<()> {
    let title = if run.task.title.is_empty() { "Search" } else { &run.task.title };
    let title = escape(title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}: search for update rules</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">Search for update rules</p>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n</header>\n",
        style::style(),
        escape(&run.task.summary),
    )?;
    let sections = [
        ("Summary", summary::summary(run)),
        ("Rewards", charts::rewards(run)),
        ("With seeds that the search has not used", other_seeds::other_seeds(run)),
        ("The sampler", charts::sampler(run)),
        ("Learning curves", charts::learning_curves(run)),
        ("Tokens", token_shares::token_shares(run)),
        ("What a rule costs", cost::cost(run, step_nanoseconds)),
        ("Best rules", ranking::ranking(run)),
        ("Rules without a result", summary::without_result(run)),
    ];
    for (heading, content) in sections {
        out.write_all(section(heading, &content).as_bytes())?;
    }
    out.write_all(b"</main>\n</body>\n</html>\n")?;
    out.flush()
}
