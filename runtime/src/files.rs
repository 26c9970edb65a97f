//! Files that are new and whole, or as they were.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Links that are followed, as Linux has it.
const MOST_LINKS: usize = 40;

/// A file that is written beside its place and renamed into it by [`NewFile::put`], so that what was there is
/// never half overwritten. A link stays one, and an old file's permissions stay; its owner is who writes. Dropped, it leaves
/// nothing.
///
/// A device or a pipe is written to as it is.
#[derive(Debug)]
#[must_use]
pub struct NewFile(Place);

#[derive(Debug)]
enum Place {
    Beside { out: BufWriter<NamedTempFile>, target: PathBuf },
    Device(BufWriter<File>),
}

impl NewFile {
    /// Begins a file for this path.
    ///
    /// # Errors
    ///
    /// That the folder is missing, that it or the file must not be written to, or that the path is a folder's.
    pub fn create(path: &Path) -> io::Result<NewFile> {
        // Before links are followed: what `/dev/stdout` leads to has no name if it is a pipe.
        if path.metadata().is_ok_and(|old| !old.is_file() && !old.is_dir()) {
            return Ok(NewFile(Place::Device(BufWriter::new(File::create(path)?))));
        }
        let target = end_of_links(path)?;
        let old = match target.metadata() {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if old.as_ref().is_some_and(Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if let Some(old) = &old {
            // Whoever may write to the folder could replace a file that others protect, and root any.
            if old.permissions().readonly() {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            OpenOptions::new().write(true).open(&target)?;
        }
        let folder = folder_of(&target);
        if !folder.is_dir() {
            let text = format!("there is no folder `{}`", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        let mut builder = tempfile::Builder::new();
        // What an ordinary new file has, before the umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|error| bare(&error))?;
        if let Some(old) = old {
            file.as_file().set_permissions(old.permissions())?;
        }
        Ok(NewFile(Place::Beside { out: BufWriter::new(file), target }))
    }

    /// Whether it will be a file, rather than what a device or a pipe was told.
    pub fn is_file(&self) -> bool {
        matches!(self.0, Place::Beside { .. })
    }

    /// Puts the file in its place. After this it is on the disk, whatever happens to the machine.
    ///
    /// # Errors
    ///
    /// The system's; what was there is then as before.
    pub fn put(self) -> io::Result<()> {
        match self.0 {
            Place::Device(mut out) => out.flush(),
            Place::Beside { out, target } => {
                let file = out.into_inner().map_err(|error| bare(error.error()))?;
                file.as_file().sync_all()?;
                file.persist(&target).map_err(|error| bare(&error.error))?;
                // The new name is on the disk when its folder is; not every system can say so of a folder.
                if let Ok(folder) = File::open(folder_of(&target)) {
                    drop(folder.sync_all());
                }
                Ok(())
            }
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Place::Beside { out, .. } => out.write(bytes).map_err(|error| bare(&error)),
            Place::Device(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Place::Beside { out, .. } => out.flush().map_err(|error| bare(&error)),
            Place::Device(out) => out.flush(),
        }
    }
}

/// The folder that a file of this path is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where links lead, though there may be no file yet.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.read_link() {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("the link leads to itself"))
}

/// Errors of the file beside its place would name that file: their kind is what matters.
fn bare(error: &io::Error) -> io::Error {
    error.kind().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut file = NewFile::create(path)?;
        file.write_all(text.as_bytes())?;
        file.put()
    }

    #[test]
    fn a_file_is_replaced_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, "old").unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_cannot_be_written_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| NewFile::create(path).unwrap_err();
        assert_eq!(error(folder.path()).kind(), io::ErrorKind::IsADirectory);
        let missing = folder.path().join("none/a");
        assert!(error(&missing).to_string().contains("there is no folder"));
        let path = folder.path().join("a");
        write(&path, "kept").unwrap();
        let mut permissions = path.metadata().unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&path, permissions).unwrap();
        assert_eq!(error(&path).kind(), io::ErrorKind::PermissionDenied);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_so_do_permissions() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("sub")).unwrap();
        // To a file that is not there yet.
        symlink("sub/file", path("link")).unwrap();
        write(&path("link"), "1").unwrap();
        std::fs::set_permissions(path("sub/file"), PermissionsExt::from_mode(0o640)).unwrap();
        write(&path("link"), "2").unwrap();
        assert_eq!(std::fs::read(path("sub/file")).unwrap(), b"2");
        assert!(path("link").is_symlink());
        assert_eq!(path("sub/file").metadata().unwrap().permissions().mode() & 0o777, 0o640);
        symlink("loop", path("loop")).unwrap();
        assert!(NewFile::create(&path("loop")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to() {
        write(Path::new("/dev/null"), "gone").unwrap();
    }

    /// `/dev/fd/N` of a pipe leads to a name that is none.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_written_to() {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        let (mut reader, writer) = io::pipe().unwrap();
        write(Path::new(&format!("/dev/fd/{}", writer.as_raw_fd())), "through").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }
}
