//! `nosc sample`: random token strings.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use clap::Args;
use nosc_compiler::space::{Constraints, Kind, MAX_GROUPS, SampleError, Sampler, SearchSpace};
use serde_json::{Value, json};

use crate::arguments::Colour;
use crate::error::CliError;
use crate::output::{aligned, counted, print, print_json};
use crate::space;

/// Strings are written in pieces of about this many bytes.
const PIECE: usize = 1 << 16;

#[derive(Debug, Args)]
pub(crate) struct SampleArguments {
    /// `paper`, `small`, or a space file
    #[arg(long, default_value = "paper", value_parser = crate::names::SPACE, hide_possible_values = true)]
    pub(crate) space: String,
    /// Groups of a string: N, or N..M with both ends, each length equally likely
    #[arg(short = 'n', long, value_parser = space::groups, value_name = "N[..M]")]
    pub(crate) groups: Option<RangeInclusive<usize>>,
    /// How many strings
    #[arg(long, default_value_t = 10)]
    pub(crate) count: u64,
    /// The same seed gives the same strings on every machine
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// `paper`, `none`, or names with commas: operands-differ, last-not-add, reuse, all-used
    #[arg(long, value_parser = space::constraints)]
    pub(crate) constraints: Option<Constraints>,
    /// No string twice
    #[arg(long)]
    pub(crate) distinct: bool,
    /// Print the exact number of strings of each length, and draw none
    #[arg(long, conflicts_with_all = ["count", "seed", "distinct"])]
    pub(crate) size: bool,
    /// Print JSON: a list of strings, or with `--size` an object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn sample(arguments: &SampleArguments, colour: Colour) -> Result<(), CliError> {
    let space = space::select(&arguments.space, colour)?;
    let constraints = arguments.constraints.or(space.constraints()).unwrap_or(Constraints::PAPER);
    let groups = arguments.groups.clone().or(space.groups()).unwrap_or(1..=4);
    if groups.is_empty() || *groups.start() == 0 || *groups.end() > MAX_GROUPS {
        let (first, last) = (*groups.start(), *groups.end());
        return Err(CliError::Usage(SampleError::Groups { first, last }.to_string()));
    }
    if arguments.size {
        return sizes(&space, groups, constraints, arguments.json);
    }
    let mut sampler = Sampler::new(&space, groups.clone(), constraints, arguments.seed)
        .map_err(|error| CliError::Problems(with_way_out(&error)))?;
    let mut out = Strings::new(arguments.json);
    if !arguments.distinct {
        for _ in 0..arguments.count {
            out.push(|text| sampler.write(text))?;
        }
        return out.end();
    }
    let available = groups.map(|groups| space.size(groups, constraints)).reduce(|a, b| a + b);
    if let Some(available) = available.filter(|available| *available < arguments.count.into()) {
        let (available, count) = (available.to_string(), arguments.count);
        let verb = if available == "1" { "is" } else { "are" };
        let strings = counted(&available, "such string", "such strings");
        return Err(CliError::Problems(format!(
            "there {verb} {strings}, and `--distinct` was to find {count}; ask for no more than there are"
        )));
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let new = sampler.filter(|text| seen.insert(text.clone()));
    for text in new.take(usize::try_from(arguments.count).unwrap_or(usize::MAX)) {
        out.push(|line| line.push_str(&text))?;
    }
    out.end()
}

fn with_way_out(error: &SampleError) -> String {
    match error {
        SampleError::Empty { .. } => {
            format!(
                "{error}; give fewer with `--constraints`, or another number of groups with `-n`"
            )
        }
        _ => error.to_string(),
    }
}

/// Strings on their way to standard output, a line each or as a JSON list, many at a time.
struct Strings {
    text: String,
    json: bool,
    is_first: bool,
}

impl Strings {
    fn new(json: bool) -> Strings {
        let text = if json { "[" } else { "" };
        Strings { text: text.to_owned(), json, is_first: true }
    }

    /// Adds a string that needs no escapes in JSON.
    fn push(&mut self, write: impl FnOnce(&mut String)) -> Result<(), CliError> {
        if self.json {
            self.text.push_str(if self.is_first { "\n  \"" } else { ",\n  \"" });
        }
        write(&mut self.text);
        self.text.push_str(if self.json { "\"" } else { "\n" });
        self.is_first = false;
        if self.text.len() >= PIECE {
            print(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), CliError> {
        if self.json {
            self.text.push_str(if self.is_first { "]\n" } else { "\n]\n" });
        }
        print(&self.text)
    }
}

/// How many strings there are, by length.
fn sizes(
    space: &SearchSpace,
    groups: RangeInclusive<usize>,
    constraints: Constraints,
    json: bool,
) -> Result<(), CliError> {
    let size = |groups, constraints| space.size(groups, constraints).to_string();
    let rows: Vec<[String; 3]> =
        groups.map(|n| [n.to_string(), size(n, constraints), size(n, Constraints::NONE)]).collect();
    if json {
        let sizes = rows.iter().map(|[groups, strings, all]| {
            // JSON's numbers end where these begin.
            json!({
                "groups": groups.parse().unwrap_or(0),
                "strings": strings,
                "without_constraints": all,
            })
        });
        let tokens = Kind::ALL.map(|kind| (kind.key().to_owned(), json!(space.tokens(kind))));
        return print_json(&json!({
            "space": space.name(),
            "tokens": serde_json::Map::from_iter(tokens),
            "constraints": constraints.to_string(),
            "sizes": sizes.collect::<Vec<Value>>(),
        }));
    }
    let count = |kind: Kind| {
        let one = if kind == Kind::Operand { "operand" } else { kind.key() };
        counted(&space.tokens(kind).len().to_string(), one, kind.key())
    };
    let counts = Kind::ALL.map(count);
    let mut out = format!("space        {}: {}\n", space.name(), counts.join(", "));
    out += &format!("constraints  {constraints}\n\n");
    let head = ["groups", "strings", "without constraints"].map(str::to_owned);
    let lines: Vec<&[String; 3]> = [&head].into_iter().chain(&rows).collect();
    out += &aligned(&lines, &[]);
    print(&out)
}
