//! What can be wrong with the files of CIFAR-10. Each error says what was found, what is expected,
//! and the way out.

use std::io;
use std::path::PathBuf;

use super::{CLASSES, URL};
use crate::dataset::ImageDataError;

/// Why CIFAR-10 cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CifarError {
    /// The path cannot be looked at.
    #[error(
        "cannot read `{}`; give the folder or the archive of the CIFAR-10 binary version, {URL}",
        path.display()
    )]
    Path {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder has none of the files.
    #[error(
        "no CIFAR-10 in `{}`: expected `{}` there or in `{}`; the binary version is at {URL}",
        path.display(),
        super::FILES[0],
        super::files::FOLDER
    )]
    Folder {
        /// The folder as given.
        path: PathBuf,
    },
    /// One of the six files is not there.
    #[error("`{file}` is missing in `{}`: unpack {URL} again", place.display())]
    Missing {
        /// Name of the file.
        file: &'static str,
        /// The folder or the archive.
        place: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder, a link or a device stands where a file should be.
    #[error("`{file}` in `{}` is not a regular file: unpack {URL} again", place.display())]
    NotAFile {
        /// Name of the file.
        file: &'static str,
        /// The folder or the archive.
        place: PathBuf,
    },
    /// A file of another size.
    #[error(
        "`{file}` in `{}` has {found} bytes, expected {expected}: it is no file of the binary \
         version, or it was cut short; get {URL} again",
        place.display()
    )]
    Length {
        /// Name of the file.
        file: &'static str,
        /// The folder or the archive.
        place: PathBuf,
        /// Its bytes, as far as they were counted.
        found: u64,
        /// Bytes of such a file.
        expected: u64,
    },
    /// A label that is no class.
    #[error(
        "image {image} of `{file}` has label {label}, expected less than {CLASSES}: the file is \
         damaged; get {URL} again"
    )]
    Label {
        /// Name of the file.
        file: &'static str,
        /// Index of the image in it.
        image: usize,
        /// Its label.
        label: u8,
    },
    /// The file does not begin as gzip does.
    #[error(
        "`{}` is no gzip archive: expected a folder with the CIFAR-10 files, or `cifar-10-binary.tar.gz` \
         of {URL}",
        path.display()
    )]
    NotGzip {
        /// The file as given.
        path: PathBuf,
    },
    /// The archive ends too soon or is damaged.
    #[error("the archive `{}` is cut short or damaged: get {URL} again", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What the reader says.
        source: io::Error,
    },
    /// The archive holds more than CIFAR-10 does.
    #[error(
        "the archive `{}` unpacks to more than {limit} bytes, which CIFAR-10 does not: get {URL} again",
        path.display()
    )]
    Large {
        /// The archive.
        path: PathBuf,
        /// Bytes that are read at most.
        limit: u64,
    },
    /// The archive has a file twice.
    #[error("`{file}` is twice in the archive `{}`: get {URL} again", place.display())]
    Twice {
        /// Name of the file.
        file: &'static str,
        /// The archive.
        place: PathBuf,
    },
    /// More training images than there are, or none.
    #[error("{count} training images: expected 1 to {most}")]
    Count {
        /// The number as given.
        count: usize,
        /// Training images of the data set.
        most: usize,
    },
    /// The images are no data set.
    #[error(transparent)]
    Data(#[from] ImageDataError),
}
