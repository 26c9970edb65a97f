//! A small CIFAR-10 in folders and archives: right ones, damaged ones, hostile ones.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::files::{FOLDER, Sizes};
use super::{CifarError, FILES, RECORD_LENGTH, URL, load, load_sized};
use crate::dataset::ImageData;

/// 20 + 5 + 5 images.
const SMALL: Sizes = Sizes { records: 5, train: 20 };

/// File `index`: labels count up, pixels are different everywhere.
fn file(index: usize, records: usize) -> Vec<u8> {
    let record = |record: usize| {
        let number = index * records + record;
        let pixel = move |position: usize| (number * 31 + position * 7 + position / 256) as u8;
        std::iter::once((number % 10) as u8).chain((0..RECORD_LENGTH - 1).map(pixel))
    };
    (0..records).flat_map(record).collect()
}

fn fill(folder: &Path) {
    for (index, name) in FILES.into_iter().enumerate() {
        fs::write(folder.join(name), file(index, SMALL.records)).unwrap();
    }
}

fn header(kind: EntryType, size: u64, name: &str) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    // `set_path` refuses the names that a hostile archive has.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    header
}

fn entry(tar: &mut Vec<u8>, header: &Header, bytes: &[u8]) {
    tar.extend(header.as_bytes());
    tar.extend(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn regular(tar: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    entry(tar, &header(EntryType::Regular, bytes.len() as u64, name), bytes);
}

/// The six files, as the official archive has them, without its end.
fn entries() -> Vec<u8> {
    let mut tar = Vec::new();
    entry(&mut tar, &header(EntryType::Directory, 0, "cifar-10-batches-bin/"), &[]);
    regular(&mut tar, "cifar-10-batches-bin/readme.html", b"<a href>");
    for (index, name) in FILES.into_iter().enumerate() {
        regular(&mut tar, &format!("{FOLDER}/{name}"), &file(index, SMALL.records));
    }
    tar
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}

fn finished(mut tar: Vec<u8>) -> Vec<u8> {
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn write(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("cifar-10-binary.tar.gz");
    fs::write(&path, bytes).unwrap();
    path
}

fn small(path: &Path) -> Result<ImageData, CifarError> {
    load_sized(path, SMALL.train, SMALL)
}

/// The error of the six files with something done to the entries.
fn archive_error(change: impl FnOnce(&mut Vec<u8>)) -> CifarError {
    let folder = TempDir::new().unwrap();
    let mut tar = entries();
    change(&mut tar);
    small(&write(&folder, &gzip(&finished(tar)))).unwrap_err()
}

#[test]
fn a_folder_its_parent_and_the_archive_are_the_same_data() {
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join(FOLDER);
    fs::create_dir(&inner).unwrap();
    fill(&inner);
    let data = small(&inner).unwrap();
    assert_eq!(small(folder.path()).unwrap(), data);
    assert_eq!(small(&write(&folder, &gzip(&finished(entries())))).unwrap(), data);
    assert_eq!(data.digest(), "7a057b06db4bc2cc927e7f8bbbdd82f3709a5a29914a1471e89a7af29ed3b8e3");
    assert_eq!((data.name(), data.shape().image_length()), ("cifar10", 3072));
}

#[test]
fn the_first_images_are_for_training_and_the_last_for_validation() {
    let folder = TempDir::new().unwrap();
    fill(folder.path());
    let data = small(folder.path()).unwrap();
    let sizes = data.sizes();
    assert_eq!((sizes.train, sizes.validation, sizes.test), (20, 5, 5));
    let all: Vec<u8> = (0..6).flat_map(|index| file(index, SMALL.records)).collect();
    let parts = [(data.train(), 0), (data.validation(), 20), (data.test(), 25)];
    for (part, start) in parts {
        for index in 0..part.len() {
            let record = &all[(start + index) * RECORD_LENGTH..][..RECORD_LENGTH];
            assert_eq!(part.label(index), record[0]);
            let pixels = record[1..].iter().map(|byte| f32::from(*byte) / 255.0);
            assert!(part.image(index).iter().copied().eq(pixels));
        }
    }
    let few = load_sized(folder.path(), 3, SMALL).unwrap();
    assert_eq!(
        (few.train().len(), few.validation(), few.test()),
        (3, data.validation(), data.test())
    );
    assert_eq!(few.train().image(2), data.train().image(2));
    for count in [0, 21] {
        let message = load_sized(folder.path(), count, SMALL).unwrap_err().to_string();
        assert_eq!(message, format!("{count} training images: expected 1 to 20"));
    }
}

#[test]
fn files_of_the_official_size_are_read() {
    let folder = TempDir::new().unwrap();
    for (index, name) in FILES.into_iter().enumerate() {
        fs::write(folder.path().join(name), file(index, 10_000)).unwrap();
    }
    let data = load(folder.path(), Some(100)).unwrap();
    let sizes = data.sizes();
    assert_eq!((sizes.train, sizes.validation, sizes.test), (100, 5_000, 10_000));
    assert_eq!(data.validation().label(4_999), 9);
    assert!(matches!(load(folder.path(), Some(45_001)), Err(CifarError::Count { .. })));
}

#[test]
fn what_is_missing_is_named_with_the_way_out() {
    let folder = TempDir::new().unwrap();
    let message = |path: &Path| small(path).unwrap_err().to_string();
    assert!(message(&folder.path().join("none")).contains(URL));
    let nothing = message(folder.path());
    assert!(nothing.contains("expected `data_batch_1.bin` there or in `cifar-10-batches-bin`"));
    fill(folder.path());
    fs::remove_file(folder.path().join(FILES[3])).unwrap();
    let missing = message(folder.path());
    assert!(missing.starts_with("`data_batch_4.bin` is missing in"), "{missing}");
    assert!(missing.ends_with(&format!("unpack {URL} again")), "{missing}");
    fs::create_dir(folder.path().join(FILES[3])).unwrap();
    assert!(message(folder.path()).contains("is not a regular file"));
}

#[test]
fn files_of_any_other_length_are_refused() {
    let folder = TempDir::new().unwrap();
    fill(folder.path());
    let right = file(1, SMALL.records);
    for length in
        [0, 1, RECORD_LENGTH, right.len() - RECORD_LENGTH, right.len() - 1, right.len() + 1]
    {
        let mut bytes = right.clone();
        bytes.resize(length, 0);
        fs::write(folder.path().join(FILES[1]), bytes).unwrap();
        let error = small(folder.path()).unwrap_err();
        let CifarError::Length { file, found, expected, .. } = error else { panic!("{error}") };
        assert_eq!((file, found), ("data_batch_2.bin", length as u64));
        assert_eq!(expected, 5 * 3073);
    }
}

#[test]
fn a_label_that_is_no_class_is_named_wherever_it_stands() {
    for (index, image, label) in [(0, 0, 10), (2, 3, 255), (5, 4, 11)] {
        let folder = TempDir::new().unwrap();
        fill(folder.path());
        let mut bytes = file(index, SMALL.records);
        bytes[image * RECORD_LENGTH] = label;
        fs::write(folder.path().join(FILES[index]), bytes).unwrap();
        // Those that a small count leaves out are looked at too.
        let message = load_sized(folder.path(), 1, SMALL).unwrap_err().to_string();
        let name = FILES[index];
        let start = format!("image {image} of `{name}` has label {label}, expected less than 10");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_endless_ones_refused() {
    use std::os::unix::fs::symlink;
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fill(folder.path());
    for name in FILES {
        symlink(folder.path().join(name), other.path().join(name)).unwrap();
    }
    assert_eq!(small(other.path()).unwrap(), small(folder.path()).unwrap());
    fs::remove_file(other.path().join(FILES[0])).unwrap();
    symlink("/dev/zero", other.path().join(FILES[0])).unwrap();
    assert!(matches!(small(other.path()), Err(CifarError::NotAFile { .. })));
    assert!(matches!(small(Path::new("/dev/zero")), Err(CifarError::NotGzip { .. })));
}

#[test]
fn an_archive_that_was_cut_anywhere_is_refused() {
    let folder = TempDir::new().unwrap();
    let whole = gzip(&finished(entries()));
    let step = whole.len() / 97;
    let cuts = (0..whole.len()).step_by(step).chain(whole.len() - 20..whole.len());
    for cut in cuts.chain(0..20) {
        let error = small(&write(&folder, &whole[..cut])).unwrap_err();
        let known = matches!(error, CifarError::NotGzip { .. } | CifarError::Archive { .. });
        assert!(known, "{cut} of {}: {error}", whole.len());
    }
}

#[test]
fn an_archive_that_was_changed_is_refused() {
    let folder = TempDir::new().unwrap();
    let whole = gzip(&finished(entries()));
    let right = small(&write(&folder, &whole)).unwrap();
    let step = whole.len() / 97;
    for place in (10..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        // A bit may say where to copy from, and the same bytes stand there too.
        let result = small(&write(&folder, &bytes));
        assert!(result.is_err() || result.unwrap() == right, "{place}");
    }
    let tar = write(&folder, &finished(entries()));
    assert!(matches!(small(&tar), Err(CifarError::NotGzip { .. })));
}

#[test]
fn entries_that_are_not_the_six_files_are_passed_over() {
    let folder = TempDir::new().unwrap();
    let mut tar = Vec::new();
    for name in ["../data_batch_1.bin", "/data_batch_1.bin", "cifar-10-batches-bindata_batch_1.bin"]
    {
        regular(&mut tar, name, b"no");
    }
    regular(&mut tar, "cifar-10-batches-bin/../data_batch_1.bin", b"no");
    // A long name, as GNU tar writes it, is not put together.
    entry(&mut tar, &header(EntryType::GNULongName, 8, "././@LongLink"), b"a/b/c/d\0");
    entry(&mut tar, &header(EntryType::Symlink, 0, "elsewhere"), &[]);
    tar.extend(entries());
    let found = small(&write(&folder, &gzip(&finished(tar)))).unwrap();
    let plain = small(&write(&folder, &gzip(&finished(entries())))).unwrap();
    assert_eq!(found, plain);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn hostile_archives_are_refused_with_the_reason() {
    let name = "cifar-10-batches-bin/data_batch_1.bin";
    let twice = archive_error(|tar| regular(tar, name, &file(0, SMALL.records)));
    assert!(twice.to_string().contains("`data_batch_1.bin` is twice"), "{twice}");
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::GNUSparse] {
        let error = archive_error(|tar| {
            tar.clear();
            entry(tar, &header(kind, 0, name), &[]);
        });
        assert!(matches!(error, CifarError::NotAFile { .. }), "{error}");
    }
    for size in [0, 5 * 3073 - 1, 5 * 3073 + 1, (1 << 33) - 1, u64::MAX / 2] {
        let error = archive_error(|tar| {
            tar.clear();
            entry(tar, &header(EntryType::Regular, size, name), &[0; 512]);
        });
        assert!(
            matches!(error, CifarError::Length { found, .. } if found == size),
            "{size}: {error:?}"
        );
        // The size of an entry that is passed over is no more trusted.
        let error = archive_error(|tar| {
            tar.clear();
            entry(tar, &header(EntryType::Regular, size, "other"), &[0; 512]);
        });
        let known = matches!(error, CifarError::Archive { .. } | CifarError::Missing { .. });
        assert!(known, "{error}");
    }
    let endless = archive_error(|tar| {
        tar.clear();
        entry(tar, &header(EntryType::Regular, u64::MAX, name), &[0; 512]);
    });
    assert!(matches!(endless, CifarError::Archive { .. }), "{endless}");
    let missing = archive_error(|tar| tar.truncate(1024));
    assert!(
        matches!(missing, CifarError::Archive { .. } | CifarError::Missing { .. }),
        "{missing}"
    );
    let large = archive_error(|tar| regular(tar, "zeros", &vec![0; 4 << 20]));
    assert!(matches!(large, CifarError::Large { .. }), "{large}");
    let behind = archive_error(|tar| tar.resize(tar.len() + (4 << 20), 0));
    assert!(matches!(behind, CifarError::Large { .. }), "{behind}");
}
