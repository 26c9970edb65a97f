//! Lists of rules, one a line: read in batches, worked on by threads, given back in order.
//!
//! ```text
//! Source ─► batch of whole lines ─► a worker a thread ─► Sink, in the order of the input
//! (locked while it reads)           (own canonicalizer)   (locked while it takes a batch)
//! ```
//!
//! Threads meet once a batch, of some 10,000 lines. Memory is a few batches a thread, whatever the length of
//! the list: a thread that is ahead waits. What is written, counted and reported does not depend on threads.
//!
//! Blank lines and comments are no rules and are passed over; any other line that is no rule is reported.

mod arguments;
mod format;
mod progress;
mod sink;
mod source;

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use nosc_compiler::line::without_comment;

use crate::error::CliError;
use crate::source::warn;

pub(crate) use arguments::ListArguments;
pub(crate) use format::{Format, Reader};
pub(crate) use progress::{Progress, grouped};
pub(crate) use sink::{BadLine, Tally};
pub(crate) use source::{Batch, Input, Source, stamp};

use sink::{Done, Sink};
use source::MAX_LINE;

/// The help for a line that is too long.
pub(crate) const ONE_A_LINE: &str = "a list has one rule a line";

/// A line that should hold a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Where it begins, in bytes from the start of all input.
    pub(crate) index: u64,
    /// As it was read, without its end.
    pub(crate) raw: &'a str,
    /// Without white space around it and without a comment.
    pub(crate) rule: &'a str,
}

/// What one thread does with the lines that it gets.
pub(crate) trait Worker: Send {
    /// Takes a line. What it adds to `out` is written in the order of the input.
    fn rule(&mut self, line: &Line<'_>, out: &mut Vec<u8>) -> Result<(), BadLine>;

    /// All lines of the batch have been taken.
    fn end(&mut self, _batch: &Batch) {}
}

/// How the work goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Whether lines that are no rules are left out. If not, the first one ends the work.
    pub(crate) skip_bad: bool,
    pub(crate) progress: &'a Progress,
}

/// Hands all lines to the workers, each on a thread of its own.
pub(crate) fn process<W: Worker>(
    source: Source,
    workers: &mut [W],
    plan: Plan<'_>,
    out: &mut (dyn Write + Send),
) -> Result<(Vec<Input>, Tally), CliError> {
    let names = source.names();
    let source = Mutex::new(source);
    let sink = Sink::new(names, workers.len(), plan, out);
    std::thread::scope(|threads| {
        for worker in workers {
            let (source, sink) = (&source, &sink);
            threads.spawn(move || {
                // Others must not wait for the batch of a thread that is gone.
                let _watch = sink.watch();
                work(source, sink, worker);
            });
        }
    });
    let tally = sink.finish()?;
    let source = source.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((source.into_inputs(), tally))
}

/// Says how many lines were left out.
pub(crate) fn skipped(tally: &Tally) {
    match tally.bad_lines {
        0 => {}
        1 => warn("1 line that is no rule was left out"),
        count => warn(&format!("{} lines that are no rules were left out", grouped(count))),
    }
}

fn work(source: &Mutex<Source>, sink: &Sink<'_>, worker: &mut impl Worker) {
    let mut batch = Batch::default();
    loop {
        let read = {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            if sink.is_stopped() { Ok(false) } else { source.next(&mut batch) }
        };
        match read {
            Ok(true) if sink.take(done(&batch, worker)) => {}
            Ok(_) => return,
            Err(error) => return sink.fail(error),
        }
    }
}

/// Works on a batch.
fn done(batch: &Batch, worker: &mut impl Worker) -> Done {
    let mut done = Done::of(batch);
    // Almost all input is UTF-8: one check for all its lines.
    if let Ok(text) = std::str::from_utf8(&batch.bytes) {
        for raw in text.split_terminator('\n') {
            line(Ok(raw), raw.len(), &mut done, worker);
        }
    } else {
        let bytes = batch.bytes.strip_suffix(b"\n").unwrap_or(&batch.bytes);
        for raw in bytes.split(|byte| *byte == b'\n') {
            line(std::str::from_utf8(raw), raw.len(), &mut done, worker);
        }
    }
    worker.end(batch);
    done.close()
}

fn line(
    raw: Result<&str, std::str::Utf8Error>,
    len: usize,
    done: &mut Done,
    worker: &mut impl Worker,
) {
    let index = done.start_line(len);
    if len > MAX_LINE {
        let bad = BadLine::new(format!("longer than {MAX_LINE} bytes"));
        return done.bad(bad.help(ONE_A_LINE));
    }
    let mut raw = match raw {
        Ok(raw) => raw.strip_suffix('\r').unwrap_or(raw),
        Err(error) => {
            let bad = BadLine::new("not UTF-8".to_owned()).at(error.valid_up_to());
            return done.bad(bad.help("save the list as UTF-8"));
        }
    };
    if done.is_first_line() {
        raw = raw.strip_prefix('\u{feff}').unwrap_or(raw);
    }
    let rule = without_comment(raw);
    if rule.is_empty() {
        return;
    }
    match worker.rule(&Line { index, raw, rule }, &mut done.out) {
        Ok(()) => done.rules += 1,
        Err(bad) => done.bad(bad.within(raw, rule)),
    }
}
