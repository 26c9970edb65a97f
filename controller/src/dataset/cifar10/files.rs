//! The bytes of the six files, from a folder or from an archive, which is read as a stream.
//!
//! From an archive nothing is written to disk, so no name in it can lead anywhere: an entry is one
//! of the six files if its whole name is, and is passed over if not. Headers are taken as they are,
//! without the extensions for long names and for sparse files, which would need memory of a size
//! that the archive chooses.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{CifarError, FILES, RECORD_LENGTH};

/// The folder that the archive unpacks to.
pub(super) const FOLDER: &str = "cifar-10-batches-bin";

/// What an archive may hold beside the six files: headers, texts, padding.
const BESIDES: u64 = 1 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How large the data set is. Tests have a smaller one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Records of each file.
    pub(super) records: usize,
    /// Records for training, of the first five files.
    pub(super) train: usize,
}

impl Sizes {
    fn file_length(&self) -> u64 {
        (self.records * RECORD_LENGTH) as u64
    }

    fn archive_limit(&self) -> u64 {
        FILES.len() as u64 * self.file_length() + BESIDES
    }
}

/// The bytes of each of [`FILES`], as long as they should be.
pub(super) fn read(path: &Path, sizes: Sizes) -> Result<[Vec<u8>; 6], CifarError> {
    let metadata =
        path.metadata().map_err(|source| CifarError::Path { path: path.to_owned(), source })?;
    if metadata.is_dir() { read_folder(path, sizes) } else { read_archive(path, sizes) }
}

fn read_folder(path: &Path, sizes: Sizes) -> Result<[Vec<u8>; 6], CifarError> {
    let has_some = |folder: &Path| FILES.iter().any(|file| folder.join(file).exists());
    let folders = [path.to_owned(), path.join(FOLDER)];
    let Some(folder) = folders.into_iter().find(|folder| has_some(folder)) else {
        return Err(CifarError::Folder { path: path.to_owned() });
    };
    let mut files = [const { Vec::new() }; 6];
    for (bytes, file) in files.iter_mut().zip(FILES) {
        *bytes = read_file(&folder, file, sizes.file_length())?;
    }
    Ok(files)
}

fn read_file(folder: &Path, file: &'static str, expected: u64) -> Result<Vec<u8>, CifarError> {
    let path = folder.join(file);
    let metadata = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CifarError::Missing { file, place: folder.to_owned() });
        }
        other => other.map_err(|source| CifarError::Read { path: path.clone(), source })?,
    };
    // Before it is opened: opening a pipe would wait for its other end.
    if !metadata.is_file() {
        return Err(CifarError::NotAFile { file, place: folder.to_owned() });
    }
    let length = |found| CifarError::Length { file, place: folder.to_owned(), found, expected };
    if metadata.len() != expected {
        return Err(length(metadata.len()));
    }
    // It may have grown since.
    let bytes = File::open(&path)
        .and_then(|opened| read_at_most(opened, expected + 1))
        .map_err(|source| CifarError::Read { path, source })?;
    if bytes.len() as u64 == expected { Ok(bytes) } else { Err(length(bytes.len() as u64)) }
}

fn read_archive(path: &Path, sizes: Sizes) -> Result<[Vec<u8>; 6], CifarError> {
    let failed = |source| CifarError::Read { path: path.to_owned(), source };
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(CifarError::NotGzip { path: path.to_owned() });
    }
    let mut magic = [0; GZIP_MAGIC.len()];
    let starts_well = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match starts_well {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(failed(error)),
        Ok(()) if magic == GZIP_MAGIC => {}
        _ => return Err(CifarError::NotGzip { path: path.to_owned() }),
    }
    let unpacked = MultiGzDecoder::new(BufReader::new(File::open(path).map_err(failed)?));
    let limit = sizes.archive_limit();
    let mut archive = Archive::new(unpacked.take(limit));
    let result = read_entries(&mut archive, path, sizes);
    let mut rest = archive.into_inner();
    // A stream that was cut off at the limit looks damaged, which it may not be.
    if rest.limit() == 0 {
        return Err(CifarError::Large { path: path.to_owned(), limit });
    }
    let files = result?;
    // The check sum of the stream stands at its end.
    match io::copy(&mut rest, &mut io::sink()) {
        Ok(_) if rest.limit() == 0 => Err(CifarError::Large { path: path.to_owned(), limit }),
        Ok(_) => Ok(files),
        Err(source) => Err(CifarError::Archive { path: path.to_owned(), source }),
    }
}

fn read_entries<R: Read>(
    archive: &mut Archive<R>,
    path: &Path,
    sizes: Sizes,
) -> Result<[Vec<u8>; 6], CifarError> {
    let damaged = |source| CifarError::Archive { path: path.to_owned(), source };
    let mut files = [const { None }; 6];
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        let Some(index) = place(&entry.path_bytes()) else { continue };
        let file = FILES[index];
        let place = || -> PathBuf { path.to_owned() };
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
            return Err(CifarError::NotAFile { file, place: place() });
        }
        if files[index].is_some() {
            return Err(CifarError::Twice { file, place: place() });
        }
        let bytes = read_entry(entry, sizes.file_length()).map_err(damaged)?;
        files[index] = Some(bytes.map_err(|found| CifarError::Length {
            file,
            place: place(),
            found,
            expected: sizes.file_length(),
        })?);
    }
    let mut complete = [const { Vec::new() }; 6];
    for ((bytes, read), file) in complete.iter_mut().zip(files).zip(FILES) {
        *bytes = read.ok_or_else(|| CifarError::Missing { file, place: path.to_owned() })?;
    }
    Ok(complete)
}

/// Which of the six files has this name in an archive.
fn place(name: &[u8]) -> Option<usize> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let name = match name.strip_prefix(FOLDER.as_bytes()) {
        Some(rest) => rest.strip_prefix(b"/")?,
        None => name,
    };
    FILES.iter().position(|file| file.as_bytes() == name)
}

/// The bytes of an entry, or its length if that is not the expected one.
fn read_entry(entry: Entry<'_, impl Read>, expected: u64) -> io::Result<Result<Vec<u8>, u64>> {
    let size = entry.size();
    if size != expected {
        return Ok(Err(size));
    }
    let bytes = read_at_most(entry, expected)?;
    if (bytes.len() as u64) < expected {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Ok(bytes))
}

fn read_at_most(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(limit as usize);
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
