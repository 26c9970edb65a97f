//! The folder of a run: where its ledger is, who may write it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::LedgerError;

/// Name of the ledger in the folder of a run.
pub const FILE: &str = "ledger.sqlite";
/// Held by the process that works on a run. The system lets go of it however that process ends.
const LOCK: &str = "lock";

/// The right to write a run, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "locked as long as it is open")] File);

pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The file of the ledger in a folder that has one.
pub(super) fn existing(folder: &Path) -> Result<PathBuf, LedgerError> {
    let failed = |path: &Path, source| LedgerError::Io { path: path.to_owned(), source };
    match std::fs::metadata(folder) {
        Ok(about) if !about.is_dir() => {
            return Err(LedgerError::NotFolder { file: folder.to_owned() });
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(LedgerError::NoFolder { folder: folder.to_owned() });
        }
        Err(error) => return Err(failed(folder, error)),
    }
    let file = file(folder);
    match std::fs::metadata(&file) {
        Ok(about) if about.is_file() => Ok(file),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&file, error)),
        _ => Err(LedgerError::Absent { folder: folder.to_owned() }),
    }
}

/// Takes the right to write the run, in a folder that is made if it is not there.
pub(super) fn lock(folder: &Path) -> Result<Lock, LedgerError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| LedgerError::Io { path, source }
    };
    if folder.is_file() {
        return Err(LedgerError::NotFolder { file: folder.to_owned() });
    }
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    if let Some(kind) = network(folder) {
        return Err(LedgerError::Network { folder: folder.to_owned(), kind });
    }
    let path = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(LedgerError::Locked { folder: folder.to_owned() })
        }
        Err(std::fs::TryLockError::Error(source)) => Err(LedgerError::Io { path, source }),
    }
}

/// File systems of other machines, by the numbers of `statfs(2)`.
#[cfg(target_os = "linux")]
const NETWORK: [(u64, &str); 11] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x517b, "SMB"),
    (0x564c, "NCP"),
    (0x5346_414f, "AFS"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x00c3_6400, "Ceph"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
];

/// The network file system that the folder is on, if it is one that is known.
#[cfg(target_os = "linux")]
fn network(folder: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    let kind = u64::from(kind as u32);
    NETWORK.into_iter().find_map(|(number, name)| (number == kind).then_some(name))
}

#[cfg(not(target_os = "linux"))]
fn network(_: &Path) -> Option<&'static str> {
    None
}
