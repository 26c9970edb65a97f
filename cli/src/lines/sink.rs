//! Where batches come back: output, counts and bad lines in the order of the input, whatever the threads.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nosc_compiler::CompileErrors;
use nosc_compiler::problem::Severity;

use crate::error::CliError;

use super::{Batch, Plan};

/// Bad lines that are shown; the rest is counted.
const SHOWN: u64 = 5;
/// Batches that a thread may be ahead of the slowest, for each thread.
const AHEAD: u64 = 4;
/// Characters of a bad line that are shown.
const EXCERPT: usize = 100;

/// Why a line is no rule.
#[derive(Debug, Clone)]
pub(crate) struct BadLine {
    message: String,
    help: Option<String>,
    /// Bytes from the start of what was read as a rule, later of the line.
    at: usize,
    /// From 1, within the batch.
    number: u64,
    excerpt: String,
}

impl BadLine {
    pub(crate) fn new(message: String) -> BadLine {
        BadLine { message, help: None, at: 0, number: 0, excerpt: String::new() }
    }

    /// The first error, with its place. The text that it points into began `shift` bytes before the line's.
    pub(crate) fn of_errors(errors: &CompileErrors, shift: usize) -> BadLine {
        let mut bad = BadLine::new(errors.to_string());
        let is_error = |severity| severity == Severity::Error;
        if let Some(problem) = errors.problems.iter().find(|p| is_error(p.severity())) {
            bad.at = (problem.span().start as usize).saturating_sub(shift);
            bad.help = problem.help();
        }
        bad
    }

    pub(crate) fn at(mut self, at: usize) -> BadLine {
        self.at = at;
        self
    }

    pub(crate) fn help(mut self, help: &str) -> BadLine {
        self.help = Some(help.to_owned());
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// From 1, in characters.
    pub(crate) fn column(&self) -> usize {
        self.at + 1
    }

    /// The help, if there is one.
    pub(crate) fn way_out(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Now that it is known where the rule stands in its line.
    pub(crate) fn within(mut self, raw: &str, rule: &str) -> BadLine {
        let start = rule.as_ptr().addr() - raw.as_ptr().addr();
        let at = (start + self.at).min(raw.len());
        self.at = raw.char_indices().take_while(|(place, _)| *place < at).count();
        self.excerpt = raw.chars().take(EXCERPT).collect();
        if self.excerpt.len() < raw.len() {
            self.excerpt.push_str(" ...");
        }
        let is_key = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(column) = rule.split('\t').position(is_key) {
            let column = column + 2;
            self.help =
                Some(format!("this is a row with a key; `cut -f {column}-` leaves the rule"));
        }
        self
    }

    /// As it is shown, with the number of the line.
    pub(crate) fn shown(&self, input: &str, line: u64) -> String {
        let column = self.column();
        // A token may be as long as its line.
        let short: String = self.message.chars().take(MAX_MESSAGE).collect();
        let dots = if short.len() < self.message.len() { " ..." } else { "" };
        let mut text = format!("{input}:{line}:{column}: {short}{dots}");
        if !self.excerpt.is_empty() {
            text += &format!("\n  | {}", self.excerpt);
        }
        if let Some(help) = &self.help {
            text += &format!("\n  help: {help}");
        }
        text
    }
}

/// Most characters of a message that are shown.
const MAX_MESSAGE: usize = 300;

/// A batch that has been worked on.
#[derive(Debug)]
pub(super) struct Done {
    number: u64,
    input: usize,
    is_start: bool,
    index: u64,
    bytes: u64,
    lines: u64,
    pub(super) rules: u64,
    pub(super) out: Vec<u8>,
    bad: Vec<BadLine>,
    bad_lines: u64,
    /// Rules and output before the first bad line.
    before_bad: Option<(u64, usize)>,
}

impl Done {
    pub(super) fn of(batch: &Batch) -> Done {
        Done {
            number: batch.number,
            input: batch.input,
            is_start: batch.is_start,
            index: batch.index,
            bytes: batch.bytes.len() as u64,
            lines: 0,
            rules: 0,
            out: Vec::new(),
            bad: Vec::new(),
            bad_lines: 0,
            before_bad: None,
        }
    }

    /// Counts a line of this many bytes and returns where it begins.
    pub(super) fn start_line(&mut self, len: usize) -> u64 {
        let index = self.index;
        self.lines += 1;
        self.index += len as u64 + 1;
        index
    }

    /// Whether the line just started is the first of its input.
    pub(super) fn is_first_line(&self) -> bool {
        self.is_start && self.lines == 1
    }

    pub(super) fn bad(&mut self, mut line: BadLine) {
        self.before_bad.get_or_insert((self.rules, self.out.len()));
        self.bad_lines += 1;
        if self.bad_lines <= SHOWN {
            line.number = self.lines;
            self.bad.push(line);
        }
    }

    pub(super) fn close(mut self) -> Done {
        self.out.shrink_to_fit();
        self
    }
}

/// What all lines came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Lines that hold a rule.
    pub(crate) rules: u64,
    /// Lines that should and do not.
    pub(crate) bad_lines: u64,
}

/// Takes the batches of all threads.
pub(super) struct Sink<'a> {
    state: Mutex<State<'a>>,
    moved: Condvar,
    is_stopped: AtomicBool,
    ahead: u64,
}

struct State<'a> {
    names: Vec<String>,
    plan: Plan<'a>,
    out: &'a mut (dyn Write + Send),
    /// The number of the batch that is next in order.
    next: u64,
    waiting: BTreeMap<u64, Done>,
    /// Lines of the current input before the next batch.
    lines: u64,
    tally: Tally,
    bytes: u64,
    result: Result<(), CliError>,
    is_over: bool,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        names: Vec<String>,
        threads: usize,
        plan: Plan<'a>,
        out: &'a mut (dyn Write + Send),
    ) -> Sink<'a> {
        let state = State {
            names,
            plan,
            out,
            next: 0,
            waiting: BTreeMap::new(),
            lines: 0,
            tally: Tally::default(),
            bytes: 0,
            result: Ok(()),
            is_over: false,
        };
        let ahead = AHEAD * threads as u64;
        Sink { state: Mutex::new(state), moved: Condvar::new(), is_stopped: false.into(), ahead }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no more batches are wanted.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.moved.notify_all();
    }

    /// Takes a batch, and waits while it is far ahead. Returns whether to go on.
    pub(super) fn take(&self, done: Done) -> bool {
        // Batches before a bad one have been read, and are still wanted.
        if done.bad_lines > 0 && !self.lock().plan.skip_bad {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        let number = done.number;
        let mut state = self.lock();
        state.waiting.insert(number, done);
        let before = state.next;
        while let Some(done) = state.take_next() {
            state.settle(done);
        }
        if state.next > before {
            self.moved.notify_all();
        }
        if state.is_over {
            self.stop();
        }
        while number >= state.next + self.ahead && !state.is_over && !self.is_stopped() {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_over
    }

    /// Input could not be read: the first such error is kept.
    pub(super) fn fail(&self, error: CliError) {
        let mut state = self.lock();
        if state.result.is_ok() {
            state.result = Err(error);
        }
        drop(state);
        self.stop();
    }

    /// Stops all threads if the one that holds it panics.
    pub(super) fn watch(&self) -> Watch<'_, 'a> {
        Watch(self)
    }

    /// After the last batch.
    pub(super) fn finish(self) -> Result<Tally, CliError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.result?;
        if state.tally.bad_lines > 0 && !state.plan.skip_bad {
            return Err(CliError::Problems(
                "stopped at the first lines that are no rules: a list has one rule a line; \
                 `--skip-bad` leaves such lines out"
                    .to_owned(),
            ));
        }
        Ok(state.tally)
    }
}

impl State<'_> {
    fn take_next(&mut self) -> Option<Done> {
        let done = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(done)
    }

    /// Writes and counts the batch that is next in order.
    fn settle(&mut self, mut done: Done) {
        if self.is_over {
            return;
        }
        if done.is_start {
            self.lines = 0;
        }
        if let (Some((rules, out)), false) = (done.before_bad, self.plan.skip_bad) {
            done.rules = rules;
            done.out.truncate(out);
            self.is_over = true;
        }
        if let Err(error) = self.out.write_all(&done.out) {
            self.result = Err(CliError::Output(error));
            self.is_over = true;
            return;
        }
        let kind = if self.plan.skip_bad { "warning" } else { "error" };
        let room = SHOWN.saturating_sub(self.tally.bad_lines) as usize;
        for bad in done.bad.iter().take(room) {
            let text = bad.shown(&self.names[done.input], self.lines + bad.number);
            self.plan.progress.message(&format!("{kind}: {text}"));
        }
        self.lines += done.lines;
        self.bytes += done.bytes;
        self.tally.rules += done.rules;
        self.tally.bad_lines += done.bad_lines;
        self.plan.progress.set(self.bytes, self.tally.rules);
    }
}

/// See [`Sink::watch`].
pub(super) struct Watch<'a, 'b>(&'a Sink<'b>);

impl Drop for Watch<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}
