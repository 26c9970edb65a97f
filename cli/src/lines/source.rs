//! Where the lines come from: files one after the other, in batches of whole lines.
//!
//! A batch is what one read gives, up to its last newline, so that a slow writer at the other end of a pipe
//! is answered at once. The rest waits for the next batch. A line that is too long is cut, not kept.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::error::CliError;
use crate::source::check_input_once;

/// Bytes that are asked for at once.
const BLOCK: usize = 256 << 10;
/// Longer lines are no rules.
pub(super) const MAX_LINE: usize = 1 << 20;

/// A file, or standard input.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// As given.
    pub(crate) name: String,
    /// Where its bytes begin among those of all input.
    pub(crate) start: u64,
    /// Size and time of change if it is a file that can be read again.
    pub(crate) stamp: Option<(u64, Option<SystemTime>)>,
}

impl Input {
    fn new(name: &str) -> Result<Input, CliError> {
        let fail = |source| CliError::Read { path: PathBuf::from(name), source };
        let mut input = Input { name: name.to_owned(), start: 0, stamp: None };
        if name != "-" {
            let about = std::fs::metadata(name).map_err(fail)?;
            if about.is_dir() {
                return Err(fail(ErrorKind::IsADirectory.into()));
            }
            input.stamp = about.is_file().then(|| stamp(&about));
        }
        Ok(input)
    }

    /// As messages name it.
    pub(crate) fn shown(&self) -> &str {
        if self.name == "-" { "<stdin>" } else { &self.name }
    }

    pub(crate) fn fail(&self, source: io::Error) -> CliError {
        CliError::Read { path: PathBuf::from(&self.name), source }
    }
}

/// What changes when a file does.
pub(crate) fn stamp(about: &Metadata) -> (u64, Option<SystemTime>) {
    (about.len(), about.modified().ok())
}

/// Whole lines of one input.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Its place among all batches, from 0.
    pub(crate) number: u64,
    /// Where it begins, in bytes from the start of all input.
    pub(crate) index: u64,
    /// Which input.
    pub(crate) input: usize,
    /// Whether it is the first of its input.
    pub(crate) is_start: bool,
    /// Whether its lines cannot be read again.
    pub(crate) is_fleeting: bool,
}

impl Batch {
    /// The line that begins at an index, without its end.
    pub(crate) fn line(&self, index: u64) -> &[u8] {
        let rest = self.bytes.get((index - self.index) as usize..).unwrap_or_default();
        rest.split(|byte| *byte == b'\n').next().unwrap_or_default()
    }
}

/// All input.
pub(crate) struct Source {
    inputs: Vec<Input>,
    /// The one that is read, and the one after it if none is.
    current: usize,
    reader: Option<Box<dyn Read + Send>>,
    is_start: bool,
    /// The beginning of a line whose end has not been read.
    carry: Vec<u8>,
    /// Where the next batch begins.
    index: u64,
    batches: u64,
}

impl Source {
    /// The files of these names, `-` being standard input. Their bytes are counted from `index`.
    pub(crate) fn new(names: &[String], index: u64) -> Result<Source, CliError> {
        check_input_once(names)?;
        let inputs = names.iter().map(|name| Input::new(name)).collect::<Result<_, _>>()?;
        let (reader, carry) = (None, Vec::new());
        Ok(Source { inputs, current: 0, reader, is_start: true, carry, index, batches: 0 })
    }

    /// The inputs as messages name them.
    pub(super) fn names(&self) -> Vec<String> {
        self.inputs.iter().map(|input| input.shown().to_owned()).collect()
    }

    /// Bytes of all inputs together, if it is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.inputs.iter().map(|input| input.stamp.map(|(size, _)| size)).sum()
    }

    /// The inputs, now with their starts.
    pub(super) fn into_inputs(self) -> Vec<Input> {
        self.inputs
    }

    /// Fills the batch; `false` at the end of all input.
    pub(super) fn next(&mut self, batch: &mut Batch) -> Result<bool, CliError> {
        loop {
            let Some(input) = self.inputs.get_mut(self.current) else { return Ok(false) };
            if self.reader.is_none() {
                self.reader = Some(open(&input.name).map_err(|error| input.fail(error))?);
                input.start = self.index;
                self.is_start = true;
            }
            batch.bytes.clear();
            batch.index = self.index;
            batch.input = self.current;
            batch.is_start = std::mem::take(&mut self.is_start);
            batch.is_fleeting = input.stamp.is_none();
            let left_out = match self.lines(&mut batch.bytes) {
                Ok(count) => count,
                Err(error) => return Err(self.inputs[self.current].fail(error)),
            };
            if self.reader.is_none() {
                self.current += 1;
            }
            if !batch.bytes.is_empty() {
                batch.number = self.batches;
                self.batches += 1;
                self.index += batch.bytes.len() as u64 + left_out;
                return Ok(true);
            }
        }
    }

    /// Reads whole lines, or nothing at the end of the input, which closes it. Returns how many bytes of a line
    /// that is too long were left out.
    fn lines(&mut self, bytes: &mut Vec<u8>) -> io::Result<u64> {
        bytes.append(&mut self.carry);
        // After a line that was too long, whole lines may have been read with its end.
        if self.split_at_newline(bytes, 0) {
            return Ok(0);
        }
        loop {
            let old = bytes.len();
            bytes.resize(old + BLOCK, 0);
            let count = self.read(&mut bytes[old..])?;
            bytes.truncate(old + count);
            if count == 0 {
                self.reader = None;
                return Ok(0);
            }
            if self.split_at_newline(bytes, old) {
                return Ok(0);
            }
            if bytes.len() > MAX_LINE {
                let cut = bytes.len() - (MAX_LINE + 1);
                bytes.truncate(MAX_LINE + 1);
                return Ok(cut as u64 + self.skip_line()?);
            }
        }
    }

    /// Leaves whole lines and carries the rest over, if there is a newline from `start` on.
    fn split_at_newline(&mut self, bytes: &mut Vec<u8>, start: usize) -> bool {
        let Some(end) = bytes[start..].iter().rposition(|byte| *byte == b'\n') else {
            return false;
        };
        self.carry.extend_from_slice(&bytes[start + end + 1..]);
        bytes.truncate(start + end + 1);
        true
    }

    /// Drops the rest of a line; returns its length.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut block = vec![0; BLOCK];
        let mut skipped = 0;
        loop {
            let count = self.read(&mut block)?;
            if count == 0 {
                // The next read finds the end again.
                return Ok(skipped);
            }
            if let Some(end) = block[..count].iter().position(|byte| *byte == b'\n') {
                self.carry.extend_from_slice(&block[end + 1..count]);
                return Ok(skipped + end as u64 + 1);
            }
            skipped += count as u64;
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(reader) = self.reader.as_mut() else { return Ok(0) };
        loop {
            match reader.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

fn open(name: &str) -> io::Result<Box<dyn Read + Send>> {
    // Both without a buffer of their own: the batch is the buffer.
    if name == "-" { Ok(Box::new(io::stdin())) } else { Ok(Box::new(File::open(name)?)) }
}
