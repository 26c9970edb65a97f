//! Where NVRTC and the programs of the CUDA toolkit are.
//!
//! The loader of the system knows neither `CUDA_HOME` nor the folders of Python's packages, and most
//! machines with PyTorch have NVRTC only there.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a Python may take to say where its packages are,
const PATIENCE: Duration = Duration::from_secs(10);
/// and how many bytes of that are read.
const MOST: u64 = 1 << 20;

/// A place to look for a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A file that is there.
    File(PathBuf),
    /// A name that the system's loader may know.
    Name(String),
    /// A folder without such a file.
    Nothing(String),
}

/// Names that the system's loader is asked for.
#[cfg(not(windows))]
const NAMES: [&str; 4] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "libnvrtc.so.11.2"];
#[cfg(windows)]
const NAMES: [&str; 3] = ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"];

/// The places in their order: folders of the toolkit, those of Python's packages, the loader's.
/// Each is looked at when it comes up.
pub(super) fn candidates() -> impl Iterator<Item = Candidate> {
    let toolkit = toolkit_folders(&["lib64", "lib", "targets/x86_64-linux/lib", "bin"]);
    let toolkit = toolkit.into_iter().flat_map(|(why, folder)| in_folder(&why, &folder));
    let packages = std::iter::once_with(|| package_folders("lib")).flatten();
    let packages = packages.flat_map(|(why, folder)| in_folder(&why, &folder));
    let usual = usual_folders().into_iter().flat_map(|(why, folder)| in_folder(&why, &folder));
    toolkit.chain(packages).chain(usual).chain(NAMES.map(|name| Candidate::Name(name.to_owned())))
}

/// What `NOSC_NVRTC` names: a file, a folder with one, or a toolkit.
pub(super) fn named(path: &Path) -> Vec<Candidate> {
    if path.is_dir() {
        let own = in_folder("NOSC_NVRTC", path);
        let inner = ["lib64", "lib"].map(|part| path.join(part));
        let inner = inner.iter().filter(|folder| folder.is_dir());
        return own
            .into_iter()
            .chain(inner.flat_map(|folder| in_folder("NOSC_NVRTC", folder)))
            .collect();
    }
    // A name without a folder would be looked for by the loader, which does not look here.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    vec![Candidate::File(path)]
}

/// Folders where a toolkit often is.
fn usual_folders() -> Vec<(String, PathBuf)> {
    let conda = env::var_os("CONDA_PREFIX").filter(|root| !root.is_empty());
    let conda = conda.map(|root| ("CONDA_PREFIX".to_owned(), PathBuf::from(root).join("lib")));
    let usual = Path::new("/usr/local/cuda/lib64").to_owned();
    let usual = ("the usual place".to_owned(), usual);
    conda.into_iter().chain([usual]).filter(|(_, folder)| folder.is_dir()).collect()
}

/// The libraries in a folder, the newest first.
fn in_folder(why: &str, folder: &Path) -> Vec<Candidate> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| is_nvrtc(&name.to_string_lossy())))
        .collect();
    // By version as numbers; a name without one stands for whatever was installed last, and comes first.
    files.sort_by_key(|path| std::cmp::Reverse(version(&path.to_string_lossy())));
    if files.is_empty() {
        let place = format!("{why}: no NVRTC in `{}`", folder.display());
        return vec![Candidate::Nothing(place)];
    }
    files.into_iter().map(Candidate::File).collect()
}

fn is_nvrtc(name: &str) -> bool {
    if cfg!(windows) {
        let ends = Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("dll"));
        return name.starts_with("nvrtc64_") && ends && !name.contains("alt");
    }
    name.starts_with("libnvrtc.so")
}

fn version(name: &str) -> Vec<u32> {
    let after = name.rsplit("nvrtc").next().unwrap_or_default();
    let numbers: Vec<u32> = after.split(['.', '_']).filter_map(|part| part.parse().ok()).collect();
    if numbers.is_empty() { vec![u32::MAX] } else { numbers }
}

/// Folders of `CUDA_HOME` and `CUDA_PATH` that are there, with the reason to look at them.
fn toolkit_folders(parts: &[&str]) -> Vec<(String, PathBuf)> {
    let mut folders = Vec::new();
    for variable in ["CUDA_HOME", "CUDA_PATH"] {
        let Some(root) = env::var_os(variable).filter(|root| !root.is_empty()) else { continue };
        let root = PathBuf::from(root);
        let before = folders.len();
        for part in parts {
            let folder = root.join(part);
            if folder.is_dir() {
                folders.push((variable.to_owned(), folder));
            }
        }
        if folders.len() == before {
            folders.push((variable.to_owned(), root));
        }
    }
    folders
}

/// Folders of NVIDIA's packages for the Python that is on the path, for a `part` of a package.
fn package_folders(part: &str) -> Vec<(String, PathBuf)> {
    let mut folders = Vec::new();
    for root in python_path() {
        let packages = std::fs::read_dir(root.join("nvidia")).into_iter().flatten();
        let mut found: Vec<PathBuf> = packages
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|package| {
                let name = package.file_name().unwrap_or_default().to_string_lossy();
                let unified = name.strip_prefix("cu").is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|digit| digit.is_ascii_digit())
                });
                unified || name.starts_with("cuda_nv")
            })
            .map(|package| package.join(part))
            .filter(|folder| folder.is_dir())
            .collect();
        // cu13 before cu12 before cuda_nvrtc.
        found.sort_by(|a, b| {
            let unified = |path: &Path| !path.to_string_lossy().contains("cuda_nv");
            unified(b).cmp(&unified(a)).then_with(|| b.cmp(a))
        });
        folders.extend(found.into_iter().map(|folder| ("Python's packages".to_owned(), folder)));
    }
    folders
}

/// Where the Python on the path looks for packages. Empty if there is none.
fn python_path() -> Vec<PathBuf> {
    const ASK: &str = "import sys; print('\\n'.join(sys.path))";
    for program in ["python3", "python"] {
        if let Some(answer) = answer(Command::new(program).args(["-c", ASK]), PATIENCE) {
            let paths = String::from_utf8_lossy(&answer).into_owned();
            // A relative entry would depend on where the program was started.
            return paths.lines().map(PathBuf::from).filter(|path| path.is_absolute()).collect();
        }
    }
    Vec::new()
}

#[cfg(unix)]
fn is_program(place: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(place)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(place: &Path) -> bool {
    place.is_file()
}

/// What a program writes, if it ends well, and soon.
fn answer(command: &mut Command, patience: Duration) -> Option<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let command = command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(MOST).read_to_end(&mut bytes);
        // Nobody waits any more for one that is late.
        let _ = sender.send(read.map(|_| bytes));
    });
    let bytes = receiver.recv_timeout(patience).ok().and_then(Result::ok);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return bytes.filter(|_| status.success()),
            Ok(None) if bytes.is_some() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A program of the toolkit, or the places where it is not.
pub(crate) fn program(name: &str) -> Result<PathBuf, Vec<String>> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let mut tried = Vec::new();
    let toolkit = toolkit_folders(&["bin"]);
    let packages = std::iter::once_with(|| package_folders("bin")).flatten();
    let path = env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = env::split_paths(&path).collect();
    let path = path.into_iter().map(|folder| ("PATH".to_owned(), folder));
    for (why, folder) in toolkit.into_iter().chain(path).chain(packages) {
        let place = folder.join(&file);
        if is_program(&place) {
            return Ok(place);
        }
        if why != "PATH" {
            tried.push(format!("{why}: not in `{}`", folder.display()));
        }
    }
    tried.push("PATH: not there".to_owned());
    Err(tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(windows))]
    #[test]
    fn the_newest_library_of_a_folder_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let names =
            ["libnvrtc.so.9", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc-builtins.so.13"];
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found: Vec<String> = named(folder.path())
            .into_iter()
            .map(|candidate| match candidate {
                Candidate::File(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(found, ["libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so.9"]);
    }

    #[test]
    fn a_folder_without_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [Candidate::Nothing(text)] = &named(folder.path())[..] else { panic!("something") };
        assert!(text.contains(&folder.path().display().to_string()), "{text}");
        let missing = folder.path().join("missing");
        assert_eq!(named(&missing), [Candidate::File(missing)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_or_fails_has_no_answer() {
        let shell =
            |script: &str, patience| answer(Command::new("sh").args(["-c", script]), patience);
        assert_eq!(shell("echo yes", PATIENCE), Some(b"yes\n".to_vec()));
        assert_eq!(shell("echo no; exit 3", PATIENCE), None);
        let short = Duration::from_millis(50);
        assert_eq!(shell("exec sleep 1000", short), None);
        assert_eq!(shell("exec >&-; exec sleep 1000", short), None);
        assert_eq!(answer(&mut Command::new("nosc-has-no-such-program"), short), None);
    }

    #[test]
    fn a_program_that_is_not_there_names_its_places() {
        let tried = program("nosc-has-no-such-program").unwrap_err();
        assert!(tried.iter().any(|place| place.contains("PATH")), "{tried:?}");
    }
}
