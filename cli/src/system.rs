//! What the system refuses, in the words of whoever asked for it, and what may have been meant.

use std::io::{Error, ErrorKind};
use std::path::Path;

use nosc_compiler::nearest;
use nosc_runtime::library;

/// Why a file could not be read or written.
pub(crate) fn reason(error: &Error) -> String {
    if error.get_ref().is_some() {
        // Somebody's own words.
        return error.to_string();
    }
    let words = match error.kind() {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::AlreadyExists => "there is a file of this name",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder",
        ErrorKind::StorageFull => "no space is left on the disk",
        ErrorKind::QuotaExceeded => "the quota of the disk is used up",
        ErrorKind::FileTooLarge => "the file would be larger than the system allows",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::StaleNetworkFileHandle => "the server of the file system is gone",
        _ => return error.to_string(),
    };
    words.to_owned()
}

/// What may have been meant by a file that is not there.
pub(crate) fn meant(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let is_rule = |name: &str| library::rule(name).is_some();
    if is_rule(text) {
        return Some(format!("`nosc rules {text}` shows the standard rule of this name"));
    }
    if let Some(name) = text.strip_suffix(".nos").filter(|name| is_rule(name)) {
        return Some(format!("the standard rule of this name is `{name}`, without an ending"));
    }
    if let Some((file, _)) = text.rsplit_once(':')
        && Path::new(file).is_file()
    {
        return Some(format!("this command takes whole files: give `{file}`"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Some(format!("there is no folder `{}`", folder.display()));
    }
    let name = path.file_name()?.to_str()?;
    let near = near(folder.unwrap_or(Path::new(".")), name)?;
    Some(format!("did you mean `{}`?", path.with_file_name(near).display()))
}

/// The file of a folder whose name is nearest to this one, or that of the rule file without its ending.
pub(crate) fn near(folder: &Path, name: &str) -> Option<String> {
    /// Files of a folder that are looked at.
    const MOST: usize = 10_000;
    let entries = std::fs::read_dir(folder).ok()?.flatten().take(MOST);
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // Which of several is named is the same on every machine.
    names.sort_unstable();
    let rules = format!("{name}.nos");
    let found = names.iter().find(|other| **other == rules).map(String::as_str);
    found.or_else(|| nearest(name, names.iter().map(String::as_str))).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_may_be_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("rule.nos"), "").unwrap();
        let says = |name: &str| meant(&path(name)).unwrap_or_default();
        assert!(says("rulle.nos").ends_with("rule.nos`?") && says("rule").ends_with("rule.nos`?"));
        assert!(says("rule.nos:a").starts_with("this command takes whole files"));
        assert!(says("no/rule.nos").starts_with("there is no folder"));
        assert_eq!(says("something"), "");
        assert!(meant(Path::new("lion.nos")).is_some_and(|tip| tip.contains("`lion`")));
    }

    #[test]
    fn reasons_name_no_numbers_of_the_system() {
        for number in [2, 13, 17, 20, 21, 28, 27] {
            let words = reason(&Error::from_raw_os_error(number));
            assert!(!words.contains("os error"), "{words}");
        }
        assert_eq!(reason(&Error::other("it is no file")), "it is no file");
    }
}
