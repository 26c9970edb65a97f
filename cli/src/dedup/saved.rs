//! Sets in files, and files that are written whole or not at all.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use nosc_compiler::canonical::Level;
use nosc_compiler::dedup::{Dedup, LoadError};

use crate::error::CliError;
use crate::output::message;

pub(super) fn load(path: &Path, level: Level) -> Result<Dedup, CliError> {
    let fail = |source| CliError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    Dedup::load(BufReader::new(file), level).map_err(|error| match error {
        LoadError::Read(source) => fail(source),
        LoadError::NotASet => CliError::Problems(format!(
            "`{}` is no saved set; `nosc dedup LIST --save FILE` writes one",
            path.display()
        )),
        LoadError::OtherLevel { found, .. } => {
            CliError::Problems(format!("`{}`: {error}; add `--level {found}`", path.display()))
        }
        other => CliError::Problems(format!("`{}`: {other}", path.display())),
    })
}

pub(super) fn save(path: &Path, set: &Dedup) -> Result<(), CliError> {
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    replace(path, |out| set.save(out).map_err(fail))
}

/// Writes a file beside its place and renames it into it when it is whole.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let fail = |source: io::Error| CliError::Write {
        path: path.to_owned(),
        // The error itself would name the file beside.
        source: source.kind().into(),
    };
    if path.exists() && !path.is_file() {
        // A device or a pipe is written to, not replaced.
        let mut out = BufWriter::new(File::create(path).map_err(fail)?);
        write(&mut out)?;
        return out.flush().map_err(fail);
    }
    let mut builder = tempfile::Builder::new();
    // What an ordinary new file has, before the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(fail)?;
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    let file = out.into_inner().map_err(|error| fail(error.into_error()))?;
    file.persist(path).map_err(|error| fail(error.error))?;
    message(&format!("wrote `{}`", path.display()));
    Ok(())
}
