//! The rows: count, key and the first line of each class.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nosc_compiler::dedup::{Class, Dedup};

use crate::canon::push_key;
use crate::error::CliError;
use crate::lines::{Input, stamp};
use crate::output::{stdout, write_with};

use super::{Kept, Order};

/// Bytes that are read from a file at once: lines of large classes lie far apart.
const READ: usize = 8 << 10;

/// Which rows to write.
pub(super) struct Listing<'a> {
    pub(super) set: &'a Dedup,
    /// Classes whose first rule stands before are left out.
    pub(super) start: u64,
    pub(super) order: Order,
    pub(super) rows: usize,
}

impl Listing<'_> {
    /// Writes the rows to a file, or to standard output.
    pub(super) fn write(
        &self,
        representatives: Representatives,
        path: Option<&Path>,
    ) -> Result<(), CliError> {
        if let Some(path) = path {
            return write_with(path, |out| {
                let fail = |source| CliError::Write { path: path.to_owned(), source };
                self.rows(representatives, out, &fail)
            });
        }
        let mut out = BufWriter::with_capacity(64 << 10, stdout());
        self.rows(representatives, &mut out, &CliError::Output)?;
        out.flush().map_err(CliError::Output)
    }

    fn rows(
        &self,
        mut representatives: Representatives,
        out: &mut dyn Write,
        fail: &dyn Fn(io::Error) -> CliError,
    ) -> Result<(), CliError> {
        let classes: Box<dyn Iterator<Item = Class>> = match self.order {
            Order::First => Box::new(self.set.by_first()),
            Order::Count => Box::new(self.set.by_count()),
        };
        let mut row = Vec::new();
        for class in classes.filter(|class| class.first >= self.start).take(self.rows) {
            row.clear();
            row.extend_from_slice(class.count.to_string().as_bytes());
            row.push(b'\t');
            push_key(&mut row, class.key);
            row.push(b'\t');
            representatives.push(class.first, &mut row)?;
            row.push(b'\n');
            out.write_all(&row).map_err(fail)?;
        }
        Ok(())
    }
}

/// Where the lines of classes are found.
pub(super) struct Representatives {
    inputs: Vec<Input>,
    kept: Kept,
    /// The file that is open, by its place among the inputs.
    open: Option<(usize, BufReader<File>)>,
}

impl Representatives {
    pub(super) fn new(inputs: Vec<Input>, kept: Kept) -> Representatives {
        Representatives { inputs, kept, open: None }
    }

    /// Adds the line that begins at an index, as it was read.
    fn push(&mut self, index: u64, row: &mut Vec<u8>) -> Result<(), CliError> {
        let number = self.inputs.partition_point(|input| input.start <= index) - 1;
        let start = row.len();
        if self.inputs[number].stamp.is_none() {
            row.extend_from_slice(self.kept.get(index).unwrap_or_default());
        } else {
            self.read(number, index - self.inputs[number].start, row)?;
        }
        // The ends of lines, and the mark at the beginning of some files, are no part of them.
        if row.last() == Some(&b'\n') {
            row.pop();
        }
        if row.last() == Some(&b'\r') {
            row.pop();
        }
        if row[start..].starts_with("\u{feff}".as_bytes()) {
            row.drain(start..start + 3);
        }
        Ok(())
    }

    fn read(&mut self, number: usize, at: u64, row: &mut Vec<u8>) -> Result<(), CliError> {
        let input = &self.inputs[number];
        let fail = |error| input.fail(error);
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let file = File::open(&input.name).map_err(fail)?;
            if Some(stamp(&file.metadata().map_err(fail)?)) != input.stamp {
                return Err(CliError::Problems(format!(
                    "`{}` has changed while it was read; run again, or give it to standard input",
                    PathBuf::from(&input.name).display()
                )));
            }
            self.open = Some((number, BufReader::with_capacity(READ, file)));
        }
        if let Some((_, file)) = &mut self.open {
            // Moves within the buffer if it can.
            let here = file.stream_position().map_err(fail)?;
            match i64::try_from(i128::from(at) - i128::from(here)) {
                Ok(distance) => file.seek_relative(distance).map_err(fail)?,
                Err(_) => drop(file.seek(SeekFrom::Start(at)).map_err(fail)?),
            }
            file.read_until(b'\n', row).map_err(fail)?;
        }
        Ok(())
    }
}
