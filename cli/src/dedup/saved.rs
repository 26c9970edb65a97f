//! Sets in files.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use nosc_compiler::canonical::Level;
use nosc_compiler::dedup::{Dedup, LoadError};

use crate::error::CliError;
use crate::output::write_with;

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
            CliError::Problems(format!("`{}`: {error}; `--level {found}` reads it", path.display()))
        }
        LoadError::Cut { .. } | LoadError::Damaged(_) | LoadError::Trailing => {
            CliError::Problems(format!(
                "`{}`: {error}; take another copy, or make it again from its lists with `--save`",
                path.display()
            ))
        }
        other => CliError::Problems(format!("`{}`: {other}", path.display())),
    })
}

pub(super) fn save(path: &Path, set: &Dedup) -> Result<(), CliError> {
    let fail = |source| CliError::Write { path: path.to_owned(), source };
    write_with(path, |out| set.save(out).map_err(fail))
}
