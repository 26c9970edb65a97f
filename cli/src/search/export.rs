//! `nosc export`: a search as a table, or for other programs.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use nosc_controller::search::output::RunRecord;
use nosc_controller::search::output::optuna::write_journal;
use nosc_controller::search::output::table::{Order, Table};
use nosc_controller::search::output::tensorboard::{file_name, write_events};

use crate::arguments::{ExportArguments, ExportFormat};
use crate::error::CliError;
use crate::output::{check_writable, make_folder, stdout, write_with};

pub(crate) fn export(arguments: &ExportArguments) -> Result<(), CliError> {
    let ExportArguments { folder, format, columns, best_first, output } = arguments;
    let is_table =
        matches!(format, ExportFormat::Csv | ExportFormat::Jsonl | ExportFormat::Parquet);
    if !is_table && (!columns.is_empty() || *best_first) {
        let message = "`--columns` and `--best-first` are of tables: csv, jsonl and parquet";
        return Err(CliError::Usage(message.to_owned()));
    }
    if let Some(path) = output
        && *format != ExportFormat::Tensorboard
    {
        super::check_no_ledger(folder, path)?;
        check_writable(path)?;
        if *format == ExportFormat::Optuna && path.exists() {
            let message = format!(
                "`{}` is there, and may hold other studies: name a new file",
                path.display()
            );
            return Err(CliError::Problems(message));
        }
    }
    let run = super::read(folder, !is_table)?;
    if is_table {
        let order = if *best_first { Order::Reward } else { Order::Trial };
        let table =
            Table::new(&run, columns, order).map_err(|error| CliError::Usage(error.to_string()))?;
        return match format {
            ExportFormat::Csv => written(output.as_deref(), |out| table.write_csv(out)),
            ExportFormat::Jsonl => written(output.as_deref(), |out| table.write_json_lines(out)),
            _ => parquet(output.as_deref(), &table),
        };
    }
    if *format == ExportFormat::Tensorboard {
        return tensorboard(&run, folder, output.as_deref());
    }
    let study = folder.file_name().map_or_else(|| "nosc".into(), |name| name.to_string_lossy());
    written(output.as_deref(), |out| write_journal(&run, &study, out))
}

/// Writes to a file, or to standard output.
fn written(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CliError> {
    if let Some(path) = path {
        return write_with(path, |out| {
            write(out).map_err(|source| CliError::Write { path: path.to_owned(), source })
        });
    }
    let mut out = BufWriter::new(stdout());
    write(&mut out).and_then(|()| out.flush()).map_err(CliError::Output)
}

#[cfg(feature = "parquet")]
fn parquet(path: Option<&Path>, table: &Table) -> Result<(), CliError> {
    // Its writer is sent between threads, and knows its place in the file.
    let mut bytes = Vec::new();
    table.write_parquet(&mut bytes).map_err(CliError::Output)?;
    written(path, |out| out.write_all(&bytes))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: Option<&Path>, _: &Table) -> Result<(), CliError> {
    Err(CliError::Absent(
        "this nosc was built without Parquet; build it with `--features parquet`, or export csv"
            .to_owned(),
    ))
}

/// A folder that `TensorBoard` is pointed to, with one event file.
fn tensorboard(run: &RunRecord, folder: &Path, output: Option<&Path>) -> Result<(), CliError> {
    let folder = output.map_or_else(|| folder.join("tensorboard"), Path::to_path_buf);
    make_folder(&folder)?;
    written(Some(&folder.join(file_name(run))), |out| write_events(run, out))
}
