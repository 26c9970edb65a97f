//! `nosc dedup`: the classes of equivalent rules in a list.
//!
//! A rule is handed to the set as its key and the place where its line begins. So memory grows with classes
//! only: a representative is read back from its file, or kept if the input cannot be read twice.

mod kept;
mod listing;
mod saved;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use nosc_compiler::canonical::{FORM_VERSION, Key};
use nosc_compiler::dedup::{Dedup, ShardedDedup};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::lines::{BadLine, Batch, Input, Line, ListArguments, Plan, Progress, Reader};
use crate::lines::{Source, Tally, Worker, grouped, process, skipped};
use crate::output::{check_writable, counted, is_same_place, message, print_json, print_line};

use kept::Kept;
use listing::{Listing, Representatives};

/// Prints a row for each class, in the order in which their first rules stand in the list: how many rules it
/// has, its key, and the first of them as it was read.
#[derive(Debug, Args)]
pub(crate) struct DedupArguments {
    /// Lists of rules, one a line; `-` is standard input
    #[arg(required = true, value_hint = clap::ValueHint::FilePath)]
    files: Vec<String>,
    #[command(flatten)]
    list: ListArguments,
    /// The order of the rows
    #[arg(long, value_enum, default_value_t = Order::First)]
    sort: Order,
    /// Print the first so many rows only
    #[arg(long, value_name = "ROWS")]
    top: Option<usize>,
    /// Print no rows, only how many there would be
    #[arg(long, conflicts_with_all = ["top", "output", "json"])]
    summary: bool,
    /// Where the rows go; standard output if left out
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// A set that was saved: rules of its classes are counted and not listed
    #[arg(long, value_name = "SET")]
    load: Option<PathBuf>,
    /// Where to save the set of all classes, those of `--load` included
    #[arg(long, value_name = "SET")]
    save: Option<PathBuf>,
    /// Print a JSON object with the counts in place of the rows, which go to `--output` if that is given
    #[arg(long)]
    json: bool,
}

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// By the first rule of each class
    First,
    /// The largest class first
    Count,
}

pub(crate) fn dedup(arguments: &DedupArguments) -> Result<(), CliError> {
    check_targets(arguments)?;
    let known = match &arguments.load {
        Some(path) => saved::load(path, arguments.list.level)?,
        None => Dedup::new(arguments.list.level),
    };
    // Places of this list come after all of those before.
    let start = known.next_index();
    let seen = ShardedDedup::from(known);
    let source = Source::new(&arguments.files, start)?;
    let progress = Progress::new(source.bytes());
    let begin = Instant::now();
    let counted = count(&arguments.list, source, &seen, &progress);
    progress.finish();
    let seconds = begin.elapsed();
    let Counted { inputs, tally, kept } = counted?;
    let set = seen.into_dedup();
    let summary = Summary::new(&set, start, &tally, seconds);
    skipped(&tally);
    let is_listed = !arguments.summary && (!arguments.json || arguments.output.is_some());
    let mut listed = Ok(());
    if is_listed {
        let representatives = Representatives::new(inputs, kept);
        let rows = arguments.top.unwrap_or(usize::MAX);
        let listing = Listing { set: &set, start, order: arguments.sort, rows };
        listed = listing.write(representatives, arguments.output.as_deref());
    }
    // A reader that has seen enough rows still gets the set. Rows that were lost would be known next time.
    if let Some(path) = &arguments.save
        && listed.as_ref().err().is_none_or(CliError::is_closed_output)
    {
        saved::save(path, &set)?;
    }
    listed?;
    if arguments.json {
        return print_json(&summary.json(arguments));
    }
    let text = summary.text();
    if arguments.summary {
        return print_line(&text);
    }
    message(&text);
    Ok(())
}

/// Fails before any work is done if a file could not be written, or would take the place of another that is
/// read or written.
fn check_targets(arguments: &DedupArguments) -> Result<(), CliError> {
    let DedupArguments { output, save, load, files, .. } = arguments;
    for path in [output, save].into_iter().flatten() {
        check_writable(path)?;
    }
    if let (Some(output), Some(save)) = (output, save)
        && is_same_place(output, save)
    {
        let path = save.display();
        return Err(CliError::Usage(format!(
            "`--output` and `--save` both name `{path}`; give each a file of its own"
        )));
    }
    // Devices and pipes are written to, not replaced.
    let lists = || files.iter().filter(|name| *name != "-").map(Path::new);
    let is_read = |path: &Path| lists().any(|list| list.is_file() && is_same_place(list, path));
    let is_loaded = |path: &Path| load.as_ref().is_some_and(|load| is_same_place(load, path));
    let replaced = |name, path: &Path| {
        let path = path.display();
        Err(CliError::Usage(format!(
            "`{name}` would replace `{path}`, which is read; give another file"
        )))
    };
    match (output, save) {
        (Some(path), _) if is_read(path) || is_loaded(path) => replaced("--output", path),
        // A set that was loaded goes on as the one that is saved.
        (_, Some(path)) if is_read(path) => replaced("--save", path),
        _ => Ok(()),
    }
}

/// What the lines came to, besides the set.
struct Counted {
    inputs: Vec<Input>,
    tally: Tally,
    kept: Kept,
}

fn count(
    options: &ListArguments,
    source: Source,
    seen: &ShardedDedup,
    progress: &Progress,
) -> Result<Counted, CliError> {
    let worker = |_| Counter::new(Reader::new(options.level, options.format()), seen);
    let mut workers: Vec<_> = (0..options.jobs()).map(worker).collect();
    let plan = Plan { skip_bad: options.skip_bad, progress };
    let (inputs, tally) = process(source, &mut workers, plan, &mut std::io::sink())?;
    let kept = Kept::of(workers.into_iter().map(|worker| worker.kept));
    Ok(Counted { inputs, tally, kept })
}

/// Counts the rules of one thread into the set of all.
struct Counter<'a> {
    reader: Reader,
    seen: &'a ShardedDedup,
    /// Keys and places of the batch.
    rules: Vec<(Key, u64)>,
    /// Lines that cannot be read again, of rules that were the first of their class when they came.
    kept: Kept,
}

impl<'a> Counter<'a> {
    fn new(reader: Reader, seen: &'a ShardedDedup) -> Counter<'a> {
        Counter { reader, seen, rules: Vec::new(), kept: Kept::default() }
    }
}

impl Worker for Counter<'_> {
    fn rule(&mut self, line: &Line<'_>, _out: &mut Vec<u8>) -> Result<(), BadLine> {
        let key = self.reader.key(line.rule)?;
        self.rules.push((key, line.index));
        Ok(())
    }

    fn end(&mut self, batch: &Batch) {
        let kept = &mut self.kept;
        self.seen.insert_all(&mut self.rules, |index| {
            if batch.is_fleeting {
                kept.keep(index, batch.line(index));
            }
        });
        self.rules.clear();
    }
}

/// The counts.
struct Summary {
    rules: u64,
    classes: u64,
    known_rules: u64,
    known_classes: u64,
    bad_lines: u64,
    bytes: usize,
    seconds: f64,
}

impl Summary {
    /// Classes whose first rule stands before `start` were known.
    fn new(set: &Dedup, start: u64, tally: &Tally, seconds: Duration) -> Summary {
        let new = set.iter().filter(|class| class.first >= start);
        let (mut classes, mut rules) = (0, 0);
        for class in new {
            classes += 1;
            rules += class.count;
        }
        Summary {
            rules: tally.rules,
            classes,
            known_rules: tally.rules - rules,
            known_classes: set.len() as u64 - classes,
            bad_lines: tally.bad_lines,
            bytes: set.bytes(),
            seconds: seconds.as_secs_f64(),
        }
    }

    fn duplicates(&self) -> u64 {
        self.rules - self.classes
    }

    fn share(&self) -> f64 {
        self.duplicates() as f64 / (self.rules as f64).max(1.0)
    }

    fn rules_per_second(&self) -> f64 {
        (self.rules as f64 / self.seconds.max(1e-9)).round()
    }

    fn json(&self, arguments: &DedupArguments) -> Value {
        json!({
            "rules": self.rules,
            "classes": self.classes,
            "seconds": self.seconds,
            "rules_per_second": self.rules_per_second(),
            "level": arguments.list.level.name(),
            "form_version": FORM_VERSION,
            "duplicates": self.duplicates(),
            "duplicate_share": self.share(),
            "known_rules": self.known_rules,
            "known_classes": self.known_classes,
            "bad_lines": self.bad_lines,
            "set_bytes": self.bytes,
            "jobs": arguments.list.jobs(),
        })
    }

    fn text(&self) -> String {
        let plural = |count, one, many| counted(&grouped(count), one, many);
        let mut text = format!(
            "{}, {}, {:.1} % duplicates",
            plural(self.rules, "rule", "rules"),
            plural(self.classes, "class", "classes"),
            self.share() * 100.0
        );
        if self.known_classes > 0 {
            let known = plural(self.known_rules, "rule", "rules");
            text += &format!(", {known} of {} known before", grouped(self.known_classes));
        }
        text += &format!(
            "; {:.2} s, {} rules/s",
            self.seconds,
            grouped(self.rules_per_second() as u64)
        );
        text
    }
}
