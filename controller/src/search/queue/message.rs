//! What the process that searches and its workers write to each other: a JSON object a line.

use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};

use super::contract::{ChildMessage, Work};
use crate::protocol::Protocol;
use crate::task::TaskOptions;

/// Most bytes of a line.
const MOST_LINE: usize = 64 << 20;

/// The lines of the other side, until it ends, says what is no text, or does not come to the end of a line.
pub(super) fn lines(input: impl BufRead) -> impl Iterator<Item = String> {
    lines_up_to(MOST_LINE, input)
}

fn lines_up_to(most: usize, mut input: impl BufRead) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let mut line = String::new();
        let length = input.by_ref().take(most as u64).read_line(&mut line).ok()?;
        if length == 0 || length == most && !line.ends_with('\n') {
            return None;
        }
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        Some(line)
    })
}

/// Version of the messages.
pub const VERSION: u32 = 1;

/// What a worker trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// [`VERSION`] of who writes.
    pub version: u32,
    /// Name of the task.
    pub task: String,
    /// Its options.
    pub options: TaskOptions,
    /// How a rule is tried; the seed comes with each trial.
    pub protocol: Protocol,
    /// Children that train for the result of a rule.
    pub seeds: u64,
    /// Digest of the data, hexadecimal; empty for a task without data.
    pub data: String,
}

impl Assignment {
    /// Whether its task needs files that are not part of nosc.
    pub fn needs_data(&self) -> bool {
        crate::task::needs_data(&self.task)
    }
}

/// To a worker: first an assignment, then trials one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Begin(Box<Assignment>),
    Work(Work),
}

/// From a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Its data are loaded; it waits for trials.
    Ready,
    /// It lives.
    Beat,
    /// It has carried a trial out.
    Done { trial: u64, children: Vec<ChildMessage>, seconds: f64 },
    /// A trial came to no end.
    Failed { trial: u64, reason: String },
    /// It can carry out no trial.
    Unable { reason: String },
}

#[cfg(test)]
mod tests {
    use super::lines_up_to;

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let read = |text: &[u8]| lines_up_to(4, text).collect::<Vec<_>>();
        assert_eq!(read(b"abc\nd\r\n\ne"), ["abc", "d", "", "e"]);
        assert_eq!(read(b"a\nabcd\nb\n"), ["a"]);
        assert_eq!(read(b"a\n\xff\nb\n"), ["a"]);
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        assert_eq!(lines_up_to(1 << 10, endless).next(), None);
    }
}
