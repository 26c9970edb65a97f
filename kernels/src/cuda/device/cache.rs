//! Compiled kernels in files, so that a machine compiles each once, and one without NVRTC runs those that it
//! has.
//!
//! A file is whole and says itself what it holds: whatever else is in it, it counts as not there. Files
//! are written beside their place and renamed into it. No failure to read or to write is an error.

use std::env;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::cuda::nvrtc::options;
use crate::cuda::{Architecture, CudaSource};

/// `off`, or the folder of compiled kernels.
pub const CACHE_VARIABLE: &str = "NOSC_CACHE";
/// First line of a file; raised when its layout or the meaning of its lines changes.
const MAGIC: &str = "nosc kernel 1";
/// Files of a folder, at most.
const MOST_FILES: usize = 4096;
/// Bytes of a file, at most: kernels have some ten thousand.
const MOST: u64 = 64 << 20;

/// What a device can load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) form: Form,
    /// What it was compiled for.
    pub(super) architecture: Architecture,
    /// Version of the NVRTC that made it.
    pub(super) compiler: (i32, i32),
    pub(super) image: Vec<u8>,
}

/// Which code it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Cubin,
    Ptx,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Cubin => "cubin",
            Form::Ptx => "ptx",
        }
    }
}

/// A folder of files, or none.
#[derive(Debug, Clone)]
pub(super) struct DiskCache(Option<PathBuf>);

impl DiskCache {
    /// What `NOSC_CACHE` says: `off`, or a folder with its whole path; else `nosc` in the user's folder for caches.
    pub(super) fn from_environment() -> DiskCache {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || set("HOME").map(|home| home.join(".cache"));
        let usual = || {
            let parent = set("XDG_CACHE_HOME").or_else(|| set("LOCALAPPDATA")).or_else(home);
            parent.map(|folder| folder.join("nosc"))
        };
        // A relative folder would be another one in every place, and `off` or `no` are no folders.
        DiskCache(set(CACHE_VARIABLE).or_else(usual).filter(|folder| folder.is_absolute()))
    }

    /// What is there for a kernel and a device.
    pub(super) fn get(&self, source: &CudaSource, device: Architecture) -> Option<Code> {
        let key = key(source, device);
        let mut bytes = Vec::new();
        let place = self.place(&key)?;
        // To open a pipe would wait for whoever writes into it.
        std::fs::metadata(&place).ok().filter(Metadata::is_file)?;
        let file = File::open(place).ok()?;
        file.take(MOST + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > MOST {
            return None;
        }
        let (head, rest) = line(&bytes)?;
        let (hash, rest) = line(rest)?;
        if head != MAGIC || hash != blake3::hash(rest).to_hex().as_str() {
            return None;
        }
        let rest = rest.strip_prefix(key.as_bytes())?;
        let (code, rest) = line(rest)?;
        let (compiler, rest) = line(rest)?;
        let (empty, image) = line(rest)?;
        let (form, architecture) = code.strip_prefix("code ")?.split_once(' ')?;
        let (major, minor) = compiler.strip_prefix("nvrtc ")?.split_once('.')?;
        let form = [Form::Cubin, Form::Ptx].into_iter().find(|known| known.name() == form)?;
        let architecture = architecture.parse().ok()?;
        let compiler = (major.parse().ok()?, minor.parse().ok()?);
        let image = image.to_owned();
        empty.is_empty().then_some(Code { form, architecture, compiler, image })
    }

    /// Keeps a kernel, if that is possible.
    pub(super) fn put(&self, source: &CudaSource, device: Architecture, code: &Code) {
        let _ = self.try_put(source, device, code);
    }

    fn try_put(&self, source: &CudaSource, device: Architecture, code: &Code) -> Option<()> {
        let key = key(source, device);
        let place = self.place(&key)?;
        let (major, minor) = code.compiler;
        let about = format!(
            "{key}code {} {}\nnvrtc {major}.{minor}\n\n",
            code.form.name(),
            code.architecture
        );
        let rest = [about.as_bytes(), &code.image].concat();
        let folder = place.parent()?;
        std::fs::create_dir_all(folder).ok()?;
        let mut builder = tempfile::Builder::new();
        // What an ordinary new file has, before the umask: others may have the same folder.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".kernel").tempfile_in(folder).ok()?;
        let hash = blake3::hash(&rest).to_hex();
        file.write_all(format!("{MAGIC}\n{hash}\n").as_bytes()).ok()?;
        file.write_all(&rest).ok()?;
        file.persist(&place).ok()?;
        prune(folder)
    }

    fn place(&self, key: &str) -> Option<PathBuf> {
        let hash = blake3::hash(key.as_bytes()).to_hex();
        Some(self.0.as_ref()?.join(format!("{}.kernel", &hash[..40])))
    }
}

/// Removes the older half of a folder's kernels when there are too many.
fn prune(folder: &Path) -> Option<()> {
    let kernels = std::fs::read_dir(folder).ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let is_kernel = Path::new(&entry.file_name()).extension()? == "kernel";
        is_kernel.then(|| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))?
    });
    let mut kernels: Vec<_> = kernels.collect();
    if kernels.len() > MOST_FILES {
        kernels.sort();
        for (_, path) in &kernels[..kernels.len() / 2] {
            let _ = std::fs::remove_file(path);
        }
    }
    Some(())
}

/// All that decides what code a device gets, but for the version of the compiler: a machine without one uses
/// what is there.
fn key(source: &CudaSource, device: Architecture) -> String {
    let options = options(device).join(" ");
    let text = blake3::hash(source.text.as_bytes()).to_hex();
    format!("kernel {}\ndevice {device}\noptions {options}\nsource {text}\n", source.symbol)
}

/// The first line and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    Some((text, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Architecture = Architecture::new(9, 0);

    fn example() -> (CudaSource, Code) {
        let source = CudaSource { symbol: "k".to_owned(), text: "void k();\n".to_owned() };
        let image = b"\x7fELF\n\ncode\n".to_vec();
        let code = Code { form: Form::Cubin, architecture: DEVICE, compiler: (13, 5), image };
        (source, code)
    }

    fn only_file(folder: &Path) -> PathBuf {
        let mut files = std::fs::read_dir(folder).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "something was left beside it");
        file
    }

    #[test]
    fn a_kernel_comes_back_for_the_same_source_and_device() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache(Some(folder.path().join("new")));
        let (source, code) = example();
        assert_eq!(cache.get(&source, DEVICE), None);
        cache.put(&source, DEVICE, &code);
        assert_eq!(cache.get(&source, DEVICE), Some(code));
        assert_eq!(cache.get(&source, Architecture::new(8, 0)), None);
        let other = CudaSource { text: "void k() {}\n".to_owned(), ..source };
        assert_eq!(cache.get(&other, DEVICE), None);
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache(Some(folder.path().to_owned()));
        let (source, code) = example();
        cache.put(&source, DEVICE, &code);
        let file = only_file(folder.path());
        let whole = std::fs::read(&file).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(cache.get(&source, DEVICE), None, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(cache.get(&source, DEVICE), None, "byte {at}");
        }
        cache.put(&source, DEVICE, &code);
        assert_eq!(cache.get(&source, DEVICE), Some(code));
    }

    /// A folder may be filled by one user and used by others.
    #[cfg(unix)]
    #[test]
    fn a_file_may_be_read_by_others_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache(Some(folder.path().join("cache")));
        let (source, code) = example();
        cache.put(&source, DEVICE, &code);
        let ordinary = folder.path().join("ordinary");
        std::fs::write(&ordinary, "").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&only_file(&folder.path().join("cache"))), mode(&ordinary));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache(Some(folder.path().to_owned()));
        let (source, code) = example();
        cache.put(&source, DEVICE, &code);
        let place = only_file(folder.path());
        std::fs::remove_file(&place).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&place).status();
        if !made.is_ok_and(|status| status.success()) {
            return println!("SKIPPED: no mkfifo");
        }
        assert_eq!(cache.get(&source, DEVICE), None);
        cache.put(&source, DEVICE, &code);
        assert_eq!(cache.get(&source, DEVICE), Some(code));
    }

    #[test]
    fn a_folder_that_cannot_be_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (source, code) = example();
        for cache in [DiskCache(Some(file.join("folder"))), DiskCache(None)] {
            cache.put(&source, DEVICE, &code);
            assert_eq!(cache.get(&source, DEVICE), None);
        }
    }
}
